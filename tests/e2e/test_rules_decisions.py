"""The decision table over HTTP: code, description, status, blockedBy, metric, and the carrier's receipt.

Each row changes the world as an administrator would, so that exactly one rule refuses; `explain` says so.
Then the change is taken back and the same sender's text is delivered. The reference is made of the same rows.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from gateway.policy.decisions import ADMINISTRATION, CARRIERS, INBOUND, OUTBOUND, SHARED
from gateway.policy.decisions.model import (
    TEXT,
    AdministrativeCase,
    CarrierCase,
    InboundCase,
    Request,
    TextCase,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

FAST = ("clock.mode=scaled", "clock.speed=50")
FROZEN = ("clock.mode=frozen", "clock.start=2026-11-02T15:00:00Z")


def rows(cases: tuple[Any, ...]) -> list[Any]:
    return [pytest.param(case, id=case.shows) for case in cases]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(open_shared_world: Any) -> AsyncIterator[Any]:
    async with open_shared_world(*FAST, *SHARED) as running:
        yield running


class Administrator:
    """Sends a case's requests; answers that are kept fill the paths of later ones."""

    def __init__(self, world: Any) -> None:
        self._world = world
        self._kept: dict[str, str] = {}

    async def does(self, request: Request) -> Any:
        path = request.path.format_map(self._kept)
        async with self._world.as_(request.token) as client:
            body = dict(request.body) if request.method != "GET" else None
            status, answer = await client.call(request.method, path, body)
        assert status == request.status, (request, answer)
        if request.keep:
            self._kept[request.keep] = answer["id"]
        if request.code:
            told = answer.get("warnings") if status == 200 else answer["errors"]
            assert {each["code"] for each in told} == {request.code}, answer
        return answer


async def post(world: Any, text: Mapping[str, Any]) -> tuple[int, Any, str | None]:
    """(status, answer, Retry-After) of a text of the administrator's."""
    url, headers = f"{world.service.http.url}/v1/messages", {"Authorization": "Bearer demo-admin"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(url, json={**TEXT, **text}) as response,
    ):
        return response.status, await response.json(), response.headers.get("Retry-After")


@pytest.mark.parametrize("case", rows(OUTBOUND))
async def test_a_text_is_refused_for_one_rule_alone_and_passes_without(
    shared: Any, open_world: Any, case: TextCase
) -> None:
    async with AsyncExitStack() as stack:
        world = shared
        if case.settings:
            clock = () if any(each.startswith("clock.") for each in case.settings) else FAST
            world = await stack.enter_async_context(open_world(*clock, *case.settings))
        administrator = Administrator(world)
        for text in case.before:
            assert (await post(world, text))[0] == 202
        labels = {"direction": "outbound", "code": case.code}
        before = world.metric("gateway_messages_rejected_total", **labels)
        for change in case.changes:
            await administrator.does(change.do)
        try:
            status, refusal, retry_after = await post(world, case.refused)
            _, explained = await world.client.post("/v1/rules/explain", {**TEXT, **case.refused})
        finally:
            for change in case.changes:
                await administrator.does(change.undo)
        assert status == case.status, refusal
        (error,) = refusal["errors"]
        assert error["code"] == case.code
        assert case.says in error["description"]
        assert refusal["message"] == error["description"]
        assert refusal["blockedBy"] == case.blocked_by
        assert (retry_after is None) == (case.retry_after is None)
        assert case.retry_after is None or 0.9 * case.retry_after < int(retry_after or 0) <= case.retry_after
        assert world.metric("gateway_messages_rejected_total", **labels) == before + 1
        if case.code.startswith("throttled_"):
            labels = {"scope": case.code.removeprefix("throttled_"), "decision": case.code}
            assert world.metric("gateway_throttle_decisions_total", **labels) == 1
        found = [(one["code"], one["blockedBy"]) for one in explained["items"] if one["outcome"] == "refused"]
        assert found == [(case.code, case.blocked_by)]
        if case.later_s:
            await world.client.post("/v1/clock", {"advance": case.later_s})
        status, message, _ = await post(world, case.passes)
        assert status == 202, message
        final = await world.client.follow(message["id"], 20)
        assert final["state"] == "delivered"
        outcomes = {one["code"]: one["outcome"] for one in final["verdicts"]}
        assert outcomes[case.code] == "passed"
        assert set(outcomes.values()) <= {"passed", "off"}


@pytest.mark.parametrize("case", rows(INBOUND))
async def test_an_inbound_text_is_refused_for_one_rule_alone(shared: Any, case: InboundCase) -> None:
    world, administrator = shared, Administrator(shared)
    labels = {"direction": "inbound", "code": case.code}
    refused = world.metric("gateway_messages_rejected_total", **labels)
    _, before = await world.client.get("/v1/carriers/att")
    for change in case.changes:
        await administrator.does(change.do)
    # Past the API, which refuses what no handset writes: real carriers deliver such texts.
    segments = world.service.carriers.inject("att", case.source, case.to, case.text, list(case.files))
    async with world.as_("demo-partner") as partner:
        message = await partner.received(20, number=case.source)
        assert message is not None
        _, story = await partner.get(f"/v1/messages/{message['id']}")
    for change in case.changes:
        await administrator.does(change.undo)
    assert (story["state"], story["code"], story["blockedBy"]) == (case.state, case.code, "gateway")
    assert world.metric("gateway_messages_rejected_total", **labels) == refused + 1
    outcomes = {one["code"]: one["outcome"] for one in story["verdicts"]}
    assert [name for name, outcome in outcomes.items() if outcome == "refused"] == [case.code]
    _, after = await world.client.get("/v1/carriers/att")
    while after["delivered"] < before["delivered"] + segments:
        _, after = await world.client.get("/v1/carriers/att")
    assert after["dropped"] == before["dropped"], "the carrier did its part and is told so"


@pytest.mark.parametrize("case", rows(ADMINISTRATION))
async def test_what_an_administrator_does_and_is_told(open_world: Any, case: AdministrativeCase) -> None:
    async with open_world(*FAST, *case.settings) as world:
        administrator = Administrator(world)
        for request in case.requests:
            await administrator.does(request)


@pytest.mark.parametrize("case", rows(CARRIERS))
async def test_what_a_carrier_refuses_by_its_own_truth(open_world: Any, case: CarrierCase) -> None:
    async with open_world(*FROZEN, *case.settings) as world:
        administrator = Administrator(world)
        for request in case.changes:
            await administrator.does(request)
        taken = [await post(world, {"to": case.to}) for _ in range(case.before)]
        for _, message, _ in taken:
            assert (await world.finished(message["id"]))["state"] == "delivered"
        status, message, _ = await post(world, {"to": case.to, **case.refused})
        assert status == 202, message
        story = await world.finished(message["id"])
        assert (story["state"], story["blockedBy"], story["carrier"]) == ("rejected", "carrier", case.carrier)
        verdict = story["verdicts"][-1]
        assert (verdict["outcome"], verdict["blockedBy"], verdict["code"]) == (
            "refused",
            "carrier",
            story["code"],
        )
        events = [
            moment for moment in story["timeline"] if moment["event"] in ("deliver_sm", "submit_sm_resp")
        ]
        if case.at == "receipt":
            assert story["code"] == f"carrier_{case.error}"
            told = [moment for moment in events if moment["event"] == "deliver_sm"]
            assert {(moment["receipt"], moment["error"]) for moment in told} == {("REJECTD", case.error)}
            assert case.error in verdict["description"]
        else:
            assert [moment["status"] for moment in events] == [case.error]
            assert verdict["description"].endswith("told in the response.")
        done = {"direction": "outbound", "carrier": case.carrier, "state": "rejected"}
        assert world.metric("gateway_messages_finished_total", **done) == 1
        assert world.metric("carrier_decisions_total", carrier=case.carrier, outcome=case.event) >= 1
        if case.later_s:
            await world.client.post("/v1/clock", {"advance": case.later_s})
        status, message, _ = await post(world, {"to": case.to, **case.passes})
        if case.passes or case.later_s or "text" in case.refused:
            assert (await world.finished(message["id"]))["state"] == "delivered"
