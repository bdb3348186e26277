"""One bind to a carrier, kept up: connect, bind, work, and after a loss wait (longer each time) and again."""

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum
from typing import Any, Final, Protocol

from gateway.esme.backoff import Backoff
from gateway.esme.deliver import DeliverHandler
from gateway.esme.outages import Outage, ended, outage_of
from gateway.esme.settings import CarrierLinkSettings, TlsSettings
from gateway.runtime.log import get_logger
from gateway.runtime.tlsfiles import client_context
from gateway.smpp.aio import ConnectionSettings, SmppConnection, SmppHandler, connect
from gateway.smpp.constants import CommandStatus, InterfaceVersion
from gateway.smpp.errors import RequestError, SmppError
from gateway.smpp.events import CloseReason, SessionClosed
from gateway.smpp.pdu import (
    Bind,
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    DataSm,
    DeliverSm,
    Pdu,
    response_to,
)
from gateway.smpp.session import SessionSettings, Tap
from gateway.smpp.timers import TimerSettings

UNBIND_GRACE_S: Final = 1.0

_log = get_logger("esme")


class LinkState(Enum):
    """State of a link; `throttled` is bound and paused by ESME_RTHROTTLED."""

    CONNECTING = "connecting"
    BOUND = "bound"
    THROTTLED = "throttled"
    WAITING = "waiting"
    UNBINDING = "unbinding"
    STOPPED = "stopped"


class LinkKind(Enum):
    """Which bind a link makes."""

    TRANSCEIVER = "trx"
    TRANSMITTER = "tx"
    RECEIVER = "rx"

    @property
    def sends(self) -> bool:
        """Whether messages can be submitted over it."""
        return self is not LinkKind.RECEIVER


_BIND_CLASSES: dict[LinkKind, type[BindTransceiver | BindTransmitter | BindReceiver]] = {
    LinkKind.TRANSCEIVER: BindTransceiver,
    LinkKind.TRANSMITTER: BindTransmitter,
    LinkKind.RECEIVER: BindReceiver,
}
# bound once: an enumeration's member costs ten times a name, and these are asked for every text
_BOUND, _THROTTLED = LinkState.BOUND, LinkState.THROTTLED


class LinkOwner(Protocol):
    """The pool, as a link sees it."""

    def on_link_up(self, link: "Link") -> None:
        """The link is bound."""

    def on_link_down(self, link: "Link", reason: str) -> None:
        """The link is no longer bound; every outstanding request has come back before."""

    def on_link_ready(self, link: "Link") -> None:
        """The link can take messages again."""

    def on_responses(self, link: "Link", answered: list[tuple[Any, Pdu, float]]) -> None:
        """Requests were answered: (context, response, when sent), in order."""

    def on_failure(self, link: "Link", context: Any, error: RequestError) -> None:
        """A request has no usable response."""

    def on_late_response(self, link: "Link", context: Any, response: Pdu) -> None:
        """A response came after its request was given up."""

    def on_link_delivers(self, link: "Link") -> None:
        """A deliver_sm has come: answers that came before it are to be reported before it."""


def tls_context(carrier: str, settings: TlsSettings) -> ssl.SSLContext:
    """The client context of a carrier's TLS settings; raises `TlsFilesUnusable`."""
    context = client_context(f"esme.carriers.{carrier}.tls", settings)
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def connection_settings(settings: CarrierLinkSettings) -> ConnectionSettings:
    """The knobs of a carrier as the session and its edge have them."""
    timers = TimerSettings(
        session_init_s=settings.bind_timeout_s,
        enquire_link_s=settings.enquire_link_interval_s,
        inactivity_s=settings.inactivity_s,
        response_s=settings.request_expiry_s,
    )
    session = SessionSettings(timers=timers, window=settings.window)
    return ConnectionSettings(session=session, connect_timeout_s=settings.bind_timeout_s)


class Link(SmppHandler):
    """One bind, from start to stop."""

    def __init__(
        self,
        name: str,
        carrier: str,
        kind: LinkKind,
        settings: CarrierLinkSettings,
        backoff: Backoff,
        owner: LinkOwner,
        deliver: DeliverHandler,
        tap: Tap | None = None,
    ) -> None:
        self.name, self.carrier, self.kind = name, carrier, kind
        self.state = LinkState.STOPPED
        self._settings = settings
        self._backoff = backoff
        self._owner = owner
        self._deliver = deliver
        self._tap = tap
        self._connection_settings = connection_settings(settings)
        self._connection: SmppConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self.outage: Outage | None = None
        """Why it is not up, from the first failure on until it is bound."""
        self._bound_at = 0.0

    # What the pool asks

    @property
    def window_free(self) -> int:
        """Messages that can be submitted now."""
        return self._connection.window_free if self._connection is not None else 0

    @property
    def window_used(self) -> int:
        """Requests outstanding."""
        return self._connection.window_used if self._connection is not None else 0

    @property
    def silent(self) -> bool:
        """Whether a request has timed out, nothing was answered since, and the carrier is asked for life."""
        return self._connection is not None and self._connection.silent

    @property
    def bound(self) -> bool:
        """Whether the bind is up."""
        return self.state in (_BOUND, _THROTTLED)

    def submit(self, pdu: Pdu, context: Any) -> None:
        """Send a request; the owner is told the answer.

        `window_free` must be above 0. Raises what `SmppConnection.submit_nowait` raises.
        """
        assert self._connection is not None  # noqa: S101 - window_free is 0 without a connection
        self._connection.submit_nowait(pdu, None, context)

    def submit_all(self, requests: Sequence[tuple[Pdu, Any]]) -> int:
        """As `submit` for each PDU with its context, as far as it goes; returns how many were sent."""
        return self._connection.submit_all(requests) if self._connection is not None else 0

    def flush(self) -> None:
        """Write what has been submitted without waiting for the tick's end."""
        if self._connection is not None:
            self._connection.flush()

    async def request(self, pdu: Pdu) -> Pdu:
        """Send a request and wait for its response."""
        assert self._connection is not None  # noqa: S101 - asked only while bound
        return await self._connection.submit(pdu)

    def readdress(self, settings: CarrierLinkSettings) -> None:
        """Connect elsewhere from the next attempt on."""
        self._settings = settings

    def observe(self, tap: Tap | None) -> None:
        """Have every frame seen by another tap, from now on."""
        self._tap = tap
        if self._connection is not None:
            self._connection.tap = tap

    def start(self) -> None:
        """Begin to connect; raises `TlsFilesUnusable`."""
        self._stopping = False
        tls = tls_context(self.carrier, self._settings.tls) if self._settings.tls is not None else None
        self._task = asyncio.get_running_loop().create_task(self._run(tls), name=f"esme-{self.name}")

    async def stop(self, wait_s: float) -> None:
        """Unbind after at most `wait_s` for outstanding answers, and connect no more.

        A carrier that then does not answer the unbind within `UNBIND_GRACE_S` is cut off.
        """
        self._stopping = True
        connection = self._connection
        if connection is not None:
            self.state = LinkState.UNBINDING
            with suppress(TimeoutError):
                await asyncio.wait_for(connection.unbind(wait_s), wait_s + UNBIND_GRACE_S)
            connection.abort()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
            self._task = None
        self.state = LinkState.STOPPED

    def drop(self) -> None:
        """Cut the connection; the link reconnects. For tests and operators."""
        if self._connection is not None:
            self._connection.abort()

    # The loop

    async def _run(self, tls: ssl.SSLContext | None) -> None:
        while not self._stopping:
            self.state = LinkState.CONNECTING
            outage = await self._hold(tls)
            if self._stopping:
                return
            self.outage = outage
            self.state = LinkState.WAITING
            wait_s = self._backoff.next_wait_s()
            reason, told = outage
            _log.warning("link_down", link=self.name, reason=reason, told=told, retry_s=round(wait_s, 3))
            await asyncio.sleep(wait_s)

    async def _hold(self, tls: ssl.SSLContext | None) -> Outage:
        """Connect, bind and stay until the session ends; says why it ended."""
        settings = self._settings
        try:
            connection = await connect(
                settings.host,
                settings.port,
                bind=self._bind(),
                handler=self,
                settings=self._connection_settings,
                ssl=tls,
                server_hostname=_server_name(settings),
                tap=self._tap,
            )
        except (OSError, SmppError) as error:
            return outage_of(error, self.carrier, settings)
        return ended(await connection.wait_closed())

    def _bind(self) -> Bind:
        return _BIND_CLASSES[self.kind](
            system_id=self._settings.system_id,
            password=self._settings.password.get_secret_value(),
            system_type=self._settings.system_type,
            interface_version=InterfaceVersion.V34,
        )

    # SmppHandler

    def on_bound(self, connection: SmppConnection) -> None:
        """Open for messages."""
        self._connection = connection
        self.state = _BOUND
        self.outage = None
        self._bound_at = connection.last_answered
        _log.info("link_up", link=self.name, state=connection.state.value)
        self._owner.on_link_up(self)

    def on_closed(self, connection: SmppConnection, closed: SessionClosed) -> None:
        """Closed, for whatever reason; before it was bound nobody needs to know."""
        if self._connection is not connection:
            return
        self._connection = None
        if connection.last_answered > self._bound_at:  # the carrier did more than let us in
            self._backoff.reset()
        unbinding = closed.reason is CloseReason.UNBOUND
        self.state = LinkState.UNBINDING if unbinding else LinkState.WAITING
        self._owner.on_link_down(self, closed.reason.value)

    def on_ready(self, connection: SmppConnection) -> None:
        """The carrier reads again, or is heard again."""
        self._owner.on_link_ready(self)

    def on_responses(self, connection: SmppConnection, answered: list[tuple[Any, Pdu, float]]) -> None:
        """Hand answers on."""
        self._owner.on_responses(self, answered)

    def on_failure(self, connection: SmppConnection, context: Any, error: RequestError) -> None:
        """Hand it on."""
        self._owner.on_failure(self, context, error)

    def on_late_response(self, connection: SmppConnection, context: Any, response: Pdu) -> None:
        """Perhaps the message need not be sent again."""
        self._owner.on_late_response(self, context, response)

    def on_request(self, connection: SmppConnection, pdu: Pdu) -> Pdu | None:
        """Hand a deliver_sm or data_sm on; it is answered once its handler says it is durable."""
        if not isinstance(pdu, DeliverSm | DataSm):
            return response_to(pdu, CommandStatus.RINVCMDID)
        self._owner.on_link_delivers(self)
        answered = False

        def acknowledge(command_status: int) -> None:
            nonlocal answered
            if not answered:
                answered = True
                connection.respond(pdu, response_to(pdu, command_status))

        try:
            self._deliver.on_deliver(self.carrier, pdu, acknowledge)
        except Exception:
            _log.exception("deliver_handler_failed", link=self.name)
            acknowledge(CommandStatus.RX_T_APPN)
        return None


def _server_name(settings: CarrierLinkSettings) -> str | None:
    return settings.tls.server_name if settings.tls is not None else None
