"""The tour's recorded call: alice calls a patient from her desk phone, pauses the recording, and goes on.

Where no call control runs, a simulated SRC forks a call of hers as BroadWorks would.
"""

import asyncio
from http import HTTPStatus
from typing import Any

from gateway.demo.client import ApiClient
from siprec.metadata import Dialect
from siprec.phones.document import Party, RecordedCall
from siprec.phones.forking import SourcePlan
from siprec.phones.sending import Speech
from siprec.phones.src_aio import ForkFailedError, SimulatedSrc, SrcSettings

CALL_S = 1.5
"""How long the parties speak."""
PAUSE_S = 1.0
SEALED_WITHIN_S = 10.0
AUDIBLE = 0.05
"""Least peak of a party that counts as heard, of 1."""
ALICE = Party("sip:+12025550100@acme-dental.example", "Alice Archer")
PATIENT_NUMBER = "+13105550120"
PATIENT = Party(f"sip:{PATIENT_NUMBER}@pstn.example")
TENANT = ("acme-sp", "acme-dental", "alice@acme-dental.example")
POLL_S = 0.05
PHONE = "/v1/phones/alice"
SHOWN_WITHIN_S = 10.0


async def call_patient(alice: ApiClient) -> bool:
    """Call, pause and go on by alice's softkeys; False where there are no phones to call from."""
    status, _ = await alice.post("/v1/calls", {"from": "alice", "to": PATIENT_NUMBER})
    if status != HTTPStatus.CREATED:
        return False
    await _shows(alice, "recording")
    for key, seconds in (("PauseRec", PAUSE_S), ("ResumeRec", CALL_S), ("EndCall", 0.0)):
        await alice.post(f"{PHONE}/softkeys", {"key": key})
        await asyncio.sleep(seconds)
    return True


async def _shows(alice: ApiClient, icon: str) -> None:
    """Wait until the phone shows an icon. Raises `TimeoutError`."""
    async with asyncio.timeout(SHOWN_WITHIN_S):
        while (await alice.get(PHONE))[1].get("icon") != icon:  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)


async def place_call(server: str) -> None:
    """Fork one dual-stream call to `server`, a SIP URI. Raises `ForkFailedError` if it is not taken."""
    plan = SourcePlan((server,), Dialect.BROADWORKS)
    call = RecordedCall(ALICE, PATIENT, tenant=TENANT, pstn=True)
    async with await SimulatedSrc.open(SrcSettings(pairs=4)) as src:
        fork = src.fork(plan, call, speech=Speech(seed=7), announcement=src.announcement("start"))
        await fork.started()
        await asyncio.sleep(CALL_S)
        await fork.stop()


async def recorded(alice: ApiClient) -> dict[str, Any] | None:
    """The newest recording of alice's once it is sealed; None if it is not in time."""
    deadline = asyncio.get_running_loop().time() + SEALED_WITHIN_S
    while True:
        _, page = await alice.get("/v1/recordings", state="sealed", max=1)
        if page["items"]:
            return dict(page["items"][0])
        if asyncio.get_running_loop().time() >= deadline:
            return None
        await asyncio.sleep(POLL_S)


async def audible_parties(alice: ApiClient, recording_id: str) -> int:
    """How many of the two parties can be heard in the recording."""
    heard = 0
    for party in ("1", "2"):
        status, outline = await alice.get(f"/v1/recordings/{recording_id}/peaks", party=party, points=50)
        heard += status == 200 and max(outline["channels"][0]) >= AUDIBLE
    return heard


__all__ = ["ForkFailedError", "audible_parties", "call_patient", "place_call", "recorded"]
