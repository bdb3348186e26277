"""`siprec call`: simulated calls against our recorder or anyone's, what happened to each, as values."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from siprec.metadata import Dialect
from siprec.phones.document import Party, RecordedCall
from siprec.phones.forking import ChangeRefused, ForkStarted, SourcePlan
from siprec.phones.impairment import Weather
from siprec.phones.sending import Speech
from siprec.phones.src_aio import Fork, ForkFailedError, SimulatedSrc, SrcSettings

PAIRS_PER_CALL = 2
CALL_GAP_S = 0.01
"""Calls begin this far apart."""
CHANGE_TIMEOUT_S = 8.0

Step = Callable[[Fork, SimulatedSrc], Awaitable[Any]]


async def _pause(fork: Fork, src: SimulatedSrc) -> Any:
    fork.pause(src.announcement("pause"))
    return await fork.changed("pause")


async def _resume(fork: Fork, src: SimulatedSrc) -> Any:
    fork.resume(src.announcement("resume"))
    return await fork.changed("resume")


async def _hold(fork: Fork, _src: SimulatedSrc) -> Any:
    fork.hold(True)
    return await fork.changed("hold")


async def _take_back(fork: Fork, _src: SimulatedSrc) -> Any:
    fork.hold(False)
    return await fork.changed("unhold")


async def _transfer(fork: Fork, _src: SimulatedSrc) -> Any:
    fork.transfer(Party("sip:+14165550120@pstn.example"))
    return await fork.changed("transfer")


SCENARIOS: dict[str, tuple[Step, ...]] = {
    "call": (),
    "pause": (_pause, _resume),
    "hold": (_hold, _take_back),
    "transfer": (_transfer,),
}
"""What happens during a call; the steps are spread evenly over it."""


@dataclass(frozen=True, slots=True)
class CallPlan:
    """Which calls to make. duration_s: how long the parties speak."""

    servers: tuple[str, ...]
    scenario: str = "call"
    dialect: Dialect = Dialect.BROADWORKS
    calls: int = 1
    duration_s: float = 3.0
    codecs: tuple[str, ...] = ("PCMU", "PCMA", "G722")
    tenant: tuple[str, str, str] = ("acme-sp", "acme-dental", "alice@acme-dental.example")
    user: str = "sip:+12025550100@acme-dental.example"
    other: str = "sip:+13105550120@pstn.example"
    host: str = "127.0.0.1"
    srtp: bool = False
    weather: Weather = field(default_factory=Weather)
    seed: int | None = None
    verify_tls: bool = False


@dataclass(frozen=True, slots=True)
class StreamResult:
    """One stream of a call: packets made, and how many of them the simulated network took."""

    label: str
    codec: str | None
    packets: int
    taken: int


@dataclass(frozen=True, slots=True)
class CallResult:
    """What became of a call. status, reason: 200, or the last server's answer (0: silence)."""

    ok: bool
    status: int
    server: str
    refused: tuple[str, ...] = ()
    streams: tuple[StreamResult, ...] = ()
    reason: str = ""


async def run_calls(plan: CallPlan) -> list[CallResult]:
    """Make the calls, all at once but for a little stagger. Raises `OSError` where ports are taken."""
    tls = None if plan.verify_tls else _unverified()
    settings = SrcSettings(
        host=plan.host, pairs=PAIRS_PER_CALL * plan.calls + 2, seed=plan.seed, client_tls=tls
    )
    async with await SimulatedSrc.open(settings) as src:
        return list(await asyncio.gather(*(_call(src, plan, index) for index in range(plan.calls))))


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _call(src: SimulatedSrc, plan: CallPlan, index: int) -> CallResult:
    await asyncio.sleep(index * CALL_GAP_S)
    source = SourcePlan(plan.servers, plan.dialect, codecs=plan.codecs, srtp=plan.srtp)
    call = RecordedCall(
        Party(plan.user), Party(plan.other), tenant=plan.tenant, call_id=f"callhalf-{index + 1}:0"
    )
    seed = index if plan.seed is None else plan.seed + index
    started_by = src.announcement("start") if plan.scenario == "pause" else None
    fork = src.fork(source, call, speech=Speech(seed), weather=plan.weather, announcement=started_by)
    try:
        started = await fork.started()
    except ForkFailedError as error:
        return CallResult(False, error.status, plan.servers[-1], reason=error.reason)
    refused = await _play(fork, src, SCENARIOS[plan.scenario], plan.duration_s)
    await fork.stop()
    return _result(fork, started, tuple(refused))


async def _play(fork: Fork, src: SimulatedSrc, steps: tuple[Step, ...], duration_s: float) -> list[str]:
    """Take the steps, evenly spread; return the changes that were refused or not answered."""
    refused: list[str] = []
    for step in steps:
        await asyncio.sleep(duration_s / (len(steps) + 1))
        try:
            async with asyncio.timeout(CHANGE_TIMEOUT_S):
                answer = await step(fork, src)
        except TimeoutError:
            refused.append(f"{step.__name__.strip('_')}: no answer")
            continue
        if isinstance(answer, ChangeRefused):
            refused.append(f"{answer.change}: {answer.status}")
    await asyncio.sleep(duration_s / (len(steps) + 1))
    return refused


def _result(fork: Fork, started: ForkStarted, refused: tuple[str, ...]) -> CallResult:
    streams = tuple(
        StreamResult(
            stream.label,
            stream.answer.codec.name if stream.answer and stream.answer.codec else None,
            stream.packets,
            len(stream.lost),
        )
        for stream in fork.streams
    )
    heard = all(stream.codec is not None and stream.packets > 0 for stream in streams)
    return CallResult(heard and not refused, 200, started.server, refused, streams)


def document(plan: CallPlan, results: list[CallResult]) -> dict[str, Any]:
    """The outcome as JSON values."""
    return {
        "ok": bool(results) and all(result.ok for result in results),
        "scenario": plan.scenario,
        "dialect": plan.dialect.value,
        "servers": list(plan.servers),
        "calls": len(results),
        "failed": sum(not result.ok for result in results),
        "packets": sum(stream.packets for result in results for stream in result.streams),
        "results": [asdict(result) for result in results],
    }
