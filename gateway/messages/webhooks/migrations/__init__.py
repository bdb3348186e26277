"""Alembic branch of the webhooks."""
