"""The whole recorder in a process of its own, and what it measures of itself: for `bench_srs`.

    with Recorder(port_pairs=400, sessions=200) as recorder:
        recorder.address; recorder.mark("media begins"); recorder.report()

Nothing here waits without a bound: a recorder that does not start, dies or does not end is `RecorderFailed`, with
the stacks of its threads on standard error where it still lives.
"""

import asyncio
import faulthandler
import multiprocessing
import os
import resource
import signal
import tempfile
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any

START_S = 60.0
"""Thousands of ports are bound, and the interpreter starts."""
REPORT_S = 90.0
"""Calls that were never ended are given `DRAIN_S`, then everything is sealed and read again."""
END_S = 10.0
DRAIN_S = 5.0


class RecorderFailed(Exception):
    """The recorder's process did not do what it was asked in time. what: what it was asked."""

    def __init__(self, what: str, exit_code: int | None) -> None:
        super().__init__(what, exit_code)
        self.what = what
        self.exit_code = exit_code

    def __str__(self) -> str:
        if self.exit_code is None:
            return f"the recorder's process lives, but did not {self.what} in time: its stacks are above"
        return f"the recorder's process ended with {self.exit_code} when it was to {self.what}"


class Recorder:
    """The recorder's process, and its report. keeping False: neither row nor sidecar."""

    def __init__(
        self, port_pairs: int, sessions: int, *, keeping: bool = True, start_s: float = START_S
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="bench-srs-")
        self._pipe, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        arguments = (theirs, self._folder.name, port_pairs, sessions, keeping)
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        self._process.start()
        theirs.close()  # or its death would not be the end of the pipe
        try:
            self.address = ("127.0.0.1", int(self._told("start", start_s)))
        except RecorderFailed:
            self.close()
            raise

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def mark(self, moment: str) -> None:
        """Note the CPU time used until this moment."""
        self._pipe.send(moment)

    def report(self) -> dict[str, Any]:
        """Have it end what runs and tell what it measured. Raises `RecorderFailed`."""
        with suppress(OSError):  # it is dead: which `_told` finds
            self._pipe.send("stop")
        report: dict[str, Any] = self._told("report", REPORT_S)
        self._process.join(END_S)
        if self._process.is_alive():
            raise self._failed("end")
        return report

    def _told(self, what: str, patience_s: float) -> Any:
        with suppress(EOFError, OSError):
            if self._pipe.poll(patience_s):
                return self._pipe.recv()
            raise self._failed(what)
        self._process.join(END_S)
        raise RecorderFailed(what, self._process.exitcode)

    def _failed(self, what: str) -> RecorderFailed:
        if self._process.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGUSR1)  # faulthandler writes the stacks
            time.sleep(0.2)
        return RecorderFailed(what, None)

    def close(self) -> None:
        """End it, whatever it does, and remove what it wrote."""
        self._pipe.close()  # which ends it too
        self._process.join(END_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(END_S)
        self._folder.cleanup()


# ---------------------------------------------------------------------- in the process


def pin(core: int) -> None:
    """Stay on one core, where there are several."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {core})


def _serve(pipe: Connection, root: str, port_pairs: int, sessions: int, keeping: bool) -> None:
    pin(0)
    faulthandler.register(signal.SIGUSR1)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    from gateway.runtime.interrupts import run  # the loop the service runs on

    run(_recorder(pipe, Path(root), port_pairs, sessions, keeping))


async def _recorder(pipe: Connection, root: Path, port_pairs: int, sessions: int, keeping: bool) -> None:
    from gateway.runtime.memory import settle_memory
    from siprec.testing import running_recorder

    media = {"port_pairs": port_pairs, "quarantine_seconds": 0.0}
    async with running_recorder(root, media=media, max_sessions=sessions) as srs:
        if not keeping:
            server: Any = srs.server
            server._recordings._store.begin = server._sealer.seal_soon = lambda _kept: None
        settle_memory()
        pipe.send(srs.server.listening[0].port)
        lag = _Lag()
        cpu_s = await _obey(pipe, lag)
        lag.stop()
        if cpu_s is None:
            return
        pool = srs.server._pool
        drops = 0 if pool is None else pool.kernel_drops()
        await srs.server.drain(DRAIN_S)
        rows = await srs.rows(100_000)
        streams = [stream for row in rows for stream in (row.document or {}).get("streams", ())]
        report = {
            "cpu_s": cpu_s["whole"],
            "media_cpu_s": cpu_s.get("media ends", 0.0) - cpu_s.get("media begins", 0.0),
            "lag_ms": {phase: round(ms) for phase, ms in lag.worst_ms.items()},
            "kernel_drops": drops,
            "recordings": len(rows),
            "written_bytes": sum(file.stat().st_size for file in root.rglob("*.wav")),
            "packets": sum(stream["packets"] for stream in streams),
            "lost": sum(stream["lost"] for stream in streams),
        }
        with suppress(OSError):  # nobody wants to know any more
            pipe.send(report)


async def _obey(pipe: Connection, lag: "_Lag") -> dict[str, float] | None:
    """Note the CPU time at every mark until told to stop; None where the driver is gone."""
    orders: asyncio.Queue[str | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        try:
            orders.put_nowait(pipe.recv())
        except (EOFError, OSError):
            loop.remove_reader(pipe.fileno())
            orders.put_nowait(None)

    loop.add_reader(pipe.fileno(), read)
    began_s = time.process_time()
    cpu_s: dict[str, float] = {}
    while (order := await orders.get()) != "stop":
        if order is None:
            return None
        cpu_s[order] = time.process_time()
        lag.begin(order)
    loop.remove_reader(pipe.fileno())
    cpu_s["whole"] = time.process_time() - began_s
    return cpu_s


class _Lag:
    """How late a timer of 20 ms is, at worst, in each phase of the rung."""

    def __init__(self) -> None:
        self.worst_ms = {"set up": 0.0}
        self._phase = "set up"
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(0.02, self._sample, time.perf_counter() + 0.02)

    def _sample(self, due: float) -> None:
        late_ms = (time.perf_counter() - due) * 1000
        self.worst_ms[self._phase] = max(self.worst_ms[self._phase], late_ms)
        self._timer = self._loop.call_later(0.02, self._sample, time.perf_counter() + 0.02)

    def begin(self, phase: str) -> None:
        """Count what comes to another phase."""
        self._phase = phase
        self.worst_ms[phase] = 0.0

    def stop(self) -> None:
        """Measure no more."""
        self._timer.cancel()
