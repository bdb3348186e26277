"""Spam reports (webex.md B9) and the identity that leaves with a text (B10). Pure.

Reports feed the gateway's own block (Cisco's), never the carriers'.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from gateway.directory.model import Organization, Person
from gateway.policy.filters import NANOSECONDS


@dataclass(frozen=True, slots=True)
class SpamReport:
    """Somebody suspects spam from a Webex Calling user."""

    id: int
    sender: str
    """The reported number, E.164."""
    reporter: str
    """Who reports: a number or an address, as given."""
    at_ns: int


@dataclass(frozen=True, slots=True)
class SenderBlocked:
    """A number was put on the spam block."""

    name: ClassVar[str] = "sender.blocked"
    sender: str


@dataclass(frozen=True, slots=True)
class SenderUnblocked:
    """A number was taken from the spam block."""

    name: ClassVar[str] = "sender.unblocked"
    sender: str


class SpamBlock:
    """Numbers blocked because enough different people reported them within a window."""

    def __init__(self, threshold: int = 3, window_seconds: int = 7 * 86_400) -> None:
        self.threshold = threshold
        self._window_ns = window_seconds * NANOSECONDS
        self._reports: dict[str, dict[str, int]] = {}
        self._blocked: dict[str, int] = {}
        self.changes = 0
        """How often a number was blocked or let go: conclusions hold as long as this is the same."""

    def __iter__(self) -> Iterator[str]:
        return iter(self._blocked)

    def __len__(self) -> int:
        return len(self._blocked)

    def is_blocked(self, sender: str) -> bool:
        """Return whether texts of that number are refused."""
        return sender in self._blocked

    def blocked_since_ns(self, sender: str) -> int | None:
        """Return when the number was blocked, if it is."""
        return self._blocked.get(sender)

    def report(self, report: SpamReport) -> SenderBlocked | None:
        """Take a report; the one that reaches the threshold blocks the sender."""
        reporters = self._reports.setdefault(report.sender, {})
        reporters[report.reporter] = report.at_ns
        if report.sender in self._blocked:
            return None
        recent = sum(1 for at_ns in reporters.values() if report.at_ns - at_ns < self._window_ns)
        if recent < self.threshold:
            return None
        self._blocked[report.sender] = report.at_ns
        self.changes += 1
        return SenderBlocked(report.sender)

    def lift(self, sender: str) -> SenderUnblocked | None:
        """Forget a number's reports and let it text again; None: it was not blocked."""
        self._reports.pop(sender, None)
        if self._blocked.pop(sender, None) is None:
            return None
        self.changes += 1
        return SenderUnblocked(sender)

    def replay(self, history: Iterable[SpamReport | SenderUnblocked]) -> None:
        """Take stored reports and liftings in the order they happened."""
        for item in history:
            if isinstance(item, SpamReport):
                self.report(item)
            else:
                self.lift(item.sender)


class Persona(NamedTuple):
    """All that a recipient may learn about the sender (B10)."""

    number: str
    name: str


def persona(organization: Organization, person: Person) -> Persona | None:
    """Return the business identity and work number `person` texts from; None: no work number."""
    if person.number is None:
        return None
    return Persona(person.number, organization.business_identity or organization.name)


def may_send_as(person: Person, source: str) -> bool:
    """Return whether `source` is the person's work number, the only one they may text from (B10)."""
    return person.number is not None and source == person.number
