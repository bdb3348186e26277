"""`/v1/webhooks` over a served API: who may what, refusals, dead letters and delivering again."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import aiohttp
import pytest
from aiohttp import web

from gateway.api.webhooks import webhook_routes
from gateway.messages.webhooks import Webhooks, WebhooksSettings
from gateway.runtime.bus import Bus
from gateway.runtime.clock import WorldClock
from gateway.runtime.database import Database, MigrationBranch
from gateway.runtime.http import Health, HttpServer, HttpSettings, TokenSettings, build_app
from gateway.runtime.metrics import Metrics

TOKENS = (
    TokenSettings(token="admin", role="admin", organization="acme"),
    TokenSettings(token="alice", role="person", organization="acme", person="alice"),
    TokenSettings(token="bob", role="person", organization="acme", person="bob"),
    TokenSettings(token="globex", role="admin", organization="globex"),
)


@dataclass(frozen=True, slots=True)
class TextDelivered:
    name: ClassVar[str] = "message.delivered"
    text_id: str
    organization_id: str = "acme"


@dataclass
class Served:
    bus: Bus
    webhooks: Webhooks
    client: aiohttp.ClientSession
    base: str
    receiver: str
    answers: list[int] = field(default_factory=list)
    posts: list[Any] = field(default_factory=list)

    async def call(self, method: str, path: str, token: str = "admin", **options: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}"}
        async with self.client.request(method, self.base + path, headers=headers, **options) as answer:
            return answer.status, await answer.json() if await answer.read() else None

    async def register(self, token: str = "admin", **changes: Any) -> dict[str, Any]:
        body = {"name": "test", "targetUrl": self.receiver, **changes}
        status, found = await self.call("POST", "/v1/webhooks", token, json=body)
        assert status == 201, found
        return dict(found)

    async def quiet(self) -> None:
        async with asyncio.timeout(10):
            while self.webhooks.pending:  # noqa: ASYNC110
                await asyncio.sleep(0.005)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Served]:
    bus, metrics, clock = Bus(), Metrics(process=False), WorldClock()
    branch = MigrationBranch.of("gateway.messages.webhooks")
    async with await Database.open(f"sqlite:///{tmp_path}/x.db", branches=[branch]) as database:
        settings = WebhooksSettings(first_retry_s=0.01, max_attempts=2, max_webhooks=5)
        webhooks = Webhooks(bus, database, clock, metrics, settings)
        await webhooks.start()
        http = HttpSettings(port=0)
        app = build_app([webhook_routes(webhooks, clock)], TOKENS, metrics, Health(), "T", "1", settings=http)
        server = HttpServer(app, http, health=Health())
        await server.start()
        async with aiohttp.ClientSession() as client:
            served = Served(bus, webhooks, client, server.url, "")

            async def take(request: web.Request) -> web.Response:
                served.posts.append(await request.json())
                return web.Response(status=served.answers.pop(0) if served.answers else 200)

            receiver = web.Application()
            receiver.router.add_post("/in", take)
            runner = web.AppRunner(receiver, shutdown_timeout=0.1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            served.receiver = f"http://127.0.0.1:{runner.addresses[0][1]}/in"
            yield served
            await webhooks.stop()
            await runner.cleanup()
        await server.stop()


async def test_a_webhook_is_registered_shown_changed_and_ended(api: Served) -> None:
    made = await api.register(secret="s", resource="messages", event="delivered", filter="direction=outbound")
    assert (made["status"], made["hasSecret"], made["waiting"], made["deadLetters"]) == ("active", True, 0, 0)
    assert "secret" not in made
    path = f"/v1/webhooks/{made['id']}"
    assert await api.call("GET", path) == (200, made)
    assert (await api.call("GET", "/v1/webhooks"))[1]["items"] == [made]
    assert None not in made.values()
    status, changed = await api.call("PATCH", path, json={"name": "other", "status": "inactive"})
    assert (status, changed["name"], changed["status"], changed["hasSecret"]) == (
        200,
        "other",
        "inactive",
        True,
    )
    assert (await api.call("DELETE", path))[0] == 204
    assert (await api.call("GET", path))[0] == 404


async def test_lists_are_paged_and_confined(api: Served) -> None:
    made = [await api.register(), await api.register("alice"), await api.register("globex")]

    async def ids(token: str, query: str = "") -> list[str]:
        return [one["id"] for one in (await api.call("GET", f"/v1/webhooks{query}", token))[1]["items"]]

    assert await ids("admin") == [made[0]["id"], made[1]["id"]]
    assert await ids("alice") == [made[1]["id"]]
    assert await ids("bob") == []
    assert await ids("globex") == [made[2]["id"]]
    assert await ids("admin", "?max=1") == [made[0]["id"]]
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/deliveries"), ("POST", "/redeliver")):
        assert (await api.call(method, f"/v1/webhooks/{made[0]['id']}{path}", "alice"))[0] == 404


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"targetUrl": "ftp://h/"}, "target_invalid"),
        ({"targetUrl": "http://user:secret@127.0.0.1/"}, "target_invalid"),
        ({"targetUrl": "http://169.254.169.254/latest"}, "target_not_allowed"),
        ({"targetUrl": "http://[2001:db8::1]/"}, "target_not_allowed"),
        ({"filter": "direction"}, "filter_invalid"),
        ({"resource": "rooms"}, "malformed_request"),
        ({"event": "../x"}, "malformed_request"),
        ({"event": "nosuchevent"}, "malformed_request"),
        ({"resource": "carriers", "event": "delivered"}, "malformed_request"),
        ({"name": ""}, "malformed_request"),
        ({"colour": "red"}, "malformed_request"),
    ],
)
async def test_refusals_name_what_is_wrong(api: Served, change: dict[str, Any], code: str) -> None:
    body = {"name": "x", "targetUrl": api.receiver, **change}
    status, answer = await api.call("POST", "/v1/webhooks", json=body)
    assert (status, answer["errors"][0]["code"]) == (400, code)
    if "targetUrl" in change:
        path = f"/v1/webhooks/{(await api.register())['id']}"
        assert (await api.call("PATCH", path, json=change))[0] == 400


async def test_an_event_there_is_not_is_refused_with_those_there_are(api: Served) -> None:
    body = {"name": "x", "targetUrl": api.receiver, "resource": "carriers", "event": "delivered"}
    _, answer = await api.call("POST", "/v1/webhooks", json=body)
    assert answer["errors"][0]["description"].endswith("carriers knows all, bound, unbound")


async def test_there_is_a_bound(api: Served) -> None:
    for _ in range(5):
        await api.register()
    status, answer = await api.call("POST", "/v1/webhooks", json={"name": "x", "targetUrl": api.receiver})
    assert (status, answer["errors"][0]["code"]) == (409, "too_many_webhooks")


async def test_dead_letters_are_listed_and_delivered_again(api: Served) -> None:
    made = await api.register()
    path = f"/v1/webhooks/{made['id']}"
    api.answers = [500] * 6
    for number in range(3):
        api.bus.publish(TextDelivered(f"t{number}"))
    await api.quiet()
    assert (await api.call("GET", path))[1]["deadLetters"] == 3
    _, page = await api.call("GET", f"{path}/deliveries?max=2")
    first = page["items"][0]
    assert len(page["items"]) == 2
    assert (first["state"], first["attempts"], first["error"]) == ("dead", 2, "the receiver answered 500")
    again = f"{path}/deliveries/{first['id']}/redeliver"
    assert await api.call("POST", again) == (202, {"redelivered": 1})
    await api.quiet()
    assert (await api.call("POST", again))[0] == 404
    assert await api.call("POST", f"{path}/redeliver") == (202, {"redelivered": 2})
    await api.quiet()
    _, page = await api.call("GET", f"{path}/deliveries?state=delivered")
    assert [one["state"] for one in page["items"]] == ["delivered"] * 3
    assert {one["status"] for one in page["items"]} == {200}
    assert (await api.call("GET", path))[1]["deadLetters"] == 0


@pytest.mark.parametrize("junk", ["x", "zzzzzzzzzzzzz", "0000000000000"])
async def test_ids_that_name_nothing(api: Served, junk: str) -> None:
    assert (await api.call("GET", f"/v1/webhooks/{junk}"))[0] == 404
    path = f"/v1/webhooks/{(await api.register())['id']}"
    assert (await api.call("POST", f"{path}/deliveries/{junk}/redeliver"))[0] == 404


async def test_the_routes_are_documented(api: Served) -> None:
    async with api.client.get(f"{api.base}/openapi.json") as answer:
        document = await answer.json()
    assert set(document["paths"]["/v1/webhooks/{id}"]) >= {"get", "patch", "delete"}
    assert "X-Spark-Signature" in document["paths"]["/v1/webhooks"]["post"]["description"]
