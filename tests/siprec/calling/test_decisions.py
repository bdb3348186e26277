"""The decision table, case by case: settings over the API, real calls, and what they show (webex.md C, D)."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
import soundfile

from gateway.runtime.ids import decode_id
from siprec.callcontrol.prompts import PromptSet
from siprec.calling.decisions import DECISIONS, Case, Decision, Request, Talk
from siprec.metadata.times import from_ns
from siprec.phones.hearing import hears_prompt
from siprec.standalone import Standalone, build, load_config

DAY_S = 86_400
PROMPTS = PromptSet.load()
PEOPLE = ("alice", "bob", "carol", "dave", "erin")
TOKENS = (
    *(
        f"{{token: {who}, name: {who}, role: person, organization: acme-dental, person: {who}}}"
        for who in PEOPLE
    ),
    "{token: bea, name: bea, role: person, organization: bolt, person: bea}",
    "{token: demo-admin, name: demo-admin, role: admin, organization: acme-dental}",
    "{token: demo-partner, name: demo-partner, role: partner}",
    "{token: demo-dubber-admin, name: demo-dubber-admin, role: dubber_admin, organization: acme-dental}",
    "{token: demo-imagicle, name: demo-imagicle, role: provider}",
    "{token: bolt-admin, name: bolt-admin, role: admin, organization: bolt}",
)
PHONES = (
    *(
        f"{who}: {{kind: {'app' if who == 'bob' else 'mpp'}, answer_after_seconds: 0.05}}"
        for who in PEOPLE[:3]
    ),
    "dave: {kind: mpp, answer_after_seconds: null}",
    "erin: {kind: app, answer_after_seconds: 0.05}",
    "bea: {kind: mpp, answer_after_seconds: 0.05}",
    'patient: {kind: outside, number: "+13105550120", says: voice-2, answer_after_seconds: 0.05}',
)
BOLT = (
    "directory.organizations.bolt={name: Bolt, recording: {service_provider: bolt-sp, external_group: bolt}, "
    "locations: {works: {name: Works}}, "
    "people: {bea: {location: works, first_name: Bea, email: bea@bolt.example}}}"
)
ALICE = "directory.organizations.acme-dental.people.alice.recording"
SETTINGS = (
    "http.port=0",
    "calling.port=0",
    "recording.sip.udp_port=0",
    "recording.sip.tcp_port=null",
    "recording.sip.tls=null",
    "recording.media.port_pairs=8",
    "recording.max_sessions=4",
    "clock.mode=scaled",
    "clock.start=2026-01-01T00:00:00Z",
    f"http.tokens=[{', '.join(TOKENS)}]",
    f"calling.phones={{{', '.join(PHONES)}}}",
    f"{ALICE}.announce_start_stop=false",
    f"{ALICE}.pause_notice=none",
    BOLT,
)
CASES = [
    pytest.param(decision, case, id=f"{decision.fact}-{kind}-{number}")
    for decision in DECISIONS
    for kind, cases in (("shown", decision.shown), ("opposite", decision.opposite))
    for number, case in enumerate(cases, 1)
]


class House:
    """The recording service with its call control, and its API."""

    def __init__(self, service: Standalone, http: aiohttp.ClientSession) -> None:
        self.service = service
        self._http = http
        self.calls: list[dict[str, Any]] = []
        self.shown: dict[str, dict[str, Any]] = {}

    async def ask(self, method: str, path: str, token: str, body: Any = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}"}
        url = self.service.http.url + path
        async with self._http.request(method, url, headers=headers, json=body) as response:
            if "json" not in response.headers.get("Content-Type", ""):
                return response.status, await response.read()
            return response.status, await response.json()

    async def get(self, path: str, token: str = "demo-partner") -> Any:
        return (await self.ask("GET", path, token))[1]

    async def do(self, request: Request) -> None:
        status, answer = await self.ask(request.method, request.path, request.token, dict(request.body))
        assert status == request.status, answer
        if request.code:
            assert answer["errors"][0]["code"] == request.code

    async def until(self, path: str, wanted: Any) -> Any:
        async with asyncio.timeout(10):
            while not wanted(found := await self.get(path)):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return found

    @property
    def live(self) -> int:
        return len(self.service.recording.server.live)

    async def talk(self, talk: Talk) -> None:
        before = self.live
        status, call = await self.ask(
            "POST", "/v1/calls", "demo-partner", {"from": talk.caller, "to": talk.to}
        )
        assert status == 201, call
        path = f"/v1/calls/{call['id']}"
        if talk.caller == "dave" or talk.to != "+12025550103":
            await self.until(path, lambda found: found["state"] == "connected")
        for key in talk.keys:
            await self.until(f"/v1/phones/{talk.caller}", lambda found, key=key: key in found["softkeys"])
            await asyncio.sleep(0.15)
            status, answer = await self.ask(
                "POST", f"/v1/phones/{talk.caller}/softkeys", "demo-partner", {"key": key}
            )
            assert status == 200, answer
        if talk.recorded:
            async with asyncio.timeout(10):
                while self.live == before:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            await self.until(path, lambda found: not any(r["state"] == "starting" for r in found["recorded"]))
        await asyncio.sleep(talk.seconds)
        self.shown = {each["id"]: each for each in (await self.get("/v1/phones"))["items"]}
        self.shown["caller"] = self.shown[talk.caller]
        await self.ask("DELETE", path, "demo-partner")
        await self.service.telephony.server.idle()  # type: ignore[union-attr]
        async with asyncio.timeout(10):
            while self.live:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        self.calls.append(await self.get(path))

    async def recordings(self) -> list[dict[str, Any]]:
        await self.service.recording.settle()
        page = await self.until(
            "/v1/recordings", lambda page: all(each["state"] == "sealed" for each in page["items"])
        )
        found: list[dict[str, Any]] = page["items"]
        return found

    def played(self) -> set[str]:
        return {line["detail"] for call in self.calls for line in call["log"] if line["what"] == "played"}


@contextlib.asynccontextmanager
async def open_house(folder: Path, case: Case) -> AsyncIterator[House]:
    overrides = [each.replace("{folder}", str(folder)) for each in case.overrides]
    settings = [f"storage.folder={folder}", *SETTINGS, *overrides]
    service = await build(load_config("gateway.yaml", settings))
    service.world.clock.start()
    await service.lifecycle.start()
    try:
        async with aiohttp.ClientSession() as http:
            yield House(service, http)
    finally:
        await service.close()


@pytest.mark.parametrize(("decision", "case"), CASES)
async def test_every_case_is_as_the_table_says(decision: Decision, case: Case, tmp_path: Path) -> None:
    async with open_house(tmp_path, case) as house:
        for request in case.requests:
            await house.do(request)
        for talk in case.talks:
            await house.talk(talk)
        await house.recordings()
        for request in case.after:
            await house.do(request)
        for talk in case.again:
            await house.talk(talk)
        recordings = await house.recordings()
        newest = recordings[0] if recordings else None
        if newest is not None:
            await metadata_is_as_logged(house, newest)
        if case.days:
            house.service.world.clock.advance(case.days * DAY_S)
            recordings = await house.recordings()
        for name, wanted in case.expect.items():
            found = await measured(house, name, wanted, recordings)
            assert found == wanted, f"{decision.fact}: {case.says} ({name})"


async def metadata_is_as_logged(house: House, recording: dict[str, Any]) -> None:
    """Whatever a case is about: the metadata lists each announcement when the call control logged it (D4)."""
    if recording["quarantined"]:
        return
    told = await announcements(house, recording)
    logged = {
        from_ns(int(line["detail"].split()[-1]))
        for call in house.calls
        for line in call["log"]
        if line["what"] == "told"
    }
    assert {each["at"] for each in told} <= logged


async def announcements(house: House, recording: dict[str, Any]) -> list[dict[str, Any]]:
    document = await house.get(f"/v1/recordings/{recording['id']}/metadata", recording["personId"])
    found: list[dict[str, Any]] = document["recording"]["announcements"]
    return found


async def measured(house: House, name: str, wanted: Any, recordings: list[dict[str, Any]]) -> Any:
    """What the house shows for one name of a case's `expect`."""
    newest = recordings[0] if recordings else {}
    match name:
        case "recordings":
            return len(recordings)
        case "sessions":
            return house.service.telephony.server.forks.started  # type: ignore[union-attr]
        case "provider" | "product" | "tenant" | "quarantined":
            return newest[name]
        case "person":
            return newest["personId"]
        case "expires":
            return newest["expiresAt"] is not None
        case "storage":
            await house.service.recording.settle()
            return await stored(house, newest)
        case "audio":
            path = f"/v1/recordings/{newest['id']}/audio"
            return {token: (await house.ask("GET", path, token))[0] for token in wanted}
        case "settings":
            shown = {who: await house.get(f"/v1/people/{who}/recording") for who in wanted}
            return {who: {key: shown[who][key] for key in keys} for who, keys in wanted.items()}
        case "administrators":
            accounts = await house.get("/v1/organizations/acme-dental/recording/accounts")
            return next(each for each in accounts["items"] if each["provider"] == "dubber")["administrators"]
        case "icon":
            return house.shown["caller"]["icon"]
        case "icons":
            return {phone: house.shown[phone]["icon"] for phone in wanted}
        case "softkeys":
            ours = ("Record", "PauseRec", "ResumeRec", "StopRec")
            return tuple(key for key in house.shown["caller"]["softkeys"] if key in ours)
        case "played":
            return tuple(each for each in wanted if each in house.played())
        case "unplayed":
            return tuple(each for each in wanted if each not in house.played())
        case "unrecorded":
            sounds = [await audio(house, newest, party) for party in ("1", "2")]
            return tuple(
                each for each in wanted if not any(hears_prompt(heard, PROMPTS[each]) for heard in sounds)
            )
        case "told":
            return tuple(f"{each['event']} {each['kind']}" for each in await announcements(house, newest))
        case "pauses":
            document = await house.get(f"/v1/recordings/{newest['id']}/metadata", newest["personId"])
            return len(document["recording"]["pauses"])
        case "voices":
            return sum([np.abs(await audio(house, newest, party)).max() > 2_000 for party in ("1", "2")])
        case "delay_ms":
            delays = [line["detail"] for line in house.calls[0]["log"] if line["what"] == "delayed"]
            return int(delays[0]) if delays else 0
        case "voicemail":
            return any(line["what"] == "voicemail" for line in house.calls[0]["log"])
    raise AssertionError(f"nothing measures {name}")


async def stored(house: House, recording: dict[str, Any]) -> str | None:
    """Where the files of a recording are, once they have moved."""
    filing = await house.service.recording.desk.store.filing(decode_id(recording["id"]))
    assert filing is not None
    return filing.storage


async def audio(house: House, recording: dict[str, Any], party: str) -> Any:
    status, data = await house.ask(
        "GET", f"/v1/recordings/{recording['id']}/audio?party={party}", recording["personId"]
    )
    assert status == 200
    return soundfile.read(io.BytesIO(data), dtype="int16")[0]


def test_the_table_has_every_fact_of_c_and_d() -> None:
    wanted = [f"C{number}" for number in range(1, 16)] + [f"D{number}" for number in range(1, 11)]
    assert [decision.fact for decision in DECISIONS] == wanted
    assert all(decision.shown and decision.opposite for decision in DECISIONS)


def test_every_case_expects_something_of_a_call() -> None:
    for decision in DECISIONS:
        for case in (*decision.shown, *decision.opposite):
            assert case.talks
            assert "recordings" in case.expect, case.says
