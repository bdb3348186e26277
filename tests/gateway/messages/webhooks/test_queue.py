"""The delivery queue: order per key, bounds, retries, pauses, ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.messages.webhooks.queue import Delivery, DeliveryQueue, Failure, RetryPolicy

DOWN = Failure("the receiver cannot be reached")
BROKEN = Failure("the receiver answered 500", 500)


def queue(concurrency: int = 4, max_pending: int = 100, max_attempts: int = 3) -> DeliveryQueue:
    return DeliveryQueue(RetryPolicy(max_attempts, 1.0, 60.0), concurrency, max_pending, lambda: 0.0)


def delivery(number: int, key: str = "") -> Delivery:
    return Delivery(number, 1, key or f"key{number}", "message.delivered", b"{}", 0)


def take_all(it: DeliveryQueue, now: float = 0.0) -> list[int]:
    taken = []
    while (found := it.take(now)) is not None:
        taken.append(found.id)
    return taken


def test_different_keys_go_side_by_side_up_to_the_bound() -> None:
    it = queue(concurrency=3)
    for number in range(5):
        assert it.add(delivery(number))
    assert take_all(it) == [0, 1, 2]
    assert (len(it), it.in_flight) == (5, 3)


def test_one_key_goes_in_order_one_at_a_time() -> None:
    it = queue()
    same = [delivery(number, "text") for number in range(3)]
    for one in same:
        it.add(one)
    for one in same:
        assert it.take(0.0) is one
        assert it.take(0.0) is None
        it.succeed(one)
    assert len(it) == 0


def test_a_refused_delivery_waits_with_those_behind_it() -> None:
    it = queue()
    first, second, other = delivery(1, "text"), delivery(2, "text"), delivery(3)
    for one in (first, second, other):
        it.add(one)
    assert it.take(0.0) is first
    assert it.fail(first, BROKEN, 0.0)
    assert take_all(it) == [3]
    assert it.next_deadline() == 1.0
    assert it.take(0.9) is None
    assert it.take(1.0) is first
    it.succeed(first)
    assert it.take(1.0) is second


def test_delays_double_and_attempts_end() -> None:
    it = queue(max_attempts=3)
    one, behind = delivery(1, "text"), delivery(2, "text")
    it.add(one)
    it.add(behind)
    now = 0.0
    for delay in (1.0, 2.0):
        assert it.take(now) is one
        assert it.fail(one, BROKEN, now)
        deadline = it.next_deadline()
        assert deadline == now + delay
        now = deadline
    assert it.take(now) is one
    assert not it.fail(one, BROKEN, now)
    assert (one.attempts, one.error) == (3, "the receiver answered 500")
    assert it.take(now) is behind


def test_an_unreachable_receiver_pauses_all_and_is_probed() -> None:
    it = queue(max_attempts=10)
    for number in range(5):
        it.add(delivery(number))
    first = it.take(0.0)
    assert first is not None
    it.fail(first, DOWN, 0.0)
    assert take_all(it, 0.5) == []
    assert it.next_deadline() == 1.0
    assert take_all(it, 1.0) == [1]
    probe = delivery(1, "key1")
    it.fail(probe, DOWN, 1.0)
    assert it.next_deadline() == 3.0
    assert take_all(it, 3.0) == [2]
    it.succeed(delivery(2, "key2"))
    assert take_all(it, 3.0) == [3, 4, 0, 1]


@pytest.mark.parametrize(("status", "paused"), [(429, True), (503, True), (500, False)])
def test_a_receiver_may_ask_for_a_pause(status: int, paused: bool) -> None:
    it = queue()
    for number in range(3):
        it.add(delivery(number))
    first = it.take(0.0)
    assert first is not None
    it.fail(first, Failure("busy", status, retry_after_s=30.0), 0.0)
    assert (it.take(29.0) is None) is paused
    assert it.take(30.0) is not None


def test_no_pause_is_endless() -> None:
    it = queue()
    it.add(delivery(1))
    first = it.take(0.0)
    assert first is not None
    it.fail(first, Failure("busy", 503, retry_after_s=1e9), 0.0)
    assert it.next_deadline() == 3600.0


def test_a_full_queue_takes_nothing() -> None:
    it = queue(max_pending=2)
    assert [it.add(delivery(number)) for number in range(3)] == [True, True, False]
    one = it.take(0.0)
    assert one is not None
    it.succeed(one)
    assert it.add(delivery(4))


def test_a_delivery_that_was_not_tried_goes_first() -> None:
    it = queue(concurrency=1)
    it.add(delivery(1))
    it.add(delivery(2))
    one = it.take(0.0)
    assert one is not None
    it.put_back(one)
    assert it.take(0.0) is one
    assert one.attempts == 0


def test_draining_gives_back_all_but_what_is_in_flight() -> None:
    it = queue()
    for number, key in [(1, "a"), (2, "a"), (3, "b"), (4, "c")]:
        it.add(delivery(number, key))
    first, other = it.take(0.0), it.take(0.0)
    assert first is not None
    assert other is not None
    it.fail(other, BROKEN, 0.0)
    assert sorted(one.id for one in it.drain()) == [2, 3, 4]
    assert len(it) == 0
    it.succeed(first)
    assert (len(it), it.in_flight) == (0, 0)


def test_what_settles_after_draining_does_not_come_back() -> None:
    it = queue()
    for number in (1, 2):
        it.add(delivery(number))
    failing, unsent = it.take(0.0), it.take(0.0)
    assert failing is not None
    assert unsent is not None
    it.drain()
    assert it.fail(failing, BROKEN, 0.0)
    it.put_back(unsent)
    assert take_all(it, 1000.0) == []
    assert it.next_deadline() is None


@given(st.integers(1, 100), st.floats(0, 1))
def test_delays_stay_between_half_and_full(failures: int, random: float) -> None:
    policy = RetryPolicy(8, 1.0, 300.0)
    full = min(2.0 ** (failures - 1), 300.0)
    assert full / 2 <= policy.delay_s(failures, random) <= full


STEPS = st.lists(st.sampled_from(["add", "take", "ok", "refuse", "down", "back", "wait"]), max_size=150)


@given(STEPS, st.integers(1, 3), st.integers(1, 4))
def test_every_delivery_ends_once_and_in_order(steps: list[str], keys: int, concurrency: int) -> None:
    """Property: nothing is lost or doubled, at most one of a key is out, keys keep their order."""
    it = queue(concurrency, max_pending=30)
    now, added, flying, ended = 0.0, [], [], []

    def take() -> None:
        one = it.take(now)
        if one is not None:
            assert one.key not in {other.key for other in flying}
            flying.append(one)
            assert it.in_flight == len(flying) <= concurrency

    def settle(step: str) -> None:
        one = flying.pop(0)
        if step == "ok":
            it.succeed(one)
            ended.append(one)
        elif step == "back":
            it.put_back(one)
        elif not it.fail(one, BROKEN if step == "refuse" else DOWN, now):
            ended.append(one)

    for step in steps:
        if step == "add":
            one = delivery(len(added) + 1, f"key{len(added) % keys}")
            if it.add(one):
                added.append(one)
        elif step == "take":
            take()
        elif step == "wait":
            now = max(now, it.next_deadline() or now)
        elif flying:
            settle(step)
        assert len(it) == len(added) - len(ended)
    while len(it):
        now = max(now, it.next_deadline() or now)
        take()
        if flying:
            settle("ok")
    assert sorted(one.id for one in ended) == [one.id for one in added]
    for key in {one.key for one in added}:
        of_key = [one.id for one in ended if one.key == key]
        assert of_key == sorted(of_key)
