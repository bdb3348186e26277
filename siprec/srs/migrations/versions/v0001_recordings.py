"""The table of recordings as it began."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the table of recordings."""
    op.create_table(
        "recordings",
        sa.Column("id", KEY, primary_key=True, autoincrement=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("provider", sa.String(64), nullable=False),
        sa.Column("service_provider", sa.String(255), nullable=False),
        sa.Column("external_group", sa.String(255), nullable=False),
        sa.Column("external_identifier", sa.String(255), nullable=False),
        sa.Column("sip_call_id", sa.String(255), nullable=False),
        sa.Column("dialect", sa.String(16), nullable=False),
        sa.Column("started_ns", sa.BigInteger, nullable=False),
        sa.Column("ended_ns", sa.BigInteger),
        sa.Column("duration_ms", sa.BigInteger),
        sa.Column("size_bytes", sa.BigInteger),
        sa.Column("outcome", sa.String(64)),
        sa.Column("document", sa.Text),
    )
    op.create_index("recordings_by_state", "recordings", ["state"])
    op.create_index("recordings_by_provider", "recordings", ["provider", "id"])
    op.create_index(
        "recordings_by_tenant",
        "recordings",
        ["service_provider", "external_group", "external_identifier", "id"],
    )
