"""Every (status, step) pair does what the table says, and four weeks of world time bring a decision."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.registry import Approval, ApprovalStatus, Campaign, CampaignStatus, CarrierTerms
from gateway.registry.errors import TransitionError
from gateway.registry.lifecycle import (
    DAY_NS,
    TRANSITIONS,
    CampaignStep,
    advance,
    expire,
    follow,
    next_due_ns,
    resume,
    submit,
    suspend,
)
from gateway.registry.rulebook import Rulebook
from gateway.registry.terms import ReviewTerms

RULES = Rulebook()
TERMS = {
    "tmobile": CarrierTerms(review=ReviewTerms(days=(10, 14))),
    "att": CarrierTerms(review=ReviewTerms(days=(7, 10))),
    "bell": CarrierTerms(registration=False),
}
DRAFT = Campaign("c", "b", "UCAAS_LOW", description="Employees text patients.", samples=("Hello",))


def run(
    campaign: Campaign, now_ns: int, rules: Rulebook = RULES, terms: dict[str, CarrierTerms] = TERMS
) -> Campaign:
    while (following := advance(campaign, rules, terms, now_ns)) is not campaign:
        campaign = following
    return campaign


@given(st.sampled_from(CampaignStatus), st.sampled_from(CampaignStep))
def test_every_pair_follows_the_table(status: CampaignStatus, step: CampaignStep) -> None:
    if (status, step) in TRANSITIONS:
        assert follow(status, step) is TRANSITIONS[status, step]
    else:
        with pytest.raises(TransitionError, match="cannot"):
            follow(status, step)


def test_expired_is_the_end_and_draft_the_only_beginning() -> None:
    assert not [status for status, _ in TRANSITIONS if status is CampaignStatus.EXPIRED]
    assert CampaignStatus.DRAFT not in TRANSITIONS.values()
    reached = {CampaignStatus.DRAFT}
    for _ in CampaignStatus:
        reached |= {after for (before, _), after in TRANSITIONS.items() if before in reached}
    assert reached == set(CampaignStatus)


def test_registration_takes_about_four_weeks() -> None:
    campaign = submit(DRAFT, RULES, 0)
    assert campaign.status is CampaignStatus.SUBMITTED
    assert run(campaign, 2 * DAY_NS) is campaign
    assert run(campaign, 6 * DAY_NS).status is CampaignStatus.UNCONFIRMED
    confirmed = run(campaign, 15 * DAY_NS)
    assert confirmed.status is CampaignStatus.CONFIRMED
    assert {name: approval.status for name, approval in confirmed.approvals.items()} == {
        "tmobile": ApprovalStatus.REVIEW,
        "att": ApprovalStatus.REVIEW,
    }
    assert not confirmed.approved_by("tmobile")
    done = run(campaign, 28 * DAY_NS)
    assert done.approved_by("tmobile")
    assert done.approved_by("att")
    assert next_due_ns(done) is None
    assert 20 * DAY_NS <= max(approval.at_ns for approval in done.approvals.values()) <= 28 * DAY_NS


@given(st.integers(0, 1000), st.integers(0, 400 * DAY_NS))
def test_neither_a_random_id_nor_the_moment_decides(seed: int, later_ns: int) -> None:
    rules = RULES.model_copy(
        update={"seed": seed, "review": RULES.review.model_copy(update={"refusal_rate": 0.5})}
    )
    first, second = (replace(DRAFT, id=random, lot="acme/2") for random in ("01h9k", "7zq2x"))
    one, other = (
        run(submit(campaign, rules, at_ns), at_ns + 40 * DAY_NS, rules)
        for campaign, at_ns in ((first, 0), (second, later_ns))
    )
    assert (one.status, one.status_reason) == (other.status, other.status_reason)
    assert one.changed_ns == other.changed_ns - later_ns
    assert {name: each.at_ns for name, each in one.approvals.items()} == {
        name: each.at_ns - later_ns for name, each in other.approvals.items()
    }
    apart = replace(DRAFT, lot="acme/3")
    assert submit(apart, rules, 0).due_ns != submit(first, rules, 0).due_ns, "every campaign its own lot"


def test_every_submission_is_judged_anew() -> None:
    once = submit(DRAFT, RULES, 0)
    failed = run(replace(once, description=""), 30 * DAY_NS)
    assert failed.status is CampaignStatus.PREVET_FAILED
    again = submit(failed, RULES, 0)
    assert (once.submissions, again.submissions) == (1, 2)
    assert again.due_ns != once.due_ns


@given(st.lists(st.integers(0, 10 * DAY_NS), max_size=12))
def test_the_way_there_does_not_matter(jumps: list[int]) -> None:
    campaign, now = submit(DRAFT, RULES, 0), 0
    for jump in jumps:
        now += jump
        campaign = run(campaign, now)
    assert run(campaign, 60 * DAY_NS) == run(submit(DRAFT, RULES, 0), 60 * DAY_NS)


def test_seeds_decide() -> None:
    first = submit(DRAFT, RULES, 0)
    assert first == submit(DRAFT, RULES, 0)
    assert first.due_ns != submit(DRAFT, RULES.model_copy(update={"seed": 2}), 0).due_ns
    assert first.due_ns != submit(replace(DRAFT, id="d"), RULES, 0).due_ns


def test_some_are_refused_in_prevetting_with_a_reason() -> None:
    strict = Rulebook.model_validate({"review": {"refusal_rate": 0.3, "reasons": ["no opt-in", "no brand"]}})
    ends = [run(submit(replace(DRAFT, id=str(n)), strict, 0), 60 * DAY_NS, strict) for n in range(200)]
    failed = [campaign for campaign in ends if campaign.status is CampaignStatus.PREVET_FAILED]
    assert 30 <= len(failed) <= 90
    assert {campaign.status_reason for campaign in failed} == {"no opt-in", "no brand"}
    assert all(next_due_ns(campaign) is None for campaign in failed)


def test_a_thin_description_fails_and_may_be_handed_in_again() -> None:
    failed = run(submit(replace(DRAFT, description="texts"), RULES, 0), 9 * DAY_NS)
    assert failed.status is CampaignStatus.PREVET_FAILED
    assert "too short" in failed.status_reason
    again = submit(replace(failed, description=DRAFT.description), RULES, 9 * DAY_NS)
    assert again.status_reason == ""
    assert run(again, 60 * DAY_NS).approved_by("att")


@pytest.mark.parametrize(
    ("review", "changes", "reason"),
    [
        ({"refused_use_cases": ("UCAAS_LOW",)}, {}, "use case UCAAS_LOW is not taken"),
        ({"minimum_samples": 2}, {}, "at least 2 sample messages"),
        ({"embedded_links": False}, {"embedded_links": True}, "embedded links"),
        ({"refusal_rate": 1.0, "reasons": ("because",)}, {}, "because"),
    ],
)
def test_each_carrier_decides_for_itself(
    review: dict[str, object], changes: dict[str, object], reason: str
) -> None:
    terms = TERMS | {"att": CarrierTerms(review=ReviewTerms.model_validate(review))}
    draft = replace(DRAFT, **changes)  # type: ignore[arg-type]
    done = run(submit(draft, RULES, 0), 60 * DAY_NS, terms=terms)
    assert done.status is CampaignStatus.CONFIRMED
    assert done.approved_by("tmobile")
    assert done.approvals["att"].status is ApprovalStatus.REFUSED
    assert reason in done.approvals["att"].reason


def test_a_carrier_that_has_gone_approves_what_it_reviewed() -> None:
    confirmed = run(submit(DRAFT, RULES, 0), 15 * DAY_NS)
    assert run(confirmed, 60 * DAY_NS, terms={}).approved_by("att")


def test_suspension_is_reversible_and_keeps_approvals() -> None:
    confirmed = run(submit(DRAFT, RULES, 0), 60 * DAY_NS)
    suspended = suspend(confirmed, "complaints", 61 * DAY_NS)
    assert (suspended.active, suspended.status_reason) == (False, "complaints")
    resumed = resume(suspended, 62 * DAY_NS)
    assert (resumed.active, resumed.status_reason) == (True, "")
    assert resumed.approvals == confirmed.approvals


def test_expiry_is_not() -> None:
    confirmed = replace(run(submit(DRAFT, RULES, 0), 60 * DAY_NS), expires_ns=90 * DAY_NS)
    assert next_due_ns(confirmed) == 90 * DAY_NS
    expired = run(confirmed, 91 * DAY_NS)
    assert (expired.status, expired.changed_ns) == (CampaignStatus.EXPIRED, 90 * DAY_NS)
    with pytest.raises(TransitionError):
        resume(expired, 92 * DAY_NS)
    with pytest.raises(TransitionError):
        expire(expired, 92 * DAY_NS)


def test_an_expired_campaign_waits_for_nobody() -> None:
    waiting = replace(
        DRAFT,
        status=CampaignStatus.CONFIRMED,
        approvals={"att": Approval(ApprovalStatus.REVIEW, DAY_NS)},
    )
    assert next_due_ns(expire(waiting, 0)) is None


@given(
    st.lists(
        st.tuples(st.sampled_from(["submit", "suspend", "resume", "expire", "wait"]), st.integers(0, 20))
    )
)
def test_any_story_keeps_to_the_table(story: list[tuple[str, int]]) -> None:
    campaign, now = DRAFT, 0
    deeds = {
        "submit": lambda: submit(campaign, RULES, now),
        "suspend": lambda: suspend(campaign, "x", now),
        "resume": lambda: resume(campaign, now),
        "expire": lambda: expire(campaign, now),
        "wait": lambda: advance(campaign, RULES, TERMS, now),
    }
    for deed, days in story:
        now += days * DAY_NS
        try:
            following = deeds[deed]()
        except TransitionError:
            continue
        pair = (campaign.status, following.status)
        assert pair[0] is pair[1] or pair in {(before, after) for (before, _), after in TRANSITIONS.items()}
        assert following.changed_ns <= now
        campaign = following
