"""`gateway replay`: a replay with a progress bar; Ctrl-C stops it, the same command takes it up again."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import aiohttp
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from gateway.replay.errors import ReplayError
from gateway.replay.options import ReplayOptions
from gateway.replay.report import Report
from gateway.replay.run import Replay
from gateway.replay.users_edge import OpenGateway
from gateway.runtime import log
from gateway.runtime.commands import sentence
from gateway.runtime.lifecycle import run
from gateway.smpp.errors import BindFailed

DONE, NOT_AS_EXPECTED, USAGE = 0, 1, 2
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
    notes = Console(stderr=True, highlight=False, soft_wrap=True)
    checkpoint = options.file.with_name(options.file.name + ".replay")
    options = replace(options, checkpoint=checkpoint)
    if afresh:
        checkpoint.unlink(missing_ok=True)
    elif checkpoint.exists():
        notes.print(f"taking up where it was stopped ({checkpoint.name}); --afresh begins anew")
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        report = run(_play(Replay(options, open_gateway=open_gateway), notes))
    except ReplayError as error:
        notes.print(f"[red]{error}[/]")
        return USAGE
    except (BindFailed, aiohttp.ClientError, TimeoutError) as error:
        notes.print(f"[red]{options.target}: {error or type(error).__name__}[/]")
        return NOT_AS_EXPECTED
    except OSError as error:
        notes.print(sentence(error), style="red", markup=False)
        return USAGE
    for path in reports:
        report.write(path)
    if as_json:
        sys.stdout.write(report.to_json())
    else:
        report.show(Console())
    return DONE if report.passed and not report.stopped else NOT_AS_EXPECTED


async def _play(replay: Replay, notes: Console) -> Report:
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError):  # no signal handlers on this platform: Ctrl-C then ends it at once
        loop.add_signal_handler(signal.SIGINT, replay.stop)
        loop.add_signal_handler(signal.SIGTERM, replay.stop)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[sent]} sent, {task.fields[rate]:.0f}/s"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=notes, transient=True) as bar:
        replay.on_begin = lambda progress: _say(replay, notes)
        task = bar.add_task("replaying", total=1.0, sent=0, rate=0.0)
        playing = asyncio.ensure_future(replay.run())
        begun, sent_before, rate = loop.time(), 0, 0.0
        while not playing.done():
            await asyncio.wait({playing}, timeout=_REFRESH_S)
            sent, now = replay.progress.sent(), loop.time()
            if now > begun:
                rate = (sent - sent_before) / (now - begun)
            begun, sent_before = now, sent
            bar.update(task, completed=replay.progress.share(), sent=sent, rate=rate)
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
        where = f", against {_without_password(options.target or 'http://127.0.0.1:8080')}"
    notes.print(f"{options.file.name}: {progress.format}, as {progress.role}{chosen}{where}")


def _without_password(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return scheme + separator + rest.rpartition("@")[2]
