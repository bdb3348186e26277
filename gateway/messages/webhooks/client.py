"""Posting over a few keep-alive connections: the edge of one webhook.

No task and no timer per request: a connection that gets its answer is handed the next delivery at once.
Names are resolved here and only addresses inside the allowed networks are connected to (the very one that was
checked, so that a name cannot change its mind in between); redirects are not followed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Iterable
from functools import lru_cache
from typing import Protocol, cast

from gateway.messages.webhooks.queue import Delivery, DeliveryQueue, Failure
from gateway.messages.webhooks.settings import Network, WebhooksSettings
from gateway.messages.webhooks.wire import RequestWriter, Response, ResponseInvalid, ResponseReader, TargetUrl
from gateway.runtime.ids import encode_id
from gateway.runtime.log import get_logger

_log = get_logger("webhooks")


class AddressRefused(Exception):
    """Every address of the target lies outside the allowed networks."""


class Outcomes(Protocol):
    """Whom a sender tells what became of its deliveries."""

    def delivered(self, delivery: Delivery, response: Response) -> None:
        """The receiver answered 2xx."""

    def failed(self, delivery: Delivery, failure: Failure, final: bool) -> None:
        """An attempt failed; `final` says that it was the last."""


def address_allowed(address: str, networks: Iterable[Network]) -> bool:
    """Tell whether an IP address lies in one of the networks; a mapped IPv4 address counts as IPv4."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return any(ip in network for network in networks if network.version == ip.version)


async def resolve(target: TargetUrl, networks: Iterable[Network]) -> str:
    """Return an allowed address of the target. Raises `AddressRefused`, `OSError`."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    for *_, address in found:
        if address_allowed(str(address[0]), networks):
            return str(address[0])
    raise AddressRefused("the target's address is outside webhooks.allowed_networks")


@lru_cache(maxsize=8)
def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Return the context for https targets: certificate and host name are checked."""
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Connection(asyncio.Protocol):
    """One connection to a receiver: at most one request at a time."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._reader = ResponseReader()
        self._transport: asyncio.Transport | None = None
        self.delivery: Delivery | None = None
        self.deadline = 0.0
        self.requests = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def send(self, request: bytes, delivery: Delivery, deadline: float) -> None:
        """Post one delivery."""
        self.delivery, self.deadline = delivery, deadline
        self.requests += 1
        if self._transport is not None:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Feed the reader; a complete answer settles the delivery."""
        if self.delivery is None:
            self.close()  # nobody asked for anything
            return
        try:
            response = self._reader.receive_data(data)
        except ResponseInvalid as error:
            self._end(Failure(str(error)))
            return
        if response is not None:
            self._answered(response)

    def eof_received(self) -> bool:
        """A body without length ends here."""
        response = self._reader.receive_eof()
        if response is not None and self.delivery is not None:
            self._answered(response)
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Settle what was under way, and tell the sender that this connection is gone."""
        self._transport = None
        delivery, self.delivery = self.delivery, None
        self._sender.connection_ended(self)
        if delivery is None:
            return
        if self.requests > 1 and not self._reader.started:
            self._sender.not_taken(delivery)  # the receiver closed an idle connection as we wrote
        else:
            self._sender.attempt_failed(delivery, Failure("the receiver closed the connection"))

    def expire(self) -> None:
        """The receiver took too long to answer."""
        self._end(Failure("the receiver did not answer in time"))

    def close(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            self._transport.abort()

    def _answered(self, response: Response) -> None:
        delivery, self.delivery = self.delivery, None
        if delivery is None:
            return
        if not response.keep_alive:
            self.close()
        self._sender.answered(self, delivery, response)

    def _end(self, failure: Failure) -> None:
        delivery, self.delivery = self.delivery, None
        self.close()
        if delivery is not None:
            self._sender.attempt_failed(delivery, failure)


class Sender:
    """Delivers one webhook's queue to its target. Belongs to the loop's thread."""

    def __init__(
        self,
        target: TargetUrl,
        secret: str | None,
        queue: DeliveryQueue,
        settings: WebhooksSettings,
        outcomes: Outcomes,
    ) -> None:
        self.queue = queue
        self._target = target
        self._writer = RequestWriter(target, secret)
        self._settings = settings
        self._outcomes = outcomes
        self._loop = asyncio.get_running_loop()
        self._connections: set[Connection] = set()
        self._idle: list[Connection] = []
        self._opening: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0
        self._closed = False

    def add(self, delivery: Delivery) -> bool:
        """Queue a delivery and send it as soon as possible; False says that the queue is full."""
        if not self.queue.add(delivery):
            return False
        self.pump()
        return True

    def pump(self) -> None:
        """Send what may be sent, on idle connections first, opening further ones up to the limit."""
        if self._closed:
            return
        now = self._loop.time()
        while (sendable := self.queue.sendable(now)) > 0:
            if not self._idle:
                self._open_for(sendable)
                break
            delivery = self.queue.take(now)
            if delivery is None:
                break
            request = self._writer.request(encode_id(delivery.id), delivery.attempts + 1, delivery.body)
            deadline = now + self._settings.timeout_s
            self._idle.pop().send(request, delivery, deadline)
            self._arm(deadline)
        if (ripe := self.queue.next_deadline()) is not None:
            self._arm(ripe)

    def close(self) -> None:
        """Drop all connections; what was under way counts as not tried."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for task in self._opening:
            task.cancel()
        for connection in tuple(self._connections):
            if connection.delivery is not None:
                delivery, connection.delivery = connection.delivery, None
                self.queue.put_back(delivery)
            connection.close()

    # What connections report.

    def answered(self, connection: Connection, delivery: Delivery, response: Response) -> None:
        """A receiver answered; the connection takes the next delivery."""
        if connection in self._connections and response.keep_alive and not self._closed:
            self._rest(connection)
        if 200 <= response.status < 300:
            self.queue.succeed(delivery)
            self._outcomes.delivered(delivery, response)
            self.pump()
        else:
            reason = f"the receiver answered {response.status}"
            self.attempt_failed(delivery, Failure(reason, response.status, response.retry_after_s))

    def attempt_failed(self, delivery: Delivery, failure: Failure) -> None:
        """An attempt failed: it is repeated later, or dead."""
        lives = self.queue.fail(delivery, failure, self._loop.time())
        self._outcomes.failed(delivery, failure, not lives)
        self.pump()

    def not_taken(self, delivery: Delivery) -> None:
        """The connection was gone before the delivery: it goes again, and this was no attempt."""
        self.queue.put_back(delivery)
        self.pump()

    def connection_ended(self, connection: Connection) -> None:
        """A connection is gone."""
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    # Connecting.

    def _open_for(self, sendable: int) -> None:
        room = self._settings.connections - len(self._connections) - len(self._opening)
        for _ in range(min(sendable - len(self._opening), room)):
            task = self._loop.create_task(self._open(), name="webhook connection")
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self) -> None:
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                connection = await self._connect()
        except AddressRefused as refusal:
            self._not_connected(str(refusal))
        except (OSError, TimeoutError) as error:
            self._not_connected(_connect_reason(error))
        else:
            self._opening.discard(_this_task())
            if self._closed:
                connection.close()
                return
            self._connections.add(connection)
            self._rest(connection)
            self.pump()

    async def _connect(self) -> Connection:
        address = await resolve(self._target, self._settings.allowed_networks)
        secure = self._target.secure
        _, connection = await self._loop.create_connection(
            lambda: Connection(self),
            address,
            self._target.port,
            ssl=tls_context(self._settings.ca_file) if secure else None,
            server_hostname=self._target.host if secure else None,
        )
        return connection

    def _not_connected(self, reason: str) -> None:
        self._opening.discard(_this_task())
        if self._closed or self._connections:
            return  # others are still through: one connection less is no failure
        delivery = self.queue.take(self._loop.time())
        if delivery is None:
            return
        self.attempt_failed(delivery, Failure(reason))

    # One timer: answers that are overdue, connections idle for too long, retries that are due.

    def _rest(self, connection: Connection) -> None:
        connection.deadline = self._loop.time() + self._settings.idle_s
        self._idle.append(connection)
        self._arm(connection.deadline)

    def _arm(self, due: float) -> None:
        if self._timer is not None:
            if self._timer_due <= due:
                return
            self._timer.cancel()
        self._timer_due = due
        self._timer = self._loop.call_at(due, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._closed:
            return
        now = self._loop.time()
        overdue = [connection for connection in self._connections if connection.deadline <= now]
        self._connections.difference_update(overdue)
        self._idle = [connection for connection in self._idle if connection in self._connections]
        for connection in overdue:
            if connection.delivery is None:
                connection.close()
            else:
                connection.expire()
        self.pump()
        if self._connections:
            self._arm(min(connection.deadline for connection in self._connections))


def _this_task() -> asyncio.Task[None]:
    task: asyncio.Task[None] | None = asyncio.current_task()
    if task is None:  # pragma: no cover - only called from inside a task
        raise RuntimeError
    return task


def _connect_reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the receiver's certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return "the receiver does not speak TLS as we do"
    if isinstance(error, socket.gaierror):
        return "the receiver's name cannot be resolved"
    if isinstance(error, TimeoutError):
        return "the receiver took no connection in time"
    return f"the receiver cannot be reached: {getattr(error, 'strerror', None) or type(error).__name__}"
