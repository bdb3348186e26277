"""While the database takes nothing, every door says so, with a time to come back."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.runtime.errors import DatabaseBusy, DatabaseUnavailable

ALICE, PLAIN = "+12025550100", "+13105550123"
TEXT = {"from": ALICE, "to": PLAIN, "text": "Is it stored?"}
ADMIN = {"Authorization": "Bearer demo-admin"}
ANYTHING = tuple[int, str | None, Any]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.runtime.sqlite.BUSY_TIMEOUT_S", 0.02)
    monkeypatch.setattr("gateway.runtime.database.PROBE_AGAIN_S", 0.02)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    other = sqlite3.connect(folder / "gateway.db", isolation_level=None, timeout=30)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


async def ask(
    session: aiohttp.ClientSession, method: str, url: str, body: Any = None, **headers: str
) -> ANYTHING:
    async with session.request(method, url, json=body, headers={**ADMIN, **headers}) as answer:
        return answer.status, answer.headers.get("Retry-After"), await answer.json()


async def ready(session: aiohttp.ClientSession, url: str) -> None:
    async with asyncio.timeout(30):
        while (await ask(session, "GET", f"{url}/readyz"))[0] != 200:  # noqa: ASYNC110 - asked over HTTP
            await asyncio.sleep(0.01)


async def test_a_locked_database_is_told_at_every_door_and_its_end_too(
    open_world: Any, tmp_path: Path, impatient: None
) -> None:
    async with open_world("storage.writer=thread") as world, aiohttp.ClientSession() as session:
        url = world.service.http.url
        await ready(session, url)
        with locked(tmp_path):
            for path, body, key in (
                ("messages", TEXT, None),
                ("messages", TEXT, "one"),
                ("messages/bulk", [TEXT, TEXT], None),
                ("messages/bulk", [TEXT, TEXT], "many"),
            ):
                headers = {} if key is None else {"Idempotency-Key": key}
                status, wait, told = await ask(session, "POST", f"{url}/v1/{path}", body, **headers)
                assert (status, wait) == (503, "5"), told
                assert [error["code"] for error in told["errors"]] == ["database_busy"]
                assert told["message"] == told["errors"][0]["description"]
                assert told["trackingId"]
            async with session.ws_connect(f"{url}/v1/app?events=none", headers=ADMIN) as socket:
                await socket.send_json({"type": "send", "ref": 1, **TEXT})
                frame = await socket.receive_json(timeout=20)
                assert (frame["type"], frame["ref"], frame["status"]) == ("refused", 1, 503)
                assert (frame["errors"][0]["code"], frame["retryAfter"]) == ("database_busy", 5)
            text = {"from": PLAIN, "to": ALICE, "text": "Hi"}
            status, wait, told = await ask(session, "POST", f"{url}/v1/carriers/tmobile/inbound", text)
            assert (status, wait, told["errors"][0]["code"]) == (503, "5", "database_unavailable")
            status, wait, told = await ask(session, "GET", f"{url}/readyz")
            assert (status, told["ready"]) == (503, False)
            assert told["problems"] == [f"database: {DatabaseBusy.advice}"]
            assert wait is not None
            assert (await ask(session, "GET", f"{url}/v1/messages"))[0] == 200
        await ready(session, url)
        assert (await ask(session, "POST", f"{url}/v1/messages", TEXT))[0] == 202
        _, _, listed = await ask(session, "GET", f"{url}/v1/messages")
        assert len(listed["items"]) == 1


async def test_a_database_that_cannot_be_read_is_told_and_that_it_is_back(
    open_world: Any, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_work: object) -> None:
        raise DatabaseUnavailable("connection to server at 10.1.2.3 failed")

    async with open_world() as world, aiohttp.ClientSession() as session:
        url = world.service.http.url
        with monkeypatch.context() as patch:
            patch.setattr(world.service.world.database, "_read", refuse)
            status, wait, told = await ask(session, "GET", f"{url}/v1/messages")
            assert (status, wait, told["errors"][0]["code"]) == (503, "5", "database_unavailable")
            assert "10.1.2.3" not in str(told)
            status, _, told = await ask(session, "GET", f"{url}/readyz")
            assert (status, told["problems"]) == (503, [f"database: {DatabaseUnavailable.advice}"])
        await ready(session, url)
        assert (await ask(session, "GET", f"{url}/v1/messages"))[0] == 200
