"""What `target` means: a kind of target and where it is."""

import ipaddress
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

LIMITER: Final = "limiter"
PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443, "smpp": 2775, "smpps": 3550, "sip": 5060}
PATTERN: Final = r"^((https?|wss?|smpps?)://[^/\s]+.*|sip:\S+|limiter:)$"


@dataclass(frozen=True, slots=True)
class Address:
    """A target taken apart; `password` is never shown."""

    kind: str
    """`limiter`, `http`, `ws`, `smpp` or `sip`."""
    secure: bool = False
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = ""
    path: str = ""

    @property
    def authority(self) -> str:
        """Host and port, as a Host header has them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether it is this machine."""
        if self.kind == LIMITER or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def read_address(target: str) -> Address:
    """Take a target apart. Raises `ValueError`."""
    scheme, _, rest = target.partition(":")
    if scheme == LIMITER:
        return Address(LIMITER)
    if scheme == "sip":  # RFC 3261 §19.1: sip:user@host:port;parameters
        user, at, hostport = rest.partition(";")[0].rpartition("@")
        parts = urlsplit(f"sip://{hostport}")
        user = user if at else ""
    else:
        parts = urlsplit(target)
        user = unquote(parts.username or "")
    if scheme not in PORTS or not parts.hostname:
        raise ValueError("no address of a target")
    secure = scheme in ("https", "wss", "smpps")
    kind = scheme.removesuffix("s") if secure else scheme
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    port = parts.port if parts.port is not None else PORTS[scheme]
    return Address(kind, secure, parts.hostname, port, user, unquote(parts.password or ""), path)


def without_password(target: str) -> str:
    """Return a target as it may be shown."""
    scheme, separator, rest = target.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if separator else target
