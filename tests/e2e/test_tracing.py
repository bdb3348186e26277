"""A running world posts one trace per text and per recording to a collector, without a word or a number."""

import asyncio
from collections import defaultdict

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from gateway.messages.events import MessageReceived
from gateway.runtime.tracing import Tracing
from siprec.phones.document import Party, RecordedCall
from siprec.phones.forking import SourcePlan
from siprec.phones.src_aio import SimulatedSrc, SrcSettings
from siprec.providers.events import RecordingFinished

TEXT, NUMBERS = "Bring your insurance card", ("2025550100", "3105550150", "4155550120")


class Collector:
    """Takes OTLP over HTTP and keeps what it is told."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        return web.Response(
            body=ExportTraceServiceResponse().SerializeToString(), content_type="application/x-protobuf"
        )

    def traces(self) -> dict[str, list[dict]]:
        """Spans by the name of their trace's root, one list per trace."""
        by_trace = defaultdict(list)
        for body in self.bodies:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for span in (span for scope in resource.scope_spans for span in scope.spans):
                    by_trace[span.trace_id].append(span)
        found = defaultdict(list)
        for spans in by_trace.values():
            (root,) = [span for span in spans if not span.parent_span_id]
            attributes = {each.key: each.value.string_value for each in root.attributes}
            spans.sort(key=lambda one: one.start_time_unix_nano)
            found[root.name].append(
                {
                    "phases": [span.name for span in spans if span.parent_span_id],
                    "state": attributes.get("message.state", ""),
                    "failure": root.status.message,
                    "attributes": attributes,
                }
            )
        return found


@pytest.fixture
async def collector():
    found = Collector()
    application = web.Application()
    application.router.add_post("/v1/traces", found.take)
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/traces"
    yield found
    await runner.cleanup()


async def test_one_trace_per_text(open_world, collector):
    async with open_world("tracing.enabled=true", f"tracing.endpoint={collector.url}") as world:
        alice = world.as_("demo-alice")
        async with alice:
            _, sent = await alice.post("/v1/messages", {"to": f"+1{NUMBERS[1]}", "text": TEXT})
            assert (await alice.follow(sent["id"], 10))["state"] == "delivered"
            _, failing = await alice.post("/v1/messages", {"to": "+13105550151", "text": TEXT})
            assert (await alice.follow(failing["id"], 10))["state"] == "undeliverable"
            status, _ = await alice.post("/v1/messages", {"to": f"+1{NUMBERS[1]}", "text": "Hi 😀"})
            assert status == 422
        inbound = {"from": f"+1{NUMBERS[2]}", "to": f"+1{NUMBERS[0]}", "text": TEXT}
        async with asyncio.timeout(5), world.service.world.bus.subscribe(MessageReceived) as texts:
            await world.client.post("/v1/carriers/verizon/inbound", inbound)
            await anext(texts)
    traces = collector.traces()
    outbound = sorted(traces["text outbound"], key=lambda one: one["state"])
    assert [(one["state"], one["failure"], one["phases"]) for one in outbound] == [
        ("", "emoji_not_supported", []),
        ("delivered", "", ["submitting", "awaiting receipt"]),
        ("undeliverable", outbound[2]["failure"], ["submitting", "awaiting receipt"]),
    ]
    assert outbound[2]["failure"]
    assert outbound[1]["attributes"]["message.id"] == sent["id"]
    assert [one["state"] for one in traces["text inbound"]] == ["received"]
    told = b"".join(collector.bodies)
    assert TEXT.encode() not in told
    assert not any(number.encode() in told for number in NUMBERS)


async def test_one_trace_per_recording(open_world, collector):
    settings = ["recording.sip.udp_port=0", "recording.sip.tcp_port=null", "recording.sip.tls=null"]
    settings += ["recording.media.port_pairs=8", "recording.max_sessions=4", "calling.enabled=false"]
    settings += ["tracing.enabled=true", f"tracing.endpoint={collector.url}"]
    async with open_world(*settings, parts=("recording",)) as world:
        listening = world.service.recording.server.listening[0]
        tenant = ("acme-sp", "acme-dental", "alice@acme-dental.example")
        call = RecordedCall(Party("sip:alice@acme.example"), Party("sip:bob@pstn.example"), tenant=tenant)
        async with await SimulatedSrc.open(SrcSettings(pairs=4)) as src:
            fork = src.fork(SourcePlan((f"sip:srs@127.0.0.1:{listening.port}",)), call)
            await fork.started()
            fork.pause()
            await fork.changed("pause")
            fork.resume()
            await fork.changed("resume")
            async with asyncio.timeout(5), world.service.world.bus.subscribe(RecordingFinished) as ends:
                await fork.stop()
                await anext(ends)
    (recording,) = collector.traces()["recording"]
    assert recording["phases"] == ["recording", "paused", "recording"]
    assert recording["attributes"]["recording.outcome"] == "bye received"
    assert b"alice" not in b"".join(collector.bodies)


async def test_nobody_listens_while_it_is_off(open_world, monkeypatch):
    def never(*_args, **_kwargs):
        raise AssertionError("tracing is off")

    monkeypatch.setattr(Tracing, "__init__", never)
    async with open_world() as world:
        assert "tracing" not in [name for name, _ in world.service.lifecycle._parts]
