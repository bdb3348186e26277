"""Alembic branch of the policy room."""
