"""A service that is started again at once gets its ports back, though closed connections linger there."""

import asyncio
import socket

from gateway.runtime.http.app import build_app
from gateway.runtime.http.health import Health
from gateway.runtime.http.server import HttpServer
from gateway.runtime.http.settings import HttpSettings
from gateway.runtime.interrupts import run
from gateway.runtime.metrics import Metrics
from gateway.smpp.aio import SmppHandler
from gateway.smpp.aio import serve as serve_smpp
from siprec.sip import Endpoint, EndpointConfig
from siprec.sip.aio import RandomIds, SipEdge

HOST = "127.0.0.1"


def reused(server: asyncio.Server | None) -> bool:
    """Whether the port may be bound while the kernel remembers connections of it (`SO_REUSEADDR`)."""
    assert server is not None
    return all(each.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) for each in server.sockets)


async def listeners() -> dict[str, bool]:
    """What each kind of listening socket of ours allows, on the loop that commands run on."""
    settings = HttpSettings(port=0)
    http = HttpServer(
        build_app([], [], Metrics(process=False), Health(), "Test", "1", settings=settings), settings
    )
    await http.start()
    smpp = await serve_smpp(HOST, 0, handler_factory=lambda _: SmppHandler())
    sip = SipEdge(Endpoint(EndpointConfig(), RandomIds()), lambda _: None)
    await sip.listen_tcp(HOST, 0)
    found = {
        "http": reused(http._listener),
        "smpp": reused(smpp._server),
        "sip": reused(sip._servers[0]),
    }
    await http.stop()
    await smpp.close()
    await sip.close()
    return found


def test_ports_are_free_again_at_once() -> None:
    assert run(listeners()) == {"http": True, "smpp": True, "sip": True}
