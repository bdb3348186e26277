"""The logs of opt-outs and spam reports as they began."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the log of opt-outs and the log of spam reports."""
    op.create_table(
        "opt_out_changes",
        sa.Column("id", KEY, primary_key=True, autoincrement=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("opted_out", sa.Boolean, nullable=False),
        sa.Column("recipient", sa.String(24), nullable=False),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("scope_key", sa.String(64), nullable=False),
        sa.Column("since_ns", sa.BigInteger, nullable=False),
        sa.Column("origin", sa.String(32), nullable=False),
    )
    op.create_table(
        "spam_reports",
        sa.Column("id", KEY, primary_key=True, autoincrement=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("sender", sa.String(24), nullable=False),
        sa.Column("reporter", sa.String(255)),
    )
