"""Webhooks and their deliveries as they began."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make webhooks and what waits for them."""
    op.create_table(
        "webhooks",
        sa.Column("id", KEY, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("target_url", sa.String(2048), nullable=False),
        sa.Column("resource", sa.String(32), nullable=False),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("filter", sa.String(1000)),
        sa.Column("secret", sa.String(256)),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("owner_token", sa.String(200), nullable=False),
        sa.Column("owner_role", sa.String(16), nullable=False),
        sa.Column("organization_id", sa.String(64)),
        sa.Column("person_id", sa.String(64)),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", KEY, primary_key=True, autoincrement=False),
        sa.Column("webhook_id", sa.BigInteger, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("error", sa.String(200), nullable=False),
        sa.Column("dead_ns", sa.BigInteger),
    )
    op.create_index("webhook_deliveries_by_webhook", "webhook_deliveries", ["webhook_id", "id"])
