"""Codecs by encoding name: RTP payloads to 16-bit mono PCM and back.

    decoder = codecs.decoder("PCMU")         # CodecUnavailableError for a name nobody here knows
    pcm = decoder.decode(payload)            # bytes, 16-bit little-endian mono at decoder.sample_rate_hz
    encoder = codecs.encoder("G722")
    payload = encoder.encode(pcm)            # 20 ms in, one payload out

G.711 is stateless: one call may decode any number of payloads joined. G.722 and Opus carry state: one decoder
per source, payloads in order. G.722 samples at 16,000 on an RTP clock of 8,000 (RFC 3551 §4.5.2). Opus needs
the extra `opus`. Comfort noise (RFC 3389) decodes to silence; telephone-events (RFC 4733) are not audio:
`TelephoneEvent`.
"""

from collections.abc import Callable, Mapping
from struct import Struct
from typing import Any, NamedTuple, Protocol, TypeVar

from G722 import G722

from siprec.rtp import g711
from siprec.rtp.errors import CodecError, CodecUnavailableError

MAX_PAYLOAD_BYTES = 4_096
OPUS_FRAME_MS = 20

_EVENT = Struct("!BBH")
_T = TypeVar("_T")


class Decoder(Protocol):
    """Payloads to PCM."""

    @property
    def sample_rate_hz(self) -> int:
        """Rate of the PCM."""

    @property
    def clock_hz(self) -> int:
        """Rate of the RTP timestamp."""

    def decode(self, payload: bytes) -> bytes:
        """16-bit little-endian mono PCM; raises CodecError for a payload that has no meaning."""


class Encoder(Protocol):
    """PCM to payloads."""

    @property
    def sample_rate_hz(self) -> int:
        """Rate of the PCM."""

    @property
    def clock_hz(self) -> int:
        """Rate of the RTP timestamp."""

    def encode(self, pcm: bytes) -> bytes:
        """One payload; Opus takes exactly 20 ms."""


class _G711:
    sample_rate_hz = 8_000
    clock_hz = 8_000


class UlawDecoder(_G711):
    """PCMU."""

    decode = staticmethod(g711.decode_ulaw)


class AlawDecoder(_G711):
    """PCMA."""

    decode = staticmethod(g711.decode_alaw)


class UlawEncoder(_G711):
    """PCMU."""

    encode = staticmethod(g711.encode_ulaw)


class AlawEncoder(_G711):
    """PCMA."""

    encode = staticmethod(g711.encode_alaw)


class G722Codec:
    """G.722 at 64 kbit/s, either way; one object per direction, for each half has a state."""

    sample_rate_hz = 16_000
    clock_hz = 8_000

    def __init__(self) -> None:
        self._codec = G722(16_000, 64_000)

    def decode(self, payload: bytes) -> bytes:
        """Two samples a byte."""
        if not payload:
            return b""
        pcm: bytes = self._codec.decode(payload).tobytes()
        return pcm

    def encode(self, pcm: bytes) -> bytes:
        """One byte per two samples."""
        if len(pcm) % 4:
            raise CodecError("G722", f"{len(pcm)} bytes of PCM are not pairs of samples")
        payload: bytes = self._codec.encode(memoryview(pcm).cast("h")) if pcm else b""
        return payload


class SilenceDecoder:
    """CN: a payload tells a noise level (RFC 3389); a recording keeps silence there."""

    sample_rate_hz = 8_000
    clock_hz = 8_000

    def decode(self, payload: bytes) -> bytes:
        """Nothing: the gap until the next packet is silence already."""
        return b""


class OpusDecoder:
    """Opus through libopus, mixed down to mono (RFC 7587)."""

    sample_rate_hz = 48_000
    clock_hz = 48_000

    def __init__(self) -> None:
        self._av = _load_av()
        self._context = self._av.CodecContext.create("libopus", "r")
        self._context.sample_rate = 48_000
        self._context.layout = "mono"

    def decode(self, payload: bytes) -> bytes:
        """Decode one packet."""
        if not payload:
            return b""
        try:
            frames = self._context.decode(self._av.Packet(payload))
        except self._av.FFmpegError as error:
            raise CodecError("opus", type(error).__name__) from None
        return b"".join(frame.to_ndarray().tobytes() for frame in frames)


class OpusEncoder:
    """Opus through libopus, mono, 20 ms a packet."""

    sample_rate_hz = 48_000
    clock_hz = 48_000

    def __init__(self) -> None:
        self._av = _load_av()
        self._context = self._av.CodecContext.create("libopus", "w")
        self._context.sample_rate = 48_000
        self._context.layout = "mono"
        self._context.format = "s16"
        self._context.options = {"application": "voip", "frame_duration": str(OPUS_FRAME_MS)}
        self._pts = 0

    def encode(self, pcm: bytes) -> bytes:
        """Encode 20 ms: 960 samples."""
        samples = len(pcm) // 2
        if samples != self.sample_rate_hz * OPUS_FRAME_MS // 1_000:
            raise CodecError("opus", f"{samples} samples are not {OPUS_FRAME_MS} ms")
        frame = self._av.AudioFrame(format="s16", layout="mono", samples=samples)
        frame.planes[0].update(pcm)
        frame.sample_rate = self.sample_rate_hz
        frame.pts = self._pts
        self._pts += samples
        return b"".join(bytes(packet) for packet in self._context.encode(frame))


def _load_av() -> Any:
    try:
        import av  # noqa: PLC0415 - an extra
    except ImportError:
        raise CodecUnavailableError("opus", "install the extra `opus`") from None
    return av


_DECODERS: dict[str, Callable[[], Decoder]] = {
    "pcmu": UlawDecoder,
    "pcma": AlawDecoder,
    "g722": G722Codec,
    "cn": SilenceDecoder,
    "opus": OpusDecoder,
}
_ENCODERS: dict[str, Callable[[], Encoder]] = {
    "pcmu": UlawEncoder,
    "pcma": AlawEncoder,
    "g722": G722Codec,
    "opus": OpusEncoder,
}


def decoder(name: str) -> Decoder:
    """A new decoder; raises CodecUnavailableError."""
    return _create(_DECODERS, name)


def encoder(name: str) -> Encoder:
    """A new encoder; raises CodecUnavailableError."""
    return _create(_ENCODERS, name)


def _create(table: Mapping[str, Callable[[], _T]], name: str) -> _T:
    kind = table.get(name.lower())
    if kind is None:
        raise CodecUnavailableError(name, "known are " + ", ".join(sorted(table)))
    return kind()


def available() -> tuple[str, ...]:
    """Names to negotiate: PCMU, PCMA and G722, and opus where its library is installed."""
    try:
        _load_av()
    except CodecUnavailableError:
        return ("PCMU", "PCMA", "G722")
    return ("PCMU", "PCMA", "G722", "opus")


class TelephoneEvent(NamedTuple):
    """A telephone-event payload (RFC 4733 §2.3). duration: units of the RTP clock."""

    event: int
    end: bool
    volume: int
    duration: int

    @classmethod
    def parse(cls, payload: bytes) -> "TelephoneEvent":
        """Read the first block; raises CodecError where it is too short."""
        if len(payload) < _EVENT.size:
            raise CodecError("telephone-event", f"{len(payload)} bytes are too few")
        event, flags, duration = _EVENT.unpack_from(payload)
        return cls(event, bool(flags & 0x80), flags & 0x3F, duration)

    def encode(self) -> bytes:
        """The payload."""
        return _EVENT.pack(self.event, self.volume & 0x3F | (0x80 if self.end else 0), self.duration)

    @property
    def digit(self) -> str | None:
        """The key for events 0–15: 0–9, *, #, A–D."""
        return "0123456789*#ABCD"[self.event] if self.event < 16 else None
