"""SMPP sessions on asyncio sockets, TCP or TLS: the only I/O of this package.

An ESME::

    class Inbound(SmppHandler):
        def on_request(self, connection, pdu):          # deliver_sm, data_sm
            return response_to(pdu)                     # or None, and later connection.respond(pdu, …)

    bind = BindTransceiver(system_id="guest", password="guest", interface_version=0x34) connection = await
    connect("127.0.0.1", 2775, bind=bind, handler=Inbound()) response = await connection.submit(SubmitSm(…))
    # waits for the window; raises RequestError connection.submit_nowait(SubmitSm(…), on_response, context)  #
    no future, no task: on_response(context, outcome) closed = await connection.unbind()                  #
    waits for outstanding answers; SessionClosed

An SMSC::

    class Carrier(SmppHandler):
        def on_bind(self, connection, pdu):
            ok = hmac.compare_digest(pdu.password.encode(), b"guest")
            return response_to(pdu, system_id="carrier") if ok else response_to(pdu, CommandStatus.RINVPASWD)

        def on_request(self, connection, pdu):
            return response_to(pdu, message_id="4f")

    server = await serve("127.0.0.1", 0, handler_factory=lambda connection: Carrier())
    server.port, server.connections; await server.close()

`on_response(context, outcome)` is called exactly once per request: with the response PDU whatever its status,
or with a `RequestError`. Handlers are called synchronously on the loop and must not block; `on_request` and
`on_bind` may also be coroutines (a task each: not for hot paths). An exception in a handler is reported to
the loop's exception handler and answered with ESME_RSYSERR; the session goes on.

Writing: PDUs of one loop tick go out in one write, at once when `flush_pdus` wait. When the peer stops
reading we stop reading from it and `window_free` is 0, so that nothing grows; after `write_stall_s` the
connection is cut.

Reading: of one read at most `slice_bytes` are dealt with in a turn of the loop; reading pauses and the rest
follows turn by turn, so that a flood keeps no other connection waiting.

Fault injection: `send_raw`, `forget(request)` (never answer), `respond` later (delay), `stop_reading` and
`read_again` (half-open for a while), `abort` (drop the connection).
"""

from gateway.smpp.aio.accepting import OnTlsFailed, openssl_words, speaks_plain
from gateway.smpp.aio.connection import SmppConnection
from gateway.smpp.aio.endpoints import SmppServer, connect, serve
from gateway.smpp.aio.handler import Answer, ConnectionSettings, OnResponse, Outcome, SmppHandler

__all__ = [
    "Answer",
    "ConnectionSettings",
    "OnResponse",
    "OnTlsFailed",
    "Outcome",
    "SmppConnection",
    "SmppHandler",
    "SmppServer",
    "connect",
    "openssl_words",
    "serve",
    "speaks_plain",
]
