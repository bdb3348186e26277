"""What `/metrics` promises: every metric of the list, clean for promtool, bounded whatever the numbers."""

import asyncio
import re
import subprocess
from collections.abc import Callable

import aiohttp
import pytest

from docs import generate
from docs.pages import metrics as page
from gateway.app import Service
from gateway.demo.client import ApiClient

#: Names others rely on, with their labels (`design/interfaces.md`).
PROMISED = [
    "gateway_messages_accepted_total{direction}",
    "gateway_messages_rejected_total{direction,code}",
    "gateway_messages_finished_total{direction,carrier,state}",
    "gateway_message_segments_total{direction,carrier}",
    "gateway_throttle_decisions_total{scope,decision}",
    "gateway_cap_used_ratio{carrier,scope}",
    "gateway_queue_messages{carrier}",
    "gateway_queue_oldest_seconds{carrier}",
    "gateway_receipts_missing_total{carrier}",
    "gateway_webhook_deliveries_total{outcome}",
    "gateway_smpp_binds{carrier,state}",
    "gateway_smpp_window_used{carrier}",
    "gateway_smpp_pdus_total{carrier,direction,command,status}",
    "gateway_submit_latency_seconds{carrier}",
    "gateway_delivery_latency_seconds{carrier}",
    "gateway_commit_seconds",
    "gateway_event_loop_lag_seconds",
    "gateway_build_info",
    "carrier_decisions_total{carrier,outcome}",
    "siprec_sip_responses_total{method,status}",
    "siprec_sessions_active{provider}",
    "siprec_sessions_total{provider,outcome}",
    "siprec_rtp_packets_total{outcome}",
    "siprec_recording_seconds_total{provider}",
    "siprec_announcements_total{kind}",
    "siprec_recordings_stored_bytes{provider}",
    "siprec_disk_free_bytes",
]
SENDERS, DESTINATIONS = 5_000, 5_000
BATCH = 500
#: `bench.yaml` is bound to a carrier in another process.
CARRIER_IN_HERE = (
    "esme.carriers.sink={system_id: guest, password: guest, window: 1000}",
    "storage.writer=thread",
)
SAMPLE = re.compile(r"^([a-z_]+)(?:\{(.*)\})? \S+$")
VALUE = re.compile(r'="((?:[^"\\]|\\.)*)"')


def series(text: str) -> set[str]:
    """Every series of an exposition, without its value."""
    return {line.rpartition(" ")[0] for line in text.splitlines() if line and not line.startswith("#")}


async def scrape(service: Service) -> str:
    assert service.http is not None
    async with aiohttp.ClientSession() as session, session.get(f"{service.http.url}/metrics") as answer:
        assert answer.status == 200
        return await answer.text()


async def test_every_promised_metric_is_there():
    async with generate.built_service() as service:
        names = service.world.metrics.label_names()
        found = {}
        for family in page.families(service):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            found[name] = set(names.get(name) or getattr(family, "_labelnames", ()))
    for each in PROMISED:
        name, _, labels = each.rstrip("}").partition("{")
        wanted = set(labels.split(",")) if labels else set()
        assert name in found, name
        assert wanted <= found[name], name


@pytest.mark.system("promtool")
async def test_promtool_finds_nothing_to_say(start, tool: Callable[[str], str]):
    service = await start()
    async with ApiClient(service.http.url, "demo-alice") as alice:
        await alice.post("/v1/messages", {"to": "+13105550150", "text": "Hello"})
        await alice.post("/v1/messages", {"to": "+13105550150", "text": "Hello 😀"})
    text = await scrape(service)
    checked = await asyncio.to_thread(
        subprocess.run,
        [tool("promtool"), "check", "metrics"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


async def bulk(client: ApiClient, texts: list[dict]) -> int:
    """How many of these texts were taken."""
    status, answers = await client.post("/v1/messages/bulk", texts)
    assert status in (200, 202, 207), answers
    return sum("message" in answer for answer in answers)


@pytest.mark.slow
async def test_ten_thousand_numbers_make_no_more_series_than_a_few(start):
    service = await start("bench.yaml", *CARRIER_IN_HERE, parts=("texting", "carriers"))
    senders = list(service.world.directory.numbers)[:SENDERS]
    texts = [
        {"from": sender, "to": f"+1310{5_560_000 + place % DESTINATIONS:07d}", "text": "Series"}
        for place, sender in enumerate(senders)
    ]
    assert len({text["from"] for text in texts} | {text["to"] for text in texts}) >= 10_000
    (token, *_) = [one.token.get_secret_value() for one in service.config.section("http").tokens]
    async with ApiClient(service.http.url, token) as client:
        taken = await bulk(client, texts[:50])
        await client.get("/v1/messages", max=1)
        await refusals(client, range(10))
        few = series(await settled(service, taken))
        for first in range(50, SENDERS, BATCH):
            taken += await bulk(client, texts[first : first + BATCH])
        await refusals(client, range(10, 60))
        text = await settled(service, taken)
    many = series(text)
    assert taken > 0.9 * SENDERS
    assert len(many) < 2_000
    assert len(many - few) < 40, "rare outcomes and statuses, each once for all numbers"
    values = {value for line in many for value in VALUE.findall(line)}
    assert [value for value in values if re.search(r"\d{7}", value)] == []


async def refusals(client: ApiClient, places: range) -> None:
    """What peers choose freely: senders nobody knows, paths that lead nowhere, methods that are none."""
    for place in places:
        unknown = {"from": f"+1606555{place:04d}", "to": "+13105550150", "text": "Hi"}
        await client.post("/v1/messages", unknown)
        await client.get(f"/v1/messages/none{place}")
        await client.get(f"/nowhere/{place}")


async def settled(service: Service, count: int) -> str:
    """The exposition once so many texts have an outcome."""
    samples = service.world.metrics.registry
    async with asyncio.timeout(60):
        while True:
            finished = sum(
                sample.value
                for family in samples.collect()
                if family.name == "gateway_messages_finished"
                for sample in family.samples
            )
            if finished >= count:
                return await scrape(service)
            await asyncio.sleep(0.1)
