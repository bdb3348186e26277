"""The steps of the tour, in order. Titles and details are short: the table is read at eighty columns."""

from gateway.demo.call import ForkFailedError, audible_parties, call_patient, place_call, recorded
from gateway.demo.scenes import answer, burst, day_cap, disagreement, inbound, start, stop, text
from gateway.demo.tour import Play, Step, Tour

ANSWERING, SWITCHED_OFF, PLAIN = "+13105550120", "+13105550121", "+13105550124"
ATT, VERIZON, USCELLULAR = "+12125550120", "+14155550120", "+13125550124"
BELL, ROGERS = "+15145550120", "+16475550120"
STOPPING = "+12125550125"
ABROAD, JAMAICA = "+442071838750", "+18765550120"
FOREIGN = "international_not_supported"
LONG_TEXT = (
    "Acme Dental: your treatment plan is ready. It has three visits: a cleaning on Tuesday, "
    "a filling on Thursday and a check-up in two weeks. Please reply with the times that suit you best, "
    "and we will do the rest."
)
PICTURE = ["https://acme.example/x.png"]


async def _switched_off(tour: Tour) -> Step:
    return await text(tour, "The handset is switched off", SWITCHED_OFF, "There?", "undeliverable")


async def _record(tour: Tour) -> Step:
    step = Step("A call of alice is recorded", "sealed, 2 parties")
    try:
        if not await call_patient(tour.alice):
            await place_call(tour.recorder)
    except (ForkFailedError, TimeoutError) as error:
        step.found = str(error) or "the phone showed no recording"
        return step
    recording = await recorded(tour.alice)
    if recording is None:
        step.found = "nothing was sealed"
        return step
    heard = await audible_parties(tour.alice, recording["id"])
    step.found = f"{recording['state']}, {heard} parties"
    _, story = await tour.alice.get(f"/v1/recordings/{recording['id']}")
    pauses = len((story.get("details") or {}).get("pauses", ()))
    paused = f", paused {pauses}×" if pauses else ""
    step.details = f"{recording['durationMs'] / 1000:.1f} s{paused}"
    tour.recordings.append({**recording, "audibleParties": heard})
    return step


async def _private(tour: Tour) -> Step:
    step = Step("An admin may not hear (C4)", "recording_private")
    if not tour.recordings:
        step.found = "no recording"
        return step
    status, answer = await tour.client.get(f"/v1/recordings/{tour.recordings[-1]['id']}/audio")
    step.found, step.details = answer["errors"][0]["code"], str(status)
    return step


SLOW: frozenset[Play] = frozenset({_switched_off, _record})
"""Steps that wait long for their outcome: they are begun first."""

STEPS: tuple[Play, ...] = (
    lambda t: text(t, "A text to T-Mobile", ANSWERING, "Hello from Acme Dental"),
    lambda t: answer(t, "The handset answers", ANSWERING),
    lambda t: text(t, "A long text, in segments", ATT, LONG_TEXT),
    lambda t: text(t, "Accents", ROGERS, "À bientôt: rendez-vous à Montréal"),
    lambda t: text(t, "A text to Canada", BELL, "See you at ten"),
    _switched_off,
    lambda t: text(t, "MMS (B1)", PLAIN, "X-ray", "mms_not_supported", files=PICTURE),
    lambda t: text(t, "Emoji (B3)", PLAIN, "See you 😀", "emoji_not_supported"),
    lambda t: text(t, "International (B2)", ABROAD, "Hello", FOREIGN),
    lambda t: text(t, "+1 876 is Jamaica (B2)", JAMAICA, "Hello", FOREIGN),
    lambda t: text(
        t, "bob: in no campaign (A8)", PLAIN, "Hello", "number_not_in_campaign", {"from": "+12025550101"}
    ),
    lambda t: text(
        t, "dave: suspended (A7)", PLAIN, "Hello", "campaign_not_active", {"from": "+12025550103"}
    ),
    lambda t: text(t, "erin: app 42.11 (A4)", PLAIN, "Hello", "app_too_old", {"from": "+12025550104"}),
    lambda t: text(t, "frank: no number (A3)", PLAIN, "Hello", "no_primary_number", {"personId": "frank"}),
    lambda t: burst(t, "erin, new app: 60 at once", "throttled_person"),
    lambda t: day_cap(t, "The brand's day is used up", PLAIN, "throttled_brand_day"),
    lambda t: disagreement(t, "A carrier that disagrees", "uscellular", USCELLULAR),
    lambda t: inbound(t, "A handset writes to alice", "verizon", VERIZON, "Is ten still fine?", "received"),
    lambda t: inbound(t, "Inbound MMS (B1)", "att", "+12125550123", "", "mms_not_supported", ("photo.jpg",)),
    lambda t: inbound(t, "Inbound emoji (B3)", "att", "+12125550124", "👍🏽", "emoji_not_supported"),
    lambda t: inbound(t, "Inbound from abroad (B2)", "att", "+447700900123", "Hi", FOREIGN),
    lambda t: stop(t, "STOP is confirmed", "att", STOPPING),
    lambda t: text(t, "A text after STOP", STOPPING, "Hello?", "recipient_opted_out"),
    lambda t: start(t, "A text after START", "att", STOPPING),
    _record,
    _private,
)
