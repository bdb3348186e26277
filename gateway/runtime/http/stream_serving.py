"""The event stream on the wire: server-sent events and WebSocket."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import WSCloseCode, WSMsgType, hdrs, web

from gateway.runtime.http.endpoint import where
from gateway.runtime.http.errors import ApiError
from gateway.runtime.http.stream import HEARTBEAT_S, MAX_FRAME_BYTES, Batch, Viewer
from gateway.runtime.log import get_logger

WRITE_TIMEOUT_S = 30.0

Receive = Callable[[web.WebSocketResponse, str], Awaitable[None]]
"""Takes one text message that the peer of a WebSocket sent."""
_log = get_logger("stream")


async def serve_sse(raw: web.Request, viewer: Viewer, headers: dict[str, str]) -> web.StreamResponse:
    """Write ``viewer``'s events as server-sent events until either side ends."""
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/event-stream; charset=utf-8",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "X-Accel-Buffering": "no",
            **headers,
        }
    )
    try:
        await response.prepare(raw)
        await response.write(b"retry: 1000\n: open\n\n")
        while (batch := await viewer.next_batch()) is not None:
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                await response.write(sse_frame(batch))
        await response.write_eof()
    except (ConnectionError, TimeoutError):
        pass
    except Exception as fault:
        if not response.prepared:
            raise
        _log.error("stream.failed", **where(fault))  # it has begun: there is no other answer any more
    finally:
        viewer.close()
    return response


def sse_frame(batch: Batch) -> bytes:
    """One frame of server-sent events; a comment as heartbeat where there is nothing to say."""
    lost = batch.lost_json
    head = b"" if lost is None else b"event: stream.lost\ndata: %s\n\n" % lost
    return head + b"".join([entry.sse for entry in batch.entries]) or b": heartbeat\n\n"


def asks_for_websocket(raw: web.Request) -> bool:
    """Whether a request asks to go on as a WebSocket (RFC 6455 §4.1)."""
    return raw.headers.get(hdrs.UPGRADE, "").lower() == "websocket"


async def serve_websocket(
    raw: web.Request, viewer: Viewer, receive: Receive | None = None, headers: dict[str, str] | None = None
) -> web.WebSocketResponse:
    """Send ``viewer``'s events over a WebSocket, one JSON document each, until either side ends.

    What the peer sends goes to ``receive(socket, text)``; without it, or for binary, the peer is told what
    is expected instead (RFC 6455 §7.4.1, 1003). Messages above 64 KiB close the socket, and so does a
    ``receive`` that breaks (1011). Raises ``ApiError`` 426 for a plain request.
    """
    if not asks_for_websocket(raw):
        viewer.close()
        raise ApiError(
            426,
            "upgrade_required",
            "this address speaks WebSocket: connect with a WebSocket client (RFC 6455)",
            headers={"Upgrade": "websocket", "Connection": "Upgrade"},
        )
    socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=MAX_FRAME_BYTES, compress=False)
    socket.headers.update(headers or {})
    sending: asyncio.Task[None] | None = None
    try:
        await socket.prepare(raw)
        sending = asyncio.create_task(_send_events(socket, viewer), name="websocket events")
        async for message in socket:
            if message.type is not WSMsgType.TEXT or receive is None:
                told = b"nothing is expected here" if receive is None else b"text frames are expected here"
                await socket.close(code=WSCloseCode.UNSUPPORTED_DATA, message=told)
                break
            await receive(socket, message.data)
    except ConnectionError:
        pass
    except Exception as fault:
        if not socket.prepared:
            raise
        _log.error("stream.failed", **where(fault))
        await socket.close(code=WSCloseCode.INTERNAL_ERROR, message=b"the gateway failed on this message")
    finally:
        viewer.close()
        if sending is not None:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
    return socket


async def _send_events(socket: web.WebSocketResponse, viewer: Viewer) -> None:
    try:
        while (batch := await viewer.next_batch()) is not None:
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                if (lost := batch.lost_json) is not None:
                    await socket.send_frame(lost, WSMsgType.TEXT)
                for entry in batch.entries:
                    await socket.send_frame(entry.json, WSMsgType.TEXT)
    except (ConnectionError, TimeoutError):
        pass
    await socket.close(code=WSCloseCode.GOING_AWAY, message=b"the stream ended")
