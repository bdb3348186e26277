"""What the server side keeps of a request: its transaction's key and machine, and a 2xx that waits for its
ACK (RFC 3261 §17.2, §13.3.1.4).
"""

from typing import Protocol, TypeAlias

from siprec.sip.core import Core
from siprec.sip.dialog import Dialog
from siprec.sip.flow import Flow, Target
from siprec.sip.ids import MAGIC_COOKIE
from siprec.sip.message import Request
from siprec.sip.transactions import Effect, Machine

Key: TypeAlias = tuple[object, ...]


class ServerSide(Protocol):
    """What machines and waiting answers ask of the user agent server they belong to."""

    core: Core

    def run(self, entry: "ServerEntry", effects: tuple[Effect, ...]) -> None:
        """Do what a machine asked for."""

    def ack_missing(self, waiting: "Unacknowledged", now: float) -> None:
        """Give a dialog up whose 2xx was never acknowledged."""


def transaction_key(request: Request) -> Key:
    """Return what a request's server transaction is found by (§17.2.3); an ACK matches its INVITE.

    Without the magic cookie, or with nothing behind it, the rules of RFC 2543 apply.
    """
    via = request.via
    method = "INVITE" if request.method == "ACK" else request.method
    branch = via.branch or ""
    if branch.startswith(MAGIC_COOKIE) and len(branch) > len(MAGIC_COOKIE):
        return branch, via.host.lower(), via.port, method
    return (
        request.uri,
        request.from_.tag,
        request.call_id,
        request.cseq.number,
        via.host.lower(),
        via.port,
        branch,
        method,
    )


class ServerTransaction:
    """A request and the right to answer it once. `dialog` is the one it is in, or has created."""

    __slots__ = ("_machine", "dialog", "final_status", "flow", "local_tag", "request")

    def __init__(self, request: Request, flow: Flow, machine: "ServerEntry", local_tag: str) -> None:
        self.request = request
        self.flow = flow
        self.local_tag = local_tag
        self.dialog: Dialog | None = None
        self.final_status: int | None = None
        self._machine = machine


class ServerEntry:
    """A transaction in the table: the machine, and the last response it repeats.

    It is the ticket of that response, for `Endpoint.send_failed`.
    """

    __slots__ = ("armed", "handle", "key", "machine", "merged_key", "response", "side", "target")

    def __init__(self, side: ServerSide, key: Key, merged_key: Key, machine: Machine, target: Target) -> None:
        self.side = side
        self.key = key
        self.merged_key = merged_key
        self.machine = machine
        self.target = target
        self.response = b""
        self.handle: ServerTransaction | None = None
        self.armed: float | None = None

    def next_deadline(self) -> float | None:
        """When the machine's next timer fires."""
        return self.machine.next_deadline()

    def handle_timeout(self, now: float) -> None:
        """Fire the machine's timers."""
        self.side.run(self, self.machine.handle_timeout(now))


class Unacknowledged:
    """A 2xx to an INVITE that is sent again until its ACK comes, over any transport (§13.3.1.4)."""

    __slots__ = (
        "_due",
        "_give_up",
        "_interval_s",
        "armed",
        "bye",
        "cseq",
        "dialog",
        "over",
        "response",
        "side",
        "superseded",
        "target",
    )

    def __init__(
        self, side: ServerSide, dialog: Dialog, cseq: int, response: bytes, target: Target, now: float
    ) -> None:
        timing = side.core.config.timing
        self.side = side
        self.dialog = dialog
        self.cseq = cseq
        self.response = response
        self.target = target
        self.superseded: Unacknowledged | None = None
        """An earlier one of the dialog whose ACK has not come: who sends another INVITE has seen its 2xx."""
        self.bye = False
        self.over = False
        self.armed: float | None = None
        self._interval_s = timing.t1_s
        self._due = now + timing.t1_s
        self._give_up = now + timing.patience_s

    def next_deadline(self) -> float | None:
        """When it is sent again or given up; None once it is acknowledged."""
        return None if self.over else min(self._due, self._give_up)

    def handle_timeout(self, now: float) -> None:
        """Send it again, ever later, or give it up."""
        if now >= self._give_up:
            self.side.ack_missing(self, now)
            return
        self.side.core.send(self.response, self.target)
        self._interval_s = min(self._interval_s * 2, self.side.core.config.timing.t2_s)
        self._due = now + self._interval_s
