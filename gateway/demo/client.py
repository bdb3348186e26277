"""A small client of the public API: what the tour, `gateway send` and their tests speak through."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp
from yarl import URL

FINAL = frozenset({"delivered", "undeliverable", "expired", "rejected", "unknown", "deleted", "received"})
POLL_S = 0.05


class ApiClient:
    """A session with one gateway. `url` is its base, `token` a bearer token."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}
        self._session: aiohttp.ClientSession | None = None
        self.next_path: object = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(headers=self._headers)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, **query: Any
    ) -> tuple[int, Any]:
        """(status, parsed body) of one request; raises `aiohttp.ClientError` when there is no answer."""
        assert self._session is not None, "use the client as an async context manager"  # noqa: S101
        parameters = {name: str(value) for name, value in query.items() if value is not None}
        options: dict[str, Any] = {"json": body, "params": parameters, "headers": headers}
        async with self._session.request(method, self._url + path, **options) as response:
            raw = await response.read()
            following = response.links.get("next")
            self.next_path = None if following is None else following.get("url")
            return response.status, json.loads(raw) if raw else None

    async def fetch(self, path: str) -> tuple[int, bytes]:
        """(status, raw body) of a GET."""
        assert self._session is not None, "use the client as an async context manager"  # noqa: S101
        async with self._session.get(self._url + path) as response:
            return response.status, await response.read()

    async def get(self, path: str, **query: Any) -> tuple[int, Any]:
        """GET."""
        return await self.call("GET", path, **query)

    async def post(
        self, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """POST."""
        return await self.call("POST", path, body, headers)

    async def pages(self, path: str, **query: Any) -> AsyncIterator[dict[str, Any]]:
        """Every item of a listing, following its `Link` headers."""
        _, page = await self.get(path, **query)
        while True:
            for item in page["items"]:
                yield item
            if self.next_path is None:
                return
            target = URL(str(self.next_path))
            _, page = await self.get(target.path, **target.query)

    async def follow(self, message_id: str, timeout_s: float) -> dict[str, Any]:
        """The text once it has its final state, or as it stands after `timeout_s` seconds."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            _, message = await self.get(f"/v1/messages/{message_id}")
            if message["state"] in FINAL or asyncio.get_running_loop().time() >= deadline:
                return dict(message)
            await asyncio.sleep(POLL_S)

    async def received(self, timeout_s: float, **query: Any) -> dict[str, Any] | None:
        """The newest inbound text that fits `query`, waiting for it; None if none comes in time."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            _, page = await self.get("/v1/messages", direction="inbound", max=1, **query)
            if page["items"]:
                return dict(page["items"][0])
            if asyncio.get_running_loop().time() >= deadline:
                return None
            await asyncio.sleep(POLL_S)
