"""HTTP: `POST /v1/messages`, or any request a profile describes, over keep-alive connections."""

import asyncio
import json
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from gateway.load.http1 import HttpConnection, request_octets
from gateway.load.mix import Draft
from gateway.load.profile import Profile
from gateway.load.settings import Deed
from gateway.load.tally import FAILED, TIMEOUT
from gateway.load.targets.base import Job, Target
from gateway.load.targets.hostile import Deeds, http_deeds

SECOND_NS: Final = 1_000_000_000
ATTACHMENT: Final = "https://files.example/picture.jpg"
RECONNECT_S: Final = 0.1
Build = Callable[[Draft], bytes]


class HttpTarget(Target):
    """Connections that each carry one request at a time; the longest idle one is next."""

    def __init__(self, profile: Profile) -> None:
        super().__init__(profile)
        self._address = profile.address
        self._build = requests_of(profile)
        self._idle: deque[HttpConnection] = deque()
        self._jobs: dict[HttpConnection, tuple[Job, int]] = {}
        self._served: set[HttpConnection] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._closed = False
        self._timeout_ns = round(profile.timeout_s * SECOND_NS)
        self._deeds = Deeds(http_deeds(profile), self._settle)

    async def open(self) -> None:
        """Connect everything. Raises `OSError`."""
        for _ in range(self.profile.connections_used):
            await self._connect()

    async def _connect(self) -> None:
        address = self._address
        context = ssl.create_default_context() if address.secure else None
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: HttpConnection(self._answered, self._lost), address.host, address.port, ssl=context
        )
        self._idle.append(connection)

    def _start(self, job: Job) -> bool:
        if job[0].hostile and self._deeds.take(job, self._clock()):
            return True
        idle = self._idle
        while idle:
            connection = idle.popleft()
            if connection.usable:
                request = self._build(job[0])
                self._jobs[connection] = job, self._clock()
                connection.request(request)
                return True
        return False

    def _answered(self, connection: HttpConnection, status: int, body: bytes) -> None:
        found = self._jobs.pop(connection, None)
        if connection.usable:
            self._served.add(connection)
            self._idle.append(connection)
        if found is not None:
            job, sent_ns = found
            if 200 <= status < 300:
                self._settle(job, sent_ns, None, self._release_ns(body))
            else:
                self._settle(job, sent_ns, refusal_code(status, body))
        if self._waiting:
            self._pull()

    def _release_ns(self, body: bytes) -> int | None:
        return release_ns(body) if self.ledger is not None else None

    def _lost(self, connection: HttpConnection) -> None:
        found = self._jobs.pop(connection, None)
        served = connection in self._served
        self._served.discard(connection)
        with suppress(ValueError):
            self._idle.remove(connection)
        if self._closed:
            return
        if found is not None:
            job, sent_ns = found
            if served and not connection.begun:
                self._waiting.appendleft(job)  # closed for being idle just as we asked: ask again
            else:
                self._settle(job, sent_ns, FAILED)
        self._reopen()

    def _reopen(self) -> None:
        task = asyncio.get_running_loop().create_task(self._reconnect(), name="load connection")
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _reconnect(self) -> None:
        while not self._closed:
            try:
                await self._connect()
            except OSError:
                await asyncio.sleep(RECONNECT_S)
                continue
            self._pull()
            return

    def sweep(self, now_ns: int) -> None:
        """Give up on what is not answered in time; its connection cannot be used again."""
        overdue = [one for one, (_, sent_ns) in self._jobs.items() if now_ns - sent_ns > self._timeout_ns]
        for connection in overdue:
            job, sent_ns = self._jobs.pop(connection)
            self._settle(job, sent_ns, TIMEOUT)
            connection.abort()

    def expire(self) -> None:
        """The run is over."""
        super().expire()
        now_ns = self._clock()
        for job, sent_ns in list(self._jobs.values()):
            self._settle(job, min(sent_ns, now_ns), TIMEOUT)
        self._jobs.clear()

    async def close(self) -> None:
        """Drop every connection."""
        self._closed = True
        await self._deeds.close()
        for task in self._opening:
            task.cancel()
        for connection in (*self._idle, *self._jobs):
            connection.abort()
        await asyncio.sleep(0)


def requests_of(profile: Profile) -> Build:
    """Return what writes the request of a draft."""
    address, http = profile.address, profile.http
    headers = dict(http.headers)
    if profile.token is not None:
        headers.setdefault("Authorization", f"Bearer {profile.token}")
    path = address.path if address.path not in ("", "/") else http.path
    if http.method != "GET":
        headers.setdefault("Content-Type", "application/json")
    head = request_octets(http.method, path, address.authority, b"", tuple(headers.items()))
    if http.body is None and http.method != "GET" and "{" not in path:
        prefix = head.partition(b"Content-Length: ")[0] + b"Content-Length: "

        def ours(draft: Draft) -> bytes:
            body = our_body(draft).encode()
            return b"%b%d\r\n\r\n%b" % (prefix, len(body), body)

        return ours
    template = http.body or ""
    fields = tuple(headers.items())

    def theirs(draft: Draft) -> bytes:
        body = filled(template, draft, lambda text: json.dumps(text)[1:-1]).encode()
        where = filled(path, draft, lambda text: quote(text, safe=""))
        return request_octets(http.method, where, address.authority, body, fields)

    return theirs


def our_body(draft: Draft) -> str:
    """Write a draft as our API takes it."""
    text = json.dumps(draft.text)
    if draft.sender.does is Deed.MMS:
        text += f', "files": ["{ATTACHMENT}"]'
    return f'{{"from": "+{draft.source}", "to": "+{draft.destination}", "text": {text}}}'


def filled(template: str, draft: Draft, escape: Callable[[str], str]) -> str:
    """Put a draft into a template."""
    if "{" not in template:
        return template
    values = {"{from}": f"+{draft.source}", "{to}": f"+{draft.destination}", "{text}": draft.text}
    for name, value in values.items():
        template = template.replace(name, escape(value))
    return template.replace("{n}", str(draft.number))


def refusal_code(status: int, body: bytes) -> str:
    """Return the code of a refusal in Webex's shape, else its status."""
    with suppress(ValueError, KeyError, IndexError, TypeError):
        return str(json.loads(body)["errors"][0]["code"])[:64]
    return f"http_{status}"


def release_ns(body: bytes) -> int | None:
    """Return when an accepted text leaves (`releaseAt`), None where the answer does not say."""
    at = body.find(b'"releaseAt"')
    if at < 0:
        return None
    moment = body[at + 11 : at + 60].partition(b'"')[2].partition(b'"')[0].decode("ascii", "replace")
    return moment_ns(moment)


def moment_ns(moment: str) -> int | None:
    """Read an ISO-8601 moment, such as 2026-09-21T14:13:20.000Z, in ns since the epoch."""
    seconds = _second(moment[:19])
    if seconds is None or moment[19:20] not in (".", "Z"):
        return None
    fraction = moment[20:].rstrip("Z")
    if fraction and not fraction.isdigit():
        return None
    return seconds * SECOND_NS + int(fraction.ljust(9, "0")[:9] or 0)


@lru_cache(maxsize=256)
def _second(text: str) -> int | None:
    try:
        return round(datetime.fromisoformat(text + "+00:00").timestamp())
    except ValueError:
        return None
