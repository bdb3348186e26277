"""The catalogue of faults, the named behaviours built from them, and the seeded draw of which one strikes.

Pure: random numbers come from the bind's own generator. A fault strikes at one stage of a bind's life; of
those configured for a stage, in order, the first whose draw succeeds is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Final, Literal, Protocol, get_args

from pydantic import BaseModel, ConfigDict, Field


class Rng(Protocol):
    """Where chance comes from: `random.Random` fits."""

    def random(self) -> float:
        """Return the next number, 0 ≤ x < 1."""


class Stage(Enum):
    """When a fault can strike."""

    BIND = "bind"
    SUBMIT = "submit"
    RECEIPT = "receipt"

    __hash__ = object.__hash__


FaultKind = Literal[
    "bind_refused",
    "bind_unanswered",
    "status",
    "no_response",
    "late_response",
    "lost",
    "disconnect",
    "half_open",
    "bad_length",
    "unknown_command",
    "wrong_sequence",
    "torn_response",
    "receipt_missing",
    "receipt_duplicated",
    "receipt_early",
    "receipt_unknown_id",
    "receipt_other_bind",
    "receipt_text_only",
    "receipt_tlvs_only",
    "receipt_payload_only",
    "receipt_non_ascii",
    "receipt_null_counts",
    "receipt_bad_state",
]

CATALOGUE: Final[Mapping[str, tuple[Stage, str]]] = {
    "bind_refused": (Stage.BIND, "the bind is answered with `status`"),
    "bind_unanswered": (Stage.BIND, "the bind is not answered until the carrier has no such fault"),
    "status": (Stage.SUBMIT, "the submit is refused with `status`: throttled, queue full, system error …"),
    "no_response": (Stage.SUBMIT, "the text is taken, its response never sent"),
    "late_response": (Stage.SUBMIT, "the response comes `delay_s` wire seconds late"),
    "lost": (Stage.SUBMIT, "the text is acknowledged and lost: no delivery, no receipt"),
    "disconnect": (Stage.SUBMIT, "the connection ends instead of a response"),
    "half_open": (Stage.SUBMIT, "the carrier neither reads nor answers the bind until it has no such fault"),
    "bad_length": (Stage.SUBMIT, "the response claims a command_length of 4 GiB"),
    "unknown_command": (Stage.SUBMIT, "a PDU with an unknown command_id goes before the response"),
    "wrong_sequence": (Stage.SUBMIT, "the response has another sequence_number"),
    "torn_response": (Stage.SUBMIT, "half the response, then the end of the connection"),
    "receipt_missing": (Stage.RECEIPT, "no receipt is sent"),
    "receipt_duplicated": (Stage.RECEIPT, "the receipt is sent twice"),
    "receipt_early": (Stage.SUBMIT, "the receipt goes before its submit_sm_resp"),
    "receipt_unknown_id": (Stage.RECEIPT, "the receipt names a message that nobody sent"),
    "receipt_other_bind": (Stage.RECEIPT, "the receipt goes to another bind where there is one"),
    "receipt_text_only": (Stage.RECEIPT, "the receipt has no TLVs"),
    "receipt_tlvs_only": (Stage.RECEIPT, "the receipt has no text"),
    "receipt_payload_only": (Stage.RECEIPT, "the receipt stands in message_payload"),
    "receipt_non_ascii": (Stage.RECEIPT, "octets above 0x7F in the quoted text"),
    "receipt_null_counts": (Stage.RECEIPT, "`sub:null dlvrd:null`"),
    "receipt_bad_state": (Stage.RECEIPT, "text and TLV name different states"),
}
"""Every fault: when it strikes, and what it does."""


_SILENCING: Final = frozenset({"bind_unanswered", "half_open"})


class FaultSpec(BaseModel):
    """One fault, as configured or asked for over the API."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, defer_build=True)

    kind: FaultKind
    """What happens; see the catalogue."""
    rate: Annotated[float, Field(ge=0, le=1)] = 1.0
    """How often, of the times it could: 0 never, 1 always."""
    after: Annotated[int, Field(ge=0)] = 0
    """Times per bind that it spares first."""
    count: Annotated[int, Field(ge=1)] | None = None
    """Times per bind that it strikes at most; null: no limit."""
    delay_s: Annotated[float, Field(ge=0, le=3600)] = 5.0
    """Wire seconds, for `late_response`."""
    status: Annotated[int, Field(ge=1, le=0xFFFFFFFF)] = 0x58
    """command_status, for `status` and `bind_refused`; by default ESME_RTHROTTLED."""


def silences(faults: Sequence[FaultSpec]) -> bool:
    """Whether one of them keeps a connection unread and unanswered."""
    return any(fault.kind in _SILENCING for fault in faults)


BehaviourName = Literal["healthy", "flaky", "slow", "throttling", "dead", "capped"]
BEHAVIOUR_NAMES: Final[tuple[str, ...]] = get_args(BehaviourName)


@dataclass(frozen=True, slots=True)
class NamedBehaviour:
    """What a name puts over a carrier's profile."""

    description: str
    faults: tuple[FaultSpec, ...] = ()
    response_delay_s: float = 0.0
    """Wire seconds added to each response."""
    receipt_factor: float = 1.0
    """Receipt latencies are multiplied by this."""
    throughput: float | None = None
    """Segments per second and account, in place of the profile's."""
    refusal: Literal["brand_day_cap"] | None = None
    """Every text is refused for this event, told as the profile tells it."""


BEHAVIOURS: Final[Mapping[str, NamedBehaviour]] = {
    "healthy": NamedBehaviour("nothing but the profile"),
    "flaky": NamedBehaviour(
        "some of everything: busy answers, lost responses and receipts, a dropped connection now and then",
        (
            FaultSpec(kind="disconnect", rate=0.001),
            FaultSpec(kind="no_response", rate=0.005),
            FaultSpec(kind="status", rate=0.03, status=0x14),
            FaultSpec(kind="status", rate=0.02, status=0x08),
            FaultSpec(kind="receipt_missing", rate=0.01),
            FaultSpec(kind="receipt_duplicated", rate=0.02),
            FaultSpec(kind="receipt_early", rate=0.02),
        ),
    ),
    "slow": NamedBehaviour("responses after 0.8 s, receipts ten times later", (), 0.8, 10.0),
    "throttling": NamedBehaviour(
        "5 segments a second, the rest refused with ESME_RTHROTTLED", throughput=5.0
    ),
    "dead": NamedBehaviour(
        "accepts connections and never answers",
        (FaultSpec(kind="bind_unanswered"), FaultSpec(kind="half_open")),
    ),
    "capped": NamedBehaviour("the day's cap is used up", refusal="brand_day_cap"),
}
"""Every named behaviour."""


class FaultDraw:
    """Which fault strikes next on one bind; remembers how often each has had its chance and struck."""

    __slots__ = ("_by_stage", "_chances", "_rng", "_strikes")

    def __init__(self, rng: Rng) -> None:
        self._rng = rng
        self._by_stage: dict[Stage, tuple[FaultSpec, ...]] = {}
        self._chances: dict[FaultSpec, int] = {}
        self._strikes: dict[FaultSpec, int] = {}

    def configure(self, faults: Sequence[FaultSpec]) -> None:
        """Take another list of faults; those that stay keep their counts."""
        self._by_stage = {
            stage: tuple(fault for fault in faults if CATALOGUE[fault.kind][0] is stage) for stage in Stage
        }
        kept = set(faults)
        self._chances = {fault: count for fault, count in self._chances.items() if fault in kept}
        self._strikes = {fault: count for fault, count in self._strikes.items() if fault in kept}

    def draw(self, stage: Stage, also: Sequence[FaultSpec] = ()) -> FaultSpec | None:
        """Return the fault that strikes now, if any; `also` are tried first."""
        faults = self._by_stage.get(stage, ())
        if not faults and not also:
            return None
        for fault in (*also, *faults):
            if CATALOGUE[fault.kind][0] is stage and self._strikes_now(fault):
                return fault
        return None

    def _strikes_now(self, fault: FaultSpec) -> bool:
        chances = self._chances[fault] = self._chances.get(fault, 0) + 1
        if chances <= fault.after:
            return False
        if fault.count is not None and self._strikes.get(fault, 0) >= fault.count:
            return False
        if fault.rate < 1.0 and self._rng.random() >= fault.rate:
            return False
        self._strikes[fault] = self._strikes.get(fault, 0) + 1
        return True
