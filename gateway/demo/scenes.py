"""The scenes that texting steps are made of. Each leaves the world as it found it, but for the texts."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from gateway.demo.tour import Step, Tour

ALICE = "+12025550100"
ERIN: Mapping[str, Any] = {"from": "+12025550104", "client": {"kind": "desktop", "version": "45.1"}}
"""Her limits are nobody else's; the app of these texts is new enough."""
FROM_ALICE: Mapping[str, str] = {"from": ALICE}
WAIT_S, POLL_S = 20.0, 0.05
BURST = 60
HOUR_S = 3600


async def text(
    tour: Tour,
    title: str,
    to: str,
    body: str,
    expected: str = "delivered",
    sender: Mapping[str, str] = FROM_ALICE,
    **extra: Any,
) -> Step:
    """Send a text and follow it; `expected` is its final state, or the code that refuses it."""
    step = Step(title, expected)
    request = {**sender, "to": to, "text": body, **extra}
    status, document = await tour.client.post("/v1/messages", request)
    if status != 202:
        step.found, step.details = document["errors"][0]["code"], f"{status} {document['blockedBy']}"
        tour.reject(step.found)
        return step
    message = await tour.client.follow(document["id"], WAIT_S)
    step.found, step.details = message["state"], f"{message['carrier']} {message['encoding']}"
    if message["segments"] > 1:
        step.details = f"{message['carrier']}, {message['segments']} segments"
    if message["state"] == "delivered":
        tour.delivered += 1
    elif message.get("code"):
        step.details = message["code"]
        if message["state"] == "rejected":
            tour.reject(message["code"])
    return step


async def inbound(
    tour: Tour, title: str, carrier: str, source: str, body: str, expected: str, files: tuple[str, ...] = ()
) -> Step:
    """Have a handset write to alice; `expected` is `received`, or the code that refuses it."""
    step = Step(title, expected)
    status, document = await _write(tour, carrier, source, body, files)
    if status != 202:
        step.found = document["errors"][0]["code"]
        return step
    message = await tour.client.received(WAIT_S, number=source)
    if message is None:
        step.found = "nothing arrived"
        return step
    step.found, step.details = message.get("code") or message["state"], f"{carrier} {message['state']}"
    if message.get("code"):
        tour.reject(message["code"])
    return step


async def answer(tour: Tour, title: str, handset: str) -> Step:
    """The handset has answered."""
    step = Step(title, "received")
    message = await tour.client.received(WAIT_S, number=handset)
    step.found, step.details = (message["state"], message["carrier"]) if message else ("nothing arrived", "")
    return step


async def burst(tour: Tour, title: str, expected: str) -> Step:
    """Many texts of one person at once: some pass, the rest are told when to come back."""
    texts = [{**ERIN, "to": f"+1415555{2000 + number}", "text": "Hi"} for number in range(BURST)]
    return await _throttled(tour, Step(title, expected), texts)


async def day_cap(tour: Tour, title: str, to: str, expected: str) -> Step:
    """The brand's day at T-Mobile is used up: its limit is changed while running, and put back."""
    path = f"/v1/limits/brand_day/{quote('acme-dental@tmobile', safe='')}"
    _, limit = await tour.client.get(path)
    await tour.client.call("PATCH", path, {"window": {"cap": max(1, limit["window"]["used"])}})
    try:
        return await _throttled(tour, Step(title, expected), [{**FROM_ALICE, "to": to, "text": "Hi"}] * 2)
    finally:
        await tour.client.call("DELETE", path)


async def disagreement(tour: Tour, title: str, carrier: str, to: str) -> Step:
    """The gateway believes there is room; the carrier, which counts for itself, refuses in the receipt."""
    await tour.client.call("PATCH", f"/v1/carriers/{carrier}", {"profile": "capped"})
    try:
        return await text(tour, title, to, "Hello", "rejected")
    finally:
        await tour.client.call("PATCH", f"/v1/carriers/{carrier}", {"profile": "healthy"})


async def stop(tour: Tour, title: str, carrier: str, handset: str) -> Step:
    """A handset writes STOP, and is sent the one confirmation."""
    step = Step(title, "delivered")
    await _write(tour, carrier, handset, "STOP")
    query = {"direction": "outbound", "number": handset, "state": "delivered"}
    async with asyncio.timeout(WAIT_S):
        while not (found := (await tour.client.get("/v1/messages", **query))[1]["items"]):  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)
    step.found, step.details = found[0]["state"], "one confirmation"
    tour.delivered += 1
    return step


async def start(tour: Tour, title: str, carrier: str, handset: str) -> Step:
    """The handset writes START: texts arrive again."""
    await _write(tour, carrier, handset, "START")
    async with asyncio.timeout(WAIT_S):
        while (await tour.client.get("/v1/optOuts", recipient=handset))[1]["items"]:  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)
    return await text(tour, title, handset, "Welcome back")


async def _write(
    tour: Tour, carrier: str, source: str, body: str, files: tuple[str, ...] = ()
) -> tuple[int, Any]:
    request: dict[str, Any] = {"from": source, "to": ALICE, "text": body}
    if files:
        request["files"] = list(files)
    return await tour.client.post(f"/v1/carriers/{carrier}/inbound", request)


async def _throttled(tour: Tour, step: Step, texts: list[dict[str, Any]]) -> Step:
    """Send texts at once; found is the code of the first that is refused, or what became of them."""
    _, page = await tour.client.post("/v1/messages/bulk", texts)
    items = page["items"] if isinstance(page, dict) else page
    refused = next((item for item in items if item["status"] != 202), None)
    if refused is None:
        step.found = "all accepted"
        return step
    step.found = refused["errors"][0]["code"]
    step.details = f"{refused['status']}, retry {_span(refused.get('retryAfter', 0))}"
    tour.reject(step.found)
    return step


def _span(seconds: int) -> str:
    return f"{seconds // HOUR_S} h" if seconds >= HOUR_S else f"{seconds} s"
