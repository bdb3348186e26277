"""A service's life: order, draining, signals, crashes, lag."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from gateway import __version__
from gateway.runtime.errors import LifecycleError
from gateway.runtime.lifecycle import BasePart, Lifecycle, run
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


def test_run_uses_uvloop() -> None:
    async def name_of_loop() -> str:
        return type(asyncio.get_running_loop()).__module__

    assert run(name_of_loop()) == "uvloop"


PROGRAM = """
    import sys
    from gateway.runtime.lifecycle import BasePart, Lifecycle, run
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


@pytest.mark.parametrize(("kind", "signals", "code"), [("quick", 1, 0), ("stuck", 2, 1)])
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
