"""`gateway replay`: a replay with a progress bar; Ctrl-C stops it, the same command takes it up again."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from errno import EADDRINUSE
from functools import partial
from pathlib import Path
from socket import gaierror
from typing import Final

import aiohttp
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from gateway.replay.errors import ReplayError
from gateway.replay.links import why_unbound
from gateway.replay.options import USUAL_GATEWAY, ReplayOptions
from gateway.replay.report import Report
from gateway.replay.run import Replay
from gateway.replay.users_edge import OpenGateway
from gateway.runtime import log
from gateway.runtime.commands import (
    DONE,
    NOT_AS_EXPECTED,
    USAGE,
    check_output,
    fail,
    reason_of,
    sentence,
)
from gateway.runtime.interrupts import INTERRUPTS, run
from gateway.smpp.errors import BindFailed

_REFRESH_S: Final = 0.2
GC_THRESHOLDS: Final = (100_000, 50, 100)  # PDUs are freed by count; looking for cycles cost a quarter


def replay_command(
    options: ReplayOptions,
    *,
    reports: Sequence[Path],
    as_json: bool,
    afresh: bool,
    open_gateway: OpenGateway | None = None,
) -> int:
    """Run a replay for a person; returns the exit code. `open_gateway`: see `Replay`."""
    log.configure("warning", None)
    check_output("--report", *reports)
    check_output("--save-world", options.save_world)
    check_output("--expect", options.expect if options.update else None)
    notes = Console(stderr=True, highlight=False, soft_wrap=True)
    if options.file.is_dir():
        fail(f"{options.file}: is a folder; a capture is a file", USAGE)
    checkpoint = _checkpoint_of(options.file)
    options = replace(options, checkpoint=checkpoint)
    if afresh:
        checkpoint.unlink(missing_ok=True)
    elif checkpoint.exists():
        notes.print(f"taking up where it was stopped ({checkpoint.name}); --afresh begins anew", markup=False)
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        report = run(_play(Replay(options, open_gateway=open_gateway), notes))
    except ReplayError as error:
        fail(str(error), USAGE)
    except (BindFailed, aiohttp.ClientError, TimeoutError, ConnectionError, gaierror) as error:
        where = _without_password(options.target or USUAL_GATEWAY)
        fail(
            f"{where}: {why_unbound(error) if isinstance(error, BindFailed) else reason_of(error)}",
            NOT_AS_EXPECTED,
        )
    except OSError as error:
        taken = error.errno == EADDRINUSE
        fail(f"--listen {options.listen}: the port is taken" if taken else sentence(error), USAGE)
    for path in reports:
        report.write(path)
    if as_json:
        sys.stdout.write(report.to_json())
    else:
        report.show(Console())
    if report.stopped:
        notes.print("the same command takes it up again; --afresh begins anew")
    return DONE if report.passed else NOT_AS_EXPECTED


def _checkpoint_of(file: Path) -> Path:
    """Beside the capture, or in the current folder where nothing may be written there."""
    folder = file.parent if os.access(file.parent, os.W_OK) else Path()
    return folder / f"{file.name}.replay"


class Rate:
    """How many a second, over the last seconds: what is sent once in a while shall not flicker."""

    def __init__(self, window_s: float = 5.0) -> None:
        self._window_s = window_s
        self._seen: deque[tuple[float, int]] = deque()

    def update(self, now_s: float, count: int) -> float:
        """Tell the count at a moment; how many a second have been added to it lately."""
        seen = self._seen
        seen.append((now_s, count))
        while len(seen) > 2 and seen[1][0] <= now_s - self._window_s:
            seen.popleft()
        begun_s, before = seen[0]
        return (count - before) / (now_s - begun_s) if now_s > begun_s else 0.0


async def _play(replay: Replay, notes: Console) -> Report:
    loop = asyncio.get_running_loop()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[sent]} sent, {task.fields[rate]:.0f}/s"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    stopping = INTERRUPTS.asking(partial(loop.call_soon_threadsafe, replay.stop))
    progress = Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal)
    with progress as bar, stopping:
        replay.on_begin = lambda progress: _say(replay, notes)
        task = bar.add_task("replaying", total=1.0, sent=0, rate=0.0)
        playing = asyncio.ensure_future(replay.run())
        rate = Rate()
        while not playing.done():
            await asyncio.wait({playing}, timeout=_REFRESH_S)
            sent = replay.progress.sent()
            shown = rate.update(loop.time(), sent)
            bar.update(task, completed=replay.progress.share(), sent=sent, rate=shown)
        return playing.result()


def _say(replay: Replay, notes: Console) -> None:
    """What is about to happen, and what was chosen unasked."""
    progress, options = replay.progress, replay.options
    chosen = "" if options.role else " (the capture's majority)"
    where = progress.listening and f", listening on {progress.listening}"
    if progress.role == "esme" and options.target is None:
        where = f", against a mock carrier in this process ({options.carrier})"
    elif progress.people:
        played = f", {progress.stand_ins} of them stand-ins" if progress.stand_ins else ""
        where = f", through a gateway in this process ({progress.people} people{played}; {options.carrier})"
    elif progress.role != "carrier":
        where = f", against {_without_password(options.target or USUAL_GATEWAY)}"
    notes.print(f"{options.file.name}: {progress.format}, as {progress.role}{chosen}{where}", markup=False)


def _without_password(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return scheme + separator + rest.rpartition("@")[2]
