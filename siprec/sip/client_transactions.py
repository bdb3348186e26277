"""What the client side keeps of a request: the user's handle, and the transaction that repeats it (RFC 3261
§17.1).
"""

from typing import Protocol

from siprec.sip.auth import Credentials
from siprec.sip.dialog import Dialog
from siprec.sip.flow import Flow, Target
from siprec.sip.message import Request, Response
from siprec.sip.transactions import Effect, Machine


class ClientSide(Protocol):
    """What transactions ask of the user agent client they belong to."""

    def run(
        self,
        entry: "ClientEntry",
        effects: tuple[Effect, ...],
        response: Response | None,
        flow: Flow | None,
        now: float,
    ) -> None:
        """Do what a machine asked for."""

    def give_up(self, entry: "ClientEntry") -> None:
        """Drop a cancelled INVITE that nobody answered."""


class ClientTransaction:
    """A request we sent. `dialogs` are those an INVITE created; `cancelled` says that it was given up.

    `silent` keeps its responses from the user: CANCEL, BYE and PRACK look after themselves.
    """

    __slots__ = (
        "_entry",
        "attempts",
        "auto_ack",
        "cancelled",
        "credentials",
        "dialog",
        "dialogs",
        "final_status",
        "provisional",
        "request",
        "silent",
        "target",
    )

    def __init__(
        self, request: Request, target: Target, dialog: Dialog | None, credentials: Credentials | None
    ) -> None:
        self.request = request
        self.target = target
        self.dialog = dialog
        self.credentials = credentials
        self.auto_ack = True
        self.dialogs: list[Dialog] = []
        self.attempts = 1
        self.provisional = False
        self.cancelled = False
        self.silent = False
        self.final_status: int | None = None
        self._entry: ClientEntry | None = None


class ClientEntry:
    """A transaction in the table: the machine, the bytes it repeats, when a cancelled INVITE is given up.

    It is the ticket of the request, for `Endpoint.send_failed`.
    """

    __slots__ = (
        "ack",
        "acks",
        "armed",
        "data",
        "give_up_at",
        "handle",
        "key",
        "machine",
        "request",
        "side",
        "target",
    )

    def __init__(
        self, side: ClientSide, request: Request, handle: ClientTransaction, machine: Machine
    ) -> None:
        self.side = side
        self.request = request
        self.handle = handle
        self.machine = machine
        self.target = handle.target
        self.key = (request.via.branch, request.method)
        self.data = request.encode()
        self.ack: bytes | None = None
        self.acks: dict[str, tuple[bytes, Target]] = {}
        self.give_up_at: float | None = None
        self.armed: float | None = None

    def next_deadline(self) -> float | None:
        """When the machine's next timer fires, or the INVITE is given up."""
        due = self.machine.next_deadline()
        if self.give_up_at is None or self.machine.over:
            return due
        return self.give_up_at if due is None else min(due, self.give_up_at)

    def handle_timeout(self, now: float) -> None:
        """Fire the machine's timers, or give the INVITE up."""
        if self.give_up_at is not None and now >= self.give_up_at:
            self.side.give_up(self)
            return
        self.side.run(self, self.machine.handle_timeout(now), None, None, now)
