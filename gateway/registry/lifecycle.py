"""A campaign's life: transition table, submission, and the reviews that world time brings about.

    draft ──submit──▶ submitted ──▶ unconfirmed ──▶ confirmed ⇄ suspended
                          │  ▲                          │           │
                          ▼  └──submit── prevet_failed  └──▶ expired ◀┘

Each carrier decides for itself after the confirmation. Every decision is drawn from the rulebook's seed, the
campaign's lot and the step, neither from a random id nor from the moment, so that the same world decides
alike, whenever and in whatever order it is run.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from enum import Enum

from gateway.registry.errors import TransitionError
from gateway.registry.model import Approval, ApprovalStatus, Campaign, CampaignStatus
from gateway.registry.rulebook import Rulebook
from gateway.registry.terms import ReviewTerms, Terms

DAY_NS = 86_400 * 1_000_000_000


class CampaignStep(Enum):
    """What can happen to a campaign."""

    SUBMIT = "be_submitted"
    FAIL_PREVET = "fail_pre-vetting"
    PASS_PREVET = "pass_pre-vetting"  # noqa: S105 - a step, not a password
    CONFIRM = "be_confirmed"
    SUSPEND = "be_suspended"
    RESUME = "be_resumed"
    EXPIRE = "expire"


TRANSITIONS: Mapping[tuple[CampaignStatus, CampaignStep], CampaignStatus] = {
    (CampaignStatus.DRAFT, CampaignStep.SUBMIT): CampaignStatus.SUBMITTED,
    (CampaignStatus.SUBMITTED, CampaignStep.FAIL_PREVET): CampaignStatus.PREVET_FAILED,
    (CampaignStatus.SUBMITTED, CampaignStep.PASS_PREVET): CampaignStatus.UNCONFIRMED,
    (CampaignStatus.PREVET_FAILED, CampaignStep.SUBMIT): CampaignStatus.SUBMITTED,
    (CampaignStatus.UNCONFIRMED, CampaignStep.CONFIRM): CampaignStatus.CONFIRMED,
    (CampaignStatus.CONFIRMED, CampaignStep.SUSPEND): CampaignStatus.SUSPENDED,
    (CampaignStatus.SUSPENDED, CampaignStep.RESUME): CampaignStatus.CONFIRMED,
    (CampaignStatus.CONFIRMED, CampaignStep.EXPIRE): CampaignStatus.EXPIRED,
    (CampaignStatus.SUSPENDED, CampaignStep.EXPIRE): CampaignStatus.EXPIRED,
}
"""Every step there is; what is missing is impossible. EXPIRED is the end."""


def follow(status: CampaignStatus, step: CampaignStep) -> CampaignStatus:
    """Return the status after `step`.

    Raises:
        TransitionError: the status does not allow it.
    """
    following = TRANSITIONS.get((status, step))
    if following is None:
        raise TransitionError(status.value, step.value)
    return following


def submit(campaign: Campaign, rulebook: Rulebook, now_ns: int) -> Campaign:
    """Hand a campaign in; its form has been checked (`Rulebook.check_campaign`).

    Raises:
        TransitionError: it is neither a draft nor failed in pre-vetting.
    """
    status = follow(campaign.status, CampaignStep.SUBMIT)
    time = campaign.submissions + 1
    due_ns = now_ns + _span(rulebook, campaign, f"prevet:{time}", rulebook.review.prevet_days)
    return replace(
        campaign,
        status=status,
        status_reason="",
        changed_ns=now_ns,
        due_ns=due_ns,
        approvals={},
        submissions=time,
    )


def suspend(campaign: Campaign, reason: str, now_ns: int) -> Campaign:
    """Stop a confirmed campaign's traffic; reversible.

    Raises:
        TransitionError: it is not confirmed.
    """
    status = follow(campaign.status, CampaignStep.SUSPEND)
    return replace(campaign, status=status, status_reason=reason, changed_ns=now_ns)


def resume(campaign: Campaign, now_ns: int) -> Campaign:
    """Let a suspended campaign's traffic pass again.

    Raises:
        TransitionError: it is not suspended.
    """
    status = follow(campaign.status, CampaignStep.RESUME)
    return replace(campaign, status=status, status_reason="", changed_ns=now_ns)


def expire(campaign: Campaign, now_ns: int) -> Campaign:
    """End a campaign for good.

    Raises:
        TransitionError: it has not been confirmed, or has expired before.
    """
    status = follow(campaign.status, CampaignStep.EXPIRE)
    return replace(campaign, status=status, changed_ns=now_ns, due_ns=None, expires_ns=None)


def next_due_ns(campaign: Campaign) -> int | None:
    """Return the world time of the campaign's next step, if one waits."""
    due = [
        approval.at_ns
        for approval in campaign.approvals.values()
        if approval.status is ApprovalStatus.REVIEW and campaign.status is not CampaignStatus.EXPIRED
    ]
    due += [at_ns for at_ns in (campaign.due_ns, campaign.expires_ns) if at_ns is not None]
    return min(due, default=None)


def advance(campaign: Campaign, rulebook: Rulebook, terms: Terms, now_ns: int) -> Campaign:
    """Take the one step that was due first, at the time it was due; the same campaign if none is due yet.

    Call it again until nothing changes: a world that jumps four weeks takes every step on the way.
    """
    due_ns = next_due_ns(campaign)
    if due_ns is None or due_ns > now_ns:
        return campaign
    if campaign.due_ns == due_ns:
        if campaign.status is CampaignStatus.SUBMITTED:
            return _prevet(campaign, rulebook, due_ns)
        return _confirm(campaign, rulebook, terms, due_ns)
    if campaign.expires_ns == due_ns:
        return expire(campaign, due_ns)
    return _decide(campaign, rulebook, terms, due_ns)


def _prevet(campaign: Campaign, rulebook: Rulebook, at_ns: int) -> Campaign:
    review = rulebook.review
    reason = ""
    if len(campaign.description) < review.minimum_description:
        reason = "the description is too short to tell what is sent"
    elif _draw(rulebook, campaign, f"prevet refusal:{campaign.submissions}") < review.refusal_rate:
        reason = _one_of(rulebook, campaign, review.reasons)
    if reason:
        status = follow(campaign.status, CampaignStep.FAIL_PREVET)
        return replace(campaign, status=status, status_reason=reason, changed_ns=at_ns, due_ns=None)
    due_ns = at_ns + _span(rulebook, campaign, "confirmation", review.confirmation_days)
    status = follow(campaign.status, CampaignStep.PASS_PREVET)
    return replace(campaign, status=status, changed_ns=at_ns, due_ns=due_ns)


def _confirm(campaign: Campaign, rulebook: Rulebook, terms: Terms, at_ns: int) -> Campaign:
    approvals = {
        name: Approval(
            ApprovalStatus.REVIEW, at_ns + _span(rulebook, campaign, f"review:{name}", carrier.review.days)
        )
        for name, carrier in terms.items()
        if carrier.review is not None
    }
    status = follow(campaign.status, CampaignStep.CONFIRM)
    return replace(campaign, status=status, changed_ns=at_ns, due_ns=None, approvals=approvals)


def _decide(campaign: Campaign, rulebook: Rulebook, terms: Terms, at_ns: int) -> Campaign:
    approvals = dict(campaign.approvals)
    for name, approval in campaign.approvals.items():
        if approval.status is ApprovalStatus.REVIEW and approval.at_ns == at_ns:
            review = terms[name].review if name in terms else None
            reason = "" if review is None else _carrier_refusal(campaign, rulebook, review, name)
            status = ApprovalStatus.REFUSED if reason else ApprovalStatus.APPROVED
            approvals[name] = Approval(status, at_ns, reason)
    return replace(campaign, changed_ns=at_ns, approvals=approvals)


def _carrier_refusal(campaign: Campaign, rulebook: Rulebook, review: ReviewTerms, carrier: str) -> str:
    if campaign.use_case in review.refused_use_cases:
        return f"the use case {campaign.use_case} is not taken"
    if len(campaign.samples) < review.minimum_samples:
        return f"at least {review.minimum_samples} sample messages are needed"
    if campaign.embedded_links and not review.embedded_links:
        return "embedded links are not taken"
    if _draw(rulebook, campaign, f"refusal:{carrier}") < review.refusal_rate:
        return _one_of(rulebook, campaign, review.reasons)
    return ""


def _draw(rulebook: Rulebook, campaign: Campaign, step: str) -> float:
    seed = f"{rulebook.seed}\0{campaign.lot or campaign.id}\0{step}".encode()
    return int.from_bytes(hashlib.blake2b(seed, digest_size=7).digest()) / 2**56


def _span(rulebook: Rulebook, campaign: Campaign, step: str, days: tuple[float, float]) -> int:
    first, last = days
    return round((first + _draw(rulebook, campaign, step) * (last - first)) * DAY_NS)


def _one_of(rulebook: Rulebook, campaign: Campaign, reasons: tuple[str, ...]) -> str:
    return reasons[int(_draw(rulebook, campaign, "reason") * len(reasons))]
