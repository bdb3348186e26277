"""The tables of the carriers' room as they began."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make what carriers have acknowledged, what waits for ESMEs, windows used, and binds counted."""
    op.create_table(
        "carrier_texts",
        sa.Column("id", KEY, primary_key=True, autoincrement=False),
        sa.Column("carrier", sa.String(64), nullable=False),
        sa.Column("account", sa.String(15), nullable=False),
        sa.Column("message_id", sa.String(64), nullable=False),
        sa.Column("destination", sa.String(64), nullable=False),
        sa.Column("destination_ton", sa.Integer, nullable=False),
        sa.Column("destination_npi", sa.Integer, nullable=False),
        sa.Column("registered_delivery", sa.Integer, nullable=False),
        sa.Column("submitted_ns", sa.BigInteger, nullable=False),
        sa.Column("halfway_ns", sa.BigInteger, nullable=False),
        sa.Column("ends_ns", sa.BigInteger, nullable=False),
        sa.Column("final_state", sa.Integer, nullable=False),
        sa.Column("error", sa.Integer, nullable=False),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("receipt", sa.Integer, nullable=False),
        sa.Column("receipt_delay_ns", sa.BigInteger, nullable=False),
        sa.Column("fault", sa.String(32)),
        sa.Column("receipt_fault", sa.String(32)),
        sa.Column("told", sa.Integer, nullable=False),
        sa.Column("arrived", sa.Integer, nullable=False),
        sa.Column("octets", sa.LargeBinary),
        sa.Column("pdu", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "carrier_inbound",
        sa.Column("id", KEY, primary_key=True, autoincrement=False),
        sa.Column("carrier", sa.String(64), nullable=False),
        sa.Column("account", sa.String(15), nullable=False),
        sa.Column("pdu", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "carrier_windows",
        sa.Column("carrier", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("end_ns", sa.BigInteger, nullable=False),
        sa.Column("segments", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("carrier", "kind", "key"),
    )
    op.create_table(
        "carrier_binds",
        sa.Column("carrier", sa.String(64), primary_key=True),
        sa.Column("ordinal", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables of the carriers' room."""
    for table in ("carrier_binds", "carrier_windows", "carrier_inbound", "carrier_texts"):
        op.drop_table(table)
