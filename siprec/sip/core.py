"""What the two sides of an endpoint share: settings, identifiers, dialogs, the outbox, the event queue, the
clock.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from siprec.sip.dialog import Dialog, DialogTable, EndReason
from siprec.sip.events import Command, DialogEnded, Event, SendMessage
from siprec.sip.flow import Target, Transport, bracketed
from siprec.sip.ids import MAGIC_COOKIE, IdSource
from siprec.sip.parse import ParseRules
from siprec.sip.schedule import Schedule
from siprec.sip.session_timer import SessionTimerPolicy
from siprec.sip.transactions import Timing

METHODS = (
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "OPTIONS",
    "UPDATE",
    "INFO",
    "REGISTER",
    "REFER",
    "NOTIFY",
    "PRACK",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointConfig:
    """How an endpoint behaves.

    `methods` are allowed and advertised; `supported` are option tags we understand and say so, `tolerated`
    those a request may require without our using them (100rel: we send no provisional response that would
    need it); `accept` are body types; `contact_features` is appended to our Contact (`;+sip.srs`);
    `session_timer` None leaves sessions without timers; `max_transactions` is where new requests get 503 with
    `retry_after_s`; rates are requests (and answers to malformed messages) a second per source address, 0 for
    no limit; stream limits are in connections and seconds.
    """

    product: str = "sms-siprec-gateway"
    contact_user: str | None = None
    contact_features: str = ""
    methods: tuple[str, ...] = METHODS
    supported: tuple[str, ...] = ("timer",)
    tolerated: tuple[str, ...] = ("100rel",)
    accept: tuple[str, ...] = ("application/sdp",)
    timing: Timing = field(default_factory=Timing)
    parse: ParseRules = field(default_factory=ParseRules)
    session_timer: SessionTimerPolicy | None = field(default_factory=SessionTimerPolicy)
    max_transactions: int = 100_000
    retry_after_s: int = 5
    requests_per_second_per_source: float = 0.0
    malformed_replies_per_second_per_source: float = 10.0
    max_connections: int = 2_048
    max_connections_per_source: int = 256
    message_timeout_s: float = 10.0
    idle_timeout_s: float = 3_600.0

    @property
    def lenient(self) -> bool:
        """Whether vendor faults are forgiven, in parsing and in matching."""
        return self.parse.lenient


class Core:
    """The shared state of an endpoint."""

    def __init__(self, config: EndpointConfig, ids: IdSource) -> None:
        self.config = config
        self.ids = ids
        self.dialogs = DialogTable()
        self.schedule = Schedule()
        self.commands: list[Command] = []
        self.events: list[Event] = []
        self.on_response: Callable[[str, int], None] | None = None
        self.on_session_timeout: Callable[[Dialog, float], None] | None = None
        self._locals: dict[tuple[Transport, bool], tuple[str, int]] = {}

    def set_local(self, transport: Transport, host: str, port: int) -> None:
        """Say under which address we are reached on a transport; once for IPv4, once for IPv6."""
        self._locals[transport, ":" in host] = (host, port)

    def local(self, transport: Transport, towards: str = "") -> tuple[str, int]:
        """Return our host and port on a transport, of the address family of `towards` where we have one."""
        six = ":" in towards
        return (
            self._locals.get((transport, six))
            or self._locals.get((transport, not six))
            or ("127.0.0.1", transport.default_port)
        )

    def via(self, target: Target, branch: str) -> str:
        """Return our Via for a request to `target` (RFC 3581: always with rport)."""
        host, port = self.local(target.transport, target.host)
        return f"SIP/2.0/{target.transport.via} {bracketed(host)}:{port};branch={branch};rport"

    def contact(self, transport: Transport, towards: str = "") -> str:
        """Return our Contact on a transport, features included."""
        host, port = self.local(transport, towards)
        user = f"{self.config.contact_user}@" if self.config.contact_user else ""
        suffix = "" if transport is Transport.UDP else f";transport={transport.value}"
        return f"<sip:{user}{bracketed(host)}:{port}{suffix}>{self.config.contact_features}"

    def branch(self) -> str:
        """Return a fresh branch (§8.1.1.7)."""
        return MAGIC_COOKIE + self.ids.token()

    def send(self, data: bytes, target: Target, ticket: object | None = None) -> None:
        """Queue bytes for sending."""
        self.commands.append(SendMessage(data, target, ticket))

    def emit(self, event: Event) -> None:
        """Queue an event."""
        self.events.append(event)

    def adopt(self, dialog: Dialog) -> None:
        """Take a new dialog into the table."""
        dialog.on_timeout = self.on_session_timeout
        self.dialogs.add(dialog)

    def end_dialog(self, dialog: Dialog, reason: EndReason, event: DialogEnded | None = None) -> None:
        """End a dialog once, forget it and report it."""
        if dialog.ended:
            return
        dialog.end(reason)
        self.dialogs.remove(dialog)
        self.schedule.disarm(dialog)
        self.emit(event or DialogEnded(dialog, reason))
