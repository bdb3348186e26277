"""Recorded calls end to end: what was played against what was recorded, by spectrum and timeline (D1–D10)."""

import asyncio
from typing import Any

import numpy as np
import pytest

from siprec.callcontrol.prompts import TONE_HZ, PromptSet
from siprec.phones.hearing import find_prompt as where
from siprec.phones.hearing import level as amplitude
from siprec.phones.softkeys import Icon, Softkey

from .conftest import TONES, level, options

PROMPTS = PromptSet.load()
ALICE, BOB = TONES["alice"], TONES["bob"]


async def until_icon(call: Any, icon: Icon) -> None:
    async with asyncio.timeout(5):
        await call.shows(icon)


def announcements(row: Any) -> list[tuple[str, str]]:
    return [(each["event"], each["kind"]) for each in row.document["announcements"]]


@pytest.mark.parametrize("dialect", ["rfc7866", "broadworks"])
async def test_d1_d9_always_records_each_direction_in_a_stream_of_its_own(
    make_stage: Any, dialect: str
) -> None:
    stage = await make_stage({"alice": options("always")}, dialect=dialect)
    call = await stage.call("alice", "bob")
    await until_icon(call, Icon.RECORDING)
    assert call.display.softkeys == ()
    await asyncio.sleep(1.2)
    await call.hang_up()
    (row,) = await stage.recordings(1)
    own, others = stage.audio(row, 1), stage.audio(row, 2)
    assert min(level(own, ALICE), level(others, BOB)) > 4_000
    assert max(level(own, BOB), level(others, ALICE)) < 100
    assert 1_100 < row.duration_ms < 2_500
    assert row.document["announcements"] == []
    if dialect == "broadworks":
        assert tuple(row.tenant) == ("acme-sp", "acme-dental", "alice@acme-dental.example")


async def test_d1_an_incoming_call_is_recorded_too(make_stage: Any) -> None:
    stage = await make_stage({"alice": options("always")}, users=("alice",), outside=True)
    call = await stage.call("+13105550120", "+12025550100")
    incoming = await stage.incoming("alice")
    await until_icon(incoming, Icon.RECORDING)
    await asyncio.sleep(0.6)
    await call.hang_up()
    (row,) = await stage.recordings(1)
    assert level(stage.audio(row, 1), ALICE) > 4_000
    assert level(stage.audio(row, 2), TONES["+13105550120"]) > 4_000


async def test_d1_never_is_not_recorded_and_shows_nothing(make_stage: Any) -> None:
    stage = await make_stage({"alice": options("never", announce_start_stop=True)})
    call = await stage.call("alice", "bob")
    await asyncio.sleep(0.8)
    await call.hang_up()
    await stage.recordings(0)
    assert {shown.icon for shown in call.shown} == {Icon.NONE}
    assert where(call.heard, PROMPTS["recording-started"])[1] < 0.5


async def test_d1_d8_on_demand_records_from_record_to_stop(make_stage: Any) -> None:
    stage = await make_stage({"alice": options("on_demand")})
    call = await stage.call("alice", "bob")
    assert call.display.softkeys == (Softkey.RECORD,)
    await asyncio.sleep(0.6)
    for number in (1, 2):
        assert await call.press(Softkey.RECORD)
        await until_icon(call, Icon.RECORDING)
        assert call.display.softkeys == (Softkey.PAUSE, Softkey.STOP)
        await asyncio.sleep(0.6)
        assert await call.press(Softkey.STOP)
        await until_icon(call, Icon.NONE)
        assert number == stage.calling.forks.started
    await call.hang_up()
    first, second = await stage.recordings(2)
    for row in (first, second):
        assert level(stage.audio(row, 1), ALICE) > 4_000
        assert row.duration_ms < 1_100


@pytest.mark.parametrize("fork_first", [False, True], ids=["before-the-fork", "meanwhile"])
async def test_d3_d4_the_start_announcement_is_heard_by_all_told_and_not_recorded(
    make_stage: Any, fork_first: bool
) -> None:
    stage = await make_stage({"alice": options("always", announce_start_stop=True, fork_first=fork_first)})
    call = await stage.call("alice", "bob")
    other = await stage.incoming("bob")
    await until_icon(call, Icon.RECORDING)
    prompt = PROMPTS["recording-started"]
    await asyncio.sleep(0.7 + (len(prompt) / 8_000 if fork_first else 0))
    await call.hang_up()
    (row,) = await stage.recordings(1)
    for phone in (call, other):
        assert where(phone.heard, prompt)[1] > 0.75
    for party in (1, 2):
        assert where(stage.audio(row, party), prompt)[1] < 0.5
    assert announcements(row) == [("start", "announcement")]
    told = [detail.split() for what, _, detail in stage.log if what == "told"]
    assert [(event, kind) for event, kind, _ in told] == [("start", "announcement")]
    if fork_first:
        assert row.duration_ms > 2_000
    else:
        assert row.duration_ms < 1_800


async def test_d3_without_the_option_nothing_is_announced(make_stage: Any) -> None:
    stage = await make_stage({"alice": options("always")})
    call = await stage.call("alice", "bob")
    await until_icon(call, Icon.RECORDING)
    await asyncio.sleep(0.4)
    await call.hang_up()
    (row,) = await stage.recordings(1)
    assert where(call.heard, PROMPTS["recording-started"])[1] < 0.5
    assert announcements(row) == []


async def test_d3_the_stop_is_announced_on_demand(make_stage: Any) -> None:
    stage = await make_stage({"alice": options("on_demand", announce_start_stop=True)})
    call = await stage.call("alice", "bob")
    other = await stage.incoming("bob")
    await call.press(Softkey.RECORD)
    await until_icon(call, Icon.RECORDING)
    await asyncio.sleep(0.3)
    await call.press(Softkey.STOP)
    await asyncio.sleep(len(PROMPTS["recording-stopped"]) / 8_000 + 0.4)
    await call.hang_up()
    (row,) = await stage.recordings(1)
    assert where(other.heard, PROMPTS["recording-stopped"])[1] > 0.75
    assert announcements(row) == [("start", "announcement"), ("stop", "announcement")]


@pytest.mark.parametrize("dialect", ["rfc7866", "broadworks"])
async def test_d4_d5_d8_pause_and_resume_with_announcement(make_stage: Any, dialect: str) -> None:
    stage = await make_stage(
        {"alice": options("always_with_pause", pause_notice="announcement")}, dialect=dialect
    )
    call = await stage.call("alice", "bob")
    other = await stage.incoming("bob")
    await until_icon(call, Icon.RECORDING)
    assert call.display.softkeys == (Softkey.PAUSE,)
    await asyncio.sleep(0.6)
    assert await call.press(Softkey.PAUSE)
    assert call.display.icon is Icon.PAUSED
    assert call.display.softkeys == (Softkey.RESUME,)
    await asyncio.sleep(2.0)
    assert await call.press(Softkey.RESUME)
    assert call.display.icon is Icon.RECORDING
    await asyncio.sleep(1.6)
    await call.hang_up()
    (row,) = await stage.recordings(1)
    paused, resumed = PROMPTS["recording-paused"], PROMPTS["recording-resumed"]
    for phone in (call, other):
        (paused_at, is_paused), (resumed_at, is_resumed) = (
            where(phone.heard, paused),
            where(phone.heard, resumed),
        )
        assert min(is_paused, is_resumed) > 0.75
        assert 1.7 < resumed_at - paused_at < 2.6
    for party in (1, 2):
        for prompt in (paused, resumed):
            assert where(stage.audio(row, party), prompt)[1] < 0.5
    assert announcements(row) == [("pause", "announcement"), ("resume", "announcement")]
    (pause,) = row.document["pauses"]
    assert 1_500 < pause["lengthMs"] < 2_600
    assert 1_900 < row.duration_ms < 3_300
    assert row.duration_ms / 1_000 < call.heard_s - 1.4


async def test_d5_a_beep_instead_is_told_by_setting_only(make_stage: Any) -> None:
    stage = await make_stage({"alice": options("always_with_pause", pause_notice="beep")})
    call = await stage.call("alice", "bob")
    other = await stage.incoming("bob")
    await until_icon(call, Icon.RECORDING)
    await asyncio.sleep(0.4)
    await call.press(Softkey.PAUSE)
    await asyncio.sleep(0.6)
    await call.hang_up()
    (row,) = await stage.recordings(1)
    for phone in (call, other):
        assert where(phone.heard, PROMPTS["beep"])[1] > 0.8
        assert where(phone.heard, PROMPTS["recording-paused"])[1] < 0.5
    assert announcements(row) == []


async def test_d6_the_repeat_tone_reminds_everyone_and_stays_out_of_the_recording(make_stage: Any) -> None:
    stage = await make_stage({"alice": options("always", repeat_tone_s=1)})
    call = await stage.call("alice", "bob")
    other = await stage.incoming("bob")
    await until_icon(call, Icon.RECORDING)
    await asyncio.sleep(2.7)
    await call.hang_up()
    (row,) = await stage.recordings(1)
    for phone in (call, other):
        windows = [
            level(phone.heard[at : at + 400], TONE_HZ) > 2_500 for at in range(0, len(phone.heard), 400)
        ]
        assert np.count_nonzero(np.diff(np.array([0, *windows, 0], dtype=int)) == 1) == 2
    for party in (1, 2):
        samples = stage.audio(row, party)
        # Voices have a little of every pitch; the tone would have what the phones heard, eight times as much.
        assert max(amplitude(samples[at : at + 1_600], TONE_HZ) for at in range(0, len(samples), 800)) < 600


async def test_d6_tones_are_recorded_where_it_is_set_so(make_stage: Any) -> None:
    stage = await make_stage({"alice": options("always", repeat_tone_s=1, tones_recorded=True)})
    call = await stage.call("alice", "bob")
    await until_icon(call, Icon.RECORDING)
    await asyncio.sleep(1.6)
    await call.hang_up()
    (row,) = await stage.recordings(1)
    for party in (1, 2):
        assert where(stage.audio(row, party), PROMPTS["tone"])[1] > 0.8


async def test_d7_other_record_aware_phones_show_the_icon_and_the_outside_none(make_stage: Any) -> None:
    stage = await make_stage({"alice": options("always")}, kinds={"bob": "app"}, outside=True)
    call = await stage.call("alice", "bob")
    app = await stage.incoming("bob")
    await until_icon(app, Icon.RECORDING)
    assert app.display.softkeys == ()
    await call.hang_up()
    await app.ended()
    assert app.display.icon is Icon.NONE
    await stage.recordings(1)
    out = await stage.call("alice", "+13105550120")
    outside = await stage.incoming("+13105550120")
    await until_icon(out, Icon.RECORDING)
    assert outside.display.icon is Icon.NONE
    await out.hang_up()
    await stage.recordings(2)


async def test_d2_a_voice_message_is_recorded_where_set(make_stage: Any) -> None:
    kept = options("always", record_voicemail=True)
    stage = await make_stage(
        {"bob": kept}, mailboxes=("bob",), phone={"bob": {"answer_after_s": None}}, ring_seconds=0.2
    )
    call = await stage.call("alice", "bob")
    greeting = PROMPTS["voicemail-greeting"]
    await asyncio.sleep(len(greeting) / 8_000 + 0.3)
    await asyncio.sleep(0.8)
    await call.hang_up()
    (row,) = await stage.recordings(1)
    assert level(stage.audio(row, 2), ALICE) > 4_000
    assert where(stage.audio(row, 1), greeting)[1] < 0.5


async def test_d2_a_voice_message_is_not_recorded_by_default(make_stage: Any) -> None:
    stage = await make_stage(
        {"alice": options("always"), "bob": options("always")},
        mailboxes=("bob",),
        phone={"bob": {"answer_after_s": None}},
        ring_seconds=0.2,
    )
    call = await stage.call("alice", "bob")
    await asyncio.sleep(0.5)
    await call.hang_up()
    await stage.recordings(0)


async def first_voice(stage: Any, call: Any) -> float:
    """Seconds of sound before the other party is heard."""
    await asyncio.sleep(1.3)
    heard = call.heard
    await call.hang_up()
    return next(at for at in range(0, len(heard), 80) if level(heard[at : at + 160], BOB) > 2_000) / 8_000


async def test_d10_ice_and_recording_together_delay_the_start(make_stage: Any) -> None:
    stage = await make_stage({"alice": options("always")}, ice=("alice",))
    both = await first_voice(stage, await stage.call("alice", "bob"))
    assert 0.5 < both < 1.0
    await stage.recordings(1)


async def test_d10_a_plain_call_starts_at_once(make_stage: Any) -> None:
    stage = await make_stage()
    assert await first_voice(stage, await stage.call("alice", "bob")) < 0.3


async def test_broadworks_on_demand_keeps_what_record_was_pressed_for(make_stage: Any) -> None:
    stage = await make_stage({"alice": options("on_demand_from_connect")})
    discarded: list[Any] = []
    stage.calling.forks.on_discarded = lambda *told: discarded.append(told)
    for press in (False, True):
        call = await stage.call("alice", "bob")
        await asyncio.sleep(0.6)
        assert call.display.icon is Icon.NONE
        assert call.display.softkeys == (Softkey.RECORD,)
        if press:
            assert await call.press(Softkey.RECORD)
            assert call.display.icon is Icon.RECORDING
        await call.hang_up()
        await stage.recordings(2 if press else 1)
        assert len(discarded) == 1
    call, sip_call_id = discarded[0]
    assert call.recording_type == "demand"
    first = (await stage.recordings(2))[0]
    assert first.sip_call_id == sip_call_id


async def test_transfer_of_the_other_party_goes_on_in_the_same_recording(make_stage: Any) -> None:
    stage = await make_stage({"alice": options("always")}, users=("alice", "bob", "carol"))
    call = await stage.call("alice", "bob")
    bob = await stage.incoming("bob")
    await until_icon(call, Icon.RECORDING)
    await asyncio.sleep(0.5)
    assert await bob.transfer("carol") == 200
    await asyncio.sleep(0.8)
    await call.hang_up()
    (row,) = await stage.recordings(1)
    others = stage.audio(row, 2)
    assert level(others[:3_200], BOB) > 3_000
    assert level(others[-4_000:-800], TONES["carol"]) > 3_000
    assert level(others[-4_000:-800], BOB) < 200


async def test_a_user_who_transfers_the_call_away_is_recorded_no_longer(make_stage: Any) -> None:
    stage = await make_stage(
        {"alice": options("always"), "carol": options("always")}, users=("alice", "bob", "carol")
    )
    call = await stage.call("bob", "alice")
    alice = await stage.incoming("alice")
    await until_icon(alice, Icon.RECORDING)
    await asyncio.sleep(0.4)
    assert await alice.transfer("carol") == 200
    carol = await stage.incoming("carol")
    await until_icon(carol, Icon.RECORDING)
    await asyncio.sleep(0.6)
    await call.hang_up()
    first, second = await stage.recordings(2)
    assert level(stage.audio(first, 1), ALICE) > 3_000
    assert level(stage.audio(first, 2), TONES["carol"]) < 100
    assert level(stage.audio(second, 1), TONES["carol"]) > 3_000


async def test_a_conference_is_recorded_with_everybody_else_in_the_second_stream(make_stage: Any) -> None:
    stage = await make_stage({"alice": options("always")}, users=("alice", "bob", "carol"))
    call = await stage.call("alice", "bob")
    bob = await stage.incoming("bob")
    await call.hold()
    consultation = await stage.call("alice", "carol")
    await stage.incoming("carol")
    await asyncio.sleep(0.3)
    assert await call.join(consultation) == 200
    await call.unhold()
    await asyncio.sleep(1.0)
    await call.hang_up()
    await bob.hang_up()
    first, _second = await stage.recordings(2)
    others = stage.audio(first, 2)[-4_800:-800]
    assert min(level(others, BOB), level(others, TONES["carol"])) > 3_000
    assert level(others, ALICE) < 200


async def test_hold_is_silent_in_the_recording(make_stage: Any) -> None:
    stage = await make_stage({"alice": options("always")})
    call = await stage.call("alice", "bob")
    await until_icon(call, Icon.RECORDING)
    await asyncio.sleep(0.5)
    await call.hold()
    await asyncio.sleep(0.8)
    await call.unhold()
    await asyncio.sleep(0.6)
    await call.hang_up()
    (row,) = await stage.recordings(1)
    own = stage.audio(row, 1)
    levels = [level(own[at : at + 800], ALICE) > 2_000 for at in range(0, len(own) - 800, 800)]
    assert levels[3]
    assert levels[-2]
    assert 6 <= levels.count(False) <= 14
    assert row.duration_ms > 1_700


async def test_a_recorder_that_is_not_there_leaves_the_call_unrecorded(make_stage: Any) -> None:
    stage = await make_stage(
        {"alice": options("always")}, recorders=("sip:srs@127.0.0.1:9",), recorder_timeout_seconds=0.3
    )
    call = await stage.call("alice", "bob")
    await asyncio.sleep(1.0)
    assert call.display.icon is Icon.NONE
    assert level(call.heard[-4_000:], BOB) > 4_000
    await call.hang_up()
    await stage.recordings(0)
    assert stage.calling.forks.failed == 1


async def test_failover_to_the_second_recorder(make_stage: Any) -> None:
    stage = await make_stage({"alice": options("always")}, recorder_timeout_seconds=0.3)
    good = stage.calling.settings.recorders
    plan = stage.calling.forks.plan
    stage.calling.forks.plan = type(plan)(("sip:srs@127.0.0.1:9", *good), plan.dialect, plan.codecs)
    call = await stage.call("alice", "bob")
    await until_icon(call, Icon.RECORDING)
    await asyncio.sleep(0.5)
    await call.hang_up()
    (row,) = await stage.recordings(1)
    assert level(stage.audio(row, 1), ALICE) > 3_000
