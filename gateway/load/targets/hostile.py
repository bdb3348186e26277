"""Hostile deeds, each on a connection of its own, so that good traffic is measured undisturbed.

A deed ends in a code that says what the target did: `closed`, `held` (kept open to the end), the status it
answered with, or None where it accepted what it should have refused.
"""

import asyncio
import random
import ssl
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from gateway.load.mix import Draft
from gateway.load.profile import Profile
from gateway.load.settings import Deed
from gateway.load.tally import FAILED, NOT_SENT, TIMEOUT
from gateway.load.targets.base import Job
from gateway.smpp.constants import CommandId, status_name
from gateway.smpp.pdu import BindTransceiver, SubmitSm, encode

OWN_CONNECTION: Final = frozenset({Deed.MALFORMED, Deed.BAD_CREDENTIALS, Deed.SLOW_READER, Deed.SILENT})
MOST_AT_ONCE: Final = 64
UNREAD: Final = 100
"""Requests of a slow reader."""
HEADER: Final = struct.Struct(">IIII")
CLOSED: Final = "closed"
HELD: Final = "held"

Conversation = Callable[[Draft, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[str | None]]
Perform = Callable[[Draft], Awaitable[str | None]]
"""Does the deed of a draft; returns how the target took it."""
Settle = Callable[[Job, int, str | None], None]


class Deeds:
    """Runs deeds as tasks, so many at once; the rest are not done and counted as such."""

    def __init__(self, perform: Perform, settle: Settle) -> None:
        self._perform = perform
        self._settle = settle
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, job: Job, now_ns: int) -> bool:
        """Take a job that needs a connection of its own; False says that it needs none."""
        if job[0].sender.does not in OWN_CONNECTION:
            return False
        if len(self._tasks) >= MOST_AT_ONCE:
            self._settle(job, now_ns, NOT_SENT)
            return True
        task = asyncio.get_running_loop().create_task(self._run(job, now_ns), name="load deed")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _run(self, job: Job, now_ns: int) -> None:
        code: str | None = FAILED
        try:
            code = await self._perform(job[0])
        except TimeoutError:
            code = TIMEOUT
        except ConnectionRefusedError:
            code = FAILED
        except (OSError, asyncio.IncompleteReadError):
            code = CLOSED
        finally:
            self._settle(job, now_ns, code)

    async def close(self) -> None:
        """End every deed."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _connected(profile: Profile, deed: Conversation) -> Perform:
    address = profile.address

    async def run(draft: Draft) -> str | None:
        context = ssl.create_default_context() if address.secure else None
        async with asyncio.timeout(profile.timeout_s + draft.sender.hold_s):
            reader, writer = await asyncio.open_connection(address.host, address.port, ssl=context)
            try:
                return await deed(draft, reader, writer)
            finally:
                writer.transport.abort()

    return run


async def _held(reader: asyncio.StreamReader, hold_s: float) -> str:
    """Wait for the target to close; return what it did."""
    try:
        async with asyncio.timeout(hold_s):
            while await reader.read(65_536):
                pass
    except TimeoutError:
        return HELD
    return CLOSED


async def _unread(draft: Draft, writer: asyncio.StreamWriter, octets: bytes) -> str:
    """Ask and never read; the target may stop reading too, or close."""
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(octets)
    await asyncio.sleep(draft.sender.hold_s)
    return CLOSED if writer.transport.is_closing() else HELD


# ---------------------------------------------------------------------- HTTP


def http_deeds(profile: Profile) -> Perform:
    """Return what a hostile HTTP client does."""
    address, http = profile.address, profile.http
    rng = random.Random(profile.seed)  # noqa: S311 - traffic
    authorized = f"Authorization: Bearer {profile.token}\r\n" if profile.token else ""

    def request(headers: str, body: bytes, length: int | None = None) -> bytes:
        size = len(body) if length is None else length
        return (
            f"POST {http.path} HTTP/1.1\r\nHost: {address.authority}\r\n{headers}"
            f"Content-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
        ).encode() + body

    malformed = (
        request(authorized, b'{"from": "+1202'),
        request(authorized, b"[" * 5_000),
        request(authorized, b"\xff\xfe\x00"),
        b"POST /v1/messages HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET " + b"/" * 20_000 + b" HTTP/1.1\r\n\r\n",
    )

    async def deed(draft: Draft, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str | None:
        does = draft.sender.does
        body = f'{{"from": "+{draft.source}", "to": "+{draft.destination}", "text": "hostile"}}'.encode()
        if does is Deed.SILENT:
            return await _held(reader, draft.sender.hold_s)
        if does is Deed.SLOW_READER:
            return await _unread(draft, writer, request(authorized, body) * UNREAD)
        if does is Deed.BAD_CREDENTIALS:
            writer.write(request("Authorization: Bearer wrong\r\n", body))
        else:
            writer.write(rng.choice(malformed))
        return await _http_answer(reader)

    return _connected(profile, deed)


async def _http_answer(reader: asyncio.StreamReader) -> str | None:
    line = await reader.readline()
    if not line:
        return CLOSED
    status = line[9:12]
    return None if status[:1] == b"2" else f"http_{status.decode('latin-1')}"


# ---------------------------------------------------------------------- SMPP


def smpp_deeds(profile: Profile) -> Perform:
    """Return what a hostile ESME does."""
    address = profile.address
    rng = random.Random(profile.seed)  # noqa: S311 - traffic
    bind = encode(_bind(address.user, address.password), 1)
    submit = encode(SubmitSm(destination_addr="13105550120", short_message=b"hostile"), 2)
    torn = HEADER.pack(20, CommandId.SUBMIT_SM, 0, 2) + b"\x00abc"
    malformed = (
        (b"", b"GET / HTTP/1.1\r\nHost: smsc\r\n\r\n"),
        (b"", HEADER.pack(7, CommandId.BIND_TRANSCEIVER, 0, 1)),
        (b"", HEADER.pack(0x7FFFFFFF, CommandId.BIND_TRANSCEIVER, 0, 1)),
        (b"", submit),
        (bind, torn),
        (bind, HEADER.pack(16, 0x000000FF, 0, 2)),
        (bind, HEADER.pack(12, CommandId.SUBMIT_SM, 0, 2)),
    )

    async def deed(draft: Draft, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str | None:
        does = draft.sender.does
        if does is Deed.SILENT:
            return await _held(reader, draft.sender.hold_s)
        if does is Deed.BAD_CREDENTIALS:
            writer.write(encode(_bind(address.user, "wrong"), 1))
            return await _smpp_answer(reader)
        if does is Deed.SLOW_READER:
            writer.write(bind)
            await _smpp_answer(reader)
            return await _unread(draft, writer, submit * UNREAD)
        greeting, octets = rng.choice(malformed)
        if greeting:
            writer.write(greeting)
            await _smpp_answer(reader)
        writer.write(octets)
        return await _smpp_answer(reader)

    return _connected(profile, deed)


def _bind(system_id: str, password: str) -> BindTransceiver:
    return BindTransceiver(system_id=system_id, password=password, interface_version=0x34)


async def _smpp_answer(reader: asyncio.StreamReader) -> str | None:
    """Return None for an answer that accepts, else its status; `closed` where none came."""
    with suppress(asyncio.IncompleteReadError):
        length, _, status, _ = HEADER.unpack(await reader.readexactly(16))
        await reader.readexactly(min(max(length - 16, 0), 65_536))
        return status_name(status) if status else None
    return CLOSED
