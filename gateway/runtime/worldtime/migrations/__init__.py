"""Alembic branch of world time."""
