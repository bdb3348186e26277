"""Calling as a part of a service: its own phones and strangers', settings as they are, taken ports."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest

from gateway.directory.directory import Directory
from gateway.directory.events import PersonChanged
from gateway.directory.model import Location, Number, Organization, Person
from gateway.directory.recording import OrganizationRecording, RecordingMode, RecordingSettings
from gateway.runtime.bus import Bus
from siprec.callcontrol import keys
from siprec.callcontrol.errors import AddressTaken, NotOffered, UnknownCall, UnknownPhone
from siprec.callcontrol.settings import CallingSettings, PhoneEntry
from siprec.callcontrol.telephony import Telephony, call_state, user_part
from siprec.phones.phone import Phone, PhoneSettings
from siprec.phones.phone_call import CallFailedError, CallState
from siprec.phones.softkeys import RecordingKeys

NOWHERE = "sip:srs@127.0.0.1:9"


def directory() -> Directory:
    recording = OrganizationRecording(service_provider="acme-sp", external_group="acme")
    alice = Person(
        "alice", "acme", "site", "Alice", number="+12025550100",
        recording=RecordingSettings(RecordingMode.ALWAYS, external_identifier="alice@acme.example"),
    )  # fmt: skip
    return Directory(
        [
            Organization("acme", "Acme", recording=recording),
            Location("site", "acme", "Site"),
            Number("+12025550100", "acme", "site"),
            alice,
            Person("bob", "acme", "site", "Bob"),
        ]
    )


Open = Callable[..., Any]


@pytest.fixture
async def open_telephony() -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:

        async def make(known: Directory | None = None, bus: Bus | None = None, **settings: Any) -> Telephony:
            phones = settings.pop("phones", {"alice": {"answer_after_seconds": 0.02}, "bob": {"kind": "app"}})
            wanted = CallingSettings.model_validate(
                {"enabled": True, "port": 0, "port_pairs": 8, "phones": phones, **settings}
            )
            telephony = Telephony(
                wanted, known or directory(), bus or Bus(), lambda: 1_000, recorders=lambda: [NOWHERE]
            )
            stack.push_async_callback(telephony.stop)
            await telephony.start()
            return telephony

        yield make


async def test_phones_of_its_own_register_and_call_each_other(open_telephony: Open) -> None:
    telephony = await open_telephony()
    assert [phone.registered for phone in telephony.phones.values()] == [True, True]
    call = await telephony.place(telephony.phone("bob"), "+12025550100", seconds=0.2)
    assert call_state(call) == "ringing"
    ringing = telephony.phone("bob").calls[0]
    await ringing.connected()
    assert call_state(telephony.call(call.id)) == "connected"
    assert set(telephony.people_of(call)) == {"alice", "bob"}
    assert telephony.call_of(ringing) is call
    await ringing.ended()
    await telephony.server.idle()
    assert call_state(telephony.call(call.id)) == "ended"
    assert set(telephony.people_of(call)) == {"alice", "bob"}


async def test_phones_are_found_by_name_person_and_number(open_telephony: Open) -> None:
    phones = {
        "desk": {"person": "alice"},
        "patient": {"kind": "outside", "number": "+13105550120", "says": "tone"},
    }
    telephony = await open_telephony(phones=phones)
    desk, patient = telephony.phones["desk"], telephony.phones["patient"]
    for name in ("desk", "alice", "+12025550100"):
        assert telephony.phone_of(name) is desk
    for name in ("patient", "+13105550120"):
        assert telephony.phone_of(name) is patient
    assert telephony.phone_of("nobody") is None
    with pytest.raises(UnknownPhone):
        telephony.phone("alice")
    with pytest.raises(UnknownCall):
        telephony.call(7)


async def test_a_phone_of_somebody_nobody_knows_does_not_register(open_telephony: Open) -> None:
    telephony = await open_telephony(phones={"ghost": {}})
    assert telephony.phones["ghost"].registered is False


async def test_a_strangers_phone_registers_with_its_password_and_is_rung(open_telephony: Open) -> None:
    telephony = await open_telephony(phones={"alice": {}}, passwords={"bob": "bobs-own"})
    with pytest.raises(CallFailedError, match="registration"):
        async with await Phone.open(PhoneSettings("bob", telephony.uri, "guessed")) as wrong:
            await wrong.register()
    async with await Phone.open(PhoneSettings("bob", telephony.uri, "bobs-own")) as own:
        await own.register()
        assert telephony.server.bindings("bob") == [own.uri]
        await telephony.place(telephony.phone("alice"), "bob")
        async with asyncio.timeout(5):
            assert (await (await own.incoming()).connected()).state is CallState.TALKING


async def test_only_keys_that_are_shown_can_be_pressed(open_telephony: Open) -> None:
    telephony = await open_telephony(phones={"alice": {"answer_after_seconds": None}, "bob": {}})
    with pytest.raises(NotOffered, match="alice does not show Answer now"):
        await telephony.press("alice", keys.ANSWER)
    placed = await telephony.place(telephony.phone("bob"), "alice")
    async with asyncio.timeout(5):
        incoming = await telephony.phone("alice").incoming()
    assert keys.offered(incoming) == (keys.ANSWER, keys.DECLINE)
    with pytest.raises(NotOffered):
        await telephony.press("alice", keys.ANSWER, call=placed.id + 1)
    await telephony.press("alice", keys.ANSWER, call=placed.id)
    with pytest.raises(NotOffered):
        await telephony.press("alice", keys.TRANSFER)  # to whom?
    await telephony.press("alice", keys.HOLD)
    assert keys.offered(incoming)[0] == keys.RESUME
    await telephony.press("alice", keys.RESUME)
    await telephony.press("alice", keys.END)
    assert incoming.state is CallState.ENDED
    assert keys.offered(incoming) == ()


async def test_a_changed_mode_is_the_phones_from_the_next_call_on(open_telephony: Open) -> None:
    bus, known = Bus(), directory()
    telephony = await open_telephony(known, bus)
    before = known.people["alice"]
    after = replace(before, recording=replace(before.recording, mode=RecordingMode.ON_DEMAND))
    assert telephony.phone("alice").settings.keys is RecordingKeys.ALWAYS
    event = known.put(after)
    assert isinstance(event, PersonChanged)
    bus.publish(event)
    assert telephony.phone("alice").settings.keys is RecordingKeys.ON_DEMAND


async def test_somebody_new_can_register_and_be_called_at_once(open_telephony: Open) -> None:
    known = directory()
    telephony = await open_telephony(known, passwords={"carol": "carols"})
    known.put(Person("carol", "acme", "site", "Carol"))
    async with await Phone.open(PhoneSettings("carol", telephony.uri, "carols")) as phone:
        await phone.register()
        assert telephony.server.bindings("carol") == [phone.uri]
    known.remove_person("carol")
    assert "carol" not in telephony.subscribers


async def test_a_taken_port_says_which_setting(open_telephony: Open) -> None:
    first = await open_telephony()
    with pytest.raises(AddressTaken) as caught:
        await open_telephony(port=first.server.port)
    assert str(caught.value) == (
        f"the call control cannot listen on 127.0.0.1:{first.server.port} (the port is taken): stop what "
        "uses it, choose another with `--set calling.port=PORT`, or none with `--set calling.enabled=false`"
    )


async def test_draining_ends_calls(open_telephony: Open) -> None:
    telephony = await open_telephony()
    call = await telephony.place(telephony.phone("bob"), "alice")
    await telephony.phone("bob").calls[0].connected()
    await telephony.drain(2.0)
    assert (call_state(call), telephony.ready) == ("ended", False)


async def test_where_no_recorder_answers_the_call_goes_on(open_telephony: Open) -> None:
    telephony = await open_telephony(recorder_timeout_seconds=0.2)
    call = await telephony.place(telephony.phone("alice"), "bob")
    await telephony.phone("alice").calls[0].connected()
    async with asyncio.timeout(5):
        while not any(line.what == "recording" for line in call.log):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert [line.detail for line in call.log if line.what == "recording"] == ["failed"]
    assert call_state(call) == "connected"


@pytest.mark.parametrize("entry", [{"kind": "outside"}, {"kind": "mpp", "number": "+13105550120"}])
def test_an_outside_phone_has_a_number_and_no_other_has(entry: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="number"):
        PhoneEntry.model_validate(entry)


@pytest.mark.parametrize(
    ("aor", "user"), [("sip:alice@acme.example", "alice"), ("sip:+1@x", "+1"), ("alice", ""), ("", "")]
)
def test_the_user_of_an_address(aor: str, user: str) -> None:
    assert user_part(aor) == user
