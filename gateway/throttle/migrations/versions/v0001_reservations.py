"""The tables of the throttle room as they began."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make reservations, the totals they are folded into, and the limits set by hand."""
    op.create_table(
        "throttle_reservations",
        sa.Column("message_id", KEY, primary_key=True, autoincrement=False),
        sa.Column("number", sa.String(128)),
        sa.Column("person", sa.String(128)),
        sa.Column("campaign", sa.String(128)),
        sa.Column("brand_day", sa.String(128)),
        sa.Column("carrier", sa.String(128)),
        sa.Column("organization", sa.String(128)),
        sa.Column("number_until_ns", sa.BigInteger),
        sa.Column("person_until_ns", sa.BigInteger),
        sa.Column("campaign_until_ns", sa.BigInteger),
        sa.Column("brand_day_until_ns", sa.BigInteger),
        sa.Column("carrier_until_ns", sa.BigInteger),
        sa.Column("organization_until_ns", sa.BigInteger),
        sa.Column("destination", sa.String(128)),
        sa.Column("segments", sa.Integer, nullable=False),
        sa.Column("reserved_ns", sa.BigInteger, nullable=False),
        sa.Column("release_ns", sa.BigInteger, nullable=False),
        sa.Column("settled_ns", sa.BigInteger, nullable=False),
    )
    op.create_index("throttle_reservations_by_settling", "throttle_reservations", ["settled_ns"])
    op.create_table(
        "throttle_totals",
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("start_ns", sa.BigInteger, nullable=False),
        sa.Column("end_ns", sa.BigInteger, nullable=False),
        sa.Column("segments", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", "start_ns"),
    )
    op.create_table(
        "throttle_limits",
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("scope", "key"),
    )


def downgrade() -> None:
    """Drop the tables of the throttle room."""
    op.drop_table("throttle_limits")
    op.drop_table("throttle_totals")
    op.drop_index("throttle_reservations_by_settling", "throttle_reservations")
    op.drop_table("throttle_reservations")
