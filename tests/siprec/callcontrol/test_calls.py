"""Calls over real SIP and RTP: who hears whom."""

import asyncio
from typing import Any

import pytest

from siprec.callcontrol.prompts import HOLD_HZ, PromptSet
from siprec.phones.hearing import find_prompt as where
from siprec.phones.phone import Phone, PhoneSettings
from siprec.phones.phone_call import CallFailedError, CallState

from .conftest import TONES, level, until_heard


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
    await stage.calling.idle()


async def test_a_call_to_the_outside_and_one_from_there(make_stage: Any) -> None:
    stage = await make_stage(users=("alice",), outside=True)
    call = await stage.call("alice", "+13105550120")
    outside = await stage.incoming("+13105550120")
    assert outside.other == "+12025550100"
    await asyncio.sleep(0.5)
    assert level(call.heard, TONES["+13105550120"]) > 3_000
    await outside.hang_up()
    await call.ended()
    back = await stage.call("+13105550120", "+12025550100")
    incoming = await stage.incoming("alice")
    assert incoming.other == "+13105550120"
    await back.hang_up()
    await incoming.ended()


async def test_a_stranger_may_not_call(make_stage: Any) -> None:
    stage = await make_stage(users=("alice", "bob"), phone={"alice": {"password": "wrong"}}, register=False)
    with pytest.raises(CallFailedError) as caught:
        await stage.phones["alice"].register()
    assert caught.value.status == 401
    with pytest.raises(CallFailedError) as caught:
        await stage.call("alice", "bob")
    assert caught.value.status == 401


async def test_nobody_there_nobody_answers_and_busy(make_stage: Any) -> None:
    stage = await make_stage(
        users=("alice", "bob"), phone={"bob": {"answer_after_s": None}}, ring_seconds=0.5
    )
    for target, status in (("+19995550100", 404), ("bob", 480)):
        with pytest.raises(CallFailedError) as caught:
            await stage.call("alice", target)
        assert caught.value.status == status
    await (await stage.phones["bob"].incoming()).ended()
    call = stage.phones["alice"].call("bob")
    (await stage.phones["bob"].incoming()).reject(486)
    with pytest.raises(CallFailedError) as caught:
        await call.connected()
    assert caught.value.status == 486
    await stage.calling.idle()
    await stage.phones["bob"].unregister()
    with pytest.raises(CallFailedError) as caught:
        await stage.call("alice", "bob")
    assert caught.value.status == 480


async def test_the_caller_gives_up(make_stage: Any) -> None:
    stage = await make_stage(phone={"bob": {"answer_after_s": None}})
    call = stage.phones["alice"].call("bob")
    incoming = await stage.phones["bob"].incoming()
    await call.hang_up()
    await incoming.ended()
    await stage.calling.idle()


async def test_desk_phone_and_app_ring_together_and_the_first_takes_the_call(make_stage: Any) -> None:
    stage = await make_stage(phone={"bob": {"answer_after_s": None}})
    settings = PhoneSettings("bob", stage.calling.uri, "bob-secret", "app", answer_after_s=None)
    async with await Phone.open(settings) as app:
        await app.register()
        call = stage.phones["alice"].call("bob")
        desk, soft = await stage.phones["bob"].incoming(), await app.incoming()
        soft.answer()
        await call.connected()
        await soft.connected()
        await desk.ended()
        await call.hang_up()
        await soft.ended()


async def test_hold_plays_music_and_takes_the_call_back(make_stage: Any) -> None:
    stage = await make_stage()
    call = await stage.call("alice", "bob")
    other = await stage.incoming("bob")
    await asyncio.sleep(0.3)
    await call.hold()
    start = len(other.heard)
    await asyncio.sleep(0.6)
    held = other.heard[start + 1_600 :]
    assert level(held, HOLD_HZ[0]) > 500
    assert level(held, TONES["alice"]) < 200
    await call.unhold()
    start = len(other.heard)
    await asyncio.sleep(0.6)
    back = other.heard[start + 1_600 :]
    assert level(back, TONES["alice"]) > 4_000
    assert level(back, HOLD_HZ[0]) < 200
    await call.hang_up()


async def test_blind_transfer(make_stage: Any) -> None:
    stage = await make_stage(users=("alice", "bob", "carol"))
    call = await stage.call("bob", "alice")
    incoming = await stage.incoming("alice")
    assert await incoming.transfer("carol") == 200
    await incoming.ended()
    carol = await stage.incoming("carol")
    start = len(call.heard)
    await asyncio.sleep(0.6)
    assert level(call.heard[start + 1_600 :], TONES["carol"]) > 4_000
    assert level(carol.heard, TONES["bob"]) > 3_000
    await call.hang_up()
    await carol.ended()
    await stage.calling.idle()


async def test_a_transfer_to_nobody_leaves_the_call_as_it_was(make_stage: Any) -> None:
    stage = await make_stage()
    call = await stage.call("alice", "bob")
    other = await stage.incoming("bob")
    assert await call.transfer("+19995550100") == 404
    start = len(other.heard)
    await asyncio.sleep(0.5)
    assert level(other.heard[start:], TONES["alice"]) > 4_000
    await call.hang_up()


async def test_attended_transfer(make_stage: Any) -> None:
    stage = await make_stage(users=("alice", "bob", "carol"))
    call = await stage.call("alice", "bob")
    bob = await stage.incoming("bob")
    await call.hold()
    consultation = await stage.call("alice", "carol")
    carol = await stage.incoming("carol")
    assert await call.transfer_to(consultation) == 200
    await call.ended()
    await consultation.ended()
    start = len(bob.heard), len(carol.heard)
    await asyncio.sleep(0.6)
    assert level(bob.heard[start[0] + 1_600 :], TONES["carol"]) > 4_000
    assert level(carol.heard[start[1] + 1_600 :], TONES["bob"]) > 4_000
    await bob.hang_up()
    await carol.ended()
    await stage.calling.idle()


async def test_three_way_conference(make_stage: Any) -> None:
    stage = await make_stage(users=("alice", "bob", "carol"))
    call = await stage.call("alice", "bob")
    bob = await stage.incoming("bob")
    await call.hold()
    consultation = await stage.call("alice", "carol")
    carol = await stage.incoming("carol")
    assert await call.join(consultation) == 200
    await consultation.ended()
    await call.unhold()
    starts = {phone: len(phone.heard) for phone in (call, bob, carol)}
    await asyncio.sleep(0.8)
    for name, phone in (("alice", call), ("bob", bob), ("carol", carol)):
        heard = phone.heard[starts[phone] + 1_600 :]
        for other in ("alice", "bob", "carol"):
            assert (level(heard, TONES[other]) > 3_500) == (other != name), (name, other)
    await carol.hang_up()
    await asyncio.sleep(0.3)  # what she said before is over
    await until_heard(bob, TONES["alice"])
    await bob.hang_up()
    await call.ended()


async def test_voicemail_takes_what_nobody_answers(make_stage: Any) -> None:
    stage = await make_stage(mailboxes=("bob",), phone={"bob": {"answer_after_s": None}}, ring_seconds=0.3)
    call = await stage.call("alice", "bob")
    greeting = PromptSet.load()["voicemail-greeting"]
    await asyncio.sleep(len(greeting) / 8_000 + 0.3)
    await asyncio.sleep(1.0)
    at, part = where(call.heard, greeting)
    assert part > 0.9
    assert at < 0.5
    await call.hang_up()
    await stage.calling.idle()
    (message,) = stage.calling.messages
    assert (message.mailbox, message.caller.name) == ("bob", "Alice")
    assert level(message.samples[1_600:], TONES["alice"]) > 4_000
    assert where(message.samples, greeting)[1] < 0.2


async def test_no_mailbox_no_voicemail(make_stage: Any) -> None:
    stage = await make_stage(phone={"bob": {"answer_after_s": None}}, ring_seconds=0.3)
    with pytest.raises(CallFailedError):
        await stage.call("alice", "bob")
    assert stage.calling.messages == []


@pytest.mark.parametrize("codec", ["PCMA", "G722"])
async def test_phones_of_other_codecs_talk(make_stage: Any, codec: str) -> None:
    stage = await make_stage(phone={"bob": {"codecs": (codec,)}})
    call = await stage.call("alice", "bob")
    bob = await stage.incoming("bob")
    assert bob.voice.codec.name == codec
    await until_heard(call, TONES["bob"])
    await until_heard(bob, TONES["alice"])
    await call.hang_up()


async def test_without_a_codec_in_common_the_call_is_refused(make_stage: Any) -> None:
    stage = await make_stage(codecs=("PCMA",), phone={"alice": {"codecs": ("G722",)}})
    with pytest.raises(CallFailedError) as caught:
        await stage.call("alice", "bob")
    assert caught.value.status == 488
