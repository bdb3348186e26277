"""World time: modes, order of timers, walking through due moments, discrete mode."""

import asyncio
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.runtime.clock import MAX_NS, SECOND_NS, TimerQueue, WorldClock
from gateway.runtime.errors import ClockError

START = 1_700_000_000 * SECOND_NS


def frozen() -> WorldClock:
    return WorldClock(START, frozen=True)


def test_queue_orders_by_due_then_by_scheduling() -> None:
    queue = TimerQueue()
    fired: list[str] = []
    for due, name in [(5, "b"), (3, "a"), (5, "c"), (9, "d")]:
        queue.add(due, fired.append, (name,))
    while (handle := queue.pop_due(5)) is not None:
        handle.run()
    assert fired == ["a", "b", "c"]
    assert len(queue) == 1
    assert queue.next_due_ns() == 9


def test_queue_forgets_cancelled_timers_and_sweeps_them() -> None:
    queue = TimerQueue()
    handles = [queue.add(i, print) for i in range(5000)]
    for handle in handles[:4999]:
        handle.cancel()
        handle.cancel()
    assert len(queue) == 1
    assert len(queue._heap) < 2600
    assert queue.next_due_ns() == 4999


def test_a_handle_is_pending_until_it_ran_or_was_cancelled() -> None:
    queue = TimerQueue()
    ran, cancelled = queue.add(1, lambda: None), queue.add(2, lambda: None)
    assert ran.pending
    assert queue.pop_due(1) is ran
    ran.run()
    cancelled.cancel()
    assert not ran.pending
    assert not cancelled.pending
    ran.cancel()
    assert queue.next_due_ns() is None
    assert len(queue) == 0


def test_system_mode_follows_the_machine() -> None:
    clock = WorldClock()
    before = time.time_ns()
    assert before <= clock.now_ns() <= time.time_ns()
    assert (clock.mode, clock.speed) == ("system", 1.0)


def test_advance_leaves_system_mode_for_an_own_pace() -> None:
    clock = WorldClock()
    clock.advance(3600)
    assert clock.now_ns() - time.time_ns() == pytest.approx(3600 * SECOND_NS, abs=SECOND_NS)
    assert (clock.mode, clock.speed) == ("scaled", 1.0)


def test_frozen_world_stands_and_advances_exactly() -> None:
    clock = frozen()
    assert clock.now_ns() == START
    clock.advance(0.25)
    assert clock.now_ns() == START + SECOND_NS // 4
    assert (clock.mode, clock.speed) == ("frozen", 0.0)


def test_scaled_world_runs_at_its_factor() -> None:
    clock = WorldClock(START, speed=1000.0)
    began = time.monotonic_ns()
    first = clock.now_ns()
    while time.monotonic_ns() - began < 5_000_000:
        pass
    passed = clock.now_ns() - first
    assert 5 * SECOND_NS <= passed < 120 * SECOND_NS


def test_freezing_and_changing_speed_never_turn_time_back() -> None:
    clock = WorldClock(START, speed=50.0)
    seen = [clock.now_ns()]
    for step in (clock.freeze, lambda: clock.set_speed(3), lambda: clock.advance(1), clock.freeze):
        step()
        seen.append(clock.now_ns())
    assert seen == sorted(seen)


def test_advance_walks_through_chains_of_timers() -> None:
    clock = frozen()
    seen: list[int] = []

    def every_hour() -> None:
        seen.append(clock.now_ns())
        clock.call_later(3600, every_hour)

    clock.call_later(3600, every_hour)
    clock.advance(28 * 24 * 3600)
    assert seen == [START + hour * 3600 * SECOND_NS for hour in range(1, 28 * 24 + 1)]


def test_a_failing_timer_stops_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    clock = frozen()
    fired: list[int] = []
    clock.call_later(1, lambda: 1 / 0)
    clock.call_later(2, fired.append, 2)
    clock.advance(3)
    assert fired == [2]


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), 1e12])
def test_impossible_steps_are_refused(seconds: float) -> None:
    clock = frozen()
    with pytest.raises(ClockError):
        clock.advance(seconds)
    assert clock.now_ns() == START


def test_the_world_does_not_pass_the_year_2099() -> None:
    clock = frozen()
    with pytest.raises(ClockError, match="2099"):
        clock.advance_to(MAX_NS + 1)


@pytest.mark.parametrize("factor", [0, -1, float("nan"), float("inf"), 1e7])
def test_impossible_speeds_are_refused(factor: float) -> None:
    with pytest.raises(ClockError, match="speed"):
        frozen().set_speed(factor)


def test_advancing_from_a_timer_is_refused() -> None:
    clock = frozen()
    refused: list[str] = []

    def greedy() -> None:
        with pytest.raises(ClockError) as error:
            clock.advance(1)
        refused.append(str(error.value))

    clock.call_later(1, greedy)
    clock.advance(5)
    assert len(refused) == 1
    assert clock.now_ns() == START + 5 * SECOND_NS


def test_timers_that_never_let_time_pass_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.runtime.clock._MAX_CALLBACKS_PER_MOMENT", 1000)
    clock = frozen()

    def again() -> None:
        clock.call_at(clock.now_ns(), again)

    again()
    with pytest.raises(ClockError, match="one and the same moment"):
        clock.advance(1)


def test_listeners_hear_of_jumps_until_they_leave() -> None:
    clock = frozen()
    heard: list[str] = []
    leave = clock.on_change(lambda: heard.append(clock.mode))
    clock.advance(1)
    clock.set_speed(2)
    clock.freeze()
    leave()
    leave()
    clock.advance(1)
    assert heard == ["frozen", "scaled", "frozen"]


def test_a_failing_listener_stops_nobody() -> None:
    clock = frozen()
    heard: list[int] = []
    clock.on_change(lambda: 1 / 0)
    clock.on_change(lambda: heard.append(1))
    clock.advance(1)
    assert heard == [1]


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("at"), st.integers(0, 500)),
        st.tuples(st.just("chain"), st.integers(1, 200)),
        st.tuples(st.just("cancel"), st.integers(0, 40)),
        st.tuples(st.just("advance"), st.integers(0, 300)),
        st.tuples(st.just("speed"), st.sampled_from([1, 1000])),
        st.tuples(st.just("freeze"), st.just(0)),
    ),
    max_size=60,
)


@given(ACTIONS)
def test_timers_fire_in_order_once_and_never_early(actions: list[tuple[str, int]]) -> None:
    """Property: whatever is scheduled, cancelled and advanced, firing follows (due, scheduling order)."""
    clock = frozen()
    fired: list[tuple[int, int]] = []
    due_of: dict[int, int] = {}
    handles = []

    def fire(number: int, chain: int) -> None:
        assert clock.now_ns() >= due_of[number]
        fired.append((due_of[number], number))
        if chain > 1:
            schedule(chain // 2, chain // 2)

    def schedule(delay: int, chain: int) -> None:
        number = len(due_of)
        due_of[number] = clock.now_ns() + delay
        handles.append(clock.call_at(due_of[number], fire, number, chain))

    for action, amount in actions:
        if action == "at":
            schedule(amount, 0)
        elif action == "chain":
            schedule(amount, amount)
        elif action == "cancel" and handles:
            handles[amount % len(handles)].cancel()
        elif action == "advance":
            clock.advance(amount / SECOND_NS)
        elif action == "speed":
            clock.set_speed(amount)
        elif action == "freeze":
            clock.freeze()
    clock.advance(1)
    assert fired == sorted(fired)
    assert len({number for _, number in fired}) == len(fired)
    assert clock.next_due_ns() is None
    assert all(not handle.pending for handle in handles)


async def test_due_timers_fire_on_the_loop_in_system_mode() -> None:
    clock = WorldClock()
    fired: list[str] = []
    done = asyncio.Event()
    clock.call_later(0.02, done.set)
    clock.call_later(0.01, fired.append, "second")
    clock.call_later(0.0, fired.append, "first")
    clock.call_at(0, fired.append, "long past")
    assert fired == []
    await asyncio.wait_for(done.wait(), 5)
    assert fired == ["long past", "first", "second"]
    clock.close()


async def test_a_frozen_world_still_fires_what_is_due() -> None:
    clock = frozen()
    done = asyncio.Event()
    clock.call_later(10, pytest.fail, "the world stands")
    clock.call_at(START, done.set)
    await asyncio.wait_for(done.wait(), 5)
    clock.close()


async def test_speeding_up_rearms_the_loop() -> None:
    clock = WorldClock(START)
    done = asyncio.Event()
    clock.call_later(3600, done.set)
    clock.set_speed(1_000_000)
    await asyncio.wait_for(done.wait(), 5)
    clock.close()


async def test_a_burst_yields_to_the_loop() -> None:
    clock = frozen()
    fired: list[int] = []
    for number in range(2000):
        clock.call_at(START, fired.append, number)
    while not fired:  # noqa: ASYNC110 - the number of turns is what is tested
        await asyncio.sleep(0)
    assert len(fired) < 2000
    while len(fired) < 2000:  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert fired == sorted(fired)
    clock.close()


async def test_timers_scheduled_before_the_loop_ran_are_armed_by_start() -> None:
    clock = WorldClock(START)
    done = asyncio.Event()
    await asyncio.to_thread(clock.call_at, START, done.set)
    clock.start()
    await asyncio.wait_for(done.wait(), 5)
    clock.close()


async def test_sleep_until_wakes_at_the_moment_and_lets_go_when_cancelled() -> None:
    clock = frozen()
    sleeper = asyncio.create_task(clock.sleep_until(START + SECOND_NS))
    other = asyncio.create_task(clock.sleep_until(START + 9 * SECOND_NS))
    await asyncio.sleep(0)
    clock.advance(1)
    await sleeper
    other.cancel()
    await asyncio.gather(other, return_exceptions=True)
    assert clock.next_due_ns() is None
    await clock.sleep_until(START)


async def test_discrete_mode_waits_for_what_is_in_flight() -> None:
    clock = frozen()
    story: list[str] = []

    async def work() -> None:
        with clock.busy():
            for _ in range(50):
                await asyncio.sleep(0)
            story.append("work ended")
        clock.call_later(1, story.append, "after work")

    tasks: list[asyncio.Task[None]] = []
    clock.call_later(1, lambda: tasks.append(asyncio.ensure_future(work())))
    clock.call_later(60, story.append, "a minute")
    assert await clock.run_until_idle() == 3
    assert story == ["work ended", "after work", "a minute"]
    assert clock.now_ns() == START + 60 * SECOND_NS
    await asyncio.gather(*tasks)


async def test_discrete_mode_waits_for_sleepers_chains() -> None:
    clock = frozen()
    seen: list[int] = []

    async def sleeper() -> None:
        for _ in range(5):
            await clock.sleep_until(clock.now_ns() + 7 * SECOND_NS)
            seen.append((clock.now_ns() - START) // SECOND_NS)

    task = asyncio.create_task(sleeper())
    await clock.run_until_idle()
    assert seen == [7, 14, 21, 28, 35]
    await task


async def test_discrete_mode_stops_at_its_limit() -> None:
    clock = WorldClock(START)
    clock.call_later(100, pytest.fail, "too far")
    await clock.run_until_idle(clock.now_ns() + 50 * SECOND_NS)
    assert clock.mode == "frozen"
    assert clock.next_due_ns() is not None


def test_end_without_begin_is_an_error() -> None:
    with pytest.raises(ClockError, match="begin"):
        frozen().end()


async def test_scheduling_is_cheap() -> None:
    """Thousands of receipts a second pass through: far below 20 µs for call_at and cancel together."""
    clock = WorldClock()
    delays = [random.Random(1).randrange(10**9, 10**10) for _ in range(20_000)]
    now = clock.now_ns()
    began = time.process_time()
    for handle in [clock.call_at(now + delay, print) for delay in delays]:
        handle.cancel()
    assert (time.process_time() - began) / 20_000 < 20e-6
    clock.close()


async def test_housekeeping_is_no_reason_to_go_on() -> None:
    clock = frozen()
    swept: list[int] = []

    def sweep() -> None:
        swept.append((clock.now_ns() - START) // SECOND_NS)
        clock.call_in_background(clock.now_ns() + 3600 * SECOND_NS, sweep)

    clock.call_in_background(START + 3600 * SECOND_NS, sweep)
    clock.call_in_background(START + SECOND_NS, pytest.fail, "cancelled").cancel()
    clock.call_later(7201, lambda: None)
    assert await clock.run_until_idle() == 3
    assert swept == [3600, 7200]
    assert await clock.run_until_idle() == 0
    await clock.run_until_idle(START + 10_800 * SECOND_NS)
    assert swept == [3600, 7200, 10_800]
