"""The tables of the providers as they began: their books as a log of changes, and filed recordings."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the log of accounts and subscribers, and the filings."""
    op.create_table(
        "provider_changes",
        sa.Column("id", KEY, primary_key=True, autoincrement=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("entity", sa.String(255), nullable=False),
        sa.Column("document", sa.Text),
    )
    op.create_index("provider_changes_by_entity", "provider_changes", ["kind", "entity", "id"])
    op.create_table(
        "recording_filings",
        sa.Column("recording_id", KEY, primary_key=True, autoincrement=False),
        sa.Column("service_provider", sa.String(255), nullable=False),
        sa.Column("external_group", sa.String(255), nullable=False),
        sa.Column("external_identifier", sa.String(255), nullable=False),
        sa.Column("organization_id", sa.String(64)),
        sa.Column("person_id", sa.String(64)),
        sa.Column("provider", sa.String(64), nullable=False),
        sa.Column("product", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("recorded_ns", sa.BigInteger, nullable=False),
        sa.Column("finished_ns", sa.BigInteger),
        sa.Column("expires_ns", sa.BigInteger),
        sa.Column("storage", sa.String(64)),
    )
    op.create_index("recording_filings_by_person", "recording_filings", ["person_id", "recording_id"])
    op.create_index("recording_filings_by_expiry", "recording_filings", ["expires_ns"])
