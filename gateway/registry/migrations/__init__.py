"""Alembic branch of the registry room."""
