"""Open loop: everything in order and in time, whatever offers cost; who is hopelessly late gives up."""

import asyncio
import time
from itertools import pairwise

import pytest

from gateway.load import pacing
from gateway.load.pacing import MAX_BEHIND_S, Pacer

MS = 1_000_000


async def paced(moments, offer=None, **options):
    found = []
    pacer = Pacer(iter(moments), offer or (lambda due, now: found.append((due, now))), **options)
    await pacer.run()
    return pacer, found


async def test_nothing_is_offered_early_or_out_of_order():
    moments = [n * 0.0007 for n in range(120)]
    pacer, found = await paced(moments)
    assert [due - pacer.start_ns for due, _ in found] == [int(at_s * 1e9) for at_s in moments]
    assert all(now >= due for due, now in found)
    assert all(before <= after for (_, before), (_, after) in pairwise(found))
    assert pacer.offered == 120
    assert pacer.ended_ns - pacer.start_ns >= moments[-1] * 1e9


async def test_slow_offers_make_later_ones_late_but_lose_none():
    lateness = []

    def slow(due, now):
        lateness.append(now - due)
        time.sleep(0.002)

    pacer, _ = await paced([n * 0.001 for n in range(50)], slow)
    assert pacer.offered == 50
    assert lateness[-1] > 30 * MS
    assert not pacer.gave_up


async def test_answers_are_looked_at_between_batches():
    """A burst of everything at once does not keep the loop from reading."""
    turns = 0

    def turn():
        nonlocal turns
        turns += 1
        if not task.done():
            asyncio.get_running_loop().call_soon(turn)

    task = asyncio.ensure_future(paced([0.0] * (pacing.BATCH * 5)))
    asyncio.get_running_loop().call_soon(turn)
    pacer, found = await task
    assert len(found) == pacing.BATCH * 5 == pacer.offered
    assert turns >= 5


async def test_a_generator_that_is_too_far_behind_gives_up():
    now = 0

    def clock():
        return now

    def offer(due, at):
        nonlocal now
        now += int((MAX_BEHIND_S + 1) * 1e9)

    pacer, _ = await paced([0.0, 0.001, 0.002], offer, clock=clock)
    assert pacer.gave_up
    assert pacer.offered == 1


async def test_stop_ends_it():
    pacer = Pacer(iter([0.0, 60.0]), lambda due, now: asyncio.get_running_loop().call_soon(pacer.stop))
    await asyncio.wait_for(pacer.run(), 5)
    assert pacer.offered == 1


async def test_nothing_to_offer():
    pacer, found = await paced([])
    assert (pacer.offered, found) == (0, [])


async def test_a_fault_of_the_target_is_raised():
    def broken(due, now):
        raise LookupError("no room")

    with pytest.raises(LookupError):
        await paced([0.0], broken)
