"""Telephones by themselves: two of them call each other without a call control between."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from siprec import sdp
from siprec.phones.hearing import level
from siprec.phones.phone import Phone, PhoneSettings
from siprec.phones.phone_call import CallFailedError, CallState, PhoneCall
from siprec.phones.softkeys import Icon, RecordingKeys, Softkey
from siprec.sip import Endpoint, EndpointConfig
from siprec.sip.aio import RandomIds, SipEdge
from siprec.sip.events import Event, RequestReceived

Pair = tuple[Phone, Phone]


@pytest.fixture
async def make_pair() -> AsyncIterator[Callable[..., Any]]:
    async with AsyncExitStack() as stack:

        async def make(**changes: Any) -> Pair:
            callee = await stack.enter_async_context(
                await Phone.open(PhoneSettings("bob", "sip:127.0.0.1:9", tone_hz=590, **changes))
            )
            server = f"sip:127.0.0.1:{callee.port}"
            caller = await stack.enter_async_context(
                await Phone.open(PhoneSettings("alice", server, tone_hz=440))
            )
            return caller, callee

        yield make


async def talk(caller: Phone, callee: Phone) -> tuple[PhoneCall, PhoneCall]:
    call = await caller.call("bob").connected()
    return call, await (await callee.incoming()).connected()


async def test_two_phones_hear_each_other(make_pair: Any) -> None:
    call, other = await talk(*await make_pair())
    await asyncio.sleep(0.6)
    assert level(call.heard, 590) > 7_000
    assert level(other.heard, 440) > 7_000
    assert (call.other, other.other) == ("bob", "alice")
    await other.hang_up()
    await call.ended()
    assert (call.state, other.state) == (CallState.ENDED, CallState.ENDED)


async def test_a_phone_rings_until_it_is_answered(make_pair: Any) -> None:
    caller, callee = await make_pair(answer_after_s=None)
    call = caller.call("bob")
    other = await callee.incoming()
    assert (call.state, other.state) == (CallState.CALLING, CallState.RINGING)
    other.answer()
    await call.connected()
    assert other.state is CallState.TALKING
    await call.hang_up()


async def test_a_rejected_call_and_one_given_up(make_pair: Any) -> None:
    caller, callee = await make_pair(answer_after_s=None)
    call = caller.call("bob")
    (await callee.incoming()).reject(603)
    with pytest.raises(CallFailedError) as caught:
        await call.connected()
    assert caught.value.status == 603
    assert str(caught.value) == "call failed (603)"
    call = caller.call("bob")
    other = await callee.incoming()
    await call.hang_up()
    await other.ended()
    assert not caller.calls
    assert not callee.calls


async def test_without_a_codec_in_common(make_pair: Any) -> None:
    caller, callee = await make_pair(codecs=("G722",))
    caller.settings = PhoneSettings("alice", caller.settings.server, codecs=("PCMU",))
    with pytest.raises(CallFailedError) as caught:
        await caller.call("bob").connected()
    assert caught.value.status == 488
    await (await callee.incoming()).ended()


async def test_hold_silences_us_and_is_taken_back(make_pair: Any) -> None:
    call, other = await talk(*await make_pair())
    await asyncio.sleep(0.2)
    await call.hold()
    await asyncio.sleep(0.1)
    start = len(other.heard)
    await asyncio.sleep(0.3)
    assert level(other.heard[start:], 440) < 100
    await call.unhold()
    start = len(other.heard)
    await asyncio.sleep(0.4)
    assert level(other.heard[start:], 440) > 7_000
    await call.hang_up()


async def test_a_phone_has_room_for_so_many_calls_and_is_busy_then(make_pair: Any) -> None:
    caller, callee = await make_pair(answer_after_s=None)
    async with await Phone.open(PhoneSettings("carol", caller.settings.server)) as third:
        calls = [caller.call("bob") for _ in range(3)]
        for _ in calls:
            await callee.incoming()
        with pytest.raises(CallFailedError) as caught:
            await third.call("bob").connected()
        assert caught.value.status == 486


async def test_a_registration_that_is_refused(make_pair: Any) -> None:
    caller, _ = await make_pair()
    with pytest.raises(CallFailedError) as caught:
        await caller.register()
    assert caught.value.status == 405
    assert not caller.registered


async def test_in_no_call_nothing_can_be_done(make_pair: Any) -> None:
    caller, callee = await make_pair()
    call, other = await talk(caller, callee)
    await call.hang_up()
    for change in (call.hold(), call.transfer("carol")):
        with pytest.raises(CallFailedError) as caught:
            await change
        assert caught.value.status == 481
    assert await call.press(Softkey.RECORD) is False
    await other.ended()


# --- a call control that is a script -----------------------------------------------------------------


class Recorder:
    """Answers calls, and shows what it is told to show."""

    def __init__(self) -> None:
        self.endpoint = Endpoint(EndpointConfig(session_timer=None), RandomIds())
        self.edge = SipEdge(self.endpoint, self.on_event)
        self.record: str | None = "off"
        self.statuses: list[int] = []
        self.preferences: list[str | None] = []
        self.supported: list[str | None] = []

    def on_event(self, event: Event) -> None:
        if not isinstance(event, RequestReceived) or event.request.method != "INVITE":
            return
        offer = sdp.parse(event.request.body)
        self.preferences.append(offer.media[0].record_preference)
        self.supported.append(event.request.headers.get("supported"))
        if self.statuses:
            self.endpoint.respond(event.transaction, self.statuses.pop(0), now=self.edge.now())
            return
        answer = sdp.answer(
            offer,
            sdp.negotiate(offer),
            [sdp.Local("127.0.0.1", 9)],
            session_id=1,
            sends=True,
            record=self.record,
        )
        self.endpoint.respond(
            event.transaction, 200, body=answer.encode(), content_type=sdp.CONTENT_TYPE, now=self.edge.now()
        )


@pytest.fixture
async def recorder() -> AsyncIterator[Recorder]:
    made = Recorder()
    listening = await made.edge.listen_udp("127.0.0.1", 0)
    made.port = listening.port  # type: ignore[attr-defined]
    yield made
    await made.edge.close()


def at(recorder: Any, **changes: Any) -> PhoneSettings:
    return PhoneSettings("alice", f"sip:127.0.0.1:{recorder.port}", **changes)


async def test_d7_d8_icon_and_keys_follow_a_record(recorder: Recorder) -> None:
    async with await Phone.open(at(recorder, keys=RecordingKeys.ON_DEMAND)) as phone:
        call = await phone.call("bob").connected()
        assert call.display.softkeys == (Softkey.RECORD,)
        assert await call.press(Softkey.PAUSE) is False
        for key, status, icon in (
            (Softkey.RECORD, "on", Icon.RECORDING),
            (Softkey.PAUSE, "paused", Icon.PAUSED),
            (Softkey.RESUME, "on", Icon.RECORDING),
            (Softkey.STOP, "off", Icon.NONE),
        ):
            recorder.record = status
            assert await call.press(key)
            assert call.display.icon is icon
        assert recorder.preferences == [None, "on", "pause", "on", "off"]
        assert recorder.supported[0] is not None
        assert "record-aware" in recorder.supported[0]
        recorder.record = None
        await call.hang_up()
    assert [shown.icon for shown in call.shown][-1] is Icon.NONE


async def test_a_senseless_or_missing_status_changes_nothing(recorder: Recorder) -> None:
    async with await Phone.open(at(recorder, keys=RecordingKeys.ALWAYS_WITH_PAUSE)) as phone:
        recorder.record = "on"
        call = await phone.call("bob").connected()
        for status in ("perhaps", None):
            recorder.record = status
            await call.hold()
            assert call.display.icon is Icon.RECORDING


async def test_an_outside_party_is_not_record_aware(recorder: Recorder) -> None:
    async with await Phone.open(at(recorder, kind="outside")) as phone:
        await phone.call("bob").connected()
    assert recorder.supported == ["replaces"]


async def test_a_change_that_collides_is_tried_again_and_one_refused_is_not(recorder: Recorder) -> None:
    async with await Phone.open(at(recorder)) as phone:
        call = await phone.call("bob").connected()
        recorder.statuses = [491, 491]
        await call.hold()
        assert len(recorder.preferences) == 4
        recorder.statuses = [403]
        with pytest.raises(CallFailedError) as caught:
            await call.unhold()
        assert caught.value.status == 403


async def test_a_call_whose_other_end_forgot_it_ends(recorder: Recorder) -> None:
    async with await Phone.open(at(recorder)) as phone:
        call = await phone.call("bob").connected()
        recorder.statuses = [481]
        with pytest.raises(CallFailedError):
            await call.hold()
        await call.ended()
