"""What may go wrong with media.

::

    RtpError
    ├── MalformedPacketError     not RTP or RTCP, or truncated: `reason`
    ├── CodecUnavailableError    no decoder or encoder for this encoding name: `codec`, `hint`
    ├── CodecError               a payload its codec cannot read
    ├── SrtpError                authentication, replay or key: `reason`
    └── PortsUnavailableError    the pool cannot bind or lend a pair: `wanted`, `available`
"""


class RtpError(Exception):
    """Root of the errors of `siprec.rtp`."""


class MalformedPacketError(RtpError):
    """Bytes that are not a packet of the kind asked for."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"malformed packet: {self.reason}"


class CodecUnavailableError(RtpError):
    """An encoding name nobody here can decode; `hint` says what would help."""

    def __init__(self, codec: str, hint: str = "") -> None:
        super().__init__(codec, hint)
        self.codec = codec
        self.hint = hint

    def __str__(self) -> str:
        return f"no codec for {self.codec}" + (f": {self.hint}" if self.hint else "")


class CodecError(RtpError):
    """A payload that its codec cannot read."""

    def __init__(self, codec: str, reason: str) -> None:
        super().__init__(codec, reason)
        self.codec = codec
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.codec}: {self.reason}"


class SrtpError(RtpError):
    """A packet or key that SRTP refuses."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"SRTP: {self.reason}"


class PortsUnavailableError(RtpError):
    """Not enough port pairs; the range, the limit of open files or the load is to be changed."""

    def __init__(self, wanted: int, available: int, where: str) -> None:
        super().__init__(wanted, available, where)
        self.wanted = wanted
        self.available = available
        self.where = where

    def __str__(self) -> str:
        return f"{self.wanted} RTP port pairs wanted on {self.where}, {self.available} available"
