"""Alembic branch of the throttle room."""
