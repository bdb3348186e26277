"""Schema of the recordings, one Alembic branch (`gateway.runtime.migrations`)."""
