"""`gateway load`: a run for a person; Ctrl-C ends the arrivals, and the report says so."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.table import Table

from gateway.load.live import LiveView
from gateway.load.page import write_report
from gateway.load.profile import Profile, carried, read_profile
from gateway.load.report import Report
from gateway.load.run import Run
from gateway.replay.links import why_unbound
from gateway.runtime import log
from gateway.runtime.commands import DONE, NOT_AS_EXPECTED, USAGE, check_output, fail, reason_of
from gateway.runtime.errors import ConfigError
from gateway.runtime.interrupts import INTERRUPTS, run
from gateway.smpp.errors import BindFailed
from siprec.rtp.errors import PortsUnavailableError

REPORTING_S = 10.0
"""Seconds between the second Ctrl-C and the report, at most."""


def load_command(profile: Profile, *, reports: Sequence[Path], as_json: bool, remote: bool) -> int:
    """Run a profile and tell what happened; returns the exit code."""
    log.configure("warning", None)
    notes = Console(stderr=True, highlight=False, soft_wrap=True)
    address = profile.address
    if not address.is_local and not remote:
        fail(f"{address.host} is another machine: give --remote if it may be loaded", USAGE)
    check_output("--report", *reports)
    try:
        report = run(_run(profile, notes))
    except BindFailed as error:
        fail(f"{address.authority}: {why_unbound(error)}", NOT_AS_EXPECTED)
    except PortsUnavailableError as error:
        fail(str(error), NOT_AS_EXPECTED)
    except (aiohttp.ClientError, OSError) as error:
        fail(f"{address.authority or profile.target}: {reason_of(error)}", NOT_AS_EXPECTED)
    for path in reports:
        write_report(report, path)
    if as_json:
        print(json.dumps(report.document()))
    else:
        Console(highlight=False).print(report.renderable())
        for path in reports:
            notes.print(f"report: {path}", markup=False)
    return report.exit_code


async def _run(profile: Profile, notes: Console) -> Report:
    with LiveView(profile, notes) as view:
        load = Run(profile, view.take)
        stop = partial(asyncio.get_running_loop().call_soon_threadsafe, load.stop)
        with INTERRUPTS.asking(stop, stop, letting_go_s=REPORTING_S):
            return await load.run()


def list_profiles(*, as_json: bool) -> int:
    """Print the profiles of ours."""
    found = []
    for name, path in sorted(carried().items()):
        with suppress(ConfigError):
            profile = read_profile(path)
            found.append({"name": name, "target": profile.target, "about": profile.about})
    if as_json:
        print(json.dumps(found))
        return DONE
    table = Table(box=None)
    for heading in ("profile", "target", "what for"):
        table.add_column(heading)
    for each in found:
        table.add_row(each["name"], each["target"], each["about"])
    Console(highlight=False).print(table)
    return DONE
