"""`/v1/phones`, `/v1/calls`, `/v1/scenarios`: telephones that show and press, calls, scripts; by role."""

import asyncio
from typing import Any

import pytest

from gateway.runtime.bus import Bus
from gateway.runtime.ids import decode_id
from siprec.api.call_models import LogOut
from siprec.callcontrol.call import Happened
from siprec.callcontrol.events import CallChanged, PhoneChanged
from siprec.calling.runs import ScenarioProgressed

FAST = "calling.phones={alice: {kind: mpp}, bob: {kind: app}, carol: {kind: mpp}, bea: {kind: mpp}, "
FAST += 'dave: {kind: mpp, answer_after_seconds: null}, patient: {kind: outside, number: "+13105550120"}}'
SOON = [f"calling.phones.{name}.answer_after_seconds=0.05" for name in ("alice", "bob", "carol", "patient")]


@pytest.fixture
async def calling(open_world: Any) -> Any:
    async with open_world(FAST, *SOON, "calling.ring_seconds=0.6") as running:
        yield running


async def until(read: Any, wanted: Any) -> Any:
    """Ask again until what is wanted is so; events say when, over the API it is asked."""
    async with asyncio.timeout(8):
        while not wanted(found := (await read()).json):  # noqa: ASYNC110
            await asyncio.sleep(0.03)
    return found


async def talk(world: Any, caller: str = "alice", to: str = "+13105550120", **more: Any) -> str:
    answer = await world.post("/v1/calls", {"from": caller, "to": to, **more})
    assert answer.status == 201, answer.json
    call_id = str(answer.json["id"])
    await until(lambda: world.get(f"/v1/calls/{call_id}"), lambda call: call["state"] == "connected")
    return call_id


async def icon(world: Any, phone: str, wanted: str) -> Any:
    return await until(lambda: world.get(f"/v1/phones/{phone}"), lambda found: found["icon"] == wanted)


async def test_telephones_are_listed_with_what_they_show(calling: Any) -> None:
    phones = {each["id"]: each for each in (await calling.get("/v1/phones")).items}
    assert set(phones) == {"alice", "bob", "carol", "dave", "patient"}  # bea is another customer's
    alice, patient = phones["alice"], phones["patient"]
    assert (alice["kind"], alice["personId"], alice["number"]) == ("mpp", "alice", "+12025550100")
    assert (alice["registered"], alice["state"], alice["icon"], alice["softkeys"]) == (
        True,
        "idle",
        "none",
        [],
    )
    assert alice["recordingMode"] == "always_with_pause"
    assert (patient["kind"], patient["personId"], patient["registered"]) == ("outside", None, False)


async def test_a_person_sees_and_uses_the_own_telephone_only(calling: Any) -> None:
    mine = (await calling.get("/v1/phones", "demo-alice")).items
    assert [each["id"] for each in mine] == ["alice"]
    assert (await calling.get("/v1/phones/bob", "demo-alice")).status == 404
    body = {"from": "bob", "to": "+13105550120"}
    assert (await calling.call("POST", "/v1/calls", "demo-alice", json=body)).status == 404
    answer = await calling.call("POST", "/v1/phones/bob/softkeys", "demo-alice", json={"key": "Answer"})
    assert answer.status == 404
    assert (await calling.get("/v1/phones", "demo-imagicle")).status == 403


async def test_a_recorded_call_with_softkeys_from_first_to_last(calling: Any) -> None:
    call_id = await talk(calling)
    shown = await icon(calling, "alice", "recording")
    assert shown["softkeys"] == ["Hold", "Transfer", "EndCall", "PauseRec"]
    assert shown["calls"][0]["callId"] == call_id
    paused = await calling.post("/v1/phones/alice/softkeys", {"key": "PauseRec"})
    assert (paused.json["icon"], paused.json["softkeys"][-1]) == ("paused", "ResumeRec")
    held = await calling.post("/v1/phones/alice/softkeys", {"key": "Hold", "callId": call_id})
    assert (held.json["state"], held.json["softkeys"][0]) == ("held", "Resume")
    running = (await calling.get(f"/v1/calls/{call_id}")).json
    assert running["recorded"] == [{"personId": "alice", "state": "paused", "icon": "paused"}]
    assert {party["personId"]: party["held"] for party in running["parties"]} == {"alice": True, None: False}
    await calling.post("/v1/phones/alice/softkeys", {"key": "Resume"})
    ended = await calling.post("/v1/phones/alice/softkeys", {"key": "EndCall"})
    assert (ended.json["state"], ended.json["softkeys"]) == ("idle", [])
    over = await until(lambda: calling.get(f"/v1/calls/{call_id}"), lambda call: call["state"] == "ended")
    what = [line["what"] for line in over["log"]]
    assert what[0] == "calling"
    assert {"joined", "played", "told", "recording", "pressed", "held", "unheld", "left", "ended"} <= set(
        what
    )
    recordings = await until(
        lambda: calling.get("/v1/recordings", "demo-alice"),
        lambda page: page["items"] and page["items"][0]["state"] == "sealed",
    )
    assert recordings["items"][0]["personId"] == "alice"


@pytest.mark.parametrize(
    ("key", "code"), [({"key": "PauseRec"}, "key_not_shown"), ({"key": "Dance"}, "key_not_shown")]
)
async def test_a_key_that_is_not_shown_is_refused(calling: Any, key: dict[str, str], code: str) -> None:
    answer = await calling.post("/v1/phones/alice/softkeys", key)
    assert (answer.status, answer.code) == (409, code)


async def test_who_is_not_there_is_said(calling: Any) -> None:
    assert (await calling.get("/v1/phones/nobody")).status == 404
    assert (await calling.get("/v1/calls/nonsense")).status == 404
    assert (await calling.get("/v1/calls/0d3kz7m1x8000")).status == 404
    assert (await calling.post("/v1/phones/nobody/softkeys", {"key": "Answer"})).status == 404
    answer = await calling.post("/v1/calls", {"from": "frank", "to": "+13105550120"})
    assert answer.status == 404
    assert (await calling.post("/v1/calls", {"from": "alice"})).status == 400


async def test_a_call_ends_by_itself_after_its_seconds(calling: Any) -> None:
    call_id = await talk(calling, "bob", "carol", seconds=0.3)
    over = await until(lambda: calling.get(f"/v1/calls/{call_id}"), lambda call: call["state"] == "ended")
    assert (over["from"], over["to"]) == ("+12025550101", "carol")


async def test_an_incoming_call_is_answered_or_declined_by_key(calling: Any) -> None:
    answer = await calling.post("/v1/calls", {"from": "bob", "to": "dave"})
    ringing = await until(lambda: calling.get("/v1/phones/dave"), lambda found: found["state"] == "ringing")
    assert ringing["softkeys"] == ["Answer", "Decline"]
    talking = await calling.post("/v1/phones/dave/softkeys", {"key": "Answer"})
    assert talking.json["state"] == "talking"
    assert (await calling.delete(f"/v1/calls/{answer.json['id']}")).status == 204
    await until(lambda: calling.get("/v1/phones/dave"), lambda found: found["state"] == "idle")
    await calling.post("/v1/calls", {"from": "bob", "to": "dave"})
    await until(lambda: calling.get("/v1/phones/dave"), lambda found: found["state"] == "ringing")
    declined = await calling.post("/v1/phones/dave/softkeys", {"key": "Decline"})
    assert declined.json["state"] == "idle"


async def test_calls_of_another_customer_are_out_of_sight(calling: Any) -> None:
    call_id = await talk(calling, "alice", "bob")
    assert (await calling.get(f"/v1/calls/{call_id}", "bolt-admin")).status == 404
    assert (await calling.get("/v1/calls", "bolt-admin")).items == []
    assert (await calling.get(f"/v1/calls/{call_id}", "demo-bob")).status == 200
    assert (await calling.delete(f"/v1/calls/{call_id}", "bolt-admin")).status == 404


async def test_what_happens_is_told_to_those_it_concerns(calling: Any) -> None:
    heard: list[Any] = []
    bus: Bus = calling.service.world.bus
    bus.listen(CallChanged, heard.append)
    bus.listen(PhoneChanged, heard.append)
    call_id = await talk(calling, "alice", "bob", seconds=0.2)
    await until(lambda: calling.get(f"/v1/calls/{call_id}"), lambda call: call["state"] == "ended")
    calls = [event for event in heard if isinstance(event, CallChanged)]
    assert [calls[0].what, calls[-1].what] == ["calling", "ended"]
    assert set(calls[-1].people) == {"alice", "bob"}
    phones = [event.as_payload() for event in heard if isinstance(event, PhoneChanged)]
    assert {(each["personId"], each["state"]) for each in phones} >= {
        ("alice", "calling"),
        ("alice", "talking"),
        ("bob", "ringing"),
        ("bob", "ended"),
    }
    assert "+1" not in str([event.as_payload() for event in heard])


async def test_a_changed_mode_counts_from_the_next_call_on(calling: Any) -> None:
    await talk(calling, "bob", "+13105550120", seconds=0.2)
    changed = await calling.patch("/v1/people/bob/recording", {"mode": "on_demand"})
    assert changed.status == 200
    await talk(calling, "bob", "+13105550120")
    shown = (await calling.get("/v1/phones/bob")).json
    assert shown["softkeys"][-1] == "Record"
    await calling.post("/v1/phones/bob/softkeys", {"key": "Record"})
    assert (await icon(calling, "bob", "recording"))["softkeys"][-2:] == ["PauseRec", "StopRec"]


async def test_what_nobody_asked_to_keep_is_deleted(open_world: Any) -> None:
    """On Demand as BroadWorks has it: recorded from connect, kept where Record was pressed."""
    async with open_world(FAST, *SOON, "calling.on_demand=from_connect") as world:
        service = world.service
        await talk(world, "carol", "+13105550120")
        await until_live(service, 1)
        await world.post("/v1/phones/carol/softkeys", {"key": "EndCall"})
        await until_live(service, 0)
        await service.telephony.server.idle()
        await until(lambda: world.get("/v1/recordings"), lambda page: page["items"] == [])
        await talk(world, "carol", "+13105550120")
        await until_live(service, 1)
        await world.post("/v1/phones/carol/softkeys", {"key": "Record"})
        await world.post("/v1/phones/carol/softkeys", {"key": "EndCall"})
        kept = await until(
            lambda: world.get("/v1/recordings"),
            lambda page: [each["state"] for each in page["items"]] == ["sealed"],
        )
        assert kept["items"][0]["personId"] == "carol"


async def until_live(service: Any, number: int) -> None:
    async with asyncio.timeout(8):
        while len(service.recording.server.live) != number:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_no_calling_no_routes(open_world: Any) -> None:
    async with open_world("calling.enabled=false") as world:
        assert (await world.get("/v1/phones")).status == 404


async def test_the_clock_is_there_without_texting(calling: Any) -> None:
    before = (await calling.get("/v1/clock")).json["now"]
    assert (await calling.post("/v1/clock", {"advance": 86_400})).status == 200
    assert (await calling.get("/v1/clock")).json["now"] > before


async def test_a_scenario_is_played_and_followed(calling: Any) -> None:
    heard: list[ScenarioProgressed] = []
    calling.service.world.bus.listen(ScenarioProgressed, heard.append)
    library = (await calling.get("/v1/scenarios", params={"max": "100"})).items
    assert {"always", "conference", "downgrade"} <= {each["name"] for each in library}
    assert (await calling.get("/v1/scenarios/always")).json["script"][0] == "alice calls customer"
    assert (await calling.get("/v1/scenarios/juggling")).status == 404
    started = await calling.post("/v1/scenarioRuns", {"scenario": "always"})
    assert (started.status, started.json["state"]) == (202, "running")
    path = f"/v1/scenarioRuns/{started.json['id']}"
    seen = await until(lambda: calling.get(path), lambda run: any(p["icon"] != "none" for p in run["phones"]))
    assert {phone["name"] for phone in seen["phones"]} == {"alice", "customer"}
    async with asyncio.timeout(20):
        over = await until(lambda: calling.get(path), lambda run: run["state"] != "running")
    assert over["state"] == "passed", over["checks"]
    assert all(check["ok"] for check in over["checks"])
    assert over["log"][0]["what"] == "calling"
    assert [heard[0].state, heard[-1].state] == ["running", "passed"]
    assert (await calling.get("/v1/recordings")).items == []


async def test_scenarios_are_for_administrators_and_a_few_at_once(calling: Any) -> None:
    body = {"scenario": "repeat-tone"}
    assert (await calling.post("/v1/scenarioRuns", body, "demo-alice")).status == 403
    assert (await calling.post("/v1/scenarioRuns", {"scenario": "juggling"})).status == 404
    runs = [await calling.post("/v1/scenarioRuns", body) for _ in range(4)]
    assert [run.status for run in runs] == [202, 202, 202, 409]
    assert runs[-1].code == "too_many_runs"
    for run in runs[:3]:
        assert (await calling.delete(f"/v1/scenarioRuns/{run.json['id']}")).status == 204
        assert (await calling.get(f"/v1/scenarioRuns/{run.json['id']}")).json["state"] == "cancelled"


def test_a_call_somebody_moved_to_goes_by_the_id_the_api_gives_it() -> None:
    moved = LogOut.of(Happened(0, "moved", "sip:c@x", "123456789"))
    assert decode_id(moved.detail) == 123456789
    assert LogOut.of(Happened(0, "delayed", "", "160")).detail == "160"
