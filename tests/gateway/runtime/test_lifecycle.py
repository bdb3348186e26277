"""A service's life: order, draining, signals, crashes, lag."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
from contextlib import suppress

import pytest

from gateway import __version__
from gateway.runtime import log
from gateway.runtime.errors import LifecycleError
from gateway.runtime.lifecycle import BasePart, Lifecycle
from gateway.runtime.metrics import Metrics


class Witness(BasePart):
    def __init__(self, name: str, story: list[str], fail_at: str = "") -> None:
        self.name, self.story, self.fail_at = name, story, fail_at

    def _tell(self, step: str) -> None:
        self.story.append(f"{step} {self.name}")
        if step == self.fail_at:
            raise RuntimeError(f"{step} impossible")

    async def start(self) -> None:
        self._tell("start")

    async def drain(self, deadline_s: float) -> None:
        assert deadline_s > 0
        self._tell("drain")

    async def stop(self) -> None:
        self._tell("stop")


def life(story: list[str], *fail_at: str, **options: float) -> Lifecycle:
    lifecycle = Lifecycle(**options)  # type: ignore[arg-type]
    for name, fail in zip("abc", (*fail_at, "", "", ""), strict=False):
        lifecycle.add(name, Witness(name, story, fail))
    return lifecycle


async def test_parts_start_in_order_and_end_in_reverse() -> None:
    story: list[str] = []
    lifecycle = life(story)
    assert lifecycle.problems == ["starting"]
    await lifecycle.start()
    assert (lifecycle.ready, lifecycle.problems) == (True, [])
    await lifecycle.drain()
    assert (lifecycle.ready, lifecycle.problems) == (False, ["draining"])
    await lifecycle.stop()
    assert story == [
        f"{step} {name}"
        for step, names in (("start", "abc"), ("drain", "cba"), ("stop", "cba"))
        for name in names
    ]


async def test_a_part_that_does_not_start_takes_the_started_down() -> None:
    story: list[str] = []
    with pytest.raises(LifecycleError, match="b would not start: start impossible"):
        await life(story, "", "start").start()
    assert story == ["start a", "start b", "stop a"]


async def test_failures_while_ending_stop_nobody_else() -> None:
    story: list[str] = []
    lifecycle = life(story, "stop", "drain", "stop")
    await lifecycle.start()
    await lifecycle.drain()
    await lifecycle.stop()
    assert story[3:] == ["drain c", "drain b", "drain a", "stop c", "stop b", "stop a"]


async def test_draining_ends_at_its_deadline() -> None:
    class Stuck(BasePart):
        async def drain(self, deadline_s: float) -> None:
            await asyncio.Event().wait()

    lifecycle = Lifecycle(drain_s=0.01)
    lifecycle.add("stuck", Stuck())
    await lifecycle.start()
    async with asyncio.timeout(5):
        await lifecycle.drain()
    await lifecycle.stop()


async def test_a_crashed_task_is_reported_and_others_go_on() -> None:
    lifecycle = Lifecycle()
    await lifecycle.start()

    async def crash() -> None:
        raise RuntimeError("no details for the outside")

    going_on = lifecycle.spawn(asyncio.Event().wait(), "other")
    await asyncio.wait([lifecycle.spawn(crash(), "links")])
    assert lifecycle.healthy is False
    assert lifecycle.problems == ["background task links crashed: RuntimeError"]
    assert not going_on.done()
    await lifecycle.stop()
    assert going_on.cancelled()
    assert len(lifecycle.crashes) == 1


async def test_an_ended_task_is_no_crash() -> None:
    lifecycle = Lifecycle()
    await lifecycle.spawn(asyncio.sleep(0), "short")
    assert lifecycle.healthy


async def test_a_signal_drains_and_returns_0() -> None:
    story: list[str] = []
    lifecycle = life(story)
    code = await lifecycle.run(on_ready=lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert code == 0
    assert "drain a" in story
    assert story[-1] == "stop a"


async def test_a_second_request_skips_the_draining() -> None:
    class Slow(BasePart):
        async def drain(self, deadline_s: float) -> None:
            lifecycle.request_stop()
            await asyncio.Event().wait()

    lifecycle = Lifecycle(drain_s=60)
    lifecycle.add("slow", Slow())
    async with asyncio.timeout(5):
        assert await lifecycle.run(on_ready=lifecycle.request_stop) == 1


STEPS = 3 * 4
"""Of the start of the three parts of `stepping`: so often may a signal come."""


def stepping(story: list[str], at: int, number: signal.Signals) -> Lifecycle:
    """Three parts that wait in their start in all the ways there are; a signal comes at step `at`."""
    step = iter(range(STEPS))

    def take_a_step() -> None:
        if next(step) == at:
            signal.raise_signal(number)

    class Part(Witness):
        async def start(self) -> None:
            await super().start()
            take_a_step()
            await asyncio.sleep(0)
            take_a_step()
            await asyncio.to_thread(int)
            take_a_step()
            with suppress(asyncio.CancelledError):  # as careless code does
                await asyncio.create_task(asyncio.sleep(0))
            take_a_step()

    lifecycle = Lifecycle()
    for name in "abc":
        lifecycle.add(name, Part(name, story))
    return lifecycle


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("at", range(STEPS))
async def test_a_signal_at_any_step_of_the_start_ends_it(at: int, number: signal.Signals) -> None:
    story: list[str] = []
    lifecycle = stepping(story, at, number)
    async with asyncio.timeout(10):
        assert await lifecycle.run(on_ready=lambda: story.append("ready")) == 128 + number
    begun = [name for name in "abc" if f"start {name}" in story]
    assert story == [f"start {name}" for name in begun] + [f"stop {name}" for name in reversed(begun)]
    assert not lifecycle.ready


async def test_being_asked_to_stop_before_the_start_is_no_fault() -> None:
    story: list[str] = []
    lifecycle = life(story)
    lifecycle.request_stop()
    assert await lifecycle.run(on_ready=lambda: story.append("ready")) == 0
    assert "ready" not in story


async def test_a_start_that_fails_is_told_while_signals_are_heard() -> None:
    story: list[str] = []
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(LifecycleError, match="b would not start"):
        await life(story, "", "start").run()
    assert story[-1] == "stop a"
    assert signal.getsignal(signal.SIGTERM) is before


async def test_a_long_draining_says_once_what_it_waits_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("gateway.runtime.lifecycle.PATIENCE_S", 0.0)
    log.configure("warning", json=True)
    asked = asyncio.Event()

    class Slow(BasePart):
        async def drain(self, deadline_s: float) -> None:
            asyncio.get_running_loop().call_later(0.01, asked.set)
            await asked.wait()

    lifecycle = Lifecycle()
    for name in ("quick", "slow", "quicker"):
        lifecycle.add(name, Slow() if name == "slow" else BasePart())
    await lifecycle.start()
    await lifecycle.drain()
    await lifecycle.stop()
    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert told["event"].startswith("still finishing what is under way")
    assert (told["part"], told["at_most_s"]) == ("slow", 10)


async def test_metrics_tell_the_build_and_the_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.runtime.lifecycle.LAG_INTERVAL_S", 0.001)
    metrics = Metrics(process=False)
    lifecycle = Lifecycle(metrics)
    await lifecycle.start()
    async with asyncio.timeout(5):
        while b"gateway_event_loop_lag_seconds_count 0.0" in metrics.render():  # noqa: ASYNC110 - a metric
            await asyncio.sleep(0.002)
    await lifecycle.stop()
    assert f'gateway_build_info{{python="{sys.version.split()[0]}",version="{__version__}"}} 1.0' in (
        metrics.render().decode()
    )


PROGRAM = """
    import sys
    from gateway.runtime.interrupts import run
    from gateway.runtime.lifecycle import BasePart, Lifecycle
    import asyncio

    class Part(BasePart):
        async def drain(self, deadline_s):
            print("draining", flush=True)
            if sys.argv[1] == "stuck":
                await asyncio.Event().wait()
        async def stop(self):
            print("stopped", flush=True)

    async def main():
        lifecycle = Lifecycle(drain_s=30)
        lifecycle.add("part", Part())
        return await lifecycle.run(on_ready=lambda: print("ready", flush=True))

    sys.exit(run(main()))
"""


@pytest.mark.parametrize(("kind", "signals", "code"), [("quick", 1, 0), ("stuck", 2, 130)])
def test_a_real_process_obeys_its_signals(kind: str, signals: int, code: int) -> None:
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "draining\n"
        if signals == 2:
            process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "stopped\n"
        assert process.wait(10) == code
