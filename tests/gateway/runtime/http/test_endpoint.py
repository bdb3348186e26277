"""From the wire to a handler and back: bodies, queries, answers, and all that can be wrong with them."""

import asyncio
import gzip
import json
from collections.abc import Callable
from io import BytesIO, StringIO
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from gateway.runtime import log
from gateway.runtime.http import ApiError, ApiModel, ApiRequest, HttpSettings, Paged, Reply, Routes
from gateway.runtime.http.endpoint import check_media_type, json_path

Serve = Callable[..., Any]


class MessageIn(ApiModel):
    to: str
    text: str
    person_id: str | None = None


class MessageOut(ApiModel):
    id: str
    release_at: str | None = None


class Filter(ApiModel):
    state: str | None = None
    limit: int = 5


def api_routes() -> Routes:
    routes = Routes("Messages")

    @routes.post("/v1/messages", body=MessageIn, returns=MessageOut, status=202)
    async def send(request: ApiRequest) -> MessageOut:
        return MessageOut(id=f"{request.body.to}/{request.body.person_id}")

    @routes.post("/v1/messages/bulk", body=list[MessageIn], returns=list[MessageOut], bulk=True)
    async def bulk(request: ApiRequest) -> list[MessageOut]:
        return [MessageOut(id=item.to) for item in request.body]

    @routes.get("/v1/messages", returns=MessageOut, paged=True)
    async def page(request: ApiRequest) -> Paged:
        start = request.page.cursor[0] if request.page.cursor else 0
        items = [MessageOut(id=str(start + n)) for n in range(request.page.max)]
        return Paged(items, (start + request.page.max,) if start < 4 else None)

    @routes.get("/v1/messages/{id}", returns=MessageOut)
    async def one(request: ApiRequest) -> MessageOut:
        return MessageOut(id=request.params["id"], release_at="now")

    @routes.delete("/v1/messages/{id}")
    async def remove(_request: ApiRequest) -> None:
        return None

    @routes.get("/v1/search", query=Filter)
    async def search(request: ApiRequest) -> dict[str, Any]:
        return {"state": request.query.state, "limit": request.query.limit}

    @routes.post("/v1/captures", body=bytes, consumes="application/vnd.tcpdump.pcap")
    async def capture(request: ApiRequest) -> Reply:
        request.set_header("X-Kept", "yes")
        return Reply({"bytes": len(request.body)}, status=201, headers={"Location": "/v1/captures/1"})

    @routes.get("/v1/text")
    async def text(_request: ApiRequest) -> Reply:
        return Reply(b"plain", content_type="text/plain")

    @routes.get("/v1/own")
    async def own(_request: ApiRequest) -> web.Response:
        return web.Response(text="mine")

    @routes.post("/v1/keyed")
    async def keyed(request: ApiRequest) -> dict[str, Any]:
        return {"key": request.idempotency_key}

    @routes.post("/v1/throttled")
    async def throttled(_request: ApiRequest) -> None:
        raise ApiError(429, "throttled_number", "too fast", retry_after_s=1.2)

    @routes.post("/v1/broken")
    async def broken(_request: ApiRequest) -> None:
        raise ValueError("+13105550120 said hello")

    @routes.get("/v1/teapot")
    async def teapot(_request: ApiRequest) -> None:
        raise web.HTTPConflict

    return routes


@pytest.fixture
async def api(serve: Serve) -> Any:
    settings = HttpSettings(port=0, max_body_bytes=2000, max_bulk_body_bytes=50_000, body_timeout_s=0.2)
    return await serve([api_routes()], settings)


async def test_a_model_in_and_a_model_out(api: Any) -> None:
    answer = await api.call("POST", "/v1/messages", json={"to": "x", "text": "hi", "personId": "alice"})
    assert answer.status == 202
    assert answer.json == {"id": "x/alice", "releaseAt": None}
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["trackingid"].startswith("GW_")


async def test_every_fault_is_listed_with_its_path_and_never_its_value(api: Any) -> None:
    body = {"to": 5_551_234, "personId": ["secret"], "files": []}
    answer = await api.call("POST", "/v1/messages", json=body)
    assert answer.status == 400
    assert set(answer.codes) == {"malformed_request"}
    texts = [error["description"] for error in answer.json["errors"]]
    assert [text.partition(":")[0] for text in texts] == ["$.to", "$.text", "$.personId", "$.files"]
    assert answer.json["message"] == texts[0]
    assert answer.json["trackingId"] == answer.headers["trackingid"]
    assert b"secret" not in answer.body
    assert b"5551234" not in answer.body


async def test_a_body_of_another_shape_is_told_in_json_s_words(api: Any) -> None:
    answer = await api.call("POST", "/v1/messages", json=["x"])
    assert answer.json["errors"] == [
        {"description": "$: Input should be an object", "code": "malformed_request"}
    ]


async def test_a_list_body_names_the_item(api: Any) -> None:
    answer = await api.call("POST", "/v1/messages/bulk", json=[{"to": "a", "text": "b"}, {"to": "a"}])
    assert answer.status == 400
    assert answer.json["errors"][0]["description"].startswith("$[1].text:")
    good = await api.call("POST", "/v1/messages/bulk", json=[{"to": "a", "text": "b"}] * 3)
    assert [item["id"] for item in good.json] == ["a", "a", "a"]


@pytest.mark.parametrize("body", [b"", b"{", b"nul", b"\xff\xfe", b"[]", b'"x"', b"NaN", b"[" * 1500])
async def test_anything_that_is_no_such_json_is_a_400(api: Any, body: bytes) -> None:
    answer = await api.call("POST", "/v1/messages", data=body, headers={"Content-Type": "application/json"})
    assert answer.status == 400
    assert answer.codes == ["malformed_request"]


@pytest.mark.parametrize(
    "value",
    [
        "application/json",
        "APPLICATION/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
        "application/merge-patch+json",
    ],
)
def test_json_media_types_pass(value: str) -> None:
    check_media_type(value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin-1",
        "json",
        "a+json",
    ],
)
def test_other_media_types_do_not(value: str) -> None:
    with pytest.raises(ApiError) as caught:
        check_media_type(value)
    assert caught.value.status == 415


async def test_a_form_is_told_to_be_json(api: Any) -> None:
    answer = await api.call("POST", "/v1/messages", data={"to": "x"})
    assert (answer.status, answer.codes) == (415, ["unsupported_media_type"])


async def test_the_body_limit_holds_whatever_the_headers_say(api: Any) -> None:
    big = json.dumps({"to": "x", "text": "y" * 3000}).encode()
    headers = {"Content-Type": "application/json"}
    announced = await api.call("POST", "/v1/messages", data=BytesIO(big), headers=headers)
    assert (announced.status, announced.codes) == (413, ["body_too_large"])

    async def chunks() -> Any:
        for at in range(0, len(big), 500):
            yield big[at : at + 500]
            await asyncio.sleep(0)

    chunked = await api.call("POST", "/v1/messages", data=chunks(), headers=headers)
    assert chunked.status == 413
    zipped = gzip.compress(big)
    bomb = await api.call(
        "POST", "/v1/messages", data=zipped, headers={**headers, "Content-Encoding": "gzip"}
    )
    assert len(zipped) < 2000
    assert bomb.status == 413


async def test_a_compressed_body_within_the_limit_is_read(api: Any) -> None:
    body = gzip.compress(json.dumps({"to": "x", "text": "y"}).encode())
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert (await api.call("POST", "/v1/messages", data=body, headers=headers)).status == 202


async def test_a_chunked_body_within_the_limit_is_read(api: Any) -> None:
    async def chunks() -> Any:
        yield b'{"to": "x", '
        await asyncio.sleep(0.01)
        yield b'"text": "y"}'

    headers = {"Content-Type": "application/json"}
    assert (await api.call("POST", "/v1/messages", data=chunks(), headers=headers)).status == 202


async def test_a_bulk_body_may_be_larger(api: Any) -> None:
    items = [{"to": "a", "text": "b" * 100}] * 200
    assert (await api.call("POST", "/v1/messages/bulk", json=items)).status == 200


async def test_a_body_that_never_comes_is_given_up(api: Any) -> None:
    async def stuck() -> Any:
        yield b"{"
        await asyncio.sleep(30)

    answer = await api.call(
        "POST", "/v1/messages", data=stuck(), headers={"Content-Type": "application/json"}
    )
    assert (answer.status, answer.codes) == (408, ["body_too_slow"])


@pytest.mark.parametrize(
    "rest",
    [
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        b"Content-Encoding: gzip\r\nContent-Length: 7\r\n\r\nnotgzip",
        b"Content-Encoding: deflate\r\nContent-Length: 3\r\n\r\n\xff\xff\xff",
    ],
    ids=["chunk size", "gzip", "deflate"],
)
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/captures"])
async def test_a_body_that_is_not_as_announced_is_a_400(api: Any, path: str, rest: bytes) -> None:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        "Authorization: Bearer demo-admin\r\nContent-Type: application/json\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", api.server.port)
    writer.write(head.encode() + rest)
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await writer.wait_closed()
    assert answer.split(b" ", 2)[1] == b"400"
    assert b'"code": "malformed_request"' in answer


async def test_a_client_that_hangs_up_mid_body_harms_nobody(
    api: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", api.server.port)
    writer.write(
        b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer demo-admin\r\n"
        b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await api.call("GET", "/healthz")).status == 200
    assert "handler_failed" not in "".join(capsys.readouterr())


async def test_raw_bodies_and_replies_with_their_own_status(api: Any) -> None:
    answer = await api.call("POST", "/v1/captures", data=b"\xd4\xc3\xb2\xa1" * 10)
    assert (answer.status, answer.json) == (201, {"bytes": 40})
    assert answer.headers["Location"] == "/v1/captures/1"
    assert answer.headers["X-Kept"] == "yes"


async def test_a_reply_may_be_text(api: Any) -> None:
    answer = await api.call("GET", "/v1/text")
    assert (answer.body, answer.headers["Content-Type"]) == (b"plain", "text/plain")


async def test_a_handlers_own_response_gets_the_tracking_id(api: Any) -> None:
    answer = await api.call("GET", "/v1/own")
    assert answer.body == b"mine"
    assert "trackingid" in answer.headers


async def test_nothing_is_204(api: Any) -> None:
    answer = await api.call("DELETE", "/v1/messages/7")
    assert (answer.status, answer.body) == (204, b"")
    assert "Content-Type" not in answer.headers


async def test_following_the_link_header_reads_every_page_once(api: Any) -> None:
    path, seen = "/v1/messages?max=2&state=x", []
    while path:
        answer = await api.call("GET", path)
        seen += [item["id"] for item in answer.json["items"]]
        link = answer.headers.get("Link", "")
        assert "state=x" in link or not link
        path = link.partition("<")[2].partition(">")[0].removeprefix(api.server.url)
    assert seen == ["0", "1", "2", "3", "4", "5"]


async def test_path_parts_are_decoded(api: Any) -> None:
    assert (await api.call("GET", "/v1/messages/a%20b")).json["id"] == "a b"


async def test_queries_are_validated(api: Any) -> None:
    good = await api.call("GET", "/v1/search?state=queued&limit=7")
    assert good.json == {"state": "queued", "limit": 7}
    bad = await api.call("GET", "/v1/search?limit=many&colour=red")
    assert bad.status == 400
    texts = [error["description"].partition(":")[0] for error in bad.json["errors"]]
    assert texts == ["query.limit", "query.colour"]


async def test_idempotency_key_reaches_the_handler(api: Any) -> None:
    assert (await api.call("POST", "/v1/keyed")).json == {"key": None}
    sent = await api.call("POST", "/v1/keyed", headers={"Idempotency-Key": "k-1"})
    assert sent.json == {"key": "k-1"}
    for odd in ("x" * 256, "a b"):
        answer = await api.call("POST", "/v1/keyed", headers={"Idempotency-Key": odd})
        assert answer.status == 400


async def test_retry_after_is_in_whole_seconds(api: Any) -> None:
    answer = await api.call("POST", "/v1/throttled")
    assert (answer.status, answer.codes) == (429, ["throttled_number"])
    assert answer.headers["Retry-After"] == "2"


@pytest.fixture
def written() -> StringIO:
    """What is logged."""
    stream = StringIO()
    log.configure("info", json=False, stream=stream)
    return stream


async def test_a_broken_handler_is_a_500_and_one_log_line_without_payload(
    api: Any, written: StringIO
) -> None:
    answer = await api.call("POST", "/v1/broken", headers={"trackingid": "QA-7"})
    assert (answer.status, answer.codes) == (500, ["internal_error"])
    assert answer.headers["trackingid"].startswith("QA-7_GW_")
    assert b"hello" not in answer.body
    logged = written.getvalue()
    assert logged.count("http.handler_failed") == 1
    assert answer.headers["trackingid"] in logged
    assert "ValueError" in logged
    assert "hello" not in logged
    assert "5550120" not in logged


async def test_an_aiohttp_error_takes_our_shape(api: Any) -> None:
    answer = await api.call("GET", "/v1/teapot")
    assert (answer.status, answer.codes) == (409, ["conflict"])


async def test_unknown_paths_and_methods(api: Any) -> None:
    missing = await api.call("GET", "/v1/nothing", token=None)
    assert (missing.status, missing.codes) == (404, ["not_found"])
    wrong = await api.call("PUT", "/v1/messages/7")
    assert (wrong.status, wrong.codes) == (405, ["method_not_allowed"])
    assert wrong.headers["Allow"] == "DELETE, GET, HEAD"


async def test_head_answers_like_get_without_a_body(api: Any) -> None:
    answer = await api.call("HEAD", "/v1/messages/7")
    assert (answer.status, answer.body) == (200, b"")


async def test_each_request_is_measured_by_route_and_class(api: Any) -> None:
    await api.call("GET", "/v1/messages/7")
    await api.call("GET", "/v1/messages/8")
    await api.call("GET", "/v1/nothing")
    text = api.metrics.render().decode()
    line = 'gateway_http_request_seconds_count{route="GET /v1/messages/{id}",status="2xx"} 2.0'
    assert line in text
    assert 'route="* other",status="4xx"} 1.0' in text
    assert "nothing" not in text
    assert 'route="GET /v1/messages/{id}",status="5xx"' not in text, "no series for what never happened"


@given(st.lists(st.one_of(st.integers(0, 10**6), st.text(max_size=100)), max_size=6))
def test_json_paths_are_bounded(loc: list[int | str]) -> None:
    path = json_path(loc)
    assert path.startswith("$")
    assert len(path) <= 1 + sum(9 if isinstance(step, int) else 65 for step in loc)
