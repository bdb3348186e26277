"""A carrier's binds together: one queue, several links, results by callback.

    pool = CarrierPool("tmobile", settings, deliver=inbound, collector=LinkCollector(metrics))
    await pool.start()
    submission = pool.submit(pdu, (source, destination), on_results, context)  # raises QueueFull
    pool.withdraw(submission)                       # True: it will never be sent
    response = await pool.request(QuerySm(…))       # raises NotBound, RequestError
    await pool.stop(wait_s=5.0)

`on_results([(context, SubmitResult), …])` has every submission once, on the loop, never from inside
`submit`, and what has ended together in one call. No task, no future and no timer per message.
"""

import asyncio
import random
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import groupby
from typing import Any

from gateway.esme.backoff import Backoff
from gateway.esme.deliver import DeliverHandler, RefuseDeliveries
from gateway.esme.errors import NotBound, UnknownCarrier
from gateway.esme.link import Link, LinkKind, LinkState
from gateway.esme.observe import CarrierTally, LinkCollector
from gateway.esme.routes import RouteTable
from gateway.esme.sendqueue import Finished, SendQueue
from gateway.esme.settings import CarrierLinkSettings, EsmeSettings
from gateway.esme.submission import Bind, OnResults, Setback, Submission, SubmitOutcome, SubmitResult
from gateway.runtime.log import get_logger
from gateway.smpp.constants import CommandId, CommandStatus
from gateway.smpp.errors import (
    FieldInvalid,
    LocalProtocolError,
    RequestAbandoned,
    RequestError,
    ResponseMalformed,
)
from gateway.smpp.pdu import GenericNack, Pdu
from gateway.smpp.session import Direction, Tap

_log = get_logger("esme")

OnLost = Callable[[list[Any]], None]
"""Contexts of messages that were outstanding on a bind that went down, and will be sent again."""
OnSetbacks = Callable[[list[tuple[Any, Setback]]], None]
"""[(context, what befell it), …]: sendings that did not settle their messages, in order."""
OnLinkChange = Callable[[str, str, str], None]
"""(carrier, link, state): `bound` when a link came up, otherwise why it went down."""
CarrierTap = Callable[[str, str, Direction, bytes, Pdu | None, float], None]
"""(carrier, link, direction, frame, PDU, wire time)."""


class CarrierPool:
    """Every bind to one carrier."""

    def __init__(
        self,
        carrier: str,
        settings: CarrierLinkSettings,
        *,
        deliver: DeliverHandler | None = None,
        rng: random.Random | None = None,
        collector: LinkCollector | None = None,
        on_link_change: OnLinkChange | None = None,
    ) -> None:
        self.carrier = carrier
        self.settings = settings
        self._tap: CarrierTap | None = None
        self.on_lost: OnLost | None = None
        self.on_setbacks: OnSetbacks | None = None
        self._deliver = deliver if deliver is not None else RefuseDeliveries()
        self._rng = rng if rng is not None else random.Random()  # noqa: S311 - jitter is no secret
        self._on_link_change = on_link_change
        self._queue = SendQueue(carrier, settings)
        self._tally = collector.add(self) if collector is not None else CarrierTally()
        self._links = [self._link(name, kind) for name, kind in _link_plan(carrier, settings)]
        self._senders = [(link, self._queue.add_bind(link.name)) for link in self._links if link.kind.sends]
        self._turn = 0
        self._pump_scheduled = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None

    def _link(self, name: str, kind: LinkKind) -> Link:
        backoff = Backoff(self.settings.backoff, self._rng)
        return Link(
            name, self.carrier, kind, self.settings, backoff, self, self._deliver, self._tap_for(name, None)
        )

    def _tap_for(self, name: str, observer: CarrierTap | None) -> Tap:
        """What counts the frames of a link and shows them to an observer, if there is one."""
        count = self._tally.tap
        if observer is None:
            return count

        def tap(direction: Direction, frame: bytes, pdu: Pdu | None, now: float) -> None:
            count(direction, frame, pdu, now)
            observer(self.carrier, name, direction, frame, pdu, now)

        return tap

    @property
    def tap(self) -> CarrierTap | None:
        """Observer of every frame of every bind; may be set at any time."""
        return self._tap

    @tap.setter
    def tap(self, observer: CarrierTap | None) -> None:
        self._tap = observer
        for link in self._links:
            link.observe(self._tap_for(link.name, observer))

    # State

    @property
    def window_used(self) -> int:
        """Requests outstanding over all binds."""
        return sum(link.window_used for link in self._links)

    @property
    def queue_length(self) -> int:
        """Messages that wait."""
        return len(self._queue)

    @property
    def room(self) -> int:
        """Messages that `submit` would still take."""
        return self._queue.room

    @property
    def queue_oldest_s(self) -> float:
        """Seconds the oldest of them has waited."""
        return self._queue.oldest_wait_s(self._loop.time()) if self._loop is not None else 0.0

    @property
    def submits(self) -> int:
        """submit_sm sent since the start."""
        return self._tally.count(Direction.OUT, CommandId.SUBMIT_SM)

    @property
    def delivers(self) -> int:
        """deliver_sm received since the start: receipts and inbound texts."""
        return self._tally.count(Direction.IN, CommandId.DELIVER_SM)

    @property
    def bound(self) -> bool:
        """Whether any bind that can send is up."""
        for link, _ in self._senders:  # noqa: SIM110 - asked for every text, and any() is a generator
            if link.bound:
                return True
        return False

    @property
    def links(self) -> tuple[Link, ...]:
        """The links, for status pages and tests."""
        return tuple(self._links)

    def states(self) -> Iterator[str]:
        """State of each link, with throttled told from bound."""
        now = self._loop.time() if self._loop is not None else 0.0
        paused = {link.name for link, bind in self._senders if bind.paused_until > now}
        for link in self._links:
            throttled = link.state is LinkState.BOUND and link.name in paused
            yield LinkState.THROTTLED.value if throttled else link.state.value

    # Life

    def readdress(self, host: str, port: int) -> None:
        """Connect there from the next attempt on: for carriers whose port is known once they listen."""
        self.settings = self.settings.model_copy(update={"host": host, "port": port})
        for link in self._links:
            link.readdress(self.settings)

    async def start(self) -> None:
        """Begin to connect every link; does not wait for them."""
        self._loop = asyncio.get_running_loop()
        for link in self._links:
            link.start()

    async def stop(self, wait_s: float = 0.0) -> None:
        """End what waits as STOPPED, give outstanding requests `wait_s`, unbind."""
        if self._loop is None:
            return
        self._queue.stop(self._loop.time())
        self._report()
        await asyncio.gather(*(link.stop(wait_s) for link in self._links))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._report()

    # Messages

    def submit(self, pdu: Pdu, pair: Hashable, on_results: OnResults, context: Any = None) -> Submission:
        """Queue a message of this pair (source, destination); raises `QueueFull`.

        Messages of one pair go out in the order of these calls, one at a time.
        """
        return self.submit_all([(pdu, pair, context)], on_results)[0]

    def submit_all(
        self, messages: Sequence[tuple[Pdu, Hashable, Any]], on_results: OnResults
    ) -> list[Submission]:
        """As `submit` for each (PDU, pair, context), in order; raises `QueueFull` unless all of them fit."""
        submissions = [Submission(pdu, pair, on_results, context) for pdu, pair, context in messages]
        self._queue.put_all(submissions, self._now())
        self._schedule_pump()
        return submissions

    def withdraw(self, submission: Submission) -> bool:
        """Take a message back, of which nobody is then told; False if it has been sent or has ended."""
        return self._queue.withdraw(submission, self._loop.time() if self._loop is not None else 0.0)

    async def request(self, pdu: Pdu) -> Pdu:
        """Send query_sm, cancel_sm or replace_sm over any bind; raises `NotBound`, `RequestError`."""
        for link, _ in self._senders:
            if link.bound:
                return await link.request(pdu)
        raise NotBound(self.carrier)

    # LinkOwner

    def on_link_up(self, link: Link) -> None:
        """Send what waits."""
        for each, bind in self._senders:
            if each is link:
                self._queue.bind_up(bind)
        self._tell(link, "bound")
        self._pump()

    def on_link_down(self, link: Link, reason: str) -> None:
        """Let the other binds have what this one held and what was on it."""
        for each, bind in self._senders:
            if each is link:
                lost = self._queue.bind_down(bind, self._now())
                if lost and self.on_lost is not None:
                    self.on_lost([submission.context for submission in lost])
        self._tell(link, reason)
        self._pump()

    def on_link_ready(self, link: Link) -> None:
        """There may be room again."""
        for each, bind in self._senders:
            if each is link and not link.silent:
                self._queue.bind_heard(bind, self._now())
        self._pump()

    def on_late_response(self, link: Link, context: Any, response: Pdu) -> None:
        """It may spare a resend."""
        del link
        if isinstance(context, Submission):
            self._queue.answered_late(context, response, self._now())
            self._schedule_pump()

    def on_responses(self, link: Link, answered: list[tuple[Submission, Pdu, float]]) -> None:
        """They settle their messages, or say when to try again."""
        del link
        now = self._now()
        self._tally.observe_latencies([now - sent_at for _, _, sent_at in answered])
        self._queue.answered_all(answered, now)
        self._schedule_pump()

    def on_failure(self, link: Link, context: Submission, error: RequestError) -> None:
        """Nobody knows what became of it, or the answer cannot be read."""
        now = self._now()
        if isinstance(error, ResponseMalformed):
            self._queue.answered(context, GenericNack(command_status=error.command_status), now)
        else:
            lost, number = isinstance(error, RequestAbandoned), error.sequence_number
            self._queue.unanswered(context, now, lost=lost, silent=link.silent, sequence_number=number)
        self._schedule_pump()

    def on_link_delivers(self, link: Link) -> None:
        """A receipt may follow its response in one segment: whoever waits for the receipt hears first."""
        del link
        self._report()

    def _tell(self, link: Link, state: str) -> None:
        if self._on_link_change is not None:
            self._on_link_change(self.carrier, link.name, state)

    # The pump

    def _now(self) -> float:
        assert self._loop is not None  # noqa: S101 - links call back only after start()
        return self._loop.time()

    def _schedule_pump(self) -> None:
        if not self._pump_scheduled and self._loop is not None:
            self._pump_scheduled = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        """Fill every window, report what has ended, arm the timer."""
        self._pump_scheduled = False
        now = self._now()
        self._turn += 1  # the first place goes round, so that every bind gets its share
        senders = self._senders
        for offset in range(len(senders)):
            link, bind = senders[(self._turn + offset) % len(senders)]
            self._fill(link, bind, now)
            link.flush()
        self._report()
        self._arm()

    def _fill(self, link: Link, bind: Bind, now: float) -> None:
        """Send until the window is full or nothing waits."""
        window = self.settings.window
        while (free := link.window_free) > 0:
            taken = self._queue.take_some(bind, free, now, idle=free == window)
            left = taken
            while left:
                left = left[link.submit_all([(each.pdu, each) for each in left]) :]
                if left and not self._send(link, left[0], now):
                    for other in left:
                        self._queue.unsent(other)
                    return
                left = left[1:]
            if len(taken) < free:
                return

    def _send(self, link: Link, submission: Submission, now: float) -> bool:
        """Send what does not go with others, or say why it cannot go; False: not over this bind."""
        try:
            link.submit(submission.pdu, submission)
        except FieldInvalid as error:  # cannot be encoded, today or ever
            self._queue.answered(
                submission, GenericNack(command_status=error.command_status or CommandStatus.RSYSERR), now
            )
        except LocalProtocolError:  # the session is ending: another bind may take it
            return False
        return True

    def _report(self) -> None:
        """Tell everybody concerned what has ended, in order, and before that what did not."""
        setbacks = self._queue.setbacks()
        if setbacks and self.on_setbacks is not None:
            self.on_setbacks([(submission.context, setback) for submission, setback in setbacks])
        for on_results, ended in groupby(self._queue.finished(), _told):
            try:
                on_results([(submission.context, result) for submission, result in ended])
            except Exception:
                _log.exception("on_results_failed", carrier=self.carrier)

    def _arm(self) -> None:
        deadline = self._queue.next_deadline()
        if deadline is None or self._loop is None or (self._timer is not None and self._timer_at <= deadline):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = self._loop.call_at(deadline, self._on_timer), deadline

    def _on_timer(self) -> None:
        self._timer = None
        self._queue.handle_timeout(self._now())
        self._pump()


def _told(finished: Finished) -> OnResults:
    return finished[0].on_results


def _link_plan(carrier: str, settings: CarrierLinkSettings) -> Iterator[tuple[str, LinkKind]]:
    """Name and kind of every link: `tmobile-1`, or `tmobile-1-tx` and `tmobile-1-rx`."""
    for number in range(1, settings.binds + 1):
        if settings.bind_type == "transceiver":
            yield f"{carrier}-{number}", LinkKind.TRANSCEIVER
        else:
            yield f"{carrier}-{number}-tx", LinkKind.TRANSMITTER
            yield f"{carrier}-{number}-rx", LinkKind.RECEIVER


class Carriers:
    """Every carrier's pool and the routes between them: what the rooms above hold."""

    def __init__(
        self,
        settings: EsmeSettings,
        *,
        deliver: DeliverHandler | None = None,
        rng: random.Random | None = None,
        collector: LinkCollector | None = None,
        on_link_change: OnLinkChange | None = None,
    ) -> None:
        self._settings = settings
        self.routes = RouteTable(settings.routes)
        self.pools = {
            name: CarrierPool(
                name,
                each,
                deliver=deliver,
                rng=rng,
                collector=collector,
                on_link_change=on_link_change,
            )
            for name, each in settings.carriers.items()
        }

    def pool(self, carrier: str) -> CarrierPool:
        """The pool of a carrier; raises `UnknownCarrier`."""
        pool = self.pools.get(carrier)
        if pool is None:
            raise UnknownCarrier(carrier)
        return pool

    def set_tap(self, tap: CarrierTap | None) -> None:
        """Observe every frame of every bind, or stop."""
        for pool in self.pools.values():
            pool.tap = tap

    async def start(self) -> None:
        """Begin to connect."""
        for pool in self.pools.values():
            await pool.start()

    async def drain(self, deadline_s: float) -> None:
        """End what waits, let outstanding requests be answered, unbind."""
        wait_s = min(deadline_s, self._settings.drain_s)
        await asyncio.gather(*(pool.stop(wait_s) for pool in self.pools.values()))

    async def stop(self) -> None:
        """Unbind at once."""
        await asyncio.gather(*(pool.stop(0.0) for pool in self.pools.values()))


__all__ = ["CarrierPool", "CarrierTap", "Carriers", "OnLinkChange", "SubmitOutcome", "SubmitResult"]
