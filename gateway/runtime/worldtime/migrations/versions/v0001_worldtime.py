"""The table of world time as it began."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the row per node that says where the world is."""
    op.create_table(
        "world_time",
        sa.Column("node", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("world_ns", sa.BigInteger, nullable=False),
        sa.Column("machine_ns", sa.BigInteger, nullable=False),
        sa.Column("mode", sa.String(8), nullable=False),
        sa.Column("speed", sa.Float, nullable=False),
        sa.Column("configured", sa.String(80), nullable=False),
    )
