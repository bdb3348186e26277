"""Our own media, described: what a Session Recording Client or a phone offers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from siprec.sdp.description import (
    WELL_KNOWN_CODECS,
    ZERO_ADDRESS,
    Codec,
    Crypto,
    Direction,
    Line,
    Media,
    Origin,
    SessionDescription,
)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One stream of our own description: what a Session Recording Client or a phone offers."""

    port: int
    label: str | None = None
    codecs: tuple[Codec, ...] = (
        WELL_KNOWN_CODECS["PCMU"],
        WELL_KNOWN_CODECS["PCMA"],
        WELL_KNOWN_CODECS["telephone-event"],
    )
    direction: Direction = Direction.SENDONLY
    ptime_ms: int = 20
    rtcp_port: int | None = None
    rtcp_mux: bool = False
    protocol: str = "RTP/AVP"
    crypto: Crypto | None = None
    record: str | None = None
    record_preference: str | None = None
    address: str | None = None

    def media(self, session_address: str) -> Media:
        """The medium, with a `c=` of its own where its address is not the session's."""
        own = self.address if self.address != session_address else None
        lines = [] if own is None else [Line("c", f"IN {family(own)} {own}")]
        lines.extend(Line("a", value) for value in _attributes_of(self))
        formats = tuple(str(codec.payload_type) for codec in self.codecs)
        return Media("audio", self.port, self.protocol, formats, tuple(lines))


def offer(
    streams: Sequence[Outgoing],
    *,
    address: str,
    session_id: int,
    version: int = 1,
    username: str = "SRC",
    zero_address: bool = False,
) -> SessionDescription:
    """Describe our own media. zero_address: `c=0.0.0.0`, the pause of the BroadWorks dialect."""
    origin = Origin(username, str(session_id), str(version), address, family(address))
    connection = ZERO_ADDRESS if zero_address else address
    media = tuple(replace(s, address=None if zero_address else s.address) for s in streams)
    return SessionDescription(session_lines(origin, connection), tuple(m.media(address) for m in media))


def codecs_named(*names: str) -> tuple[Codec, ...]:
    """Our own offer's codecs by name, from WELL_KNOWN_CODECS; KeyError for one we do not know."""
    known = {name.lower(): codec for name, codec in WELL_KNOWN_CODECS.items()}
    return tuple(known[name.lower()] for name in names)


def _attributes_of(stream: Outgoing) -> Iterator[str]:
    for codec in stream.codecs:
        channels = f"/{codec.channels}" if codec.channels > 1 else ""
        yield f"rtpmap:{codec.payload_type} {codec.name}/{codec.clock_hz}{channels}"
        if codec.fmtp:
            yield f"fmtp:{codec.payload_type} {codec.fmtp}"
    yield f"ptime:{stream.ptime_ms}"
    if stream.crypto is not None:
        yield "crypto:" + stream.crypto.encode()
    if stream.rtcp_mux:
        yield "rtcp-mux"
    elif stream.rtcp_port is not None and stream.rtcp_port != stream.port + 1:
        yield f"rtcp:{stream.rtcp_port}"
    yield stream.direction.value
    if stream.label is not None:
        yield f"label:{stream.label}"
    if stream.record is not None:
        yield f"record:{stream.record}"
    if stream.record_preference is not None:
        yield f"recordpref:{stream.record_preference}"


def session_lines(origin: Origin, address: str) -> tuple[Line, ...]:
    """The session part we write: `v=`, `o=`, `s=`, `c=` and `t=`."""
    return (
        Line("v", "0"),
        Line("o", origin.encode()),
        Line("s", "-"),
        Line("c", f"IN {family(address)} {address}"),
        Line("t", "0 0"),
    )


def family(address: str) -> str:
    """The address type of `c=` and `o=`."""
    return "IP6" if ":" in address else "IP4"
