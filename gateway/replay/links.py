"""SMPP connections of a replay: to somebody's SMSC, or in memory to a carrier in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import unquote, urlsplit

from gateway.replay.errors import TargetInvalid
from gateway.replay.esme_edge import Connect
from gateway.replay.memory import join
from gateway.runtime.commands import is_service_url
from gateway.smpp.aio import ConnectionSettings, SmppConnection, SmppHandler, connect
from gateway.smpp.errors import BindFailed
from gateway.smpp.matrix import Role
from gateway.smpp.pdu import BindReceiver, BindTransceiver, BindTransmitter
from gateway.smpp.session import SessionSettings
from gateway.smpp.timers import TimerSettings

BINDS: Final = {int(cls.command_id): cls for cls in (BindReceiver, BindTransceiver, BindTransmitter)}
_OWN_TIMERS: Final = TimerSettings(response_s=2.0)
"""A carrier in this process that has not answered by then has been told not to."""
_V34: Final = 0x34
_USUAL_PORT: Final = 2775
_SMPP_URL: Final = "smpp://user:password@host:port"


def joined(
    handler: SmppHandler, carrier: Callable[[SmppConnection], SmppHandler], window: int
) -> tuple[SmppConnection, SmppConnection]:
    """(ESME's end, SMSC's end) of a connection in memory, not bound yet."""
    near = ConnectionSettings(session=SessionSettings(timers=_OWN_TIMERS, window=window), flush_pdus=1)
    far = ConnectionSettings(session=SessionSettings(window=1_000), flush_pdus=1)
    ends = SmppConnection(Role.ESME, lambda _: handler, near), SmppConnection(Role.SMSC, carrier, far)
    join(*ends)
    return ends


def connector(target: str, window: int) -> Connect:
    """Binds to `smpp://user:password@host:port`; raises `TargetInvalid` where it is none."""
    try:
        url = urlsplit(target)
        host, port = url.hostname, url.port or _USUAL_PORT
    except ValueError:
        raise TargetInvalid(target, _SMPP_URL) from None
    if url.scheme != "smpp" or not host:
        raise TargetInvalid(target, _SMPP_URL)
    user, password = unquote(url.username or ""), unquote(url.password or "")
    settings = ConnectionSettings(session=SessionSettings(window=window))

    async def link(command_id: int, handler: SmppHandler) -> SmppConnection:
        bind = BINDS[command_id](system_id=user, password=password, interface_version=_V34)
        return await connect(host, port, bind=bind, handler=handler, settings=settings)

    return link


def why_unbound(error: BindFailed) -> str:
    """What a person is told: a refusal has its status, anything else is hardly an SMSC."""
    return str(error) if error.command_status else f"{error}; does an SMSC listen there?"


def listen_address(text: str) -> tuple[str, int]:
    """(host, port) of HOST:PORT; raises `TargetInvalid`."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65_535:
        raise TargetInvalid(text, "HOST:PORT")
    return host.strip("[]") or "127.0.0.1", int(port)


def http_url(target: str) -> str:
    """The base of a gateway's API; raises `TargetInvalid`."""
    if not is_service_url(target):
        raise TargetInvalid(target, "http://host:port of a gateway")
    return target
