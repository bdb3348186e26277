"""What was to happen against what happened, message by message.

`Ledger` is pure: it is told of requests, of what is expected of each, and of what came. As soon as nothing
more can come for a message, its `Result` is ready; a bounded number of messages is open at a time. What is
expected is what was recorded, or what `Golden` or `Rules` say (`gateway.replay.expectations`).
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from gateway.smpp.constants import MessageState, RegisteredDelivery, status_name
from gateway.smpp.frozen import frozen
from gateway.smpp.pdu import Pdu, encode
from gateway.smpp.receipt import STAT_WORDS

MAX_OPEN: Final = 100_000
_FINAL: Final = frozenset(MessageState) - {MessageState.ENROUTE, MessageState.ACCEPTED}
_RECEIPT_BITS: Final = int(RegisteredDelivery.RECEIPT | RegisteredDelivery.RECEIPT_ON_FAILURE)
SECOND_NS: Final = 1_000_000_000
_SINGLE: Final = {0: frozenset((0,))}
_WORDS: Final[dict[MessageState, frozenset[str | None]]] = {
    state: frozenset((word,)) for state, word in STAT_WORDS.items()
}
_KEPT: Final = ("sent_ns", "status", "receipt", "response_ns", "receipt_ns", "code", "receipt_final")
_FINAL_WORDS: Final = frozenset(STAT_WORDS[state] for state in _FINAL)


@frozen
class Outcome:
    """How a message fared. None: it did not come (or, as an expectation, nothing is known)."""

    status: int | None = None
    receipt: str | None = None
    """State of the last receipt, `DELIVRD`."""
    response_ns: int | None = None
    """From the request to its answer."""
    receipt_ns: int | None = None
    """From the request to its last receipt."""
    code: str = ""
    """Name of a refusal: `ESME_RTHROTTLED`, `throttled_number`."""


@frozen
class Expected:
    """What would be right; None leaves it open."""

    statuses: frozenset[int] | None = None
    receipts: frozenset[str | None] | None = None
    response_ns: int | None = None
    receipt_ns: int | None = None
    most_response_ns: int | None = None
    most_receipt_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Tolerances:
    """What still counts as equal."""

    response_s: float | None = None
    """Difference between recorded and actual time to the answer, in seconds; None: any."""
    receipt_s: float | None = None
    """The same to the receipt."""
    any_refusal: bool = False
    """One refusal is as good as another: for logs that do not hold the wire's status."""
    differences: int = 0
    """Messages that may differ before the verdict is against them."""


@frozen
class Result:
    """One message, compared. `differences` are stable words with what was expected and what came.

    `key` stands for the message; empty where nobody asked for it (see `Ledger`)."""

    number: int
    key: str
    sent_ns: int
    expected: Expected
    actual: Outcome
    differences: tuple[tuple[str, str, str], ...] = ()


@dataclass(slots=True)
class _Entry:
    """What is known of an open message; `Expected` and `Outcome` are made of it once it is settled."""

    number: int
    pdu: Pdu
    sent_ns: int
    wants_receipt: bool
    told: Expected | None
    """What was said beforehand; None: what is expected is learnt from the capture."""
    statuses: frozenset[int] | None = None
    receipts: frozenset[str | None] | None = None
    wanted_response_ns: int | None = None
    wanted_receipt_ns: int | None = None
    status: int | None = None
    receipt: str | None = None
    response_ns: int | None = None
    receipt_ns: int | None = None
    code: str = ""
    receipt_final: bool = False

    @property
    def expected(self) -> Expected:
        """What would be right."""
        if self.told is not None:
            return self.told
        return Expected(self.statuses, self.receipts, self.wanted_response_ns, self.wanted_receipt_ns)

    @property
    def actual(self) -> Outcome:
        """What came."""
        return Outcome(self.status, self.receipt, self.response_ns, self.receipt_ns, self.code)


class Ledger:
    """Open messages. `on_result` is called once for each, as soon as it is settled.

    `keys` False leaves the key of results empty that are as expected: making them costs an encoding each.
    """

    def __init__(
        self,
        on_result: Callable[[Result], None],
        tolerances: Tolerances = Tolerances(),
        *,
        max_open: int = MAX_OPEN,
        keys: bool = True,
    ) -> None:
        self._on_result = on_result
        self._tolerances = tolerances
        self._max_open = max_open
        self._keys = keys
        self._entries: dict[int, _Entry] = {}
        self.unexpected = 0
        """Answers and receipts to messages that were settled already."""

    def __len__(self) -> int:
        return len(self._entries)

    def awaits_receipt(self, number: int) -> bool:
        """Whether an open message has asked for a receipt."""
        entry = self._entries.get(number)
        return entry is not None and entry.wants_receipt

    def request(
        self, number: int, pdu: Pdu, at_ns: int, expected: Expected | None, *, receipts: bool = True
    ) -> None:
        """A message is due; `expected` None: what is expected will be told as it was recorded.

        `receipts` False: its answer settles it, whatever it asks for.
        """
        registered = int(getattr(pdu, "registered_delivery", 0)) & _RECEIPT_BITS if receipts else 0
        self._entries[number] = _Entry(number, pdu, at_ns, bool(registered), expected)
        if len(self._entries) > self._max_open:
            self._settle(self._entries[next(iter(self._entries))])

    def sent(self, number: int, at_ns: int) -> None:
        """The message really went out now."""
        entry = self._entries.get(number)
        if entry is not None:
            entry.sent_ns = at_ns

    def expect_answer(self, number: int, status: int, after_ns: int) -> None:
        """The capture holds its answer."""
        entry = self._entries.get(number)
        if entry is not None and entry.told is None:
            entry.statuses = _SINGLE.get(status) or frozenset((status,))
            entry.wanted_response_ns = max(0, after_ns)
            self._look(entry)

    def expect_receipt(self, number: int, state: MessageState, after_ns: int) -> None:
        """The capture holds a receipt of it; a later one goes before an earlier."""
        entry = self._entries.get(number)
        if entry is None or entry.told is not None:
            return
        if state in _FINAL or entry.receipts is None:
            entry.receipts = _WORDS[state]
            entry.wanted_receipt_ns = max(0, after_ns)
        self._look(entry)

    def answered(self, number: int, status: int, at_ns: int, code: str = "") -> None:
        """Its answer has come."""
        entry = self._entries.get(number)
        if entry is None:
            self.unexpected += 1
            return
        entry.status = status
        entry.code = code or (status_name(status) if status else "")
        entry.response_ns = max(0, at_ns - entry.sent_ns)
        self._look(entry)

    def receipted(self, number: int, state: MessageState, at_ns: int) -> None:
        """A receipt of it has come."""
        entry = self._entries.get(number)
        if entry is None:
            self.unexpected += 1
            return
        if entry.receipt_final:
            return
        entry.receipt_final = state in _FINAL
        entry.receipt = STAT_WORDS[state]
        entry.receipt_ns = max(0, at_ns - entry.sent_ns)
        self._look(entry)

    def opened(self) -> dict[int, dict[str, Any]]:
        """What has come of every open message that went out, for `restore` in a later run."""
        return {
            number: {name: getattr(entry, name) for name in _KEPT}
            for number, entry in self._entries.items()
            if entry.status is not None
        }

    def restore(
        self, number: int, pdu: Pdu, expected: Expected | None, kept: dict[str, Any], *, receipts: bool = True
    ) -> None:
        """Open a message again as `opened` had it; `receipts` as in `request`."""
        self.request(number, pdu, kept["sent_ns"], expected, receipts=receipts)
        for name in _KEPT:
            setattr(self._entries[number], name, kept[name])

    def finish(self, but: Container[int] = ()) -> None:
        """Nothing more will come: settle everything as it stands, `but` what a later run goes on with."""
        for entry in list(self._entries.values()):
            if entry.number not in but:
                self._settle(entry)

    def _look(self, entry: _Entry) -> None:
        """Settle a message for which nothing more can come."""
        statuses = entry.statuses if entry.told is None else entry.told.statuses
        if entry.status is None or (entry.told is None and statuses is None):
            return
        if entry.wants_receipt and not entry.status:
            refused = statuses is not None and 0 not in statuses
            told = entry.told is not None or refused or _is_final(entry.receipts)
            if not (told and entry.receipt_final):
                return
        self._settle(entry)

    def _settle(self, entry: _Entry) -> None:
        del self._entries[entry.number]
        expected, actual = entry.expected, entry.actual
        found = tuple(differences(expected, actual, self._tolerances))
        key = message_key(entry.pdu) if found or self._keys else ""
        self._on_result(Result(entry.number, key, entry.sent_ns, expected, actual, found))


def _is_final(receipts: frozenset[str | None] | None) -> bool:
    return receipts is not None and not receipts.isdisjoint(_FINAL_WORDS)


def message_key(pdu: Pdu) -> str:
    """Eight digits that stand for the message itself, without showing anything of it."""
    return blake2b(encode(pdu, 0), digest_size=4).hexdigest()


def differences(expected: Expected, actual: Outcome, tolerances: Tolerances) -> Any:
    """(what, expected, actual) of everything that is not as expected."""
    if expected.statuses is not None and not _status_fits(expected.statuses, actual.status, tolerances):
        wanted = " or ".join(status_name(one) for one in sorted(expected.statuses))
        if actual.status is None:
            yield "unanswered", wanted, "nothing"
        else:
            yield "status", wanted, actual.code or status_name(actual.status)
    if expected.receipts is not None and actual.receipt not in expected.receipts:
        wanted = " or ".join(sorted(str(one) for one in expected.receipts))
        what = "receipt" if actual.receipt is not None else "receipt_missing"
        if None in expected.receipts:
            what = "receipt_unexpected"
        yield what, wanted, str(actual.receipt)
    yield from _times("response_time", expected.response_ns, actual.response_ns, tolerances.response_s)
    yield from _times("receipt_time", expected.receipt_ns, actual.receipt_ns, tolerances.receipt_s)
    for what, most, took in (
        ("response_time", expected.most_response_ns, actual.response_ns),
        ("receipt_time", expected.most_receipt_ns, actual.receipt_ns),
    ):
        if most is not None and took is not None and took > most:
            yield what, f"at most {most / SECOND_NS:.3f} s", f"{took / SECOND_NS:.3f} s"


def _status_fits(wanted: frozenset[int], status: int | None, tolerances: Tolerances) -> bool:
    if status in wanted:
        return True
    return tolerances.any_refusal and bool(status) and 0 not in wanted


def _times(what: str, wanted_ns: int | None, took_ns: int | None, tolerance_s: float | None) -> Any:
    if tolerance_s is None or wanted_ns is None or took_ns is None:
        return
    if abs(took_ns - wanted_ns) > tolerance_s * SECOND_NS:
        wanted = f"{wanted_ns / SECOND_NS:.3f} s ± {tolerance_s:g} s"
        yield what, wanted, f"{took_ns / SECOND_NS:.3f} s"
