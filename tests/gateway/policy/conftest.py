"""A sender who may text, as a snapshot that tests spoil one fact at a time."""

from types import SimpleNamespace

import pytest

from gateway.directory import Location, Number, Organization, Person
from gateway.policy import Snapshot, Text, normalise
from gateway.registry.model import Approval, ApprovalStatus, Campaign, CampaignStatus

TN, HANDSET = "+12025550100", "+13105550120"


def make_snapshot(**changes: object) -> Snapshot:
    """Return alice's snapshot, with `changes` in place of her facts."""
    campaign = Campaign(
        "C1",
        "B1",
        "UCAAS_LOW",
        status=CampaignStatus.CONFIRMED,
        approvals={"tmobile": Approval(ApprovalStatus.APPROVED)},
    )
    snapshot = Snapshot(
        person=Person("alice", "acme", "washington", "Alice", number=TN),
        organization=Organization("acme", "Acme Dental"),
        location=Location("washington", "acme", "Washington"),
        number=Number(TN, "acme", "washington", authorized=True),
        campaign=campaign,
        organization_registered=True,
        carrier="tmobile",
    )
    return snapshot._replace(**changes)


def make_text(
    body: str = "Your appointment is on Tuesday.", to: str = HANDSET, source: str = TN, **rest: object
) -> Text:
    """Return a text from alice to a handset."""
    return Text(normalise(source), normalise(to), body, **rest)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def world() -> SimpleNamespace:
    """The builders of this room's tests."""
    return SimpleNamespace(snapshot=make_snapshot, text=make_text, tn=TN, handset=HANDSET)
