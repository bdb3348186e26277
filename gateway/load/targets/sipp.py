"""sip: with `calls.by: sipp`: SIPp plays our scenarios, whole dialogs with re-INVITEs, at a constant rate.

SIPp keeps its own time: it is open-loop by itself, tells how long each call took to be set up, and how many
failed. So here a request is due when SIPp sent it, and an arrival error is not known.
"""

import asyncio
import csv
import shutil
from collections.abc import Callable, Iterator
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Final

from gateway.load.profile import Profile, folders
from gateway.load.report import Generator, Report
from gateway.load.snapshot import Snapshot, Watch
from gateway.load.tally import FAILED, Outcome, Tally, tally_of
from gateway.runtime.errors import ConfigError, Fault
from gateway.runtime.interrupts import INTERRUPTS

WATCH_S: Final = 1.0
ALL_WELL, SOME_FAILED = 0, 1
STATISTICS: Final = "statistics.csv"


async def run_sipp(profile: Profile, watch: Watch, stopped: Callable[[], bool]) -> Report:
    """Run SIPp to its end. Raises `ConfigError` where it is not installed, `OSError` where it cannot call."""
    program = shutil.which("sipp")
    if program is None:
        raise ConfigError([Fault("calls.by", 0, 0, "", "sipp is not installed: `make system-deps` (Debian)")])
    with INTERRUPTS.temporary_folder("load-sipp-") as folder:
        loop = asyncio.get_running_loop()
        began = loop.time()
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments(profile),
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        telling = asyncio.ensure_future(_read_all(process.stderr))
        finished = asyncio.ensure_future(process.wait())
        cut = False
        while not finished.done():
            await asyncio.wait({finished}, timeout=WATCH_S)
            _tell(profile, folder, loop.time() - began, watch)
            if stopped() and not cut:
                cut = True
                process.terminate()
        complaint = await telling
        elapsed_s = loop.time() - began
        tally, calls = read_results(folder, profile.senders[0].name)
    if not calls and process.returncode not in (ALL_WELL, SOME_FAILED) and not cut:
        raise OSError(complaint.strip()[-500:] or f"sipp ended with {process.returncode}")
    generator = Generator(
        0.0, min(calls / profile.arrivals.rate if profile.arrivals.rate else 0, elapsed_s), calls
    )
    note = "SIPp kept the time: latency counts from when it sent, its arrival error is not known"
    return Report(profile, tally, elapsed_s, generator=generator, notes=(note,), stopped=cut)


def arguments(profile: Profile) -> list[str]:
    """Return the command line of SIPp. Raises `ConfigError` where the scenario is not there."""
    address, calls, rate = profile.address, profile.calls, profile.arrivals.rate
    scenario = next((one for one in _scenarios(calls.dialect) if one.is_file()), None)
    if scenario is None:
        raise ConfigError([Fault("calls.dialect", 0, 0, "", "the scenarios of loadtests/sipp are not there")])
    total = profile.requests or max(round(rate * profile.duration_s), 1)
    source = "127.0.0.1" if address.is_local and address.host != "::1" else "0.0.0.0"  # noqa: S104
    media = ("-i", source, "-mi", source) if address.is_local else ()
    return [
        f"{address.host}:{address.port}",
        *("-sf", str(scenario), "-m", str(total), "-r", str(max(round(rate * 10), 1)), "-rp", "10000"),
        *("-l", str(max(round(rate * profile.timeout_s), 10))),
        *media,
        *("-t", "t1" if calls.transport == "tcp" else "u1", "-nostdin"),
        *("-recv_timeout", str(round(profile.timeout_s * 1000))),
        *("-trace_stat", "-stf", STATISTICS, "-fd", "1", "-trace_rtt", "-rtt_freq", "1"),
    ]


def read_results(folder: Path, sender: str) -> tuple[Tally, int]:
    """Return what SIPp wrote: the tally of its calls, and how many it made."""
    times = [row for path in folder.glob("*_rtt.csv") for row in _response_times(path.read_text("utf-8"))]
    last = _last_statistics(folder)
    created = int(last.get("TotalCallCreated") or len(times))
    failed = int(last.get("FailedCall(C)") or 0)
    start_ns = min((done - spent for done, spent in times), default=0)
    moments = [(done_ns - spent_ns, done_ns) for done_ns, spent_ns in times]
    outcomes = [Outcome(sent, sent, sent, done, sender, 1, None) for sent, done in moments]
    end_ns = max((done for _, done in moments), default=0)
    # A call that failed later was set up all the same: it counts as failed, not as accepted.
    kept = outcomes[: max(created - failed, 0)]
    lost = [Outcome(end_ns, end_ns, end_ns, end_ns, sender, 1, FAILED)] * min(failed, created)
    return tally_of([*kept, *lost], start_ns), created


def _response_times(text: str) -> Iterator[tuple[int, int]]:
    """Yield (done, spent) in ns of the rows of an _rtt.csv: `Date_ms;response_time_ms;rtd_no`."""
    for row in islice(csv.reader(StringIO(text), delimiter=";"), 1, None):
        try:
            yield round(float(row[0]) * 1e6), round(float(row[1]) * 1e6)
        except (ValueError, IndexError):
            continue  # the last line may be torn


def _last_statistics(folder: Path) -> dict[str, str]:
    path = folder / STATISTICS
    if not path.is_file():
        return {}
    rows = list(csv.DictReader(StringIO(path.read_text("utf-8")), delimiter=";"))
    return rows[-1] if rows else {}


def _tell(profile: Profile, folder: Path, elapsed_s: float, watch: Watch) -> None:
    last = _last_statistics(folder)
    tally = Tally()
    tally.codes["accepted"] = int(last.get("SuccessfulCall(C)") or 0)
    tally.codes[FAILED] = int(last.get("FailedCall(C)") or 0)
    pending = int(last.get("CurrentCall") or 0)
    watch(Snapshot(elapsed_s, profile.duration_s, tally, Tally(), pending))


def _scenarios(dialect: str) -> Iterator[Path]:
    for folder in folders():
        yield folder / "sipp" / f"{dialect}.xml"


async def _read_all(stream: asyncio.StreamReader | None) -> str:
    return (await stream.read()).decode("utf-8", "replace") if stream is not None else ""
