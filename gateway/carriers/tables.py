"""The tables of the carriers' room: what a mock carrier has acknowledged and still owes, in world time.

Rows live as long as something is owed: a text's until its receipt is acknowledged, an inbound text's until
the ESME has it, a window's until it is over.
"""

from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    bindparam,
    delete,
    insert,
    update,
)

from gateway.runtime.intents import writes

metadata = MetaData()
_KEY = BigInteger().with_variant(Integer, "sqlite")

#: One row per destination of an acknowledged submit_sm, data_sm or submit_multi.
texts = Table(
    "carrier_texts",
    metadata,
    Column("id", _KEY, primary_key=True, autoincrement=False),
    Column("carrier", String(64), nullable=False),
    Column("account", String(15), nullable=False),
    Column("message_id", String(64), nullable=False),
    Column("destination", String(64), nullable=False),
    Column("destination_ton", Integer, nullable=False),
    Column("destination_npi", Integer, nullable=False),
    Column("registered_delivery", Integer, nullable=False),
    Column("submitted_ns", BigInteger, nullable=False),
    Column("halfway_ns", BigInteger, nullable=False),  # of the intermediate notification; 0: none
    Column("ends_ns", BigInteger, nullable=False),
    Column("final_state", Integer, nullable=False),
    Column("error", Integer, nullable=False),
    Column("outcome", String(32), nullable=False),
    Column("receipt", Integer, nullable=False),
    Column("receipt_delay_ns", BigInteger, nullable=False),
    Column("fault", String(32)),
    Column("receipt_fault", String(32)),
    Column("told", Integer, nullable=False),  # the ESME has its receipt
    Column("arrived", Integer, nullable=False),  # the handset, or the ESME behind the number, has it
    Column("octets", LargeBinary),  # of replace_sm, in place of the PDU's own
    Column("pdu", LargeBinary, nullable=False),
)

#: deliver_sm of inbound texts that no ESME has acknowledged.
inbound = Table(
    "carrier_inbound",
    metadata,
    Column("id", _KEY, primary_key=True, autoincrement=False),
    Column("carrier", String(64), nullable=False),
    Column("account", String(15), nullable=False),
    Column("pdu", LargeBinary, nullable=False),
)

#: Segments used in the present window of a cap, per brand, campaign or number.
windows = Table(
    "carrier_windows",
    metadata,
    Column("carrier", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("key", String(128), nullable=False),
    Column("end_ns", BigInteger, nullable=False),
    Column("segments", BigInteger, nullable=False),
    PrimaryKeyConstraint("carrier", "kind", "key"),
)

#: How many binds a carrier has counted: what makes message ids and draws of one start differ from another's.
binds = Table(
    "carrier_binds",
    metadata,
    Column("carrier", String(64), primary_key=True),
    Column("ordinal", BigInteger, nullable=False),
)


@writes(insert(texts).values({c.name: bindparam(c.name) for c in texts.columns}), rank=1)
class InsertText(NamedTuple):
    """A text that is about to be acknowledged."""

    id: int
    carrier: str
    account: str
    message_id: str
    destination: str
    destination_ton: int
    destination_npi: int
    registered_delivery: int
    submitted_ns: int
    halfway_ns: int
    ends_ns: int
    final_state: int
    error: int
    outcome: str
    receipt: int
    receipt_delay_ns: int
    fault: str | None
    receipt_fault: str | None
    told: int
    arrived: int
    octets: bytes | None
    pdu: bytes


_CHANGED = (
    "registered_delivery",
    "halfway_ns",
    "ends_ns",
    "final_state",
    "error",
    "told",
    "arrived",
    "octets",
)


@writes(
    update(texts).where(texts.c.id == bindparam("id_")).values({name: bindparam(name) for name in _CHANGED}),
    rank=2,
)
class ChangeText(NamedTuple):
    """It was cancelled or replaced, or a part of what it owed is done."""

    registered_delivery: int
    halfway_ns: int
    ends_ns: int
    final_state: int
    error: int
    told: int
    arrived: int
    octets: bytes | None
    id_: int


@writes(delete(texts).where(texts.c.id == bindparam("id")), rank=3)
class DeleteText(NamedTuple):
    """Nothing is owed any more."""

    id: int


@writes(insert(inbound).values({c.name: bindparam(c.name) for c in inbound.columns}), rank=1)
class InsertInbound(NamedTuple):
    """A deliver_sm of an inbound text."""

    id: int
    carrier: str
    account: str
    pdu: bytes


@writes(delete(inbound).where(inbound.c.id == bindparam("id")), rank=3)
class DeleteInbound(NamedTuple):
    """The ESME has it, or has refused it for good."""

    id: int


@writes(insert(windows).values({c.name: bindparam(c.name) for c in windows.columns}), rank=1)
class InsertWindow(NamedTuple):
    """The first use of a key."""

    carrier: str
    kind: str
    key: str
    end_ns: int
    segments: int


_IS_WINDOW = (
    (windows.c.carrier == bindparam("carrier_"))
    & (windows.c.kind == bindparam("kind_"))
    & (windows.c.key == bindparam("key_"))
)


@writes(
    update(windows).where(_IS_WINDOW).values(end_ns=bindparam("end_ns"), segments=bindparam("segments")),
    rank=2,
)
class ChangeWindow(NamedTuple):
    """What a key has used by now, in this window or the next."""

    end_ns: int
    segments: int
    carrier_: str
    kind_: str
    key_: str


@writes(delete(windows).where(_IS_WINDOW), rank=0)
class DeleteWindow(NamedTuple):
    """The window is over and the key idle."""

    carrier_: str
    kind_: str
    key_: str


@writes(insert(binds).values({c.name: bindparam(c.name) for c in binds.columns}), rank=1)
class InsertBinds(NamedTuple):
    """A carrier's first bind."""

    carrier: str
    ordinal: int


@writes(
    update(binds).where(binds.c.carrier == bindparam("carrier_")).values(ordinal=bindparam("ordinal")), rank=2
)
class ChangeBinds(NamedTuple):
    """One more bind."""

    ordinal: int
    carrier_: str
