"""Every outbound text rule over HTTP: a text that passes, and one refused for that rule alone.

Each case changes the world as an administrator would, so that exactly one rule refuses; `explain` says so.
Then the change is taken back and the same sender's text is delivered.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALICE, BOB, DAVE, SPARE = "+12025550100", "+12025550101", "+12025550103", "+12025550105"
PLAIN = "+13105550125"
NO_LIMITS = ("limits.number={}", "limits.person={}")
FAST = ("clock.mode=scaled", "clock.speed=50")
#: A number in a campaign that was never authorised: no administrator can bring this about, a seed can.
UNAUTHORIZED = (
    "registry.brands.acme-dental.campaigns.acme-office.numbers="
    f'["{ALICE}", "+14165550102", "+12025550104", "{SPARE}"]'
)


@dataclass(frozen=True)
class Change:
    """One administrative request, and the one that takes it back."""

    method: str
    path: str
    body: Any = None
    undo: tuple[str, str, Any] | None = None
    token: str = "demo-admin"


def patch(path: str, body: dict[str, Any], undo: dict[str, Any], token: str = "demo-admin") -> Change:
    return Change("PATCH", path, body, ("PATCH", path, undo), token)


@dataclass(frozen=True)
class Case:
    """`changes` hold for `refused` only; `refused` and `passes` are what differs from a plain text."""

    code: str
    status: int
    says: str
    changes: tuple[Change, ...] = ()
    refused: dict[str, Any] = field(default_factory=dict)
    passes: dict[str, Any] = field(default_factory=dict)
    blocked_by: str = "gateway"


ORGANIZATION, WASHINGTON = "/v1/organizations/acme-dental", "/v1/locations/washington"
CASES = {
    "not a number": Case("malformed", 400, "not a text", refused={"to": "hello"}),
    "nothing to say": Case("malformed", 400, "neither text nor files", refused={"text": ""}),
    "white space": Case("malformed", 400, "neither text nor files", refused={"text": " \n "}),
    "NUL": Case("malformed", 400, "NUL character", refused={"text": "Your\0results"}),
    "online customer (A2)": Case(
        "organization_not_eligible",
        403,
        "online customer",
        (patch(ORGANIZATION, {"kind": "online"}, {"kind": "enterprise"}),),
    ),
    "trial customer (A2)": Case(
        "organization_not_eligible",
        403,
        "trial customer",
        (patch(ORGANIZATION, {"kind": "trial"}, {"kind": "enterprise"}),),
    ),
    "calling plan elsewhere (A1)": Case(
        "organization_not_eligible",
        403,
        "no Cisco Calling Plan",
        (patch(ORGANIZATION, {"callingPlanCountry": "DE"}, {"callingPlanCountry": "US"}),),
    ),
    "no add-on (A6)": Case(
        "addon_missing",
        403,
        "Add-On",
        (patch(ORGANIZATION, {"textingAddon": False}, {"textingAddon": True}, "demo-partner"),),
    ),
    "not Cisco PSTN (A5)": Case(
        "location_not_cisco_pstn",
        403,
        "Cisco PSTN",
        (patch(WASHINGTON, {"ciscoPstn": False}, {"ciscoPstn": True}),),
    ),
    "location abroad (A3)": Case(
        "no_primary_number",
        403,
        "outside the US and Canada",
        (patch(WASHINGTON, {"country": "MX"}, {"country": "US"}),),
    ),
    "app 42.11 (A4)": Case(
        "app_too_old",
        403,
        "later Webex App",
        refused={"client": {"kind": "desktop", "version": "42.11"}},
        passes={"client": {"kind": "mobile", "version": "42.12"}},
    ),
    "old app in the directory (A4)": Case(
        "app_too_old",
        403,
        "later Webex App",
        (patch("/v1/people/alice", {"appVersion": "42.11.9"}, {"appVersion": "45.1"}),),
    ),
    "switched off for all (A10)": Case(
        "texting_disabled",
        403,
        "by the organisation",
        (patch(ORGANIZATION, {"textingEnabled": False}, {"textingEnabled": True}),),
    ),
    "switched off for one (A11)": Case(
        "texting_disabled",
        403,
        "by the user's own setting",
        (patch("/v1/people/alice", {"textingOverride": "off"}, {"textingOverride": "organizationDefault"}),),
    ),
    "number not authorised (A9)": Case(
        "number_not_authorized",
        403,
        "not authorised",
        (patch("/v1/people/frank", {"number": SPARE}, {"number": None}),),
        refused={"from": SPARE},
    ),
    "number in no campaign (A8)": Case("number_not_in_campaign", 403, "not assigned", refused={"from": BOB}),
    "campaign suspended (A7)": Case("campaign_not_active", 403, "suspended", refused={"from": DAVE}),
    "MMS (B1)": Case(
        "mms_not_supported", 422, "Multimedia", refused={"files": ["https://acme.example/x.png"]}
    ),
    "emergency number": Case("destination_invalid", 422, "service", refused={"to": "911"}),
    "short code": Case("destination_invalid", 422, "short code", refused={"to": "73822"}),
    "premium number": Case("destination_invalid", 422, "premium", refused={"to": "+19005550120"}),
    "unassigned area code": Case(
        "destination_invalid",
        422,
        "invalid",
        refused={"to": "+12115550120"},
        passes={"to": "+18005550150"},  # toll-free numbers can be texted
    ),
    "London (B2)": Case(
        "international_not_supported", 422, "outside the US and Canada", refused={"to": "+442071838750"}
    ),
    "Jamaica is +1 too (B2)": Case(
        "international_not_supported",
        422,
        "JM",
        refused={"to": "+18765550120"},
        passes={"to": "+17875550150"},  # Puerto Rico is domestic by setting
    ),
    "emoji (B3)": Case(
        "emoji_not_supported", 422, "Emoji", refused={"text": "Hi 😀"}, passes={"text": "Hi ☺ © :-)"}
    ),
    "eleven segments": Case(
        "message_too_long",
        422,
        "11 segments, at most 10",
        refused={"text": "x" * 1531},
        passes={"text": "x" * 1530},
    ),
    "fraud (B5)": Case(
        "content_blocked",
        422,
        "fraud",
        refused={"text": "Please verify your account"},
        passes={"text": "Please verify your appointment"},
        blocked_by="cisco",
    ),
    "unauthorised content (B5)": Case(
        "content_blocked", 422, "unauthorised", refused={"text": "A payday loan!"}, blocked_by="vendor"
    ),
    "inappropriate content (B5)": Case(
        "content_blocked", 422, "inappropriate", refused={"text": "Adult content"}, blocked_by="vendor"
    ),
    "spam: a shortened link (B5)": Case(
        "spam_blocked",
        422,
        "spam",
        refused={"text": "See https://bit.ly/3x"},
        passes={"text": "See https://acme.example/3x"},
        blocked_by="cisco",
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(open_shared_world: Any) -> AsyncIterator[Any]:
    async with open_shared_world(*FAST, *NO_LIMITS, UNAUTHORIZED) as running:
        yield running


async def apply(world: Any, change: Change) -> None:
    async with world.as_(change.token) as client:
        status, answer = await client.call(change.method, change.path, change.body)
    assert status < 300, answer


async def undo(world: Any, change: Change) -> None:
    if change.undo is not None:
        await apply(world, Change(*change.undo, token=change.token))


async def delivered(client: Any, /, **text: Any) -> dict[str, Any]:
    status, message = await client.post("/v1/messages", {"from": ALICE, "to": PLAIN, "text": "Hello", **text})
    assert status == 202, message
    final: dict[str, Any] = await client.follow(message["id"], 20)
    assert final["state"] == "delivered", final
    return final


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.rule("outbound", case.code)) for name, case in CASES.items()],
)
async def test_a_text_is_refused_for_one_rule_alone_and_passes_without(world: Any, name: str) -> None:
    case = CASES[name]
    labels = {"direction": "outbound", "code": case.code}
    before = world.metric("gateway_messages_rejected_total", **labels)
    text = {"from": ALICE, "to": PLAIN, "text": "Hello", **case.refused}
    for change in case.changes:
        await apply(world, change)
    try:
        status, refusal = await world.client.post("/v1/messages", text)
        _, explained = await world.client.post("/v1/rules/explain", text)
    finally:
        for change in reversed(case.changes):
            await undo(world, change)
    assert status == case.status, refusal
    (error,) = refusal["errors"]
    assert error["code"] == case.code
    assert case.says in error["description"]
    assert refusal["message"] == error["description"]
    assert refusal["blockedBy"] == case.blocked_by
    assert world.metric("gateway_messages_rejected_total", **labels) == before + 1
    found = [(one["code"], one["blockedBy"]) for one in explained["items"] if one["outcome"] == "refused"]
    assert found == [(case.code, case.blocked_by)]
    final = await delivered(world.client, **case.passes)
    outcomes = {one["code"]: one["outcome"] for one in final["verdicts"]}
    assert outcomes[case.code] == "passed"
    assert set(outcomes.values()) == {"passed", "off"}


@pytest.mark.rule("outbound", "no_primary_number")
async def test_a_person_without_a_number_cannot_text(world: Any) -> None:
    status, refusal = await world.client.post(
        "/v1/messages", {"personId": "frank", "to": PLAIN, "text": "Hello"}
    )
    assert (status, refusal["errors"][0]["code"]) == (403, "no_primary_number")


async def test_a_users_own_setting_wins_over_the_organisations(world: Any) -> None:
    off = patch(ORGANIZATION, {"textingEnabled": False}, {"textingEnabled": True})
    own = patch("/v1/people/alice", {"textingOverride": "on"}, {"textingOverride": "organizationDefault"})
    await apply(world, off)
    await apply(world, own)
    try:
        await delivered(world.client)
    finally:
        await undo(world, own)
        await undo(world, off)


@pytest.mark.rule("outbound", "recipient_opted_out")
async def test_nobody_who_opted_out_is_texted(world: Any) -> None:
    handset = "+13105550126"
    status, entry = await world.client.post("/v1/optOuts", {"recipient": handset, "number": ALICE})
    assert status == 201
    text = {"from": ALICE, "to": handset, "text": "Hello"}
    status, refusal = await world.client.post("/v1/messages", text)
    assert (status, refusal["errors"][0]["code"], refusal["blockedBy"]) == (
        422,
        "recipient_opted_out",
        "gateway",
    )
    assert (
        world.metric("gateway_messages_rejected_total", direction="outbound", code="recipient_opted_out") == 1
    )
    await delivered(world.client, to=PLAIN)
    assert (await world.client.call("DELETE", f"/v1/optOuts/{entry['id']}"))[0] == 204
    await delivered(world.client, to=handset)


@pytest.mark.rule("outbound", "spam_blocked")
async def test_reports_of_spam_block_a_sender_at_cisco_and_nowhere_else(world: Any) -> None:
    text = {"from": ALICE, "to": PLAIN, "text": "Hello"}
    for number, reporter in enumerate(("ann", "ben", "ben", "cid")):
        assert (await world.client.post("/v1/messages", text))[0] == 202
        status, report = await world.client.post("/v1/spamReports", {"sender": ALICE, "reporter": reporter})
        assert (status, report["blocked"]) == (202, number == 3)
    status, refusal = await world.client.post("/v1/messages", text)
    assert (status, refusal["errors"][0]["code"], refusal["blockedBy"]) == (422, "spam_blocked", "cisco")
    assert (await world.client.call("DELETE", f"/v1/spamReports/{ALICE}"))[0] == 204
    await delivered(world.client)


@pytest.mark.rule("outbound", "desktop_only")
async def test_in_the_first_revision_texts_leave_from_the_desktop_only(open_world: Any) -> None:
    async with open_world(*FAST, "business_texting.revision=T1") as first:
        text = {"from": ALICE, "to": PLAIN, "text": "Hello"}
        status, refusal = await first.client.post("/v1/messages", {**text, "client": {"kind": "mobile"}})
        assert (status, refusal["errors"][0]["code"], refusal["blockedBy"]) == (
            403,
            "desktop_only",
            "gateway",
        )
        final = await delivered(first.client, client={"kind": "desktop"})
        off = {one["code"] for one in final["verdicts"] if one["outcome"] == "off"}
        # What only later revisions state is not in force.
        assert {"addon_missing", "location_not_cisco_pstn", "number_not_authorized"} <= off


COUNTED = (
    "business_texting.filters.gateway=["
    "{cause: burst, messages: 4, window_seconds: 10},"
    "{cause: volume, recipients: 5, window_seconds: 86400},"
    "{cause: spam, similar: 3, window_seconds: 60},"
    "{cause: spam, opt_out_ratio: 0.2, minimum: 10}]"
)


@pytest.mark.rule("outbound", "content_blocked")
@pytest.mark.rule("outbound", "spam_blocked")
async def test_filters_that_count_know_burst_volume_and_likeness(open_world: Any) -> None:
    async with open_world("clock.mode=frozen", *NO_LIMITS, COUNTED) as counted:
        words = iter(["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "more"])

        async def say(to: str, text: str = "") -> str:
            body = {"from": ALICE, "to": to, "text": text or next(words)}
            status, answer = await counted.client.post("/v1/messages", body)
            return "accepted" if status == 202 else f"{answer['blockedBy']}: {answer['message']}"

        likes = [await say(PLAIN, f"Your code is {number}") for number in range(4)]
        assert likes[:3] == ["accepted"] * 3
        assert "spam: more than 3 similar in 60 s" in likes[3]
        assert "burst: more than 4 messages in 10 s" in await say(PLAIN)
        await counted.client.post("/v1/clock", {"advance": 61})
        spread = []
        for number in range(6):
            spread.append(await say(f"+1310555013{number}"))
            await counted.client.post("/v1/clock", {"advance": 11})
        assert spread[:4] == ["accepted"] * 4
        assert spread[5].startswith("cisco: ")
        assert "volume: more than 5 recipients" in spread[5]


@pytest.mark.parametrize("mode", ["shadow", "off"])
async def test_switched_rules_let_texts_pass(open_world: Any, mode: str) -> None:
    async with open_world(*FAST, f"business_texting.rules={{emoji_not_supported: {mode}}}") as lenient:
        final = await delivered(lenient.client, text="See you 😀")
        (verdict,) = [one for one in final["verdicts"] if one["code"] == "emoji_not_supported"]
        assert (verdict["mode"], verdict["outcome"]) == (mode, "shadowed" if mode == "shadow" else "off")
        shadowed = lenient.metric(
            "gateway_messages_shadowed_total", direction="outbound", code="emoji_not_supported"
        )
        assert shadowed == (1 if mode == "shadow" else 0)
        _, table = await lenient.client.get("/v1/rules")
        modes = {row["mode"] for row in table["items"] if row["code"] == "emoji_not_supported"}
        assert modes == {mode}
