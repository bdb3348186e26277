"""Events to viewers: order, filters, visibility, resuming, bounds, and what a slow viewer is told."""

import asyncio
import contextlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from gateway.runtime.bus import Bus
from gateway.runtime.http import ApiError, ApiRequest, EventStream, Principal, Routes, serve_websocket
from gateway.runtime.http.stream import (
    MAX_PATTERNS,
    Batch,
    Viewer,
    matches,
    parse_frame_bytes,
    parse_patterns,
)
from gateway.runtime.http.stream_serving import sse_frame
from gateway.runtime.metrics import Metrics

ADMIN = Principal("admin", "admin")
ALICE = Principal("alice", "person", "acme", "alice")


@dataclass(frozen=True, slots=True)
class MessageAccepted:
    name: ClassVar[str] = "message.accepted"
    number: int
    person_id: str = "alice"
    padding: str = ""


@dataclass(frozen=True, slots=True)
class CarrierBound:
    name: ClassVar[str] = "carrier.bound"
    carrier: str


@dataclass(frozen=True, slots=True)
class Cursed:
    name: ClassVar[str] = "carrier.cursed"
    kind: str

    def as_payload(self) -> dict[str, Any]:
        raise ValueError("no")

    def visible_to(self, principal: Principal) -> bool:
        return bool(1 // (0 if self.kind == "visibility" else 1))


@pytest.fixture
def bus() -> Bus:
    return Bus()


def numbers(batch: Batch | None) -> list[int]:
    assert batch is not None
    return [entry.event.number for entry in batch.entries]


async def drain(viewer: Viewer) -> tuple[list[int], dict[str, int]]:
    """Everything a viewer still gets after it was closed: numbers, and losses by name."""
    seen: list[int] = []
    lost: dict[str, int] = {}
    while (batch := await viewer.next_batch()) is not None:
        seen += numbers(batch)
        for name, count in batch.lost.items():
            lost[name] = lost.get(name, 0) + count
    return seen, lost


@pytest.mark.parametrize(
    ("text", "patterns"),
    [
        (None, ("*",)),
        ("", ("*",)),
        (",", ("*",)),
        ("message.*", ("message.*",)),
        (" message.* , carrier.bound", ("message.*", "carrier.bound")),
    ],
)
def test_patterns(text: str | None, patterns: tuple[str, ...]) -> None:
    assert parse_patterns(text) == patterns


@pytest.mark.parametrize("text", ["*.accepted", "a*b", "x" * 65, ",".join(["a"] * (MAX_PATTERNS + 1))])
def test_other_patterns_are_refused(text: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_patterns(text)
    assert caught.value.status == 400


@given(st.lists(st.text("abc.*", max_size=5), max_size=4), st.text("abc.", max_size=8))
def test_matching_is_prefix_or_equality(patterns: list[str], name: str) -> None:
    expected = any(p[:-1] == name[: len(p) - 1] if p.endswith("*") else p == name for p in patterns)
    assert matches(patterns, name) == expected


async def test_events_arrive_in_order_in_one_frame(bus: Bus) -> None:
    stream = EventStream(bus)
    viewer = stream.open(ADMIN)
    for number in range(5):
        bus.publish(MessageAccepted(number))
    assert numbers(await viewer.next_batch()) == [0, 1, 2, 3, 4]


async def test_an_event_is_serialised_once_for_all(bus: Bus) -> None:
    stream = EventStream(bus, frame_interval_s=0.001)
    viewers = [stream.open(ADMIN) for _ in range(3)]
    bus.publish(MessageAccepted(1))
    batches = [await viewer.next_batch() for viewer in viewers]
    assert len({id(batch.entries[0].sse) for batch in batches if batch}) == 1


async def test_a_person_sees_only_that_persons_events(bus: Bus) -> None:
    stream = EventStream(bus)
    viewer = stream.open(ALICE)
    for number, person in enumerate(["bob", "alice", "carol", "alice"]):
        bus.publish(MessageAccepted(number, person))
    assert numbers(await viewer.next_batch()) == [1, 3]


async def test_filters_choose_by_name(bus: Bus) -> None:
    stream = EventStream(bus)
    viewer = stream.open(ADMIN, parse_patterns("carrier.*"))
    bus.publish(MessageAccepted(1))
    bus.publish(CarrierBound("att"))
    batch = await viewer.next_batch()
    assert batch is not None
    assert [entry.name for entry in batch.entries] == ["carrier.bound"]


async def test_only_named_types_go_out_when_some_are_named(bus: Bus) -> None:
    stream = EventStream(bus, [CarrierBound])
    viewer = stream.open(ADMIN)
    bus.publish(MessageAccepted(1))
    bus.publish(CarrierBound("att"))
    batch = await viewer.next_batch()
    assert batch is not None
    assert [entry.name for entry in batch.entries] == ["carrier.bound"]


async def test_events_without_a_public_name_stay_inside(bus: Bus) -> None:
    stream = EventStream(bus)
    viewer = stream.open(ADMIN)
    bus.publish(object())
    bus.publish(MessageAccepted(1))
    batch = await viewer.next_batch()
    assert numbers(batch) == [1]


async def test_quiet_gives_an_empty_batch_and_a_heartbeat(bus: Bus) -> None:
    viewer = EventStream(bus).open(ADMIN)
    batch = await viewer.next_batch(timeout_s=0.01)
    assert batch is not None
    assert batch.entries == ()
    assert sse_frame(batch) == b": heartbeat\n\n"


async def test_a_slow_viewer_loses_the_oldest_and_is_told_how_many_of_which(bus: Bus) -> None:
    metrics = Metrics(process=False)
    stream = EventStream(bus, max_pending=10, metrics=metrics)
    slow = stream.open(ADMIN)
    for number in range(25):
        bus.publish(MessageAccepted(number))
    stream.close()
    batch = await slow.next_batch()
    assert batch is not None
    assert numbers(batch) == list(range(15, 25))
    assert batch.lost == {"message.accepted": 15}
    frame = sse_frame(batch)
    assert frame.startswith(b"event: stream.lost\n")
    told = json.loads(frame.split(b"\n")[1].removeprefix(b"data: "))
    assert told["data"] == {"count": 15, "events": {"message.accepted": 15}, "gap": False}
    assert "gateway_stream_events_lost_total 15.0" in metrics.render().decode()


async def test_another_viewers_slowness_costs_nobody_else(bus: Bus) -> None:
    stream = EventStream(bus, max_pending=5, frame_interval_s=0.001)
    slow, quick = stream.open(ADMIN), stream.open(ADMIN)
    seen: list[int] = []
    for number in range(20):
        bus.publish(MessageAccepted(number))
        seen += numbers(await quick.next_batch())
    assert seen == list(range(20))
    slow.close()
    kept, lost = await drain(slow)
    assert kept == list(range(15, 20))
    assert lost == {"message.accepted": 15}


async def test_frames_are_bounded_in_bytes_and_nothing_is_lost_by_it(bus: Bus) -> None:
    stream = EventStream(bus, max_frame_bytes=2000, frame_interval_s=0.001)
    viewer = stream.open(ADMIN)
    for number in range(30):
        bus.publish(MessageAccepted(number, padding="x" * 300))
    stream.close()
    seen: list[int] = []
    while (batch := await viewer.next_batch()) is not None:
        assert len(sse_frame(batch)) <= 2000
        seen += numbers(batch)
    assert seen == list(range(30))


async def test_an_event_larger_than_a_frame_still_arrives(bus: Bus) -> None:
    stream = EventStream(bus, max_frame_bytes=10)
    viewer = stream.open(ADMIN)
    bus.publish(MessageAccepted(1))
    assert numbers(await viewer.next_batch()) == [1]


async def test_at_most_ten_frames_a_second_however_many_events(bus: Bus) -> None:
    """Two thousand events a second for half a second: six frames at most, each within its bytes."""
    stream = EventStream(bus, max_pending=300, max_frame_bytes=20_000)
    viewer = stream.open(ADMIN)
    loop = asyncio.get_running_loop()
    frames: list[tuple[float, int]] = []
    delivered, lost = 0, 0

    async def watch() -> None:
        nonlocal delivered, lost
        while (batch := await viewer.next_batch()) is not None:
            frames.append((loop.time(), len(sse_frame(batch))))
            delivered += len(batch.entries)
            lost += sum(batch.lost.values())

    watching = asyncio.create_task(watch())
    started, published = loop.time(), 0
    while (elapsed := loop.time() - started) < 0.5:
        while published < elapsed * 2000:
            bus.publish(MessageAccepted(published))
            published += 1
        await asyncio.sleep(0.002)
    within = [size for moment, size in frames if moment < started + 0.5]
    assert 1 <= len(within) <= 6
    assert max(within) <= 20_000 + 200
    stream.close()
    await watching
    assert delivered + lost == published


async def test_a_viewer_may_ask_for_smaller_frames_and_is_told_of_the_rest(bus: Bus) -> None:
    stream = EventStream(bus, frame_interval_s=0.0)
    small, usual = stream.open(ADMIN, frame_bytes=4096), stream.open(ADMIN)
    for number in range(500):
        bus.publish(MessageAccepted(number))
    await asyncio.sleep(0)
    shown, lost, frames = 0, 0, 0
    while shown + lost < 500:
        batch = await asyncio.wait_for(small.next_batch(), 1.0)
        assert batch is not None
        assert len(sse_frame(batch)) <= 4096 + 200
        shown, lost, frames = shown + len(batch.entries), lost + sum(batch.lost.values()), frames + 1
    assert shown == 4096 // 64
    assert frames <= 10
    assert numbers(await usual.next_batch())[0] == 0


@pytest.mark.parametrize("asked", ["", "x", "-1", "4095", "65537", "9" * 40, "٤٠٩٦"])
def test_frames_of_an_odd_size_are_refused(asked: str) -> None:
    with pytest.raises(ApiError) as refused:
        parse_frame_bytes(asked)
    assert refused.value.status == 400


def test_frames_have_the_usual_size_unless_another_is_asked_for() -> None:
    assert parse_frame_bytes(None) is None
    assert parse_frame_bytes("4096") == 4096


async def test_the_first_event_after_quiet_is_not_held_back(bus: Bus) -> None:
    stream = EventStream(bus, frame_interval_s=5.0)
    viewer = stream.open(ADMIN)
    bus.publish(MessageAccepted(1))
    assert numbers(await asyncio.wait_for(viewer.next_batch(), 1.0)) == [1]


async def test_resuming_gives_what_followed(bus: Bus) -> None:
    stream = EventStream(bus)
    first = stream.open(ADMIN)
    for number in range(5):
        bus.publish(MessageAccepted(number))
    batch = await first.next_batch()
    assert batch is not None
    first.close()
    bus.publish(MessageAccepted(5))
    again = stream.open(ADMIN, last_event_id=batch.entries[2].event_id)
    resumed = await again.next_batch()
    assert resumed is not None
    assert (numbers(resumed), resumed.gap) == ([3, 4, 5], False)


async def test_resuming_at_the_end_waits_for_news(bus: Bus) -> None:
    stream = EventStream(bus, frame_interval_s=0.001)
    first = stream.open(ADMIN)
    bus.publish(MessageAccepted(0))
    batch = await first.next_batch()
    assert batch is not None
    again = stream.open(ADMIN, last_event_id=batch.entries[-1].event_id)
    bus.publish(MessageAccepted(1))
    assert numbers(await again.next_batch()) == [1]


@pytest.mark.parametrize("last_id", ["", "x", "otherboot-3", "-", "otherboot-", "a-b-c", "\u0661-\u0661"])
async def test_resuming_from_somewhere_unknown_says_there_is_a_gap(bus: Bus, last_id: str) -> None:
    stream = EventStream(bus)
    bus.publish(MessageAccepted(0))
    batch = await stream.open(ADMIN, last_event_id=last_id).next_batch()
    assert batch is not None
    assert batch.gap
    assert b'"gap": true' in sse_frame(batch)


async def test_resuming_beyond_the_ring_gives_what_is_left_and_says_so(bus: Bus) -> None:
    stream = EventStream(bus, ring_events=3)
    first = stream.open(ADMIN)
    bus.publish(MessageAccepted(0))
    batch = await first.next_batch()
    assert batch is not None
    first.close()
    for number in range(1, 10):
        bus.publish(MessageAccepted(number))
    resumed = await stream.open(ADMIN, last_event_id=batch.entries[0].event_id).next_batch()
    assert resumed is not None
    assert (numbers(resumed), resumed.gap) == ([7, 8, 9], True)


async def test_an_event_that_cannot_be_shown_ends_nobodys_stream(bus: Bus) -> None:
    stream = EventStream(bus)
    viewer = stream.open(ADMIN)
    bus.publish(Cursed("payload"))
    bus.publish(Cursed("visibility"))
    bus.publish(CarrierBound("att"))
    batch = await viewer.next_batch()
    assert batch is not None
    assert [entry.name for entry in batch.entries] == ["carrier.cursed", "carrier.bound"]
    assert json.loads(batch.entries[0].json)["event"] == "stream.unprintable"


async def test_viewers_are_limited_and_counted(bus: Bus) -> None:
    metrics = Metrics(process=False)
    stream = EventStream(bus, max_viewers=2, metrics=metrics)
    first = stream.open(ADMIN)
    stream.open(ADMIN)
    with pytest.raises(ApiError) as caught:
        stream.open(ADMIN)
    assert (caught.value.status, caught.value.code) == (503, "too_many_viewers")
    assert "gateway_stream_viewers 2.0" in metrics.render().decode()
    first.close()
    assert len(stream) == 1
    stream.open(ADMIN)


async def test_closing_hands_out_what_waits_and_then_ends(bus: Bus) -> None:
    stream = EventStream(bus)
    viewer = stream.open(ADMIN)
    bus.publish(MessageAccepted(1))
    stream.close()
    assert await drain(viewer) == ([1], {})
    with pytest.raises(ApiError):
        stream.open(ADMIN)
    assert not bus.wanted(MessageAccepted)


async def test_what_nobody_watches_is_not_even_built(bus: Bus) -> None:
    stream = EventStream(bus)
    assert not bus.wanted(MessageAccepted)
    viewer = stream.open(ADMIN)
    assert bus.wanted(MessageAccepted)
    viewer.close()
    assert bus.wanted(MessageAccepted)
    stream.close()
    assert not bus.wanted(MessageAccepted)


async def test_a_viewer_who_comes_back_in_time_misses_nothing(bus: Bus) -> None:
    stream = EventStream(bus, linger_s=60)
    viewer = stream.open(ADMIN)
    bus.publish(MessageAccepted(1))
    batch = await viewer.next_batch()
    assert batch is not None
    viewer.close()
    bus.publish(MessageAccepted(2))
    again = stream.open(ADMIN, last_event_id=batch.entries[-1].event_id)
    batch = await again.next_batch()
    assert batch is not None
    assert ([entry.event for entry in batch.entries], batch.gap) == ([MessageAccepted(2)], False)
    stream.close()


async def test_a_viewer_who_comes_back_too_late_is_told_of_a_gap(bus: Bus) -> None:
    stream = EventStream(bus, linger_s=0)
    viewer = stream.open(ADMIN)
    bus.publish(MessageAccepted(1))
    batch = await viewer.next_batch()
    assert batch is not None
    viewer.close()
    await asyncio.sleep(0)  # the timer of no time at all
    await asyncio.sleep(0)
    assert not bus.wanted(MessageAccepted)
    again = stream.open(ADMIN, last_event_id=batch.entries[-1].event_id)
    batch = await again.next_batch()
    assert batch is not None
    assert (batch.entries, batch.gap) == ((), True)
    stream.close()


@given(st.lists(st.integers(0, 30), max_size=20), st.integers(1, 40), st.integers(50, 3000))
def test_nothing_is_lost_uncounted_and_order_holds(bursts: list[int], max_pending: int, frame: int) -> None:
    """Whatever the rhythm and bounds: delivered + lost = published, and numbers only grow."""

    async def play() -> None:
        bus = Bus()
        stream = EventStream(bus, max_pending=max_pending, max_frame_bytes=frame, frame_interval_s=0.0)
        viewer = stream.open(ADMIN)
        seen: list[int] = []
        lost, published = 0, 0
        for burst in bursts:
            for _ in range(burst):
                bus.publish(MessageAccepted(published))
                published += 1
            await asyncio.sleep(0)
            if burst % 2:
                batch = await viewer.next_batch(timeout_s=0)
                assert batch is not None
                seen += numbers(batch)
                lost += sum(batch.lost.values())
        stream.close()
        rest, rest_lost = await drain(viewer)
        seen += rest
        lost += sum(rest_lost.values())
        assert seen == sorted(set(seen))
        assert len(seen) + lost == published

    asyncio.run(play())


# --- over HTTP


def parse_sse(lines: Iterable[bytes]) -> list[dict[str, str]]:
    """What a browser would make of server-sent event lines."""
    events: list[dict[str, str]] = []
    current: dict[str, str] = {}
    for line in lines:
        text = line.decode().rstrip("\n")
        if not text:
            if "data" in current:
                events.append(current)
            current = {}
        elif not text.startswith(":"):
            name, _, value = text.partition(": ")
            current[name] = value
    return events


async def read_events(response: aiohttp.ClientResponse, count: int) -> list[dict[str, str]]:
    lines: list[bytes] = []
    while len(parse_sse(lines)) < count:
        line = await asyncio.wait_for(response.content.readline(), 5)
        assert line, "the stream ended early"
        lines.append(line)
    return parse_sse(lines)


async def test_sse_over_http(serve: Any) -> None:
    api = await serve([])
    headers = {"Authorization": "Bearer demo-alice"}
    async with api.client.get(api.server.url + "/v1/stream?events=message.*", headers=headers) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert response.headers["trackingid"].startswith("GW_")
        for number, person in enumerate(["bob", "alice"]):
            api.bus.publish(MessageAccepted(number, person))
        api.bus.publish(CarrierBound("att"))
        (event,) = await read_events(response, 1)
    assert event["event"] == "message.accepted"
    document = json.loads(event["data"])
    assert document["id"] == event["id"]
    assert document["data"]["number"] == 1


async def test_sse_resumes_by_header_and_query(serve: Any) -> None:
    api = await serve([])
    headers = {"Authorization": "Bearer demo-admin"}
    async with api.client.get(api.server.url + "/v1/stream", headers=headers) as response:
        for number in range(3):
            api.bus.publish(MessageAccepted(number))
        events = await read_events(response, 3)
    for sent, query in (
        ({"Last-Event-ID": events[0]["id"]}, ""),
        ({}, f"?lastEventId={events[0]['id']}"),
    ):
        async with api.client.get(
            api.server.url + "/v1/stream" + query, headers={**headers, **sent}
        ) as response:
            again = await read_events(response, 2)
        assert [event["id"] for event in again] == [events[1]["id"], events[2]["id"]]


async def test_sse_with_a_ticket_from_a_browser(serve: Any) -> None:
    api = await serve([])
    ticket = (await api.call("POST", "/v1/tickets", token="demo-alice")).json["ticket"]
    url = f"{api.server.url}/v1/stream?ticket={ticket}"
    async with api.client.get(url, headers={"Origin": api.server.url}) as response:
        assert response.status == 200
        api.bus.publish(MessageAccepted(1))
        assert len(await read_events(response, 1)) == 1


async def test_bad_filters_are_a_400_before_the_stream_opens(serve: Any) -> None:
    api = await serve([])
    answer = await api.call("GET", "/v1/stream?events=*.accepted")
    assert (answer.status, answer.codes) == (400, ["malformed_request"])


async def test_a_viewer_that_leaves_is_forgotten(serve: Any) -> None:
    api = await serve([])
    headers = {"Authorization": "Bearer demo-admin"}
    async with api.client.get(api.server.url + "/v1/stream", headers=headers):
        assert len(api.stream) == 1
    left = asyncio.Event()
    asyncio.get_running_loop().call_later(5, left.set)
    while len(api.stream) and not left.is_set():
        api.bus.publish(MessageAccepted(1))
        await asyncio.sleep(0.05)
    assert len(api.stream) == 0


async def test_a_viewer_that_stops_reading_costs_bounded_memory_and_is_told(serve: Any) -> None:
    api = await serve([], max_pending=50, frame_interval_s=0.0)
    reader, writer = await asyncio.open_connection("127.0.0.1", api.server.port, limit=4096)
    writer.write(b"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer demo-admin\r\n\r\n")
    await reader.readuntil(b": open\n\n")
    (viewer,) = api.stream._viewers
    for number in range(4000):
        api.bus.publish(MessageAccepted(number, padding="x" * 5000))
        if number % 10 == 0:
            await asyncio.sleep(0)
    assert len(viewer._pending) <= 50
    assert viewer._lost["message.accepted"] > 0
    seen = b""
    while b"stream.lost" not in seen:
        seen = seen[-20:] + await asyncio.wait_for(reader.read(65536), 5)
    writer.close()
    await writer.wait_closed()


async def test_draining_ends_the_streams(serve: Any) -> None:
    api = await serve([])
    headers = {"Authorization": "Bearer demo-admin"}
    async with api.client.get(api.server.url + "/v1/stream", headers=headers) as response:
        api.bus.publish(MessageAccepted(7))
        await read_events(response, 1)
        await api.server.drain(2.0)
        assert await asyncio.wait_for(response.content.read(), 5) == b""


async def test_the_same_events_over_a_websocket(serve: Any) -> None:
    routes = Routes("App")
    streams: list[EventStream] = []
    opened = asyncio.Event()

    async def echo(socket: web.WebSocketResponse, text: str) -> None:
        await socket.send_json({"echo": text})

    @routes.get("/v1/app", ticket=True)
    async def app(request: ApiRequest) -> web.StreamResponse:
        viewer = streams[0].open(request.principal)
        opened.set()
        return await serve_websocket(request.raw, viewer, echo, {"trackingid": request.tracking_id})

    api = await serve([routes], max_pending=2)
    streams.append(api.stream)
    ticket = (await api.call("POST", "/v1/tickets", token="demo-alice")).json["ticket"]
    async with api.client.ws_connect(f"{api.server.url}/v1/app?ticket={ticket}") as socket:
        await asyncio.wait_for(opened.wait(), 5)
        for number in range(3):
            api.bus.publish(MessageAccepted(number))
        lost, *rest = [await socket.receive_json(timeout=5) for _ in range(3)]
        await socket.send_str("hi")
        assert await socket.receive_json(timeout=5) == {"echo": "hi"}
    assert lost["event"] == "stream.lost"
    assert lost["data"]["count"] == 1
    assert [document["data"]["number"] for document in rest] == [1, 2]
    assert len(api.stream) == 0


@pytest.fixture
async def listening(serve: Any) -> Any:
    """An API whose WebSocket only sends."""
    routes = Routes("App")
    streams: list[EventStream] = []
    opened = asyncio.Event()

    @routes.get("/v1/app", ticket=True)
    async def app(request: ApiRequest) -> web.StreamResponse:
        viewer = streams[0].open(request.principal)
        opened.set()
        return await serve_websocket(request.raw, viewer)

    api = await serve([routes])
    streams.append(api.stream)
    return api, opened


async def test_a_websocket_that_expects_text_says_so(serve: Any) -> None:
    routes = Routes("App")
    streams: list[EventStream] = []

    async def refuse(_socket: web.WebSocketResponse, text: str) -> None:
        raise AssertionError(text)

    @routes.get("/v1/app")
    async def app(request: ApiRequest) -> web.StreamResponse:
        return await serve_websocket(request.raw, streams[0].open(request.principal), refuse)

    api = await serve([routes])
    streams.append(api.stream)
    headers = {"Authorization": "Bearer demo-admin"}
    async with api.client.ws_connect(f"{api.server.url}/v1/app", headers=headers) as socket:
        await socket.send_bytes(b"bytes")
        message = await socket.receive(timeout=5)
    assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1003)
    assert message.extra == "text frames are expected here"


@pytest.mark.parametrize("data", ["hello", b"bytes"])
async def test_a_websocket_that_expects_nothing_says_so(listening: Any, data: str | bytes) -> None:
    api, _ = listening
    headers = {"Authorization": "Bearer demo-admin"}
    async with api.client.ws_connect(f"{api.server.url}/v1/app", headers=headers) as socket:
        await (socket.send_str(data) if isinstance(data, str) else socket.send_bytes(data))
        message = await socket.receive(timeout=5)
    assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1003)
    assert message.extra == "nothing is expected here"


async def test_draining_closes_websockets_as_going_away(listening: Any) -> None:
    api, opened = listening
    headers = {"Authorization": "Bearer demo-admin"}
    async with api.client.ws_connect(f"{api.server.url}/v1/app", headers=headers) as socket:
        await asyncio.wait_for(opened.wait(), 5)
        draining = asyncio.create_task(api.server.drain(5))
        message = await socket.receive(timeout=5)
        await draining
    assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1001)


async def test_a_plain_request_to_a_websocket_is_told_to_upgrade(listening: Any) -> None:
    api, _ = listening
    answer = await api.call("GET", "/v1/app")
    assert (answer.status, answer.codes) == (426, ["upgrade_required"])
    assert answer.headers["Upgrade"] == "websocket"
    assert len(api.stream) == 0


async def test_the_stream_itself_goes_over_a_websocket_where_one_is_asked_for(serve: Any) -> None:
    api = await serve([])
    api.bus.publish(MessageAccepted(1))
    ticket = (await api.call("POST", "/v1/tickets", token="demo-alice")).json["ticket"]
    async with api.client.ws_connect(
        f"{api.server.url}/v1/stream?ticket={ticket}&events=message.*&frameBytes=4096"
    ) as socket:
        for number in (2, 3):
            api.bus.publish(MessageAccepted(number))
        told = [await socket.receive_json(timeout=5) for _ in range(2)]
        assert [document["data"]["number"] for document in told] == [2, 3]
        assert [document["event"] for document in told] == ["message.accepted"] * 2
    ticket = (await api.call("POST", "/v1/tickets", token="demo-alice")).json["ticket"]
    first = told[0]["id"]
    async with api.client.ws_connect(
        f"{api.server.url}/v1/stream?ticket={ticket}&lastEventId={first}"
    ) as socket:
        assert await socket.receive_json(timeout=5) == told[1]
    assert api.stream.position == told[1]["id"]


async def test_a_websocket_that_resumes_after_a_gap_is_told_so(serve: Any) -> None:
    api = await serve([])
    headers = {"Authorization": "Bearer demo-admin"}
    async with api.client.ws_connect(
        f"{api.server.url}/v1/stream?lastEventId=of-another-run", headers=headers
    ) as socket:
        lost = await socket.receive_json(timeout=5)
        assert lost == {"event": "stream.lost", "data": {"count": 0, "events": {}, "gap": True}}
        await socket.send_str("anything")
        message = await socket.receive(timeout=5)
    assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1003)


async def test_a_websocket_of_another_origins_page_is_refused(serve: Any) -> None:
    api = await serve([])
    ticket = (await api.call("POST", "/v1/tickets")).json["ticket"]
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await api.client.ws_connect(
            f"{api.server.url}/v1/stream?ticket={ticket}", headers={"Origin": "http://evil.example"}
        )
    assert refused.value.status == 403
    assert len(api.stream) == 0


@pytest.fixture
async def breaking(serve: Any) -> Any:
    """A WebSocket whose receiver breaks, and handlers that break after their answer has begun."""
    routes = Routes("App")
    streams: list[EventStream] = []

    async def explode(_socket: web.WebSocketResponse, text: str) -> None:
        raise RecursionError(text)

    @routes.get("/v1/app")
    async def app(request: ApiRequest) -> web.StreamResponse:
        return await serve_websocket(request.raw, streams[0].open(request.principal), explode)

    @routes.get("/v1/careless")
    async def careless(request: ApiRequest) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request.raw)
        raise RecursionError

    @routes.get("/v1/begun")
    async def begun(request: ApiRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request.raw)
        await response.write(b"half")
        raise ApiError(404, "not_found", "gone meanwhile")

    api = await serve([routes])
    streams.append(api.stream)
    return api


async def test_a_receiver_that_breaks_closes_its_websocket_in_the_words_of_websockets(breaking: Any) -> None:
    headers = {"Authorization": "Bearer demo-admin"}
    async with breaking.client.ws_connect(f"{breaking.server.url}/v1/app", headers=headers) as socket:
        await socket.send_str("hello")
        message = await socket.receive(timeout=5)
    assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1011)


@pytest.mark.parametrize(("path", "upgrade"), [("/v1/careless", True), ("/v1/begun", False)])
async def test_no_answer_is_written_into_another(breaking: Any, path: str, upgrade: bool) -> None:
    fields = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    fields.append("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    reader, writer = await asyncio.open_connection("127.0.0.1", breaking.server.port)
    head = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Authorization: Bearer demo-admin"]
    writer.write("\r\n".join([*head, *(fields if upgrade else []), "", ""]).encode())
    got = b""
    with contextlib.suppress(ConnectionError):  # it is cut, not ended
        async with asyncio.timeout(20):
            while data := await reader.read(4096):
                got += data
    writer.close()
    assert got.count(b"HTTP/1.1") == 1
    assert got.startswith(b"HTTP/1.1 101" if upgrade else b"HTTP/1.1 200")
    assert b"errors" not in got
