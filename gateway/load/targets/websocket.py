"""WebSocket: the simulated Webex App's socket (`/v1/app`), as many apps as there are connections."""

import asyncio
import json
from typing import Any, Final

import aiohttp

from gateway.load.profile import Profile
from gateway.load.tally import FAILED, TIMEOUT
from gateway.load.targets.base import Job, Target
from gateway.load.targets.hostile import Deeds, http_deeds
from gateway.load.targets.http import moment_ns, our_body

SECOND_NS: Final = 1_000_000_000
PATH: Final = "/v1/app?events=none"
RECONNECT_S: Final = 0.5


class WebSocketTarget(Target):
    """One socket per connection, each with a window of frames that are not answered yet."""

    def __init__(self, profile: Profile) -> None:
        super().__init__(profile)
        address = profile.address
        scheme = "wss" if address.secure else "ws"
        path = address.path if address.path not in ("", "/") else PATH
        self._url = f"{scheme}://{address.authority}{path}"
        self._headers = {"Authorization": f"Bearer {profile.token}"} if profile.token else {}
        self._session: aiohttp.ClientSession | None = None
        self._apps: list[_App] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._numbers = 0
        self._timeout_ns = round(profile.timeout_s * SECOND_NS)
        self._deeds = Deeds(http_deeds(profile), self._settle)

    async def open(self) -> None:
        """Connect every app. Raises `aiohttp.ClientError`, `OSError`."""
        self._session = aiohttp.ClientSession(headers=self._headers)
        for _ in range(self.profile.connections_used):
            await self._connect()

    async def _connect(self) -> None:
        if self._session is None:
            raise RuntimeError
        app = _App(await self._session.ws_connect(self._url, heartbeat=None))
        self._apps.append(app)
        for work in (self._write(app), self._read(app)):
            task = asyncio.get_running_loop().create_task(work, name="load app")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _start(self, job: Job) -> bool:
        if job[0].hostile and self._deeds.take(job, self._clock()):
            return True
        app = min(self._apps, key=lambda one: len(one.jobs), default=None)
        if app is None or len(app.jobs) >= self.profile.window_used:
            return False
        self._numbers += 1
        app.jobs[self._numbers] = job, self._clock()
        frame = f'{{"type": "send", "ref": {self._numbers}, {our_body(job[0])[1:]}'
        app.frames.put_nowait(frame)
        return True

    async def _write(self, app: "_App") -> None:
        while not app.socket.closed:
            try:
                await app.socket.send_str(await app.frames.get())
            except (ConnectionError, aiohttp.ClientError):
                return

    async def _read(self, app: "_App") -> None:
        async for message in app.socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            self._answered(app, json.loads(message.data))
        self._apps.remove(app)
        for job, sent_ns in list(app.jobs.values()):
            self._settle(job, sent_ns, FAILED)
        app.jobs.clear()
        while not self._closed:
            await asyncio.sleep(RECONNECT_S)
            try:
                await self._connect()
            except (OSError, aiohttp.ClientError):
                continue
            self._pull()
            return

    def _answered(self, app: "_App", frame: dict[str, Any]) -> None:
        found = app.jobs.pop(frame.get("ref"), None)
        if found is None:
            return
        job, sent_ns = found
        if frame.get("type") == "accepted":
            release = frame["message"].get("releaseAt") if self.ledger is not None else None
            self._settle(job, sent_ns, None, moment_ns(release) if release else None)
        else:
            self._settle(job, sent_ns, str(frame["errors"][0]["code"])[:64])
        if self._waiting:
            self._pull()

    def sweep(self, now_ns: int) -> None:
        """Give up on frames that are not answered in time."""
        for app in self._apps:
            overdue = [ref for ref, (_, sent_ns) in app.jobs.items() if now_ns - sent_ns > self._timeout_ns]
            for ref in overdue:
                job, sent_ns = app.jobs.pop(ref)
                self._settle(job, sent_ns, TIMEOUT)

    def expire(self) -> None:
        """The run is over."""
        super().expire()
        for app in self._apps:
            for job, sent_ns in app.jobs.values():
                self._settle(job, sent_ns, TIMEOUT)
            app.jobs.clear()

    async def close(self) -> None:
        """Close every socket."""
        self._closed = True
        await self._deeds.close()
        for app in tuple(self._apps):
            await app.socket.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()


class _App:
    """One socket: frames to write, jobs by their `ref`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.frames: asyncio.Queue[str] = asyncio.Queue()
        self.jobs: dict[Any, tuple[Job, int]] = {}
