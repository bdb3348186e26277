"""The tables of the messages room as they began."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make texts, their segments, idempotency keys, orphan receipts and inbound segments."""
    op.create_table(
        "messages",
        sa.Column("id", KEY, primary_key=True, autoincrement=False),
        sa.Column("direction", sa.String(8), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("source", sa.String(24), nullable=False),
        sa.Column("destination", sa.String(24), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("encoding", sa.String(8), nullable=False),
        sa.Column("segments", sa.Integer, nullable=False),
        sa.Column("carrier", sa.String(64), nullable=False),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
        sa.Column("release_ns", sa.BigInteger, nullable=False),
        sa.Column("expires_ns", sa.BigInteger, nullable=False),
        sa.Column("updated_ns", sa.BigInteger, nullable=False),
        sa.Column("organization_id", sa.String(64)),
        sa.Column("person_id", sa.String(64)),
        sa.Column("reference", sa.Integer, nullable=False),
        sa.Column("code", sa.String(64)),
        sa.Column("blocked_by", sa.String(16)),
        sa.Column("verdicts", sa.Text),
        sa.Column("client", sa.Text),
    )
    op.create_index("messages_by_person", "messages", ["person_id", "id"])
    op.create_table(
        "message_segments",
        sa.Column("message_id", sa.BigInteger, nullable=False),
        sa.Column("part", sa.Integer, nullable=False),
        sa.Column("carrier", sa.String(64), nullable=False),
        sa.Column("smsc_id", sa.String(256)),
        sa.Column("sequence_number", sa.BigInteger, nullable=False),
        sa.Column("status", sa.BigInteger, nullable=False),
        sa.Column("submitted_ns", sa.BigInteger, nullable=False),
        sa.Column("answered_ns", sa.BigInteger, nullable=False),
        sa.Column("receipt_state", sa.String(16)),
        sa.Column("receipt_error", sa.String(32)),
        sa.Column("receipt_ns", sa.BigInteger),
        sa.Column("receipt_text", sa.LargeBinary),
        sa.PrimaryKeyConstraint("message_id", "part"),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], ondelete="CASCADE"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "message_idempotency",
        sa.Column("caller", sa.String(128), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("message_id", sa.BigInteger, nullable=False),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("caller", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "orphan_receipts",
        sa.Column("id", KEY, primary_key=True, autoincrement=False),
        sa.Column("carrier", sa.String(64), nullable=False),
        sa.Column("smsc_id", sa.String(256), nullable=False),
        sa.Column("source", sa.String(24), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("error", sa.String(32)),
        sa.Column("received_ns", sa.BigInteger, nullable=False),
        sa.Column("receipt_text", sa.LargeBinary),
    )
    op.create_table(
        "inbound_segments",
        sa.Column("id", KEY, primary_key=True, autoincrement=False),
        sa.Column("carrier", sa.String(64), nullable=False),
        sa.Column("source", sa.String(24), nullable=False),
        sa.Column("destination", sa.String(24), nullable=False),
        sa.Column("reference", sa.Integer, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("part", sa.Integer, nullable=False),
        sa.Column("data_coding", sa.Integer, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("received_ns", sa.BigInteger, nullable=False),
    )
