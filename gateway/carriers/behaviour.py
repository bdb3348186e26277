"""How a carrier decides what becomes of a text: seeded, per bind, pure.

All chance of a bind is drawn when its submit_sm arrives, in a fixed order from the bind's own generator: the
same seed and the same submits give the same message ids, outcomes, delays and faults, whatever the clock does
meanwhile.

Who decides, first match: a handset of the profile, the last seven digits of the destination, the outcome
weights.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from hashlib import blake2b
from itertools import accumulate
from typing import Final

from gateway.carriers.faults import BEHAVIOURS, FaultDraw, FaultSpec, NamedBehaviour, Rng, Stage
from gateway.carriers.numbers import NumberTable
from gateway.carriers.outcomes import HandsetSettings, Latency, Outcome
from gateway.carriers.profile import CarrierProfile
from gateway.smpp.constants import MessageState
from gateway.smpp.frozen import frozen

SECOND_NS: Final = 1_000_000_000
_ID_EPOCH_S: Final = 1_735_689_600  # 2025-01-01: keeps ids of 63 bits until 2029
_PAIRS_REMEMBERED: Final = 10_000

STATES: Final[dict[str, MessageState | None]] = {
    "delivered": MessageState.DELIVERED,
    "undeliverable": MessageState.UNDELIVERABLE,
    "expired": MessageState.EXPIRED,
    "deleted": MessageState.DELETED,
    "unknown": MessageState.UNKNOWN,
    "rejected": MessageState.REJECTED,
    "accepted": MessageState.ACCEPTED,
    "no_receipt": MessageState.DELIVERED,
}
"""message_state each outcome ends in."""


def draw_latency(latency: Latency, rng: Rng) -> float:
    """Return a delay in seconds; a fixed one draws nothing."""
    if latency.kind == "fixed":
        return latency.seconds
    if latency.kind == "uniform":
        return min(latency.seconds + latency.spread * rng.random(), latency.most_seconds)
    # Box and Muller: a generator owes us no more than `random()`.
    normal = math.sqrt(-2.0 * math.log(1.0 - rng.random())) * math.cos(math.tau * rng.random())
    return min(latency.seconds * math.exp(min(latency.spread * normal, 700.0)), latency.most_seconds)


class MessageIds:
    """Message ids of one bind: unique per carrier and start, in the carrier's notation.

    A number of 63 bits: seconds of the carrier's start, ordinal of the bind, count. `uuid` hashes it.
    """

    __slots__ = ("_next", "notation")

    def __init__(self, notation: str, started_ns: int, ordinal: int) -> None:
        self.notation = notation
        seconds = max(0, started_ns // SECOND_NS - _ID_EPOCH_S)
        self._next = (seconds << 36) + (ordinal << 26)

    def next(self) -> str:
        """Return a new id."""
        number = self._next = self._next + 1
        if self.notation == "decimal":
            return str(number)
        if self.notation == "hex":
            return f"{number:X}"
        digits = blake2b(number.to_bytes(16, "big"), digest_size=16).hexdigest()
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


@frozen
class Plan:
    """What becomes of one submit_sm.

    `status` 0 takes it; `state` is the one it ends in after `receipt_delay_ns` of world time. `fault` strikes
    at the response, `receipt_fault` at the receipt. `handset` is set where the destination is one of ours.
    """

    message_id: str
    outcome: str
    status: int = 0
    state: MessageState = MessageState.DELIVERED
    error: int = 0
    receipt: bool = True
    response_delay_s: float = 0.0
    receipt_delay_ns: int = 0
    fault: FaultSpec | None = None
    receipt_fault: FaultSpec | None = None
    handset: HandsetSettings | None = None


class Deciders:
    """A profile's tables, compiled once for all binds of a carrier."""

    __slots__ = ("_cumulative", "handsets", "outcomes", "profile", "total")

    def __init__(self, profile: CarrierProfile) -> None:
        self.adopt(profile)

    def adopt(self, profile: CarrierProfile) -> None:
        """Decide by another profile from now on, for every bind."""
        self.profile = profile
        self.handsets = NumberTable((handset.numbers, handset) for handset in profile.handsets)
        self.outcomes = profile.outcomes
        self._cumulative = list(accumulate(outcome.weight for outcome in profile.outcomes))
        self.total = self._cumulative[-1] if self._cumulative else 0.0

    def drawn(self, rng: Rng) -> Outcome:
        """Return one of the profile's outcomes by weight; a single one draws nothing."""
        if len(self.outcomes) == 1:
            return self.outcomes[0]
        return self.outcomes[bisect_right(self._cumulative, rng.random() * self.total)]


class BindBehaviour:
    """The will of a carrier towards one bind."""

    def __init__(self, deciders: Deciders, rng: Rng, ids: MessageIds) -> None:
        self._deciders = deciders
        self._rng = rng
        self._ids = ids
        self._faults = FaultDraw(rng)
        self._named: NamedBehaviour = BEHAVIOURS["healthy"]
        self._attempts: dict[tuple[str, str], int] = {}
        profile = deciders.profile
        self.configure(profile.behaviour, profile.faults)

    def configure(self, behaviour: str, faults: Sequence[FaultSpec]) -> None:
        """Take on a named behaviour and faults besides its own; raises `KeyError` for an unknown name."""
        self._named = BEHAVIOURS[behaviour]
        self._faults.configure((*faults, *self._named.faults))

    def number_in(self, notation: str) -> None:
        """Write message ids in another notation from now on; they stay as unique as they were."""
        self._ids.notation = notation

    def bind_fault(self) -> FaultSpec | None:
        """Return the fault that strikes this bind's bind request, if any."""
        return self._faults.draw(Stage.BIND)

    def plan(self, source: str, destination: str) -> Plan:
        """Decide about a text that the carrier's rules let pass; numbers in E.164."""
        deciders, rng = self._deciders, self._rng
        profile = deciders.profile
        response_delay_s = draw_latency(profile.response_latency, rng) + self._named.response_delay_s
        delay_s = draw_latency(profile.receipt_latency, rng) * self._named.receipt_factor
        handset = deciders.handsets.get(destination)
        outcome = (
            _DELIVERED if handset is not None else profile.digits.get(destination[-7:]) or deciders.drawn(rng)
        )
        fault = self._faults.draw(Stage.SUBMIT, outcome.faults)
        receipt_fault = self._faults.draw(Stage.RECEIPT, outcome.faults)
        message_id = self._ids.next()
        if outcome.outcome == "refused" and self._still_refuses(outcome, source, destination):
            return Plan(message_id, "refused", outcome.status or 0x45, response_delay_s=response_delay_s)
        if fault is not None and fault.kind == "status":
            return Plan(message_id, "refused", fault.status, response_delay_s=response_delay_s)
        name, state, error, receipt = _end_of(outcome)
        if handset is not None:
            if handset.state == "off":
                return self._switched_off(message_id, handset, response_delay_s, delay_s)
            receipt = handset.state != "silent"
            name = name if receipt else "no_receipt"
            delay_s += handset.slow_seconds if handset.state == "slow" else 0.0
        return Plan(
            message_id,
            name,
            0,
            state,
            error,
            receipt,
            response_delay_s,
            int(delay_s * SECOND_NS),
            fault,
            receipt_fault,
            handset,
        )

    def refuse(self, outcome: str, state: MessageState, error: int) -> Plan:
        """Plan a refusal that is told in the receipt."""
        profile = self._deciders.profile
        response_delay_s = draw_latency(profile.response_latency, self._rng) + self._named.response_delay_s
        delay_s = draw_latency(profile.receipt_latency, self._rng) * self._named.receipt_factor
        return Plan(
            self._ids.next(), outcome, 0, state, error, True, response_delay_s, int(delay_s * SECOND_NS)
        )

    def _switched_off(
        self, message_id: str, handset: HandsetSettings, response_delay_s: float, delay_s: float
    ) -> Plan:
        off = self._deciders.profile.switched_off
        wait_s = math.inf if off.wait_seconds is None else delay_s + off.wait_seconds
        delay_ns = _FOR_EVER_NS if math.isinf(wait_s) else int(wait_s * SECOND_NS)
        state = STATES[off.outcome] or MessageState.UNDELIVERABLE
        return Plan(
            message_id,
            "switched_off",
            0,
            state,
            off.error,
            True,
            response_delay_s,
            delay_ns,
            handset=handset,
        )

    def _still_refuses(self, outcome: Outcome, source: str, destination: str) -> bool:
        if not outcome.attempts:
            return True
        pair = (source, destination)
        attempts = self._attempts.pop(pair, 0)
        if attempts >= outcome.attempts:
            return False
        self._attempts[pair] = attempts + 1
        if len(self._attempts) > _PAIRS_REMEMBERED:
            del self._attempts[next(iter(self._attempts))]
        return True


_DELIVERED: Final = Outcome()
_FOR_EVER_NS: Final = 1 << 62


def _end_of(outcome: Outcome) -> tuple[str, MessageState, int, bool]:
    """Name, state, error and whether a receipt is sent; `refused` that lets pass is delivered."""
    state = STATES.get(outcome.outcome)
    if state is None:
        return "delivered", MessageState.DELIVERED, 0, True
    return outcome.outcome, state, outcome.error, outcome.outcome != "no_receipt"
