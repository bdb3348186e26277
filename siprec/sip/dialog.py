"""Dialogs: the peer-to-peer relation an INVITE creates, and the table that finds them (RFC 3261 §12)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from siprec.sip.auth import Credentials
from siprec.sip.errors import DialogOverError, ParseError
from siprec.sip.flow import Flow, Target, Transport, is_address
from siprec.sip.headers import NameAddr, parse_name_addr, sip_uri
from siprec.sip.message import Request, Response
from siprec.sip.session_timer import SessionTimer
from siprec.sip.uri import SipUri, parse_uri


class DialogState(Enum):
    """The life of a dialog (§12)."""

    EARLY = "early"
    CONFIRMED = "confirmed"
    ENDED = "ended"


class EndReason(Enum):
    """Why a dialog ended."""

    BYE_RECEIVED = "bye received"
    BYE_SENT = "bye sent"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    ACK_MISSING = "ack missing"
    SESSION_EXPIRED = "session expired"
    GONE = "peer does not know the dialog"


DialogId = tuple[str, str, str]
"""Call-ID, local tag, remote tag."""


@dataclass(slots=True, eq=False, kw_only=True)
class Dialog:
    """One side of a dialog.

    `local` and `remote` are From/To values without tags, as written; `route_set` holds Route values in the
    order they are sent; `remote_target` is the peer's Contact URI; `flow` the way its last message came;
    `invite_in` and `invite_out` the INVITE transaction in progress each way, `awaiting_ack` ours whose 2xx we
    have not acknowledged.
    """

    call_id: str
    local_tag: str
    remote_tag: str
    local: str
    remote: str
    remote_target: str
    transport: Transport
    we_called: bool
    state: DialogState = DialogState.EARLY
    local_cseq: int = 0
    remote_cseq: int | None = None
    invite_cseq: int = 0
    invite_in: object | None = None
    invite_out: object | None = None
    awaiting_ack: object | None = None
    credentials: Credentials | None = None
    route_set: list[str] = field(default_factory=list)
    flow: Flow | None = None
    peer_allows: frozenset[str] = frozenset()
    peer_supports: frozenset[str] = frozenset()
    end_reason: EndReason | None = None
    session_timer: SessionTimer | None = None
    refresh_at: float | None = None
    expires_at: float | None = None
    armed: float | None = None
    on_timeout: Callable[["Dialog", float], None] | None = field(default=None, repr=False)

    @property
    def id(self) -> DialogId:
        """Call-ID, local tag, remote tag."""
        return self.call_id, self.local_tag, self.remote_tag

    @property
    def ended(self) -> bool:
        """Whether the dialog is over."""
        return self.state is DialogState.ENDED

    def local_address(self) -> str:
        """Return our From (or To) value with its tag."""
        return f"{self.local};tag={self.local_tag}"

    def remote_address(self) -> str:
        """Return the peer's To (or From) value; an RFC 2543 peer has no tag."""
        return f"{self.remote};tag={self.remote_tag}" if self.remote_tag else self.remote

    def next_cseq(self) -> int:
        """Take the next local sequence number. Raises `DialogOverError`."""
        if self.ended:
            raise DialogOverError("send a request", self.call_id)
        self.local_cseq += 1
        return self.local_cseq

    def request_line(self) -> tuple[str, list[str]]:
        """Return Request-URI and Route values of a request inside the dialog (§12.2.1.1).

        A first route without `lr` is a strict router: it takes the Request-URI's place and the remote target
        goes to the end.
        """
        if not self.route_set:
            return self.remote_target, []
        first = parse_name_addr(self.route_set[0], "Route").uri
        if isinstance(first, SipUri) and not first.loose:
            return str(first), [*self.route_set[1:], f"<{self.remote_target}>"]
        return self.remote_target, list(self.route_set)

    def next_hop(self) -> Target:
        """Return where a request goes: the first route, or the remote target; a live stream is kept to."""
        uri = (
            parse_name_addr(self.route_set[0], "Route").uri
            if self.route_set
            else parse_uri(self.remote_target)
        )
        return next_hop(uri, self.transport, self.flow)

    def refresh_target(self, message: Request | Response) -> None:
        """Take the peer's new Contact from a target refresh, and what it allows and supports (§12.2)."""
        contact = contact_of(message)
        if contact is not None:
            self.remote_target = contact
        allows = message.headers.values("allow")
        if allows:
            self.peer_allows = frozenset(value.upper() for value in allows)
        if "supported" in message.headers:
            self.peer_supports = message.headers.tokens("supported")

    def keep_session(self, timer: SessionTimer | None, now: float) -> None:
        """Start, restart or drop the session timer after a 2xx to INVITE or UPDATE."""
        self.session_timer = timer
        self.refresh_at = timer.refresh_at(now) if timer and timer.we_refresh else None
        self.expires_at = timer.expires_at(now) if timer else None

    def next_deadline(self) -> float | None:
        """Return when the session is to be refreshed or given up, None without a session timer."""
        if self.refresh_at is not None:
            return self.refresh_at
        return self.expires_at

    def handle_timeout(self, now: float) -> None:
        """Hand over to the endpoint that holds the dialog."""
        if self.on_timeout is not None:
            self.on_timeout(self, now)

    def end(self, reason: EndReason) -> None:
        """Mark the dialog as over."""
        self.state = DialogState.ENDED
        self.end_reason = reason
        self.session_timer = self.refresh_at = self.expires_at = None


def next_hop(uri: object, transport: Transport, flow: Flow | None = None) -> Target:
    """Return the target of a URI, over `transport` where the URI names none.

    The connection of `flow` is kept to where it ends at the same host, or the URI names the host (RFC 5923).
    Raises `ParseError` for a URI that is not SIP.
    """
    if not isinstance(uri, SipUri):
        raise ParseError("URI", "is not a SIP URI that a request can be sent to", 416)
    named = (uri.params.get("transport") or "").lower()
    if uri.secure:
        transport = Transport.TLS
    elif named in ("udp", "tcp", "tls"):
        transport = Transport(named)
    host = uri.params.get("maddr") or uri.host
    connection = None
    if flow is not None and flow.transport is transport and (flow.host == host or not is_address(host)):
        connection = flow.connection
    return Target(transport, host, uri.port or transport.default_port, connection)


def contact_of(message: Request | Response) -> str | None:
    """Return the SIP URI of the message's Contact, None where it has none that is usable."""
    try:
        contact = message.contact
    except ParseError:
        return None
    uri = None if contact is None else sip_uri(contact)
    return None if uri is None else str(uri)


def without_tag(text: str, parsed: NameAddr) -> str:
    """Return a From or To value as written but without its tag, always with angle brackets."""
    if parsed.tag is None and "<" in text:
        return text.strip()
    rest = {name: value for name, value in parsed.params.items() if name != "tag"}
    return str(NameAddr(parsed.uri, parsed.display, rest))


def dialog_as_uas(request: Request, local_tag: str, flow: Flow) -> Dialog:
    """Make the dialog a UAS has once it answers an INVITE with a tag (§12.1.1): the route set as recorded.

    A request without a usable Contact is tolerated: the peer is then reached where the request came from.
    """
    dialog = Dialog(
        call_id=request.call_id,
        local_tag=local_tag,
        remote_tag=request.from_.tag or "",
        local=without_tag(request.headers.get("to") or "", request.to),
        remote=without_tag(request.headers.get("from") or "", request.from_),
        remote_target=str(SipUri(host=flow.host, port=flow.port)),
        transport=flow.transport,
        we_called=False,
        remote_cseq=request.cseq.number,
        invite_cseq=request.cseq.number,
        route_set=request.headers.values("record-route"),
        flow=flow,
    )
    dialog.refresh_target(request)
    return dialog


def dialog_as_uac(request: Request, response: Response, transport: Transport, flow: Flow | None) -> Dialog:
    """Make the dialog a UAC has once a tagged response comes (§12.1.2): the route set reversed."""
    dialog = Dialog(
        call_id=request.call_id,
        local_tag=request.from_.tag or "",
        remote_tag=response.to.tag or "",
        local=without_tag(request.headers.get("from") or "", request.from_),
        remote=without_tag(request.headers.get("to") or "", request.to),
        remote_target=request.uri,
        transport=transport,
        we_called=True,
        local_cseq=request.cseq.number,
        invite_cseq=request.cseq.number,
        route_set=response.headers.values("record-route")[::-1],
        flow=flow,
    )
    dialog.refresh_target(response)
    return dialog


class DialogTable:
    """The dialogs of an endpoint, found by id, or leniently by Call-ID and whatever tag is there."""

    __slots__ = ("_by_call", "_by_id")

    def __init__(self) -> None:
        self._by_id: dict[DialogId, Dialog] = {}
        self._by_call: dict[str, list[Dialog]] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Dialog]:
        return iter(list(self._by_id.values()))

    def add(self, dialog: Dialog) -> None:
        """Enter a dialog."""
        self._by_id[dialog.id] = dialog
        self._by_call.setdefault(dialog.call_id, []).append(dialog)

    def remove(self, dialog: Dialog) -> None:
        """Forget a dialog; unknown ones are ignored."""
        if self._by_id.pop(dialog.id, None) is None:
            return
        siblings = self._by_call[dialog.call_id]
        siblings.remove(dialog)
        if not siblings:
            del self._by_call[dialog.call_id]

    def get(self, dialog_id: DialogId) -> Dialog | None:
        """Return the dialog of an id."""
        return self._by_id.get(dialog_id)

    def of_call(self, call_id: str) -> list[Dialog]:
        """Return the dialogs of a Call-ID."""
        return self._by_call.get(call_id, [])

    def find(self, request: Request, *, lenient: bool) -> Dialog | None:
        """Return the dialog a request belongs to (§12.2.2).

        `lenient` forgives a missing To tag: the one dialog of that Call-ID and From tag is meant.
        """
        local_tag, remote_tag = request.to.tag, request.from_.tag or ""
        if local_tag is not None:
            return self._by_id.get((request.call_id, local_tag, remote_tag))
        if not lenient:
            return None
        matches = [dialog for dialog in self.of_call(request.call_id) if dialog.remote_tag == remote_tag]
        return matches[0] if len(matches) == 1 else None
