"""WebSocket: the simulated Webex App's frames, answers by `ref`, sockets that break."""

import asyncio

import aiohttp
import pytest

from gateway.load.run import Run


def accepted(frame):
    return {"type": "accepted", "ref": frame["ref"], "message": {"releaseAt": "2026-09-21T14:13:20.000Z"}}


async def loaded(load, server, **fields):
    async with load.http_serving(server.handle) as port:
        fields = {"token": "secret", "connections": 3, **fields}
        return await Run(load.profile(f"ws://127.0.0.1:{port}", **fields)).run()


async def test_frames_are_sent_and_answers_found_by_their_ref(load):
    server = load.app_server(accepted)
    report = await loaded(load, server)
    assert report.tally.accepted == len(server.frames) == 50
    assert len({frame["ref"] for frame in server.frames}) == 50
    assert server.frames[0]["type"] == "send"
    assert len(server.sockets) == 3


async def test_refusals_are_called_by_their_code(load):
    server = load.app_server(
        lambda frame: {"type": "refused", "ref": frame["ref"], "errors": [{"code": "emoji_not_supported"}]}
    )
    senders = [{"name": "mallory", "does": "emoji"}]
    report = await loaded(load, server, requests=10, senders=senders)
    assert report.hostile.codes == {"emoji_not_supported": 10}


async def test_no_answer_in_time_is_a_failure(load):
    report = await loaded(load, load.app_server(lambda frame: None), requests=10, timeout_s=0.2)
    assert report.tally.codes == {"timeout": 10}


async def test_a_socket_that_breaks_is_opened_again(load):
    def answer(frame):
        if len(server.frames) == 4:
            task.append(asyncio.ensure_future(server.sockets[0].close()))
            return None
        return accepted(frame)

    task = []
    server = load.app_server(answer)
    report = await loaded(load, server, connections=1, requests=100, duration_s=2)
    assert len(server.sockets) == 2
    assert report.tally.codes["failed"] >= 1
    assert report.tally.accepted >= 50
    assert report.tally.offered == 100


async def test_a_wrong_token_is_told_at_once(load):
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await loaded(load, load.app_server(accepted), token="wrong")


async def test_the_moment_of_release_is_judged(load):
    limits = {"carrier": {"rate": {"segments": 1, "burst": 5}}}
    report = await loaded(load, load.app_server(accepted), requests=10, limits=limits)
    assert report.exit_code == 1
    assert "10 segments in 0.001 s" in report.conformance[0].violations[0]
