"""`gateway demo`: the whole demo world in one process on loopback, the tour, and then an open house."""

import asyncio
import json
import shlex
import shutil
import sys
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.app import Service, build, load_config
from gateway.demo.client import ApiClient
from gateway.demo.steps import SLOW, STEPS
from gateway.demo.tour import Step, Tour
from gateway.runtime import log
from gateway.runtime.commands import NOT_AS_EXPECTED, shown
from gateway.runtime.config import LoadedConfig, carried_config
from gateway.runtime.interrupts import INTERRUPTS, run
from gateway.runtime.lifecycle import BasePart
from gateway.service import CarrierBound

PARTS = ("texting", "carriers", "recording")
BIND_WAIT_S = 10.0


def run_demo(*, once: bool, as_json: bool, speed: float, overrides: Sequence[str]) -> int:
    """Run it; with `once` the exit code says whether every step went as expected."""
    with INTERRUPTS.temporary_folder("gateway-demo-") as folder:
        settings = [
            f"storage.folder={json.dumps(str(folder))}",
            "log.level=warning",
            *_clock(speed),
            *overrides,
        ]
        config = load_config(str(carried_config("gateway.yaml")), PARTS, settings)
        log.configure(config.section("log").level, json=False)
        console = Console(stderr=as_json)
        return run(_demo(config, console, once=once, as_json=as_json))


def _clock(speed: float) -> list[str]:
    return [] if speed == 1.0 else ["clock.mode=scaled", f"clock.speed={speed}"]


async def _demo(config: LoadedConfig, console: Console, *, once: bool, as_json: bool) -> int:
    service = await build(config, PARTS)
    service.world.clock.start()
    tour_result: list[Tour] = []

    async def play() -> None:
        try:
            tour_result.append(await _play(service, console))
        except Exception:
            if once:
                service.lifecycle.request_stop()
            raise
        if as_json:
            print(json.dumps(tour_result[0].summary()), flush=True)
        if once:
            service.lifecycle.request_stop()
        else:
            _show_house(service, console)

    playing = Playing()
    service.lifecycle.add("tour", playing)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(service.world.database.close)
        code = await service.lifecycle.run(on_ready=lambda: playing.begin(service, play()))
    if not tour_result:
        return NOT_AS_EXPECTED if service.lifecycle.crashes else INTERRUPTS.exit_code
    return code if code or tour_result[0].ok else NOT_AS_EXPECTED


class Playing(BasePart):
    """The tour as the last part of the service: a service that stops ends it before anything else."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    def begin(self, service: Service, work: Coroutine[None, None, None]) -> None:
        """Play it in the background."""
        self._task = service.lifecycle.spawn(work, "tour")

    async def drain(self, deadline_s: float) -> None:
        """End it where it is."""
        del deadline_s
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])


async def _play(service: Service, console: Console) -> Tour:
    assert service.http is not None and service.texting is not None  # noqa: S101, PT018 - the demo runs both
    await _wait_for_binds(service)
    url = service.http.url
    async with ApiClient(url, "demo-admin") as client, ApiClient(url, "demo-alice") as alice:
        tour = Tour(client, alice, _recorder_uri(service))
        with console.status("Playing the tour …") as status:
            begun = {play: asyncio.ensure_future(play(tour)) for play in SLOW}
            try:
                for number, play in enumerate(STEPS, 1):
                    status.update(f"Playing the tour … step {number} of {len(STEPS)}")
                    tour.steps.append(await (begun[play] if play in begun else play(tour)))
            finally:
                for step in begun.values():
                    step.cancel()
                await asyncio.gather(*begun.values(), return_exceptions=True)
    console.print(_table(tour))
    return tour


def _recorder_uri(service: Service) -> str:
    assert service.recording is not None  # noqa: S101 - the demo runs it
    listening = service.recording.server.listening[0]
    return f"sip:srs@{listening.host}:{listening.port};transport={listening.transport.value}"


async def _wait_for_binds(service: Service) -> None:
    assert service.texting is not None  # noqa: S101 - the demo runs it
    pools = service.texting.carriers.pools.values()
    async with asyncio.timeout(BIND_WAIT_S), service.world.bus.subscribe(CarrierBound) as bound:
        while not all(pool.bound for pool in pools):
            await anext(bound)


def _table(tour: Tour) -> Table:
    table = Table(title="What happened", box=None, title_style="bold", padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column("step", header_style="bold dim")
    table.add_column("outcome", header_style="bold dim", overflow="fold")
    table.add_column("details", header_style="bold dim", style="dim")
    for step in tour.steps:
        table.add_row(_mark(step), step.title, _outcome(step), step.details)
    return table


def _mark(step: Step) -> Text:
    if step.ok:
        return Text(shown("✓", "ok", sys.stdout), "green")
    return Text(shown("✗", "no", sys.stdout), "bold red")


def _outcome(step: Step) -> Text:
    if step.ok:
        return Text(step.found, "bold")
    return Text(f"{step.found} (expected {step.expected})", "bold red")


def _show_house(service: Service, console: Console) -> None:
    assert service.http is not None and service.carriers is not None  # noqa: S101, PT018 - the demo runs both
    assert service.recording is not None  # noqa: S101 - and this one
    url = service.http.url
    carriers = ", ".join(f"{each.name} {each.port}" for each in service.carriers.carriers.values())
    transports = {each.transport.value: each.port for each in service.recording.server.listening}
    ways = ", ".join(f"{name.upper()} {port}" for name, port in transports.items())
    for line in (
        f"The page        {url}/   (token [bold]demo-admin[/])",
        f"The API         {url}/docs",
        f"SMPP carriers   {carriers}   (guest / guest)",
        f"SIPREC recorder {_recorder_uri(service)}   ({ways})",
        *_phones(service),
        "Send a text     from another terminal, here:",
        f"[bold]{send_command(url)}[/]",
        "Ctrl-C ends it.",
    ):
        console.print(line, highlight=False, soft_wrap=True)


def _phones(service: Service) -> list[str]:
    if service.telephony is None:
        return []
    names = ", ".join(service.telephony.phones)
    return [f"Phones          {service.telephony.uri}   ({names})"]


def send_command(url: str) -> str:
    """A command to copy that sends a text through the gateway at `url`, as it can be run right here."""
    return f"{_program()} send --url {url} --from +12025550100 --to +13105550120 Hello"


def _program() -> str:
    """How this shell finds the `gateway` command: by its name, else by its path beside our Python."""
    if shutil.which("gateway") is not None:
        return "gateway"
    beside, here = Path(sys.executable).with_name("gateway"), Path.cwd()
    if not beside.exists():
        return f"{shlex.quote(sys.executable)} -m gateway.cli"
    return shlex.quote(str(beside.relative_to(here) if beside.is_relative_to(here) else beside))
