"""The tables of the messages room: integer time-ordered keys, `_ns` columns in world time since the epoch."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

metadata = MetaData()

messages = Table(
    "messages",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("direction", String(8), nullable=False),
    Column("state", String(16), nullable=False),
    Column("source", String(24), nullable=False),
    Column("destination", String(24), nullable=False),
    Column("text", Text, nullable=False),
    Column("encoding", String(8), nullable=False),
    Column("segments", Integer, nullable=False),
    Column("carrier", String(64), nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("release_ns", BigInteger, nullable=False),
    Column("expires_ns", BigInteger, nullable=False),
    Column("updated_ns", BigInteger, nullable=False),
    Column("organization_id", String(64)),
    Column("person_id", String(64)),
    Column("reference", Integer, nullable=False),
    Column("code", String(64)),
    Column("blocked_by", String(16)),
    Column("verdicts", Text),
    Column("client", Text),
)

#: One row per submit_sm answered by a carrier; born with the answer, completed by the receipt.
segments = Table(
    "message_segments",
    metadata,
    Column("message_id", BigInteger, nullable=False),
    Column("part", Integer, nullable=False),
    Column("carrier", String(64), nullable=False),
    Column("smsc_id", String(256)),
    Column("sequence_number", BigInteger, nullable=False),
    Column("status", BigInteger, nullable=False),
    Column("submitted_ns", BigInteger, nullable=False),
    Column("answered_ns", BigInteger, nullable=False),
    Column("receipt_state", String(16)),
    Column("receipt_error", String(32)),
    Column("receipt_ns", BigInteger),
    Column("receipt_text", LargeBinary),
    PrimaryKeyConstraint("message_id", "part"),
    ForeignKeyConstraint(["message_id"], ["messages.id"], ondelete="CASCADE"),
    sqlite_with_rowid=False,
)

#: One row per submit_sm that did not settle its segment: refused for the moment, unanswered, or cut off.
setbacks = Table(
    "message_setbacks",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("message_id", BigInteger, nullable=False),
    Column("part", Integer, nullable=False),
    Column("carrier", String(64), nullable=False),
    Column("link", String(80), nullable=False),
    Column("trouble", String(16), nullable=False),
    Column("sequence_number", BigInteger, nullable=False),
    Column("status", BigInteger, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    ForeignKeyConstraint(["message_id"], ["messages.id"], ondelete="CASCADE"),
)

#: Idempotency-Key of a caller → the text it made, and a digest so that a reuse with another body shows.
idempotency = Table(
    "message_idempotency",
    metadata,
    Column("caller", String(128), nullable=False),
    Column("key", String(255), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("message_id", BigInteger, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    PrimaryKeyConstraint("caller", "key"),
    sqlite_with_rowid=False,
)

#: Receipts that no known submit explains (yet): they may have overtaken their submit_sm_resp.
orphan_receipts = Table(
    "orphan_receipts",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("carrier", String(64), nullable=False),
    Column("smsc_id", String(256), nullable=False),
    Column("source", String(24), nullable=False),
    Column("state", String(16), nullable=False),
    Column("error", String(32)),
    Column("received_ns", BigInteger, nullable=False),
    Column("receipt_text", LargeBinary),
)

#: Segments of inbound texts that are not complete yet: durable before deliver_sm_resp.
inbound_segments = Table(
    "inbound_segments",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("carrier", String(64), nullable=False),
    Column("source", String(24), nullable=False),
    Column("destination", String(24), nullable=False),
    Column("reference", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("part", Integer, nullable=False),
    Column("data_coding", Integer, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("received_ns", BigInteger, nullable=False),
)

Index("messages_by_person", messages.c.person_id, messages.c.id)
Index("message_setbacks_by_message", setbacks.c.message_id)
