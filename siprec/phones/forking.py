"""What a recording client says and hears: plan, bodies, answers, outcomes; all values and pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from siprec import metadata, multipart, sdp
from siprec.metadata import Dialect, Metadata
from siprec.sip import Credentials, EndpointConfig, Request, Response

FIRST_BROADWORKS_CSEQ = 1_002_417_742
"""BroadWorks numbers its requests from near 10⁹."""

BROADWORKS_METHODS = ("ACK", "BYE", "CANCEL", "INFO", "INVITE", "OPTIONS", "PRACK", "REFER", "NOTIFY")
FAILOVER_STATUSES = frozenset({408, 480, 481, 486, *range(500, 600), *range(300, 400)})


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """How to fork. servers: SIP URIs, tried in order. invite_timeout_s: silence before the next one is tried.

    reestablish: a session that dies under way is set up again at the next server. srtp: SDES keys offered.
    """

    servers: tuple[str, ...]
    dialect: Dialect = Dialect.RFC7866
    codecs: tuple[str, ...] = ("PCMU", "PCMA", "G722")
    ptime_ms: int = 20
    srtp: bool = False
    invite_timeout_s: float = 4.0
    failover_statuses: frozenset[int] = FAILOVER_STATUSES
    reestablish: bool = True
    credentials: Credentials | None = None


@dataclass(frozen=True, slots=True)
class LocalStream:
    """Our end of one stream: where we receive RTCP, what we send from, and our SDES key."""

    address: str
    port: int
    rtcp_port: int | None = None
    key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class AnsweredStream:
    """What the server answered to one stream. codec None: refused."""

    label: str
    codec: sdp.Codec | None
    remote: tuple[str, int] | None = None
    remote_rtcp: tuple[str, int] | None = None
    rtcp_mux: bool = False
    crypto: sdp.Crypto | None = None
    active: bool = True


@dataclass(frozen=True, slots=True)
class ForkStarted:
    """A server records: send to it."""

    server: str
    streams: tuple[AnsweredStream, ...]
    paused: bool = False


@dataclass(frozen=True, slots=True)
class ForkChanged:
    """A change was answered. `paused`: send nothing."""

    change: str
    paused: bool
    streams: tuple[AnsweredStream, ...] | None


@dataclass(frozen=True, slots=True)
class ChangeRefused:
    """The server refused a change; the recording goes on as it was."""

    change: str
    status: int


@dataclass(frozen=True, slots=True)
class SnapshotRequested:
    """The server asked for a complete document; it is on its way."""

    reason: str | None


@dataclass(frozen=True, slots=True)
class ServerFailed:
    """A server did not take the call, or lost it; status 0: silence, or a dead transport."""

    server: str
    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class ForkFailed:
    """No server takes the call: status and reason of the last one."""

    status: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ForkEnded:
    """The recording session is over. `by_us`: we said BYE."""

    by_us: bool


SourceEvent = (
    ForkStarted | ForkChanged | ChangeRefused | SnapshotRequested | ServerFailed | ForkFailed | ForkEnded
)


def endpoint_config(dialect: Dialect, base: EndpointConfig | None = None) -> EndpointConfig:
    """What an endpoint that speaks a dialect says of itself: Contact features, Allow, Supported."""
    base = base or EndpointConfig()
    types = (
        sdp.CONTENT_TYPE,
        "multipart/mixed",
        *sorted(metadata.CONTENT_TYPES),
        metadata.SNAPSHOT_REQUEST_TYPE,
    )
    if dialect is Dialect.RFC7866:
        return replace(base, contact_features=";+sip.src", accept=types)
    return replace(
        base,
        contact_features=";src",
        methods=BROADWORKS_METHODS,
        supported=(),
        accept=(
            "application/media_control+xml",
            "application/sdp",
            "application/x-broadworks-call-center+xml",
        ),
        session_timer=None,
    )


def describe(
    plan: SourcePlan, streams: Sequence[LocalStream], labels: Sequence[str], session_id: int, *, paused: bool
) -> sdp.SessionDescription:
    """Our SDP: sendonly and labelled; paused: inactive, or the zero address in the BroadWorks dialect."""
    broadworks = plan.dialect is Dialect.BROADWORKS
    inactive = paused and not broadworks
    outgoing = [
        sdp.Outgoing(
            port=stream.port,
            label=label,
            codecs=sdp.codecs_named(*plan.codecs, "telephone-event"),
            direction=sdp.Direction.INACTIVE if inactive else sdp.Direction.SENDONLY,
            ptime_ms=plan.ptime_ms,
            rtcp_port=stream.rtcp_port,
            protocol="RTP/SAVP" if plan.srtp else "RTP/AVP",
            crypto=sdp.Crypto(1, sdp.SDES_SUITES[0], stream.key) if plan.srtp else None,
        )
        for stream, label in zip(streams, labels, strict=True)
    ]
    return sdp.offer(
        outgoing,
        address=streams[0].address,
        session_id=session_id,
        username="BroadWorks" if broadworks else "SRC",
        zero_address=paused and broadworks,
    )


def body_of(
    dialect: Dialect, document: Metadata | None, description: sdp.SessionDescription | None, boundary: str
) -> tuple[str, bytes]:
    """Content-Type and body: SDP first in the RFC's dialect, metadata first (and tight) in BroadWorks'."""
    parts = []
    if description is not None:
        parts.append(multipart.Part.of(sdp.CONTENT_TYPE, description.encode()))
    if document is not None:
        body = metadata.write(document)
        parts.append(multipart.Part.of(metadata.CONTENT_TYPE, body, metadata.DISPOSITION))
    if len(parts) == 1:
        return parts[0].content_type, parts[0].body
    if dialect is Dialect.RFC7866:
        return multipart.join(parts, boundary)
    content_type, body = multipart.join(parts[::-1], multipart.BROADWORKS_BOUNDARY)
    return content_type, body.replace(b"\r\nContent-Type: ", b"\r\nContent-Type:", 1)


def parts_of(message: Request | Response) -> tuple[multipart.Part, ...]:
    """The parts of a message's body; none where there is no body or it cannot be taken apart."""
    content_type = message.headers.get("content-type")
    if content_type is None or not message.body:
        return ()
    try:
        return multipart.split(content_type, message.body, message.headers.get("content-disposition"))
    except multipart.MultipartError:
        return ()


def has_offer(message: Request | Response) -> bool:
    """Whether the message carries a session description."""
    return any(part.content_type == sdp.CONTENT_TYPE for part in parts_of(message))


def snapshot_request(request: Request) -> metadata.SnapshotRequest | None:
    """The snapshot request in a message (RFC 7866 §8.1); a malformed one still is one."""
    for part in parts_of(request):
        if part.content_type == metadata.SNAPSHOT_REQUEST_TYPE:
            try:
                return metadata.read_snapshot_request(part.body)
            except metadata.MetadataError:
                return metadata.SnapshotRequest()
    return None


def reason_of(response: Response) -> str:
    """Why a server refused: its reason phrase, and the text of its Warning (RFC 3261 §20.43)."""
    warning = (response.headers.get("warning") or "").partition('"')[2].rpartition('"')[0]
    return f"{response.reason} ({warning})" if warning else response.reason


def read_answer(
    response: Response, labels: Sequence[str], codecs: Sequence[str]
) -> tuple[AnsweredStream, ...] | None:
    """Our streams with the answer's m-lines, by their order (RFC 3264 §6); None without an answer."""
    for part in parts_of(response):
        if part.content_type == sdp.CONTENT_TYPE:
            try:
                answer = sdp.parse(part.body)
            except sdp.SdpError:
                return None
            return tuple(_answered(answer, index, label, codecs) for index, label in enumerate(labels))
    return None


def _answered(
    answer: sdp.SessionDescription, index: int, label: str, codecs: Sequence[str]
) -> AnsweredStream:
    media = answer.media[index] if index < len(answer.media) else None
    address = answer.address_of(index) if media is not None else None
    if media is None or media.is_refused or address is None:
        return AnsweredStream(label, None)
    wanted = {name.lower() for name in codecs}
    return AnsweredStream(
        label,
        next((codec for codec in media.codecs() if codec.name.lower() in wanted), None),
        (address, media.port),
        answer.rtcp_address_of(index),
        media.rtcp_mux,
        next((crypto for crypto in media.cryptos if crypto.is_usable), None),
        answer.direction_of(index).receives,
    )
