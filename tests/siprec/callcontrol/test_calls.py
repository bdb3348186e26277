"""Calls over real SIP and RTP: who hears whom."""

import asyncio
from typing import Any

from siprec.phones.phone_call import CallState

from .conftest import TONES, level


async def test_two_users_talk(make_stage: Any) -> None:
    stage = await make_stage()
    call = await stage.call("alice", "bob")
    other = await stage.incoming("bob")
    await asyncio.sleep(1.0)
    assert level(call.heard, TONES["bob"]) > 4_000
    assert level(call.heard, TONES["alice"]) < 200
    assert level(other.heard, TONES["alice"]) > 4_000
    await call.hang_up()
    await other.ended()
    assert (call.state, other.state) == (CallState.ENDED, CallState.ENDED)
    assert not stage.calling.control.calls
