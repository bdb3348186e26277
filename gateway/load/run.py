"""One run of a profile: opens the target, offers what arrives, waits for the answers, reports."""

import asyncio
import gc
import random
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

from gateway.load.address import LIMITER
from gateway.load.arrivals import arrivals
from gateway.load.mix import Mix
from gateway.load.pacing import MAX_BEHIND_S, Pacer
from gateway.load.profile import Profile
from gateway.load.report import Generator, Report
from gateway.load.snapshot import Snapshot, Watch
from gateway.load.tally import SECOND_NS, Tally
from gateway.load.targets.base import Target, limited
from gateway.load.targets.http import HttpTarget
from gateway.load.targets.limiter import run_limiter
from gateway.load.targets.phones import PhonesTarget
from gateway.load.targets.sipp import run_sipp
from gateway.load.targets.smpp import SmppTarget
from gateway.load.targets.websocket import WebSocketTarget

WATCH_S: Final = 0.25
SETTLE_S: Final = 0.005
GRACE_S: Final = 1.0
"""What a target's own timers may be late by before its requests are given up for it."""
_GC_THRESHOLDS: Final = (100_000, 50, 100)
_TARGETS: Final[dict[str, Callable[[Profile], Target]]] = {
    "http": HttpTarget,
    "ws": WebSocketTarget,
    "smpp": SmppTarget,
    "sip": PhonesTarget,
}


class Run:
    """One run. `stop` ends the arrivals; what is under way is still waited for, unless it is called again."""

    def __init__(self, profile: Profile, watch: Watch | None = None) -> None:
        self.profile = profile
        self.stopped = self._abandoned = False
        self._watch = watch or (lambda _: None)
        self._pacer: Pacer | None = None

    def stop(self) -> None:
        """Offer nothing more; a second time: wait for no answer either."""
        self._abandoned = self.stopped
        self.stopped = True
        if self._pacer is not None:
            self._pacer.stop()

    async def run(self) -> Report:
        """Run to the end. Raises what connecting to the target raises."""
        profile = self.profile
        if profile.address.kind == LIMITER:
            return await asyncio.to_thread(self._run_limiter)
        if profile.address.kind == "sip" and profile.calls.by == "sipp":
            return await run_sipp(profile, self._watch, lambda: self.stopped)
        target = _TARGETS[profile.address.kind](profile)
        thresholds = gc.get_threshold()
        try:
            await target.open()
            gc.collect()
            gc.freeze()
            gc.set_threshold(*_GC_THRESHOLDS)  # answers are freed by count; looking for cycles only stalls
            return await self._drive(target)
        finally:
            gc.set_threshold(*thresholds)
            gc.unfreeze()
            await target.close()

    def _run_limiter(self) -> Report:
        profile, nothing = self.profile, Tally()

        def progress(tally: Tally, at_s: float) -> None:
            self._watch(Snapshot(at_s, profile.duration_s, tally, nothing, 0))

        return run_limiter(profile, progress, lambda: self.stopped)

    async def _drive(self, target: Target) -> Report:
        profile = self.profile
        mix = Mix(profile.senders, profile.seed)

        def offer(due_ns: int, now_ns: int) -> None:
            target.offer(mix.draw(), due_ns, now_ns)

        self._pacer = pacer = Pacer(moments(profile), offer)
        cpu_s, began_ns = time.process_time(), time.monotonic_ns()
        target.begin(began_ns)
        watching = asyncio.ensure_future(self._keep_watching(target, began_ns))
        try:
            await pacer.run()
            await self._settled(target)
            cpu_s = time.process_time() - cpu_s
        finally:
            watching.cancel()
        target.fold()
        elapsed_s = (time.monotonic_ns() - began_ns) / SECOND_NS
        sending_s = max(pacer.ended_ns - pacer.start_ns, 1) / SECOND_NS
        notes = list(target.notes())
        if pacer.gave_up:
            notes.append(f"gave up: the generator was more than {MAX_BEHIND_S:g} s behind")
        ledger = target.ledger
        return Report(
            profile,
            target.tally,
            elapsed_s,
            hostile=target.hostile,
            generator=Generator(cpu_s / elapsed_s, sending_s, pacer.offered, pacer.gave_up),
            conformance=tuple(ledger.judged(limited(profile))) if ledger else (),
            scope_seconds=ledger.drawn() if ledger else {},
            notes=tuple(notes),
            stopped=self.stopped,
        )

    async def _settled(self, target: Target) -> None:
        """Wait until everything is answered, at most as long as an answer may take."""
        deadline = time.monotonic() + self.profile.timeout_s + GRACE_S
        while target.pending and time.monotonic() < deadline and not self._abandoned:  # noqa: ASYNC110 - asked seldom, not told often
            await asyncio.sleep(SETTLE_S)
        target.expire()

    async def _keep_watching(self, target: Target, began_ns: int) -> None:
        duration_s = self.profile.duration_s
        while True:
            await asyncio.sleep(WATCH_S)
            now_ns = time.monotonic_ns()
            target.sweep(now_ns)
            target.fold()
            elapsed_s = (now_ns - began_ns) / SECOND_NS
            self._watch(Snapshot(elapsed_s, duration_s, target.tally, target.hostile, target.pending))


def moments(profile: Profile) -> Iterator[float]:
    """Yield when requests arrive, in seconds from the start."""
    settings = profile.arrivals
    rng = random.Random(profile.seed + 1) if settings.spacing == "poisson" else None  # noqa: S311 - traffic
    if settings.shape == "replayed":
        rng = None  # what was recorded has its own spacing
    found = arrivals(settings.build(), profile.duration_s, rng)
    return found if profile.requests is None else islice(found, profile.requests)
