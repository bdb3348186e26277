"""Alembic branch of the directory room."""
