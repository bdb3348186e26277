"""Deeds: each on a connection of its own, so many at once, ended with the run, called what they came to."""

import asyncio

import pytest

from gateway.load.mix import Mix
from gateway.load.settings import SenderSettings
from gateway.load.targets import hostile
from gateway.load.targets.hostile import Deeds, http_deeds, smpp_deeds


def job(does: str, hold_s: float = 0.1):
    sender = SenderSettings.model_validate({"name": "mallory", "does": does, "hold_s": hold_s})
    return Mix([sender], 1).draw(), 0, 0


class Settled:
    def __init__(self) -> None:
        self.codes: list[str | None] = []

    def __call__(self, job, sent_ns, code) -> None:
        self.codes.append(code)


async def listening(answer):
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


async def test_texts_are_no_deeds_of_their_own():
    deeds = Deeds(lambda draft: asyncio.sleep(0), Settled())
    assert not deeds.take(job("emoji"), 0)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TimeoutError(), "timeout"),
        (ConnectionRefusedError(), "failed"),
        (ConnectionResetError(), "closed"),
        (asyncio.IncompleteReadError(b"", 4), "closed"),
    ],
)
async def test_how_a_deed_ends(error, code):
    async def perform(draft):
        raise error

    settled = Settled()
    deeds = Deeds(perform, settled)
    assert deeds.take(job("malformed"), 0)
    await asyncio.sleep(0.01)
    assert settled.codes == [code]


async def test_too_many_at_once_are_not_done_and_counted(monkeypatch):
    monkeypatch.setattr(hostile, "MOST_AT_ONCE", 2)
    settled = Settled()
    deeds = Deeds(lambda draft: asyncio.sleep(30), settled)
    for _ in range(5):
        assert deeds.take(job("silent"), 0)
    assert settled.codes == ["not_sent"] * 3
    await asyncio.sleep(0)
    await deeds.close()
    assert len(settled.codes) == 5


@pytest.mark.parametrize("deeds_of", [http_deeds, smpp_deeds])
@pytest.mark.parametrize("does", ["silent", "slow_reader"])
async def test_what_is_kept_open_is_held_and_what_is_closed_is_closed(load, deeds_of, does):
    open_writers = []

    async def keep(reader, writer):
        open_writers.append(writer)
        await asyncio.sleep(1)

    async def close(reader, writer):
        writer.transport.abort()

    scheme = "http" if deeds_of is http_deeds else "smpp"
    for answer, codes in ((keep, {"held"}), (close, {"closed", "held"})):
        server, port = await listening(answer)
        perform = deeds_of(load.profile(f"{scheme}://guest:guest@127.0.0.1:{port}", timeout_s=0.5))
        draft = job(does)[0]
        try:
            code = await perform(draft)
        except (OSError, TimeoutError):
            code = "closed"
        assert code in codes | ({"closed"} if does == "slow_reader" else set())
        server.close()
    for writer in open_writers:
        writer.transport.abort()
    await asyncio.sleep(0.01)


async def test_a_server_that_serves_a_wrong_token_is_found_out(load):
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server, port = await listening(serve)
    perform = http_deeds(load.profile(f"http://127.0.0.1:{port}"))
    assert await perform(job("bad_credentials")[0]) is None
    server.close()
    await asyncio.sleep(0.01)
