"""Alembic branch of the messages room."""
