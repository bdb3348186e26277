"""The recording service by itself, on real sockets, with the demo's people and a simulated SRC."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import soundfile

from gateway.runtime.clock import WorldClock
from siprec.metadata import Dialect
from siprec.phones.document import Party, RecordedCall
from siprec.phones.forking import SourcePlan
from siprec.phones.sending import Speech
from siprec.phones.src_aio import Fork, SimulatedSrc, SrcSettings
from siprec.providers.events import RecordingFinished
from siprec.standalone import Standalone, build, load_config

START = "2026-01-01T00:00:00Z"
DAY_S = 86_400
SECOND_CUSTOMER = (
    "directory.organizations.bolt={name: Bolt, recording: {service_provider: bolt-sp, external_group: bolt}, "
    "locations: {works: {name: Works}, annex: {name: Annex}}, "
    "people: {bea: {location: works, first_name: Bea, email: bea@bolt.example}, "
    "ben: {location: works, first_name: Ben, email: ben@bolt.example}, "
    "nora: {location: works, first_name: Nora, licence: none}}}"
)
TOKENS = (
    "http.tokens=["
    "{token: demo-admin, name: demo-admin, role: admin, organization: acme-dental}, "
    "{token: demo-alice, name: demo-alice, role: person, organization: acme-dental, person: alice}, "
    "{token: demo-bob, name: demo-bob, role: person, organization: acme-dental, person: bob}, "
    "{token: demo-partner, name: demo-partner, role: partner}, "
    "{token: demo-dubber-admin, name: demo-dubber-admin, role: dubber_admin, organization: acme-dental}, "
    "{token: demo-imagicle, name: demo-imagicle, role: provider}, "
    "{token: demo-callcabinet, name: demo-callcabinet, role: provider}, "
    "{token: bolt-admin, name: bolt-admin, role: admin, organization: bolt}, "
    "{token: bolt-bea, name: bolt-bea, role: person, organization: bolt, person: bea}]"
)


@dataclass
class Answer:
    """An HTTP answer, read."""

    status: int
    headers: Any
    body: bytes
    json: Any

    @property
    def code(self) -> str:
        return str(self.json["errors"][0]["code"])

    @property
    def items(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.json["items"]
        return found


@dataclass
class RecordingWorld:
    """A running recording service, its API, and the phones."""

    service: Standalone
    http: aiohttp.ClientSession
    src: SimulatedSrc

    @property
    def clock(self) -> WorldClock:
        return self.service.world.clock

    async def call(self, method: str, path: str, token: str = "demo-admin", **options: Any) -> Answer:
        headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
        url = self.service.http.url + path
        async with self.http.request(method, url, headers=headers, **options) as response:
            body = await response.read()
            is_json = "json" in response.headers.get("Content-Type", "")
            return Answer(response.status, response.headers, body, await response.json() if is_json else None)

    async def get(self, path: str, token: str = "demo-admin", **options: Any) -> Answer:
        return await self.call("GET", path, token, **options)

    async def patch(self, path: str, json: Any, token: str = "demo-admin") -> Answer:
        return await self.call("PATCH", path, token, json=json)

    async def post(self, path: str, json: Any, token: str = "demo-admin") -> Answer:
        return await self.call("POST", path, token, json=json)

    async def put(self, path: str, json: Any, token: str = "demo-admin") -> Answer:
        return await self.call("PUT", path, token, json=json)

    async def delete(self, path: str, token: str = "demo-admin") -> Answer:
        return await self.call("DELETE", path, token)

    @property
    def server_uri(self) -> str:
        return f"sip:srs@127.0.0.1:{self.service.recording.server.listening[0].port}"

    async def begin(
        self,
        who: str = "alice@acme-dental.example",
        tenant: tuple[str, str] = ("acme-sp", "acme-dental"),
        dialect: Dialect = Dialect.BROADWORKS,
    ) -> Fork:
        """Begin a call of somebody that is recorded; both parties speak."""
        plan = SourcePlan((self.server_uri,), dialect, codecs=("PCMU",))
        call = RecordedCall(
            Party("sip:+12025550100@acme.example", "Alice"),
            Party("sip:+13105550120@pstn.example"),
            tenant=(*tenant, who),
        )
        fork = self.src.fork(plan, call, speech=Speech(seed=7))
        await fork.started()
        return fork

    async def record(
        self,
        who: str = "alice@acme-dental.example",
        tenant: tuple[str, str] = ("acme-sp", "acme-dental"),
        seconds: float = 0.3,
    ) -> str:
        """Record a call to its end; return the recording's id."""
        async with self.service.world.bus.subscribe(RecordingFinished) as finished:
            fork = await self.begin(who, tenant)
            await self.heard(fork, seconds)
            await fork.stop()
            async with asyncio.timeout(10):
                event = await anext(finished)
        return str(event.as_payload()["recordingId"])

    async def heard(self, fork: Fork, seconds: float) -> None:
        """Wait until that much was sent on every stream."""
        packets = round(seconds * 50)
        async with asyncio.timeout(seconds + 10):
            while any(stream.packets < packets for stream in fork.streams):  # noqa: ASYNC110
                await asyncio.sleep(0.02)


OpenWorld = Callable[..., AbstractAsyncContextManager[RecordingWorld]]


@pytest.fixture
def open_world(tmp_path: Path) -> OpenWorld:
    """Open the recording service; may be opened again on the same folder: a restart."""

    @contextlib.asynccontextmanager
    async def world(*overrides: str) -> AsyncIterator[RecordingWorld]:
        settings = [
            f"storage.folder={tmp_path}",
            "http.port=0",
            "calling.port=0",
            "recording.sip.udp_port=0",
            "recording.sip.tcp_port=null",
            "recording.sip.tls=null",
            "recording.media.port_pairs=8",
            "recording.max_sessions=4",
            "clock.mode=frozen",
            f"clock.start={START}",
            SECOND_CUSTOMER,
            TOKENS,
            *overrides,
        ]
        service = await build(load_config("gateway.yaml", settings))
        service.world.clock.start()
        await service.lifecycle.start()
        try:
            async with (
                aiohttp.ClientSession() as http,
                await SimulatedSrc.open(SrcSettings(pairs=8, seed=1)) as src,
            ):
                yield RecordingWorld(service, http, src)
        finally:
            await service.close()

    return world


@pytest.fixture
async def world(open_world: OpenWorld) -> AsyncIterator[RecordingWorld]:
    """The recording service with the demo's people and a second customer."""
    async with open_world() as running:
        yield running


@pytest.fixture
def read_audio(tmp_path: Path) -> Callable[[bytes], tuple[Any, int]]:
    """Samples and rate of an audio file given as bytes."""

    def read(data: bytes) -> tuple[Any, int]:
        path = tmp_path / "heard.wav"
        path.write_bytes(data)
        samples, rate_hz = soundfile.read(path, dtype="int16", always_2d=True)
        return samples, rate_hz

    return read
