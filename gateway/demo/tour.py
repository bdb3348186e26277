"""The tour: what the demo world shows, step by step, each with what is expected of it.

Every step speaks through the public API, as a user's own script would. The tour grows with the product.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from gateway.demo.call import ForkFailedError, audible_parties, place_call, recorded
from gateway.demo.client import ApiClient

ALICE, TOLL_HANDSET = "+12025550100", "+13105550122"
ANSWERING, SWITCHED_OFF = "+13105550120", "+13105550121"
ATT, VERIZON, BELL, ROGERS = "+12125550120", "+14155550120", "+15145550120", "+16475550120"
LONG_TEXT = (
    "Acme Dental: your treatment plan is ready. It has three visits: a cleaning on Tuesday, "
    "a filling on Thursday and a check-up in two weeks. Please reply with the times that suit you best, "
    "and we will do the rest."
)
WAIT_S = 20.0


@dataclass(slots=True)
class Step:
    """One step and what came of it: `expected` and `found` are the words compared."""

    title: str
    expected: str
    found: str = ""
    details: str = ""

    @property
    def ok(self) -> bool:
        """Whether it went as expected."""
        return self.found == self.expected


@dataclass(slots=True)
class Tour:
    """What happened so far."""

    client: ApiClient
    alice: ApiClient
    """The API as alice sees it."""
    recorder: str
    """SIP URI of the recorder."""
    steps: list[Step] = field(default_factory=list)
    delivered: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    recordings: list[dict[str, Any]] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every step went as expected."""
        return all(step.ok for step in self.steps)

    def summary(self) -> dict[str, Any]:
        """What `gateway demo --once --json` ends with."""
        return {
            "ok": self.ok,
            "texts": {"delivered": self.delivered, "rejected": self.rejected},
            "recordings": self.recordings,
            "steps": [
                {"title": s.title, "ok": s.ok, "expected": s.expected, "found": s.found} for s in self.steps
            ],
        }

    def reject(self, code: str) -> None:
        """Count a refusal."""
        self.rejected[code] = self.rejected.get(code, 0) + 1


async def text(tour: Tour, title: str, to: str, body: str, expected: str = "delivered", **extra: Any) -> Step:
    """Send a text as alice and follow it; `expected` is its final state, or the code that refuses it."""
    step = Step(title, expected)
    status, document = await tour.client.post(
        "/v1/messages", {"from": ALICE, "to": to, "text": body, **extra}
    )
    if status != 202:
        refusal = document["errors"][0]
        step.found, step.details = refusal["code"], f"HTTP {status}, refused by {document['blockedBy']}"
        tour.reject(refusal["code"])
        return step
    message = await tour.client.follow(document["id"], WAIT_S)
    step.found = message["state"]
    size = f"{message['segments']} segments" if message["segments"] > 1 else "1 segment"
    step.details = f"{message['carrier']}, {message['encoding']}, {size}"
    if message["state"] == "delivered":
        tour.delivered += 1
    elif message.get("code"):
        step.details += f", {message['code']}"
    return step


async def inbound(
    tour: Tour, title: str, carrier: str, source: str, body: str, expected: str, files: tuple[str, ...] = ()
) -> Step:
    """Have a handset write to alice; `expected` is `received`, or the code that refuses it."""
    step = Step(title, expected)
    request: dict[str, Any] = {"from": source, "to": ALICE, "text": body}
    if files:
        request["files"] = list(files)
    status, document = await tour.client.post(f"/v1/carriers/{carrier}/inbound", request)
    if status != 202:
        step.found = document["errors"][0]["code"]
        return step
    message = await tour.client.received(WAIT_S, number=source)
    if message is None:
        step.found = "nothing arrived"
        return step
    step.found = message.get("code") or message["state"]
    step.details = f"{carrier}, stored as {message['state']}"
    if message.get("code"):
        tour.reject(message["code"])
    return step


async def _answer(tour: Tour) -> Step:
    step = Step("The handset answers, and alice sees it", "received")
    message = await tour.client.received(WAIT_S, number=ANSWERING)
    step.found = message["state"] if message else "nothing arrived"
    step.details = "inbound over deliver_sm" if message else ""
    return step


async def _record(tour: Tour) -> Step:
    step = Step("A call of alice is recorded, both parties heard", "sealed, 2 parties")
    try:
        await place_call(tour.recorder)
    except ForkFailedError as error:
        step.found = str(error)
        return step
    recording = await recorded(tour.alice)
    if recording is None:
        step.found = "nothing was sealed"
        return step
    heard = await audible_parties(tour.alice, recording["id"])
    step.found = f"{recording['state']}, {heard} parties"
    step.details = f"{recording['provider']}, {recording['product']}, {recording['durationMs'] / 1000:.1f} s"
    tour.recordings.append({**recording, "audibleParties": heard})
    return step


async def _private(tour: Tour) -> Step:
    step = Step("An administrator may not hear it (C4)", "recording_private")
    if not tour.recordings:
        step.found = "no recording"
        return step
    status, answer = await tour.client.get(f"/v1/recordings/{tour.recordings[-1]['id']}/audio")
    step.found, step.details = answer["errors"][0]["code"], f"HTTP {status}"
    return step


Play = Callable[[Tour], Awaitable[Step]]

STEPS: tuple[Play, ...] = (
    lambda t: text(t, "alice texts a handset on T-Mobile", ANSWERING, "Hello from Acme Dental"),
    _answer,
    lambda t: text(t, "A long text goes out in segments", ATT, LONG_TEXT),
    lambda t: text(t, "Accents go out as GSM-7 or UCS-2", ROGERS, "À bientôt: rendez-vous à Montréal"),
    lambda t: text(t, "A text to a Canadian handset", BELL, "See you at ten"),
    lambda t: text(t, "The handset is switched off", SWITCHED_OFF, "Anybody there?", "undeliverable"),
    lambda t: text(
        t,
        "MMS is refused (B1)",
        ANSWERING,
        "X-ray",
        "mms_not_supported",
        files=["https://acme.example/x.png"],
    ),
    lambda t: text(t, "Emoji are refused (B3)", ANSWERING, "See you 😀", "emoji_not_supported"),
    lambda t: text(
        t, "International is refused (B2)", "+442071838750", "Hello", "international_not_supported"
    ),
    lambda t: text(
        t, "+1 is not US and Canada: Jamaica (B2)", "+18765550120", "Hello", "international_not_supported"
    ),
    lambda t: inbound(t, "A handset writes to alice", "verizon", VERIZON, "Is ten still fine?", "received"),
    lambda t: inbound(
        t, "Inbound MMS is refused (B1)", "att", "+12125550123", "", "mms_not_supported", ("photo.jpg",)
    ),
    lambda t: inbound(
        t, "Inbound emoji are refused (B3)", "att", "+12125550124", "👍🏽", "emoji_not_supported"
    ),
    lambda t: inbound(
        t,
        "Inbound international is refused (B2)",
        "att",
        "+447700900123",
        "Hi",
        "international_not_supported",
    ),
    _record,
    _private,
)
