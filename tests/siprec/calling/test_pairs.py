"""Pairs of phones that talk at once: counted packet by packet, next to a recorder of its own process."""

import os
import socket

import pytest

from siprec.calling.own_recorder import OwnRecorder
from siprec.calling.pairs import Outcome, _kernel_drops, drive


async def test_a_few_pairs_lose_nothing() -> None:
    outcome = await drive(3, 1.5)
    assert outcome.ok, outcome
    assert (outcome.connected, outcome.recorded) == (3, 3)
    assert 800 < outcome.packets < 1_100  # 3 pairs, 4 streams each, 50 packets a second
    assert outcome.recorder["received"] > 300
    assert outcome.as_dict()["ok"] is True


async def test_at_somebody_elses_recorder_only_the_own_side_is_counted() -> None:
    async with await OwnRecorder.open() as stranger:
        outcome = await drive(1, 0.5, recorders=(stranger.uri,), dialect="rfc7866")
        assert outcome.ok
        assert outcome.recorder == {}
        assert len(await stranger.recordings(1)) == 1


async def test_without_a_recorder_it_is_not_as_it_must_be() -> None:
    outcome = await drive(1, 0.3, recorders=("sip:srs@127.0.0.1:9",))
    assert (outcome.connected, outcome.recorded, outcome.ok) == (1, 0, False)


@pytest.mark.parametrize(
    "change",
    [
        {"lost": 1},
        {"kernel_drops": 1},
        {"packets": 380},
        {"recorded": 1},
        {"connected": 1},
        {"recorder": {"lost": 1.0}},
    ],
)
def test_anything_lost_is_not_as_it_must_be(change: dict[str, object]) -> None:
    outcome = Outcome(2, 1.0, connected=2, recorded=2, packets=400, recorder={"lost": 0.0, "late": 0.0})
    assert outcome.ok
    for name, value in change.items():
        setattr(outcome, name, value)
    assert not outcome.ok
    assert "of 2 pairs" in str(outcome)


def test_drops_of_the_kernel_are_seen() -> None:
    before = _kernel_drops(os.getpid())
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as full,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        full.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        full.bind(("127.0.0.1", 0))
        for _ in range(100):
            sender.sendto(bytes(1_000), full.getsockname())
        assert _kernel_drops(os.getpid()) > before
