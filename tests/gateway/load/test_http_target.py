"""HTTP: our API and others', refusals by code, connections that break, hostile clients, releases."""

import asyncio
import json
from datetime import UTC, datetime

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from gateway.load.mix import Mix
from gateway.load.run import Run
from gateway.load.settings import SenderSettings
from gateway.load.targets.http import moment_ns, our_body, refusal_code, release_ns, requests_of
from gateway.runtime.http.wire import format_ns


async def loaded(load, handler, **fields):
    async with load.http_serving(handler) as port:
        return await Run(load.profile(f"http://127.0.0.1:{port}", **fields)).run()


async def test_texts_are_posted_as_our_api_takes_them(load):
    seen = []

    async def accept(request):
        seen.append((request.path, request.headers["Authorization"], await request.json()))
        return web.json_response({"id": "1"}, status=202)

    report = await loaded(load, accept, token="secret")
    assert report.tally.accepted == 50
    path, authorization, body = seen[0]
    assert (path, authorization) == ("/v1/messages", "Bearer secret")
    assert body["from"].startswith("+1202560")
    assert body["text"] == "Load 1"


async def test_refusals_are_called_by_their_code(load):
    async def refuse(request):
        number = int((await request.json())["text"].split()[1])
        if number % 2:
            return web.json_response({"errors": [{"code": "throttled_number"}]}, status=429)
        return web.Response(status=503, text="no JSON")

    report = await loaded(load, refuse, requests=20)
    assert report.tally.codes == {"throttled_number": 10, "http_503": 10}


async def test_anyones_service_can_be_asked(load):
    seen = []

    async def sendsms(request):
        seen.append((request.method, dict(request.query)))
        return web.Response(text="0: Accepted for delivery")

    http = {"method": "GET", "path": "/cgi-bin/sendsms?from={from}&to={to}&text={text}"}
    senders = [{"name": "good", "text": "50% & more"}]
    report = await loaded(load, sendsms, http=http, senders=senders, requests=5)
    assert report.tally.accepted == 5
    method, query = seen[0]
    assert method == "GET"
    assert query["text"] == "50% & more"
    assert query["from"].startswith("+1202560")


async def test_a_body_of_ones_own_is_escaped(load):
    seen = []

    async def accept(request):
        seen.append(await request.json())
        return web.Response()

    http = {"body": '{"sms": {"to": "{to}", "content": "{text}"}}', "headers": {"X-Key": "k"}}
    senders = [{"name": "good", "text": 'say "hi"\n'}]
    report = await loaded(load, accept, http=http, senders=senders, requests=3)
    assert report.tally.accepted == 3
    assert seen[0]["sms"]["content"] == 'say "hi"\n'


async def test_no_answer_in_time_is_a_failure_and_the_connection_is_replaced(load):
    first = True

    async def stall(request):
        nonlocal first
        if first:
            first = False
            await asyncio.sleep(30)
        return web.Response(status=202)

    report = await loaded(load, stall, requests=40, connections=1, timeout_s=0.3, duration_s=1)
    assert report.tally.codes["timeout"] >= 1
    assert report.tally.accepted >= 1
    assert report.tally.offered == 40
    assert report.tally.waiting.maximum > 100_000


async def test_a_server_that_closes_after_each_answer_loses_nothing(load):
    async def close(request):
        response = web.Response(status=202)
        response.force_close()
        return response

    report = await loaded(load, close, requests=30, connections=2)
    assert report.tally.codes == {"accepted": 30}


async def test_an_idle_connection_closed_by_the_server_fails_nobody(load):
    async def accept(request):
        if request.transport is not None:  # a busy server may come to a request after it has hung up
            asyncio.get_running_loop().call_later(0.02, request.transport.close)
        return web.Response(status=202)

    report = await loaded(load, accept, requests=20, connections=1, arrivals={"rate": 40, "spacing": "even"})
    assert report.tally.codes["accepted"] >= 19


@pytest.mark.parametrize(
    ("does", "codes"),
    [
        ("bad_credentials", {"http_401"}),
        ("malformed", {"http_400", "closed", "http_414"}),
        ("silent", {"held", "closed"}),
        ("slow_reader", {"held", "closed"}),
    ],
)
async def test_hostile_clients_do_not_count_as_good(load, does, codes):
    async def gateway(request):
        if request.headers.get("Authorization") != "Bearer secret":
            return web.Response(status=401)
        try:
            await request.json()
        except ValueError:
            return web.Response(status=400)
        except RecursionError:
            return web.Response(status=400)
        return web.Response(status=202)

    senders = [{"name": "good"}, {"name": "mallory", "does": does, "hold_s": 0.2}]
    report = await loaded(load, gateway, senders=senders, token="secret", requests=40)
    assert report.tally.accepted == report.tally.offered > 10
    assert report.hostile.offered > 10
    assert set(report.hostile.codes) <= codes, report.hostile.codes


async def test_hostile_texts_say_what_they_are(load):
    seen = []

    async def refuse(request):
        seen.append(await request.json())
        return web.json_response({"errors": [{"code": "mms_not_supported"}]}, status=422)

    senders = [{"name": "mallory", "does": "mms"}]
    budgets = {"hostile_accepted_ratio": 0}
    report = await loaded(load, refuse, senders=senders, requests=5, budgets=budgets)
    assert report.hostile.codes == {"mms_not_supported": 5}
    assert seen[0]["files"]
    assert report.ok


async def test_the_judge_takes_the_moment_of_release_where_it_is_told(load):
    """A gateway that queues keeps its limit though it says yes to everything at once."""
    start = 0.0
    count = 0

    async def queue(request):
        nonlocal count, start
        start = start or datetime.now(UTC).timestamp()
        count += 1
        release = format_ns(int((start + count) * 1e9))
        return web.json_response({"releaseAt": release}, status=202)

    limits = {"number": {"rate": {"segments": 1, "burst": 2}}}
    senders = [{"name": "good", "numbers": 1}]
    report = await loaded(load, queue, limits=limits, senders=senders, requests=20)
    assert report.tally.accepted == 20
    assert report.exit_code == 0
    assert max(second for second, *_ in report.scope_seconds["number"]) >= 19


@given(st.integers(0, 4 * 10**18))
def test_moments_are_read_as_they_are_written(now_ns):
    assert moment_ns(format_ns(now_ns)) == now_ns // 10**6 * 10**6


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-09-21", "2026-09-21T14:13:20+01:00", "2026-09-21T14:13:20.x"]
)
def test_other_moments_are_none(text):
    assert moment_ns(text) is None


def test_what_an_answer_says():
    assert release_ns(b'{"id": "1", "releaseAt": "1970-01-01T00:00:01.500Z"}') == 1_500_000_000
    assert release_ns(b'{"id": "1"}') is None
    assert refusal_code(429, b'{"errors": [{"code": "throttled_person"}]}') == "throttled_person"
    assert [refusal_code(400, body) for body in (b"", b"[]", b'{"errors": []}')] == ["http_400"] * 3


def test_a_path_of_the_target_is_kept(load):
    draft = Mix([SenderSettings.model_validate({"name": "a"})], 1).draw()
    profile = load.profile("http://gateway.example/proxy/v1/messages")
    request = requests_of(profile)(draft)
    assert request.startswith(b"POST /proxy/v1/messages HTTP/1.1\r\nHost: gateway.example:80\r\n")
    assert json.loads(request.partition(b"\r\n\r\n")[2]) == json.loads(our_body(draft))
