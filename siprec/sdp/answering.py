"""The answering side (RFC 3264 §6): every m-line of an offer decided, then answered in order."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Literal

from siprec.sdp.description import (
    HOLD_ADDRESSES,
    ZERO_ADDRESS,
    Codec,
    Crypto,
    Direction,
    Line,
    Media,
    Origin,
    SessionDescription,
    is_number,
)
from siprec.sdp.offering import Outgoing, family, session_lines


class Refusal(Enum):
    """Why an m-line is answered with port zero."""

    OFFERED_REFUSED = "offered with port zero"
    NOT_AUDIO = "only audio is recorded"
    PROTOCOL = "transport protocol not supported"
    NO_CODEC = "no codec in common"
    NO_KEY = "no usable a=crypto for a secure profile"
    SECURE_UNAVAILABLE = "SRTP is switched off"
    TOO_MANY = "more streams than allowed"


@dataclass(frozen=True, slots=True)
class Stream:
    """What an offered m-line asks for, and what we would answer; `refusal` is None where we accept."""

    index: int
    label: str | None
    refusal: Refusal | None
    codec: Codec | None = None
    telephone_event: Codec | None = None
    comfort_noise: Codec | None = None
    ptime_ms: int = 20
    remote: tuple[str, int] | None = None
    remote_rtcp: tuple[str, int] | None = None
    rtcp_mux: bool = False
    crypto: Crypto | None = None
    paused: bool = False
    direction: Direction = Direction.SENDRECV

    @property
    def accepted(self) -> bool:
        """Whether the stream gets a port."""
        return self.refusal is None


@dataclass(frozen=True, slots=True)
class Local:
    """Our end of an accepted stream: address, ports, and our own SDES key where the stream is secure."""

    address: str
    port: int
    rtcp_port: int | None = None
    key: bytes | None = field(default=None, repr=False)


def negotiate(
    offer: SessionDescription,
    *,
    codecs: Sequence[str] = ("PCMU", "PCMA", "G722"),
    prefer: Literal["offer", "ours"] = "offer",
    srtp: bool = True,
    max_streams: int = 16,
) -> tuple[Stream, ...]:
    """Decide every m-line of `offer`, in order: codec, addresses, key, pause, or the reason to refuse it.

    codecs: those we can record, best first. prefer: whose order decides where several are in common.
    """
    streams: list[Stream] = []
    accepted = 0
    for index in range(len(offer.media)):
        stream = _study(offer, index, tuple(codecs), prefer, srtp)
        if stream.accepted:
            accepted += 1
            if accepted > max_streams:
                stream = replace(stream, refusal=Refusal.TOO_MANY)
        streams.append(stream)
    return tuple(streams)


def _study(offer: SessionDescription, index: int, names: tuple[str, ...], prefer: str, srtp: bool) -> Stream:
    media = offer.media[index]
    offered = media.codecs() if media.kind == "audio" else ()
    codec = _choose(offered, names, prefer)
    crypto = next((c for c in media.cryptos if c.is_usable), None) if media.is_secure else None
    address, direction = offer.address_of(index), offer.direction_of(index)
    reachable = address is not None and address not in HOLD_ADDRESSES and media.port > 0
    return Stream(
        index=index,
        label=media.label,
        refusal=_refusal(media, codec, crypto, srtp),
        codec=codec,
        telephone_event=_companion(offered, "telephone-event", codec),
        comfort_noise=_companion(offered, "CN", codec),
        ptime_ms=media.ptime_ms or 20,
        remote=(address, media.port) if reachable and address is not None else None,
        remote_rtcp=offer.rtcp_address_of(index) if reachable else None,
        rtcp_mux=media.rtcp_mux,
        crypto=crypto,
        paused=address in HOLD_ADDRESSES or not direction.sends,
        direction=direction,
    )


def _refusal(media: Media, codec: Codec | None, crypto: Crypto | None, srtp: bool) -> Refusal | None:
    reasons = (
        (media.is_refused, Refusal.OFFERED_REFUSED),
        (media.kind != "audio", Refusal.NOT_AUDIO),
        (not media.is_rtp, Refusal.PROTOCOL),
        (media.is_secure and not srtp, Refusal.SECURE_UNAVAILABLE),
        (codec is None, Refusal.NO_CODEC),
        (media.is_secure and crypto is None, Refusal.NO_KEY),
    )
    return next((reason for applies, reason in reasons if applies), None)


def _choose(offered: Sequence[Codec], names: tuple[str, ...], prefer: str) -> Codec | None:
    wanted = [name.lower() for name in names]
    usable = [codec for codec in offered if codec.name.lower() in wanted and codec.is_as_known]
    if prefer == "ours":
        usable.sort(key=lambda codec: wanted.index(codec.name.lower()))
    return usable[0] if usable else None


def _companion(offered: Sequence[Codec], name: str, codec: Codec | None) -> Codec | None:
    """The telephone-event or CN format on the codec's RTP clock (RFC 4733 §2.5, RFC 3389 §4)."""
    if codec is None:
        return None
    for candidate in offered:
        if candidate.clock_hz == codec.clock_hz and candidate.is_named(name):
            return candidate
    return None


def answer(
    offer: SessionDescription,
    streams: Sequence[Stream],
    locals_: Sequence[Local | None],
    *,
    session_id: int,
    version: int = 1,
    address: str | None = None,
    username: str = "SRS",
    sends: bool = False,
    record: str | None = None,
) -> SessionDescription:
    """Answer `offer`: as many m-lines in the same order (RFC 3264 §6), labels kept, one codec each.

    locals_: our end for each stream, None to refuse it. address: for `o=` and `c=` where no stream is
    accepted. sends: a phone that also sends (an SRS never does). record: `a=record` for a record-aware party.
    """
    if not len(offer.media) == len(streams) == len(locals_):
        raise ValueError("one stream and one local end per m-line of the offer")
    accepted = [loc for s, loc in zip(streams, locals_, strict=True) if s.accepted and loc is not None]
    own = address or (accepted[0].address if accepted else ZERO_ADDRESS)
    lines = session_lines(Origin(username, str(session_id), str(version), own, family(own)), own)
    media = tuple(
        _accepted(asked, stream, local, sends, record).media(own)
        if stream.accepted and local is not None and stream.codec is not None
        else _refused(asked, stream)
        for asked, stream, local in zip(offer.media, streams, locals_, strict=True)
    )
    return SessionDescription(lines, media)


def _refused(asked: Media, stream: Stream) -> Media:
    label = (Line("a", f"label:{stream.label}"),) if stream.label else ()
    return Media(asked.kind, 0, asked.protocol, asked.formats or ("0",), label)


def _accepted(asked: Media, stream: Stream, local: Local, sends: bool, record: str | None) -> Outgoing:
    return Outgoing(
        port=local.port,
        label=stream.label,
        codecs=tuple(c for c in (stream.codec, stream.comfort_noise, stream.telephone_event) if c),
        direction=Direction.of(sends and stream.direction.receives, not stream.paused),
        ptime_ms=stream.ptime_ms,
        rtcp_port=local.rtcp_port,
        rtcp_mux=stream.rtcp_mux,
        protocol=asked.protocol,
        crypto=_own_crypto(stream, local),
        record=record,
        address=local.address,
    )


def _own_crypto(stream: Stream, local: Local) -> Crypto | None:
    if stream.crypto is None:
        return None
    if local.key is None:
        raise ValueError(f"stream {stream.index} is secure: Local.key is needed")
    return Crypto(stream.crypto.tag, stream.crypto.suite, local.key)


def with_next_version(previous: SessionDescription | None, new: SessionDescription) -> SessionDescription:
    """`new` with the version RFC 3264 §8 asks for: one more than `previous` if anything else differs."""
    if previous is None or previous.origin is None or new.origin is None:
        return new
    same = new.with_version(previous.origin.version)
    if same == previous:
        return same
    version = previous.origin.version
    return new.with_version(str(int(version) + 1) if is_number(version, 19) else version)


def reoffer_faults(previous: SessionDescription, new: SessionDescription) -> tuple[str, ...]:
    """What a new offer does against RFC 3264 §8, for a warning: m-lines gone or changed in kind."""
    faults = []
    if len(new.media) < len(previous.media):
        faults.append(f"{len(previous.media)} m-lines became {len(new.media)}")
    for index, (old, fresh) in enumerate(zip(previous.media, new.media, strict=False)):
        if old.kind != fresh.kind and not old.is_refused:
            faults.append(f"m-line {index + 1} changed from {old.kind} to {fresh.kind}")
    return tuple(faults)
