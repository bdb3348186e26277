"""Events to many viewers: one ring of what happened, a bounded queue per viewer, at most ten frames a second
each.

While nobody watches, and nobody has of late, events are not even built. Otherwise the hot path pays one
``deque.append`` per event; ten times a second the fresh events are dealt out: each is filtered per viewer
(pattern, visibility) and serialised once for all of them. A viewer that is too slow loses its oldest events
and is told how many of which kind (``stream.lost``).
"""

import asyncio
import secrets
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from gateway.runtime.bus import Bus
from gateway.runtime.http.auth import Principal
from gateway.runtime.http.errors import ApiError
from gateway.runtime.http.wire import event_document, event_name, visible_to
from gateway.runtime.log import get_logger
from gateway.runtime.metrics import Metrics

FRAME_INTERVAL_S = 0.1
HEARTBEAT_S = 15.0
MAX_FRAME_BYTES = 64 * 1024
MIN_FRAME_BYTES = 4 * 1024
PENDING_BYTES = 64
MAX_PENDING = 1000
RING_EVENTS = 5000
MAX_VIEWERS = 500
LINGER_S = 60.0
"""How long after its last viewer left the stream still remembers, for one that comes back."""
MAX_PATTERNS = 32

_log = get_logger("stream")


@dataclass(frozen=True, slots=True)
class _Unprintable:
    """Stands in for an event that could not be rendered."""

    name: ClassVar[str] = "stream.unprintable"


class Entry:
    """One event on the stream: its number, when it happened, and its bytes once somebody wanted them."""

    __slots__ = ("_boot", "_json", "_sse", "created_ns", "event", "name", "sequence")

    def __init__(self, sequence: int, event: Any, name: str, created_ns: int, boot: str) -> None:
        self.sequence = sequence
        self.event = event
        self.name = name
        self.created_ns = created_ns
        self._boot = boot
        self._json: bytes | None = None
        self._sse: bytes | None = None

    @property
    def event_id(self) -> str:
        """What a viewer resumes after: this run of the service, and the event's number in it."""
        return f"{self._boot}-{self.sequence}"

    @property
    def json(self) -> bytes:
        """The event's JSON document, made once."""
        if self._json is None:
            try:
                self._json = event_document(self.event, self.event_id, self.created_ns)
            except Exception as fault:  # one event that cannot be shown must not end anyone's stream
                _log.error("stream.event_unprintable", event_name=self.name, error=type(fault).__name__)
                self._json = event_document(_Unprintable(), self.event_id, self.created_ns)
        return self._json

    @property
    def sse(self) -> bytes:
        """The event as a server-sent event (HTML §9.2), made once."""
        if self._sse is None:
            self._sse = b"event: %s\nid: %s\ndata: %s\n\n" % (
                self.name.encode(),
                self.event_id.encode(),
                self.json,
            )
        return self._sse


@dataclass(frozen=True, slots=True)
class Batch:
    """What a viewer gets at once: events in order, and how many of which name were lost before them.

    ``gap`` is true when a resumed viewer asked for events that are no longer kept.
    """

    entries: tuple[Entry, ...]
    lost: dict[str, int] = field(default_factory=dict)
    gap: bool = False

    @property
    def lost_json(self) -> bytes | None:
        """The document of ``stream.lost``, or None when nothing was lost."""
        if not self.lost and not self.gap:
            return None
        counts = ", ".join(f'"{name}": {count}' for name, count in sorted(self.lost.items()))
        total = sum(self.lost.values())
        gap = "true" if self.gap else "false"
        data = f'{{"count": {total}, "events": {{{counts}}}, "gap": {gap}}}'
        return f'{{"event": "stream.lost", "data": {data}}}'.encode()


def parse_patterns(text: str | None) -> tuple[str, ...]:
    """Read ``events=message.*,carrier.bound``; empty means everything. Raises ``ApiError`` 400."""
    if not text:
        return ("*",)
    patterns = tuple(part.strip() for part in text.split(",") if part.strip())
    if len(patterns) > MAX_PATTERNS or any("*" in pattern[:-1] or len(pattern) > 64 for pattern in patterns):
        raise ApiError(
            400, "malformed_request", "query.events: names such as message.* or carrier.bound, by commas"
        )
    return patterns or ("*",)


def parse_frame_bytes(text: str | None) -> int | None:
    """Read ``frameBytes=16384``; None where nothing was asked. Raises ``ApiError`` 400."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and MIN_FRAME_BYTES <= int(text[:9]) <= MAX_FRAME_BYTES):
        allowed = f"{MIN_FRAME_BYTES} to {MAX_FRAME_BYTES}"
        raise ApiError(400, "malformed_request", f"query.frameBytes: a number from {allowed}")
    return int(text)


def matches(patterns: Iterable[str], name: str) -> bool:
    """Whether one of ``patterns`` (exact, or a prefix ending in ``*``) covers ``name``."""
    return any(name.startswith(p[:-1]) if p.endswith("*") else name == p for p in patterns)


class Viewer:
    """One watcher: what it may and wants to see, and what waits for it. Made by ``EventStream.open``."""

    def __init__(
        self,
        stream: "EventStream",
        principal: Principal,
        patterns: tuple[str, ...],
        frame_bytes: int | None = None,
    ) -> None:
        self.principal = principal
        self._stream = stream
        self._frame_bytes = stream.max_frame_bytes
        self._max_pending = stream.max_pending
        if frame_bytes is not None:  # what waits is no more than such frames carry off in a second
            self._frame_bytes = min(frame_bytes, stream.max_frame_bytes)
            self._max_pending = min(self._frame_bytes // PENDING_BYTES, stream.max_pending)
        self._patterns = patterns
        self._wanted: dict[str, bool] = {}
        self._pending: deque[Entry] = deque()
        self._lost: Counter[str] = Counter()
        self._gap = False
        self._next_frame_at = 0.0
        self._wake: asyncio.Future[None] | None = None
        self.closed = False

    def offer(self, entries: Iterable[Entry]) -> None:
        """Queue those of ``entries`` this viewer sees.

        Beyond the bound the oldest are dropped and counted.
        """
        wanted, pending = self._wanted, self._pending
        for entry in entries:
            name = entry.name
            wants = wanted.get(name)
            if wants is None:
                wants = wanted[name] = matches(self._patterns, name)
            if wants and self._may_see(entry):
                pending.append(entry)
        excess = len(pending) - self._max_pending
        for _ in range(excess):
            self._lost[pending.popleft().name] += 1
        if excess > 0:
            self._stream.count_lost(excess)
        if pending or self._gap:
            self._rouse()

    def _may_see(self, entry: Entry) -> bool:
        try:
            return visible_to(entry.event, self.principal)
        except Exception as fault:  # what cannot be decided is not shown
            _log.error("stream.visibility_failed", event_name=entry.name, error=type(fault).__name__)
            return False

    def missed(self) -> None:
        """Note that events between this viewer's last one and now are gone."""
        self._gap = True
        self._rouse()

    async def next_batch(self, timeout_s: float = HEARTBEAT_S) -> Batch | None:
        """The next frame: waits for events, at most every 100 ms and at most 64 KiB of events at once.

        Less where the viewer asked for less.

        None when the stream closes; an empty batch when ``timeout_s`` seconds passed without an event.
        """
        loop = asyncio.get_running_loop()
        if not (self._pending or self._gap or self.closed):
            self._wake = loop.create_future()
            timer = loop.call_later(timeout_s, self._rouse)
            try:
                await self._wake
            finally:
                timer.cancel()
                self._wake = None
        wait_s = self._next_frame_at - loop.time()
        if wait_s > 0 and not self.closed:
            await asyncio.sleep(wait_s)
        if self.closed and not self._pending:
            return None
        self._next_frame_at = loop.time() + self._stream.frame_interval_s
        return self._take()

    def close(self) -> None:
        """Leave the stream; ``next_batch`` hands out what waits and then None."""
        self._stream.forget(self)
        self.closed = True
        self._rouse()

    def _take(self) -> Batch:
        entries: list[Entry] = []
        room = self._frame_bytes
        pending = self._pending
        while pending and (room >= len(pending[0].sse) or not entries):
            room -= len(pending[0].sse)
            entries.append(pending.popleft())
        batch = Batch(tuple(entries), dict(self._lost), self._gap)
        self._lost.clear()
        self._gap = False
        return batch

    def _rouse(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)


class EventStream:
    """Listens on the bus and serves viewers; ``now_ns`` is world time.

    ``event_types`` limits what goes out; without them every event on the bus that has a ``name`` does.
    """

    def __init__(
        self,
        bus: Bus,
        event_types: Iterable[type] = (),
        *,
        now_ns: Callable[[], int] = time.time_ns,
        metrics: Metrics | None = None,
        ring_events: int = RING_EVENTS,
        max_pending: int = MAX_PENDING,
        max_frame_bytes: int = MAX_FRAME_BYTES,
        max_viewers: int = MAX_VIEWERS,
        frame_interval_s: float = FRAME_INTERVAL_S,
        linger_s: float = LINGER_S,
    ) -> None:
        self.max_pending = max_pending
        self.max_frame_bytes = max_frame_bytes
        self.frame_interval_s = frame_interval_s
        self._max_viewers = max_viewers
        self._now_ns = now_ns
        self._boot = secrets.token_hex(4)
        self._sequence = 0
        self._ring: deque[Entry] = deque(maxlen=ring_events)
        self._ring_events = ring_events
        self._fresh: list[Entry] = []
        self._viewers: set[Viewer] = set()
        self._deal_timer: asyncio.TimerHandle | None = None
        self._dealt_at = 0.0
        self._closed = False
        self._viewers_gauge = self._lost_counter = None
        if metrics is not None:
            self._viewers_gauge = metrics.gauge("gateway_stream_viewers", "Viewers of the event stream now.")
            self._lost_counter = metrics.counter(
                "gateway_stream_events_lost_total", "Events dropped because a viewer was too slow."
            )
        self._bus = bus
        self._event_types = tuple(event_types) or (object,)
        self._linger_s = linger_s
        self._linger: asyncio.TimerHandle | None = None
        self._unlisten: list[Callable[[], None]] = []

    def __len__(self) -> int:
        return len(self._viewers)

    @property
    def position(self) -> str:
        """The id of the newest event there was: whoever counts what is stored says so up to which event."""
        return f"{self._boot}-{self._sequence}"

    @property
    def run(self) -> str:
        """What tells this run of the service from others; every event's id begins with it."""
        return self._boot

    def _on_event(self, event: Any) -> None:
        name = event_name(event)
        if not name:
            return
        self._sequence += 1
        entry = Entry(self._sequence, event, name, self._now_ns(), self._boot)
        self._ring.append(entry)
        if self._viewers:
            self._fresh.append(entry)
            if self._deal_timer is None:
                loop = asyncio.get_running_loop()
                due = max(loop.time(), self._dealt_at + self.frame_interval_s)
                self._deal_timer = loop.call_at(due, self._deal, loop)
            elif len(self._fresh) >= self._ring_events:
                self._deal_timer.cancel()
                self._deal(asyncio.get_running_loop())

    def _deal(self, loop: asyncio.AbstractEventLoop) -> None:
        self._deal_timer = None
        self._dealt_at = loop.time()
        fresh = tuple(self._fresh)
        self._fresh.clear()
        for viewer in tuple(self._viewers):
            viewer.offer(fresh)

    def open(
        self,
        principal: Principal,
        patterns: Iterable[str] = ("*",),
        last_event_id: str | None = None,
        frame_bytes: int | None = None,
    ) -> Viewer:
        """A new viewer; with ``last_event_id`` it first gets what followed that event.

        ``frame_bytes`` makes its frames smaller than usual: what does not fit is counted for it, not sent.

        Raises ``ApiError`` 503.
        """
        if self._closed or len(self._viewers) >= self._max_viewers:
            raise ApiError(
                503, "too_many_viewers", "the stream has no room for another viewer", retry_after_s=5
            )
        if self._fresh:
            self._deal(asyncio.get_running_loop())
        self._listen()
        viewer = Viewer(self, principal, tuple(patterns), frame_bytes)
        if last_event_id is not None:
            self._resume(viewer, last_event_id)
        self._viewers.add(viewer)
        self._show_viewers()
        return viewer

    def _resume(self, viewer: Viewer, last_event_id: str) -> None:
        boot, _, number = last_event_id.partition("-")
        sequence = int(number) if number.isascii() and number.isdigit() and len(number) < 20 else -1
        oldest = self._ring[0].sequence if self._ring else self._sequence + 1
        if boot != self._boot or not oldest - 1 <= sequence <= self._sequence:
            viewer.missed()
            sequence = sequence if boot == self._boot else -1
        if boot == self._boot:
            viewer.offer([entry for entry in self._ring if entry.sequence > sequence])

    def forget(self, viewer: Viewer) -> None:
        """Take a viewer off; ``Viewer.close`` calls it."""
        self._viewers.discard(viewer)
        self._show_viewers()
        if not self._viewers and self._unlisten and self._linger is None:
            self._linger = asyncio.get_running_loop().call_later(self._linger_s, self._forget_all)

    def _listen(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        if not self._unlisten:
            self._unlisten = [self._bus.listen(kind, self._on_event) for kind in self._event_types]

    def _deafen(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        for unlisten in self._unlisten:
            unlisten()
        self._unlisten.clear()

    def _forget_all(self) -> None:
        """Nobody came back: listen no more; who comes back later is told of a gap."""
        self._deafen()
        self._ring.clear()
        self._sequence += 1

    def close(self) -> None:
        """End every viewer and stop listening."""
        self._closed = True
        self._deafen()
        if self._deal_timer is not None:
            self._deal_timer.cancel()
            self._deal(asyncio.get_running_loop())
        for viewer in tuple(self._viewers):
            viewer.close()

    def count_lost(self, events: int) -> None:
        """Count events a viewer was too slow for."""
        if self._lost_counter is not None:
            self._lost_counter.inc(events)

    def _show_viewers(self) -> None:
        if self._viewers_gauge is not None:
            self._viewers_gauge.set(len(self._viewers))
