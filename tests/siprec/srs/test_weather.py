"""Signalling that is lost and doubled on its way leaves one dialog and one recording for every call."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from siprec.metadata import Dialect
from siprec.phones.document import Party, RecordedCall
from siprec.phones.forking import SourcePlan
from siprec.phones.src_aio import SimulatedSrc, SrcSettings
from siprec.srs.events import RecordingFinished, RecordingStarted

CALLS = 20
CALL = RecordedCall(Party("sip:alice@acme.example", "Alice"), Party("tel:+13105550120", "Bob"))


def bad_weather(udp: Any, rng: random.Random, loss: float, doubled: float) -> None:
    """Lose and double datagrams of one socket, both ways."""
    send, receive = udp.send, udp._on_datagram

    def through(carry: Callable[..., None]) -> Callable[..., None]:
        def carried(*arguments: Any) -> None:
            for _ in range(1 + (rng.random() < doubled)):
                if rng.random() >= loss:
                    carry(*arguments)

        return carried

    udp.send, udp._on_datagram = through(send), through(receive)


@pytest.mark.slow
@pytest.mark.parametrize("dialect", list(Dialect), ids=lambda d: d.value)
async def test_lost_and_doubled_messages(make_srs: Any, dialect: Dialect) -> None:
    srs = await make_srs(media={"port_pairs": 2 * CALLS + 4}, max_sessions=CALLS)
    bad_weather(srs.server._edge._udp[4], random.Random(5), loss=0.2, doubled=0.3)
    async with await SimulatedSrc.open(SrcSettings(seed=1)) as src:
        plan = SourcePlan((srs.uri(),), dialect, invite_timeout_s=60.0)
        forks = [src.fork(plan, CALL) for _ in range(CALLS)]
        await asyncio.gather(*(fork.started() for fork in forks))
        assert srs.count(RecordingStarted) == CALLS
        assert srs.server.sessions == CALLS
        await asyncio.gather(*(fork.stop() for fork in forks))
        await srs.until(RecordingFinished, CALLS)
    rows = await srs.rows()
    assert len(rows) == CALLS
    assert {row.outcome for row in rows} == {"bye received"}
    assert len({row.sip_call_id for row in rows}) == CALLS
    assert srs.server.endpoint.dialogs == []
