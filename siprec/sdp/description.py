"""What a session description is (RFC 8866 §5): its lines, and the questions one may ask them."""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

CONTENT_TYPE = "application/sdp"

SDES_SUITES = ("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32")
"""Suites of RFC 4568 §6.2 we can speak, best first."""

SDES_KEY_BYTES = 30
"""Master key (16) and salt (14) of both suites."""

ZERO_ADDRESS = "0.0.0.0"  # noqa: S104 - the hold address of RFC 2543, never bound
HOLD_ADDRESSES = frozenset({ZERO_ADDRESS, "::", "0:0:0:0:0:0:0:0"})


class SdpError(ValueError):
    """A description that cannot be read; `line` is 1-based, 0 for the whole body (RFC 8866 §5)."""

    def __init__(self, line: int, reason: str, text: str = "") -> None:
        super().__init__(line, reason, text)
        self.line = line
        self.reason = reason
        self.text = text

    def __str__(self) -> str:
        where = f"SDP line {self.line}" if self.line else "SDP"
        return f"{where}: {self.reason}" + (f" ({self.text[:60]!r})" if self.text else "")


class Direction(Enum):
    """Media direction seen from the describing side (RFC 8866 §6.7)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        """Whether the describing side sends."""
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        """Whether the describing side receives."""
        return self in (Direction.SENDRECV, Direction.RECVONLY)

    @classmethod
    def of(cls, sends: bool, receives: bool) -> "Direction":
        """The direction of a side that does these two things."""
        if sends:
            return cls.SENDRECV if receives else cls.SENDONLY
        return cls.RECVONLY if receives else cls.INACTIVE


_DIRECTIONS = {direction.value: direction for direction in Direction}


class Line(NamedTuple):
    """One `type=value` line."""

    type: str
    value: str


class Codec(NamedTuple):
    """A payload type and what it means: `rtpmap` and `fmtp`, or the static table (RFC 3551 §6).

    `clock_hz` is the RTP clock: 8,000 for G722 although it samples at 16,000 (RFC 3551 §4.5.2).
    """

    payload_type: int
    name: str
    clock_hz: int
    channels: int = 1
    fmtp: str | None = None

    def is_named(self, name: str) -> bool:
        """Whether this is `name`; encoding names have no case (RFC 4855 §3)."""
        return self.name.lower() == name.lower()

    @property
    def is_as_known(self) -> bool:
        """Whether clock and channels are those of its name: PCMU at 16,000 or in stereo is not PCMU."""
        known = next((each for each in WELL_KNOWN_CODECS.values() if each.is_named(self.name)), self)
        return self.clock_hz == known.clock_hz and self.channels <= known.channels


_STATIC_CODECS = {
    0: Codec(0, "PCMU", 8_000),
    8: Codec(8, "PCMA", 8_000),
    9: Codec(9, "G722", 8_000),
    13: Codec(13, "CN", 8_000),
    18: Codec(18, "G729", 8_000),
    19: Codec(19, "CN", 8_000),
}

WELL_KNOWN_CODECS = {
    "PCMU": _STATIC_CODECS[0],
    "PCMA": _STATIC_CODECS[8],
    "G722": _STATIC_CODECS[9],
    "CN": _STATIC_CODECS[13],
    "opus": Codec(111, "opus", 48_000, 2, "useinbandfec=1"),
    "telephone-event": Codec(101, "telephone-event", 8_000, 1, "0-15"),
}
"""What our own offers mean by a codec's name."""


class Crypto(NamedTuple):
    """An `a=crypto` attribute of SDES (RFC 4568 §9.1)."""

    tag: int
    suite: str
    key: bytes
    lifetime: str | None = None
    mki: str | None = None
    parameters: tuple[str, ...] = ()

    @property
    def is_usable(self) -> bool:
        """Whether we can speak it: a known suite, no MKI, no session parameter that changes the packets."""
        harmless = all(p.startswith(("-", "WSH=")) for p in self.parameters)
        return self.suite in SDES_SUITES and len(self.key) == SDES_KEY_BYTES and self.mki is None and harmless

    def encode(self) -> str:
        """The attribute's value."""
        inline = "|".join(
            part
            for part in (base64.b64encode(self.key).decode(), self.lifetime, self.mki)
            if part is not None
        )
        return " ".join((str(self.tag), self.suite, f"inline:{inline}", *self.parameters))

    @classmethod
    def parse(cls, value: str) -> "Crypto | None":
        """Read an attribute's value; None for one that is malformed or has no inline key."""
        fields = value.split()
        if len(fields) < 3 or not is_number(fields[0], 9) or not fields[2].startswith("inline:"):
            return None
        parts = fields[2][7:].split(";")[0].split("|")
        try:
            key = base64.b64decode(parts[0] + "=" * (-len(parts[0]) % 4), validate=True)
        except (binascii.Error, ValueError):
            return None
        lifetime = next((part for part in parts[1:] if ":" not in part), None)
        mki = next((part for part in parts[1:] if ":" in part), None)
        return cls(int(fields[0]), fields[1], key, lifetime, mki, tuple(fields[3:]))


class Origin(NamedTuple):
    """The `o=` line (RFC 8866 §5.2). Numbers stay text where a peer exceeds 64 bits."""

    username: str
    session_id: str
    version: str
    address: str
    address_type: str = "IP4"

    def encode(self) -> str:
        """The line's value."""
        return f"{self.username} {self.session_id} {self.version} IN {self.address_type} {self.address}"


class _Lines:
    """Look-ups over the lines of a section; the session part and each medium are one."""

    __slots__ = ()

    lines: tuple[Line, ...]

    def values(self, line_type: str) -> Iterator[str]:
        """Values of every line of this type."""
        return (value for kind, value in self.lines if kind == line_type)

    def attributes(self, name: str) -> Iterator[str]:
        """Values of every `a=name` or `a=name:value`; the empty string for one without a value."""
        for kind, value in self.lines:
            if kind == "a" and value.startswith(name):
                found, _, rest = value.partition(":")
                if found == name:
                    yield rest.strip()

    def attribute(self, name: str) -> str | None:
        """The first value of `a=name`, None where it is absent."""
        for value in self.attributes(name):
            return value
        return None

    @property
    def connection_address(self) -> str | None:
        """Address of this section's `c=` line, without a TTL."""
        for kind, value in self.lines:
            if kind == "c":
                fields = value.split()
                return fields[2].partition("/")[0] if len(fields) >= 3 else None
        return None

    @property
    def own_direction(self) -> Direction | None:
        """The direction this section states itself; the last one counts."""
        found = None
        for kind, value in self.lines:
            if kind == "a" and value in _DIRECTIONS:
                found = _DIRECTIONS[value]
        return found


@dataclass(frozen=True, slots=True)
class Media(_Lines):
    """One m-line with the lines below it (RFC 8866 §5.14)."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    lines: tuple[Line, ...] = ()
    port_count: int = 1

    @property
    def label(self) -> str | None:
        """`a=label` (RFC 4574): ties the stream to the metadata."""
        return self.attribute("label")

    @property
    def is_refused(self) -> bool:
        """Port zero: refused, removed or never wanted (RFC 3264 §6)."""
        return self.port == 0

    @property
    def is_secure(self) -> bool:
        """Whether the profile is SRTP's."""
        return "SAVP" in self.protocol.upper()

    @property
    def is_rtp(self) -> bool:
        """Whether the protocol is RTP over UDP with a profile we speak."""
        return self.protocol.upper() in ("RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF")

    @property
    def ptime_ms(self) -> int | None:
        """`a=ptime` in milliseconds; None where absent or senseless."""
        value = self.attribute("ptime") or ""
        whole = value.split(".")[0]
        return int(whole) if is_number(whole, 4) and 0 < int(whole) <= 1_000 else None

    @property
    def rtcp_mux(self) -> bool:
        """`a=rtcp-mux` (RFC 5761)."""
        return self.attribute("rtcp-mux") is not None

    @property
    def record(self) -> str | None:
        """`a=record`: on, off or paused, told to a record-aware party (RFC 7866 §6.2)."""
        return self.attribute("record")

    @property
    def record_preference(self) -> str | None:
        """`a=recordpref`: on, off, pause or nopreference (RFC 7866 §6.3)."""
        return self.attribute("recordpref")

    @property
    def cryptos(self) -> tuple[Crypto, ...]:
        """The well-formed `a=crypto` lines, in order of preference."""
        return tuple(c for value in self.attributes("crypto") if (c := Crypto.parse(value)) is not None)

    def codecs(self) -> tuple[Codec, ...]:
        """The formats with their meaning, in order of preference; those without any meaning are left out."""
        maps: dict[str, str] = {}
        fmtps: dict[str, str] = {}
        for kind, value in self.lines:
            if kind == "a" and value.startswith(("rtpmap:", "fmtp:")):
                name, _, rest = value.partition(":")
                payload_type, _, meaning = rest.strip().partition(" ")
                (maps if name == "rtpmap" else fmtps)[payload_type] = meaning.strip()
        codecs = [_codec(fmt, maps.get(fmt), fmtps.get(fmt)) for fmt in self.formats]
        return tuple([codec for codec in codecs if codec is not None])

    def with_attributes(self, *attributes: str) -> "Media":
        """The same medium with `a=` lines added."""
        return replace(self, lines=self.lines + tuple(Line("a", value) for value in attributes))

    def without_attributes(self, *names: str) -> "Media":
        """The same medium without these `a=` lines."""
        kept = tuple(ln for ln in self.lines if ln.type != "a" or ln.value.split(":")[0] not in names)
        return replace(self, lines=kept)

    def with_direction(self, direction: Direction) -> "Media":
        """The same medium stating `direction`, in place of any it stated."""
        return self.without_attributes(*_DIRECTIONS).with_attributes(direction.value)

    def header(self) -> str:
        """The m-line's value."""
        port = f"{self.port}/{self.port_count}" if self.port_count != 1 else str(self.port)
        return " ".join((self.kind, port, self.protocol, *self.formats))


@dataclass(frozen=True, slots=True)
class SessionDescription(_Lines):
    """A whole description: the session's lines and its media, all in their order."""

    lines: tuple[Line, ...]
    media: tuple[Media, ...] = ()

    @property
    def origin(self) -> Origin | None:
        """The `o=` line, None where it is absent or malformed."""
        fields = next(self.values("o"), "").split()
        if len(fields) < 6:
            return None
        return Origin(fields[0], fields[1], fields[2], fields[5], fields[4])

    def address_of(self, index: int) -> str | None:
        """Where medium `index` wants its packets: its own `c=` or the session's."""
        return self.media[index].connection_address or self.connection_address

    def rtcp_address_of(self, index: int) -> tuple[str, int] | None:
        """Where medium `index` wants RTCP (RFC 3605, RFC 5761); None where it names no usable place."""
        media = self.media[index]
        address = self.address_of(index)
        port = media.port if media.rtcp_mux else media.port + 1
        fields = (media.attribute("rtcp") or "").split()
        if fields and is_number(fields[0], 5) and not media.rtcp_mux:
            port = int(fields[0])
            address = fields[3] if len(fields) >= 4 else address
        return (address, port) if address is not None and 0 < port < 65_536 else None

    def direction_of(self, index: int) -> Direction:
        """Direction of medium `index`: its own, else the session's, else sendrecv (RFC 8866 §6.7)."""
        return self.media[index].own_direction or self.own_direction or Direction.SENDRECV

    def is_paused(self, index: int) -> bool:
        """Whether the describer sends nothing: inactive, recvonly, or the address 0.0.0.0 (RFC 3264 §8.4)."""
        return self.address_of(index) in HOLD_ADDRESSES or not self.direction_of(index).sends

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the media that are not refused, in order."""
        return tuple(m.label for m in self.media if m.label is not None and not m.is_refused)

    def with_version(self, version: str) -> "SessionDescription":
        """The same description with another version in `o=`."""
        origin = self.origin
        if origin is None:
            return self
        line = Line("o", origin._replace(version=version).encode())
        return replace(self, lines=tuple(line if ln.type == "o" else ln for ln in self.lines))

    def encode(self) -> bytes:
        """The body, CRLF after every line."""
        out = [f"{kind}={value}" for kind, value in self.lines]
        for media in self.media:
            out.append("m=" + media.header())
            out.extend(f"{kind}={value}" for kind, value in media.lines)
        out.append("")
        return "\r\n".join(out).encode()


def is_number(text: str, digits: int) -> bool:
    """Whether `text` is a plain decimal number of at most `digits` digits."""
    return 0 < len(text) <= digits and text.isascii() and text.isdigit()


@lru_cache(maxsize=512)
def _codec(fmt: str, rtpmap: str | None, fmtp: str | None) -> Codec | None:
    if not is_number(fmt, 3) or (payload_type := int(fmt)) > 127:
        return None
    if rtpmap is None:
        static = _STATIC_CODECS.get(payload_type)
        return static if static is None or fmtp is None else static._replace(fmtp=fmtp)
    name, _, rest = rtpmap.partition("/")
    clock, _, channels = rest.partition("/")
    clock, channels = clock.strip(), channels.strip()
    if not name or not is_number(clock, 6) or int(clock) == 0 or (channels and not is_number(channels, 2)):
        return None
    # Some equipment announces G.722's sampling rate; the RTP clock is 8,000 all the same (RFC 3551 §4.5.2).
    clock_hz = 8_000 if name.lower() == "g722" else int(clock)
    return Codec(payload_type, name, clock_hz, max(int(channels or 1), 1), fmtp)
