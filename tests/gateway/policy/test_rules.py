"""Decision table: for each text rule one text that passes and one that it alone refuses."""

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.directory import ClientKind, CustomerKind
from gateway.policy import RULES, BlockedBy, Direction, Hop, Mode, Pipeline, Revision, Rule
from gateway.policy import rules as table
from gateway.policy.filters import Count, CountFilter, FilterChain, WordFilter
from gateway.policy.pipeline import INBOUND, OUTBOUND
from gateway.registry.model import Approval, ApprovalStatus, CampaignStatus

NOW = 1_800_000_000_000_000_000

World = SimpleNamespace


def person(world: World, **changes: Any) -> dict[str, Any]:
    return {"person": dataclasses.replace(world.snapshot().person, **changes)}


def organization(world: World, **changes: Any) -> dict[str, Any]:
    return {"organization": dataclasses.replace(world.snapshot().organization, **changes)}


def location(world: World, **changes: Any) -> dict[str, Any]:
    return {"location": dataclasses.replace(world.snapshot().location, **changes)}


def number(world: World, **changes: Any) -> dict[str, Any]:
    return {"number": dataclasses.replace(world.snapshot().number, **changes)}


def campaign(world: World, **changes: Any) -> dict[str, Any]:
    return {"campaign": dataclasses.replace(world.snapshot().campaign, **changes)}


Case = tuple[str, dict[str, Any], dict[str, Any]]
"""Expected code, what is spoilt in the snapshot, what is spoilt in the text."""


def outbound_cases(world: World) -> list[Case]:
    refused, waiting = Approval(ApprovalStatus.REFUSED, 0, "x"), Approval(ApprovalStatus.REVIEW, 0)
    return [
        ("malformed", {}, {"to": "call me"}),
        ("malformed", {}, {"body": ""}),
        ("malformed", {}, {"body": " \t\r\n\u00a0"}),
        ("malformed", {}, {"body": "Your\0appointment"}),
        ("malformed", {}, {"source": "Acme"}),
        ("organization_not_eligible", organization(world, calling_plan_country=None), {}),
        ("organization_not_eligible", organization(world, calling_plan_country="GB"), {}),
        ("organization_not_eligible", organization(world, kind=CustomerKind.ONLINE), {}),
        ("organization_not_eligible", organization(world, kind=CustomerKind.TRIAL), {}),
        ("addon_missing", organization(world, texting_addon=False), {}),
        ("location_not_cisco_pstn", location(world, cisco_pstn=False), {}),
        ("no_primary_number", {"number": None}, {}),
        ("no_primary_number", number(world, calling_plan=False), {}),
        ("no_primary_number", location(world, country="MX"), {}),
        ("no_primary_number", {}, {"source": "+18005550107"}),
        ("no_primary_number", {}, {"source": "+19005550107"}),
        ("no_primary_number", {}, {"source": "+18765550107"}),
        ("no_primary_number", {}, {"source": "+442071838750"}),
        ("no_primary_number", {}, {"source": "+1202555010"}),
        ("app_too_old", person(world, app_version=(42, 11)), {}),
        ("app_too_old", {}, {"app_version": (42, 11, 9)}),
        ("texting_disabled", organization(world, texting_enabled=False), {}),
        ("texting_disabled", person(world, texting_override=False), {}),
        ("number_not_authorized", number(world, authorized=False), {}),
        ("number_not_in_campaign", {"campaign": None}, {}),
        ("campaign_not_active", campaign(world, status=CampaignStatus.SUSPENDED), {}),
        ("campaign_not_active", campaign(world, status=CampaignStatus.EXPIRED), {}),
        ("campaign_not_active", campaign(world, approvals={"tmobile": refused}), {}),
        ("campaign_not_active", campaign(world, approvals={"tmobile": waiting}), {}),
        ("campaign_not_active", {"carrier": "att"}, {}),
        ("mms_not_supported", {}, {"has_media": True}),
        ("destination_invalid", {}, {"to": "911"}),
        ("destination_invalid", {}, {"to": "988"}),
        ("destination_invalid", {}, {"to": "12345"}),
        ("destination_invalid", {}, {"to": "+19005550100"}),
        ("destination_invalid", {}, {"to": "+1202555010"}),
        ("international_not_supported", {}, {"to": "+442079460958"}),
        ("international_not_supported", {}, {"to": "+18765550100"}),
        ("emoji_not_supported", {}, {"body": "See you 😀"}),
        ("message_too_long", {}, {"segments": 11}),
        ("recipient_opted_out", {"opted_out": True}, {}),
        ("spam_blocked", {"spam_reported": True}, {}),
        ("content_blocked", {}, {"body": "please verify your account today"}),
    ]


def inbound_cases(world: World) -> list[Case]:
    return [
        ("malformed", {}, {"source": "AcmeBank"}),
        ("mms_not_supported", {}, {"has_media": True}),
        ("international_not_supported", {}, {"source": "+18765550100"}),
        ("emoji_not_supported", {}, {"body": "👍"}),
        ("recipient_unknown", {"person": None}, {}),
        ("recipient_texting_disabled", person(world, texting_override=False), {}),
    ]


def pipeline(**rest: Any) -> Pipeline:
    chain = FilterChain([WordFilter("fraud", ("verify your account",))])
    return Pipeline(hops=(Hop(BlockedBy.VENDOR, chain),), **rest)


def test_an_ordinary_text_passes_every_rule(world: World) -> None:
    judged = pipeline()
    assert judged.check_outbound(world.text(), world.snapshot(), NOW) is None
    assert judged.check_inbound(world.text(to=world.tn, source=world.handset), world.snapshot(), NOW) is None
    assert all(
        item.verdict is None
        for item in judged.explain_outbound(world.text(), world.snapshot(), NOW)
        if item.mode is Mode.ENFORCE
    )


@pytest.mark.parametrize("index", range(36))
def test_each_outbound_rule_alone_refuses(world: World, index: int) -> None:
    code, facts, content = outbound_cases(world)[index]
    judged = pipeline()
    text, snapshot = world.text(**content), world.snapshot(**facts)
    verdict = judged.check_outbound(text, snapshot, NOW)
    assert verdict is not None
    assert verdict.code == code
    assert verdict.description
    assert verdict.http_status is not None
    refusing = {
        item.rule.code
        for item in judged.explain_outbound(text, snapshot, NOW)
        if item.verdict is not None and item.mode is Mode.ENFORCE
    }
    assert refusing == {code}


def test_every_outbound_rule_has_a_case(world: World) -> None:
    cases = outbound_cases(world)
    assert len(cases) == 43
    assert {code for code, _, _ in cases} | {"desktop_only"} == {rule.code for rule in table.OUTBOUND}


@pytest.mark.parametrize("index", range(6))
def test_each_inbound_rule_alone_refuses(world: World, index: int) -> None:
    code, facts, content = inbound_cases(world)[index]
    judged = pipeline()
    text = world.text(**{"to": world.tn, "source": world.handset, **content})
    snapshot = world.snapshot(**facts)
    verdict = judged.check_inbound(text, snapshot, NOW)
    assert verdict is not None
    assert (verdict.code, verdict.direction, verdict.http_status) == (code, Direction.INBOUND, None)
    refusing = [item.rule.code for item in judged.explain_inbound(text, snapshot, NOW) if item.verdict]
    assert refusing == [code]


def test_every_inbound_rule_has_a_case(world: World) -> None:
    assert {code for code, _, _ in inbound_cases(world)} == {rule.code for rule in table.INBOUND}


def test_the_first_refusal_stops(world: World) -> None:
    snapshot = world.snapshot(**organization(world, texting_addon=False), opted_out=True)
    verdict = pipeline().check_outbound(world.text("😀", has_media=True), snapshot, NOW)
    assert verdict is not None
    assert verdict.code == "addon_missing"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("malformed", 400),
        ("organization_not_eligible", 403),
        ("campaign_not_active", 403),
        ("emoji_not_supported", 422),
        ("content_blocked", 422),
        ("throttled_brand_day", 429),
        ("queue_full", 503),
    ],
)
def test_http_status(code: str, status: int) -> None:
    assert table.find(code).http_status == status


def test_codes_are_unique_per_direction() -> None:
    keys = [(rule.code, rule.direction) for rule in RULES]
    assert len(keys) == len(set(keys))


def test_what_cannot_be_switched() -> None:
    fixed = {rule.code for rule in table.OUTBOUND + table.THROTTLES + table.INBOUND if not rule.switchable}
    assert fixed == {"mms_not_supported", "international_not_supported", "malformed"}


def test_pipeline_order_is_the_tables() -> None:
    assert (*(rule for rule, _ in OUTBOUND), table.CONTENT_BLOCKED) == table.OUTBOUND
    assert tuple(rule for rule, _ in INBOUND) == table.INBOUND


def test_table_rows_have_the_published_keys() -> None:
    rows = table.as_table()
    assert len(rows) == len(RULES)
    assert {tuple(row) for row in rows} == {
        ("code", "direction", "facts", "description", "httpStatus", "blockedBy", "switchable")
    }
    emoji = next(row for row in rows if row["code"] == "emoji_not_supported")
    assert (emoji["facts"], emoji["blockedBy"], emoji["httpStatus"]) == (["B3"], "gateway", 422)


def test_unknown_codes_are_not_found() -> None:
    with pytest.raises(KeyError):
        table.find("nothing")


ABSENT = {
    Revision.T1: {
        "addon_missing",
        "location_not_cisco_pstn",
        "number_not_authorized",
        "number_not_in_campaign",
        "campaign_not_active",
        "content_blocked",
    },
    Revision.T2: {
        "addon_missing",
        "location_not_cisco_pstn",
        "number_not_authorized",
        "number_not_in_campaign",
        "campaign_not_active",
        "desktop_only",
    },
    Revision.T3: {"number_not_authorized", "number_not_in_campaign", "desktop_only"},
    Revision.T4: {"desktop_only"},
}


@pytest.mark.parametrize("revision", Revision)
def test_revision_switches_the_table(world: World, revision: Revision) -> None:
    judged = pipeline(revision=revision)
    off = {rule.code for rule in table.OUTBOUND if judged.mode(rule) is Mode.OFF}
    assert off == ABSENT[revision]


@pytest.mark.parametrize(("revision", "refused"), [("T1", False), ("T2", False), ("T3", True), ("T4", True)])
def test_trial_customers_are_refused_from_t3(world: World, revision: str, refused: bool) -> None:
    judged = Pipeline(revision=Revision(revision))
    snapshot = world.snapshot(**organization(world, kind=CustomerKind.TRIAL), terms=judged.terms)
    assert (judged.check_outbound(world.text(), snapshot, NOW) is not None) is refused


def test_desktop_only_in_t1(world: World) -> None:
    judged = Pipeline(revision=Revision.T1)
    assert judged.check_outbound(world.text(), world.snapshot(), NOW) is None
    verdict = judged.check_outbound(world.text(client=ClientKind.MOBILE), world.snapshot(), NOW)
    assert verdict is not None
    assert verdict.code == "desktop_only"
    at_home = world.snapshot(**person(world, client=ClientKind.MOBILE))
    assert judged.check_outbound(world.text(), at_home, NOW) is verdict


def test_t3_asks_for_a_campaign_of_the_organisation_only(world: World) -> None:
    judged = Pipeline(revision=Revision.T3)
    facts = number(world, authorized=False) | {"campaign": None}
    assert judged.check_outbound(world.text(), world.snapshot(**facts), NOW) is None
    verdict = judged.check_outbound(world.text(), world.snapshot(**facts, organization_registered=False), NOW)
    assert verdict is not None
    assert verdict.code == "campaign_not_active"


def test_shadow_counts_and_lets_pass(world: World) -> None:
    counted: list[str] = []
    judged = Pipeline(
        modes={"emoji_not_supported": Mode.SHADOW, "content_blocked": Mode.SHADOW},
        hops=(Hop(BlockedBy.CISCO, FilterChain([WordFilter("fraud", ("hello",))])),),
        on_shadow=lambda verdict: counted.append(verdict.code),
    )
    assert judged.check_outbound(world.text("hello 😀"), world.snapshot(), NOW) is None
    assert judged.check_inbound(world.text("😀", world.tn, world.handset), world.snapshot(), NOW) is None
    assert counted == ["emoji_not_supported", "content_blocked", "emoji_not_supported"]


def test_off_is_not_judged_but_explained(world: World) -> None:
    judged = Pipeline(modes={"emoji_not_supported": Mode.OFF})
    assert judged.check_outbound(world.text("😀"), world.snapshot(), NOW) is None
    explained = {
        item.rule.code: item for item in judged.explain_outbound(world.text("😀"), world.snapshot(), NOW)
    }
    assert explained["emoji_not_supported"].mode is Mode.OFF
    assert explained["emoji_not_supported"].verdict is not None


@pytest.mark.parametrize(
    "rule", [table.MMS_NOT_SUPPORTED, table.INTERNATIONAL_NOT_SUPPORTED, table.MALFORMED]
)
def test_fixed_rules_ignore_their_mode(rule: Rule) -> None:
    assert Pipeline(modes={rule.code: Mode.OFF}).mode(rule) is Mode.ENFORCE


@pytest.mark.parametrize(
    "number", ["+4412", "+440000", "+18760000000", "00442071838750", "+18769765555", "+999123456789"]
)
def test_nothing_goes_abroad_where_any_number_is_a_destination(world: World, number: str) -> None:
    lenient = Pipeline(modes={"destination_invalid": Mode.OFF})
    verdict = lenient.check_outbound(world.text(to=number), world.snapshot(), NOW)
    assert verdict is not None
    assert verdict.code == "international_not_supported"
    verdict = lenient.check_inbound(world.text(source=number), world.snapshot(), NOW)
    assert verdict is not None
    assert verdict.code == "international_not_supported"


def test_who_blocks_is_the_hop(world: World) -> None:
    verdict = pipeline().check_outbound(world.text("Verify your account!"), world.snapshot(), NOW)
    assert verdict is not None
    assert (verdict.blocked_by, verdict.cause, verdict.facts) == (BlockedBy.VENDOR, "fraud", ("B5",))
    reported = pipeline().check_outbound(world.text(), world.snapshot(spam_reported=True), NOW)
    assert reported is not None
    assert reported.blocked_by is BlockedBy.CISCO


@pytest.mark.parametrize("cause", ["spam", "fraud"])
def test_the_first_revision_has_no_filters_whatever_their_cause(world: World, cause: str) -> None:
    hop = Hop(BlockedBy.CISCO, FilterChain([WordFilter(cause, ["verify your account"])]))
    text = world.text("Verify your account!")
    assert Pipeline(revision=Revision.T1, hops=[hop]).check_outbound(text, world.snapshot(), NOW) is None
    assert Pipeline(revision=Revision.T2, hops=[hop]).check_outbound(text, world.snapshot(), NOW) is not None
    reported = Pipeline(revision=Revision.T1).check_outbound(text, world.snapshot(spam_reported=True), NOW)
    assert reported is not None
    assert reported.code == "spam_blocked"


def test_spam_cause_has_its_own_code_and_explaining_does_not_count(world: World) -> None:
    chain = FilterChain([CountFilter("spam", Count.SIMILAR, 2, 300)])
    judged = Pipeline(hops=(Hop(BlockedBy.CISCO, chain),))
    for _ in range(2):
        for _ in range(5):
            judged.explain_outbound(world.text(), world.snapshot(), NOW)
        assert judged.check_outbound(world.text(), world.snapshot(), NOW) is None
    verdict = judged.check_outbound(world.text(), world.snapshot(), NOW)
    assert verdict is not None
    assert verdict.code == "spam_blocked"


def test_refused_texts_are_not_counted_by_filters(world: World) -> None:
    judged = Pipeline(
        hops=(Hop(BlockedBy.CISCO, FilterChain([CountFilter("burst", Count.MESSAGES, 1, 60)])),)
    )
    for _ in range(5):
        assert judged.check_outbound(world.text("😀"), world.snapshot(), NOW) is not None
    assert judged.check_outbound(world.text(), world.snapshot(), NOW) is None
    assert judged.check_outbound(world.text(), world.snapshot(), NOW) is not None


def test_the_gateways_own_answers_are_not_shown_to_the_filters(world: World) -> None:
    chain = FilterChain([CountFilter("spam", Count.SIMILAR, 1, 60)])
    judged = Pipeline(hops=(Hop(BlockedBy.CISCO, chain),))
    answer = world.text("You are unsubscribed.", opt_out_exempt=True)
    asked = [(answer, world.snapshot(opted_out=True))] * 3
    assert judged.check_outbound_all(asked, NOW, [None] * 3) == [None] * 3
    assert [judged.check_outbound(*one, NOW) for one in asked] == [None] * 3
    theirs = world.text("You are unsubscribed.")
    assert judged.check_outbound(theirs, world.snapshot(), NOW) is None, "nothing was counted"
    assert judged.check_outbound(theirs, world.snapshot(), NOW) is not None


def test_a_number_that_is_nobodys_is_no_primary_number(world: World) -> None:
    verdict = pipeline().check_outbound(world.text(), world.snapshot(person=None), NOW)
    assert verdict is not None
    assert (verdict.code, verdict.detail) == ("no_primary_number", "the number is no user's")


def test_opt_out_confirmation_is_exempt(world: World) -> None:
    text = world.text(opt_out_exempt=True)
    assert pipeline().check_outbound(text, world.snapshot(opted_out=True), NOW) is None


def test_settings_of_destinations(world: World) -> None:
    strict = pipeline().terms._replace(territories_domestic=False, toll_free_textable=False)
    for to, code in (
        ("+17875550100", "international_not_supported"),
        ("+18005550100", "destination_invalid"),
    ):
        assert pipeline().check_outbound(world.text(to=to), world.snapshot(), NOW) is None
        verdict = pipeline().check_outbound(world.text(to=to), world.snapshot(terms=strict), NOW)
        assert verdict is not None
        assert verdict.code == code


def test_verdicts_never_hold_the_text_or_a_number(world: World) -> None:
    body = "verify your account"
    for _, facts, content in outbound_cases(world):
        text = world.text(**content)
        verdict = pipeline().check_outbound(text, world.snapshot(**facts), NOW)
        assert verdict is not None
        assert body not in verdict.description
        assert world.tn not in verdict.description
        assert text.destination.e164 not in verdict.description


def test_nobody_without_facts_may_text(world: World) -> None:
    from gateway.policy import Snapshot

    verdict = pipeline().check_outbound(world.text(), Snapshot(None), NOW)
    assert verdict is not None
    assert verdict.code == "organization_not_eligible"
    explained = pipeline().explain_outbound(world.text(), Snapshot(None), NOW)
    refusing = {item.rule.code for item in explained if item.verdict is not None}
    facts = {
        "addon_missing",
        "location_not_cisco_pstn",
        "no_primary_number",
        "app_too_old",
        "texting_disabled",
    }
    assert facts | {"number_not_in_campaign", "campaign_not_active"} <= refusing
