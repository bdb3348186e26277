"""`/v1/carriers` on a real loopback socket, with an ESME to feel what is switched."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from gateway.api.carriers import carrier_routes
from gateway.carriers.service import CarriersService
from gateway.carriers.settings import CarriersSettings
from gateway.runtime.clock import WorldClock
from gateway.runtime.http import Health, HttpServer, HttpSettings, TokenSettings, build_app
from gateway.runtime.metrics import Metrics
from gateway.smpp.aio import connect
from gateway.smpp.pdu import BindTransceiver, SubmitSm

TOKENS = (
    TokenSettings(token="admin", role="admin", name="admin", organization="acme"),
    TokenSettings(token="alice", role="person", organization="acme", person="alice"),
)
GUEST = {"system_id": "guest", "password": "s3cr3t", "numbers": ["+12025550190"]}
PROFILE = {"accounts": [GUEST], "caps": {"number": {"per_minute": 60}}, "blocked_sources": ["+12025550111"]}


class Desk:
    """One carrier, its API, and an ESME."""

    def __init__(self, service: CarriersService, server: HttpServer, client: aiohttp.ClientSession) -> None:
        self.service, self.server, self.client = service, server, client

    async def call(self, method: str, json: Any = None, token: str = "admin") -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{self.server.url}/v1/carriers/one"
        async with self.client.request(method, url, headers=headers, json=json) as response:
            return response.status, await response.json()

    async def status(self) -> int:
        """The command_status of a text."""
        port = self.service.carrier("one").port
        bind = BindTransceiver(system_id="guest", password="s3cr3t", interface_version=0x34)
        esme = await connect("127.0.0.1", port, bind=bind)
        submit = SubmitSm(source_addr="12025550190", source_addr_ton=1, destination_addr="13105557000")
        response = await esme.submit(submit)
        await esme.unbind()
        return int(response.command_status)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    settings = CarriersSettings.model_validate({"port": 0, "networks": {"one": {"profile": PROFILE}}})
    service = CarriersService(settings, WorldClock(frozen=True), Metrics(process=False))
    http, health = HttpSettings(port=0), Health()
    routes = [carrier_routes(service)]
    app = build_app(routes, TOKENS, Metrics(process=False), health, "Test", "1.0", settings=http)
    server = HttpServer(app, http, health=health)
    await service.start()
    await server.start()
    async with aiohttp.ClientSession() as client:
        yield Desk(service, server, client)
    await server.stop()
    await service.stop()


async def test_a_setting_is_switched_shown_and_felt(desk: Desk) -> None:
    assert await desk.status() == 0
    part = {
        "blocked_sources": ["+12025550190"],
        "refusals": {"source_blocklisted": {"at": "response", "status": 0x0A}},
    }
    status, carrier = await desk.call("PATCH", {"settings": part})
    assert status == 200
    assert carrier["settings"]["blocked_sources"] == ["+12025550190"]
    assert carrier["settings"]["refusals"]["source_blocklisted"]["status"] == 0x0A
    assert (await desk.call("GET"))[1]["settings"] == carrier["settings"]
    assert await desk.status() == 0x0A


async def test_mappings_merge_and_null_returns_to_the_file(desk: Desk) -> None:
    _, before = await desk.call("GET")
    _, carrier = await desk.call("PATCH", {"settings": {"caps": {"segments_per_text": 3}}})
    assert carrier["caps"] == {"number": {"per_minute": 60}, "segments_per_text": 3}
    _, carrier = await desk.call("PATCH", {"settings": {"caps": {"number": None}, "ids": "hex"}})
    assert (carrier["caps"], carrier["settings"]["ids"]) == ({"segments_per_text": 3}, "hex")
    _, carrier = await desk.call("PATCH", {"profile": "slow"})
    assert (carrier["profile"], carrier["settings"]["ids"]) == ("slow", "hex")
    _, carrier = await desk.call("PATCH", {"settings": None})
    assert carrier["settings"] == before["settings"]
    assert carrier["profile"] == "slow"


async def test_what_is_shown_can_be_sent_back(desk: Desk) -> None:
    _, shown = await desk.call("GET")
    status, carrier = await desk.call("PATCH", {"settings": shown["settings"]})
    assert (status, carrier["settings"]) == (200, shown["settings"])


async def test_no_password_is_shown(desk: Desk) -> None:
    assert "s3cr3t" not in str(await desk.call("GET"))


@pytest.mark.parametrize(
    ("body", "descriptions"),
    [
        ({"settings": {"ids": "octal"}}, ["$.settings.ids: Input should be 'decimal', 'hex' or 'uuid'"]),
        (
            {"settings": {"surprise": 1, "window": 0}},
            [
                "$.settings.window: Input should be greater than or equal to 1",
                "$.settings.surprise: Extra inputs are not permitted",
            ],
        ),
        (
            {"settings": {"accounts": []}},
            ["$.settings.accounts: it is fixed while the carrier runs"],
        ),
        ({"settings": {"behaviour": "slow"}}, ["$.settings.behaviour: switch it by `profile`"]),
        ({"settings": [1]}, ["$.settings: Input should be an object"]),
    ],
)
async def test_a_wrong_setting_changes_nothing(desk: Desk, body: Any, descriptions: list[str]) -> None:
    _, before = await desk.call("GET")
    status, refused = await desk.call("PATCH", {"profile": "slow", **body})
    assert status == 400
    assert [error["description"] for error in refused["errors"]] == descriptions
    assert {error["code"] for error in refused["errors"]} == {"malformed_request"}
    assert (await desk.call("GET"))[1] == before


async def test_settings_with_an_unknown_behaviour_change_nothing(desk: Desk) -> None:
    status, refused = await desk.call("PATCH", {"profile": "sleepy", "settings": {"ids": "hex"}})
    assert (status, refused["errors"][0]["description"]) == (400, "$.profile: 'sleepy' is no behaviour")
    _, carrier = await desk.call("GET")
    assert (carrier["profile"], carrier["settings"]["ids"]) == ("healthy", "decimal")


async def test_persons_switch_nothing(desk: Desk) -> None:
    status, _ = await desk.call("PATCH", {"settings": {"ids": "hex"}}, token="alice")
    assert status == 403
