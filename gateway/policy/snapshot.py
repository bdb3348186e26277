"""What a check may see: the text, and the facts about its sender as they stand at this moment.

Both are tuples by name: they are built once per text on the hot path, and never change.
"""

from typing import NamedTuple

from gateway.directory.model import AppVersion, ClientKind, Location, Number, Organization, Person
from gateway.policy.numbers import NumberInfo
from gateway.registry.model import Campaign


class PolicyTerms(NamedTuple):
    """Settings that checks compare with; from `business_texting:`."""

    minimum_app_version: AppVersion = (42, 12)
    max_segments: int = 10
    territories_domestic: bool = True
    """US territories are no foreign countries (10dlc.md, North America)."""
    toll_free_textable: bool = True
    trial_eligible: bool = False
    """A trial customer may text: before T3 (A2)."""


DEFAULT_TERMS = PolicyTerms()


class Text(NamedTuple):
    """One text, in either direction."""

    source: NumberInfo
    destination: NumberInfo
    body: str
    segments: int = 1
    """SMPP parts it will take."""
    has_media: bool = False
    """It carries files, or is the WAP push that announces an MMS (B1)."""
    client: ClientKind | None = None
    """The client it is sent from; None: the one the directory knows."""
    app_version: AppVersion | None = None
    """The app it is sent from; None: the one the directory knows."""
    opt_out_exempt: bool = False
    """The one confirmation to somebody who has just opted out (10dlc.md, Opt-out keywords)."""


class Snapshot(NamedTuple):
    """The facts about a text's user: the sender of an outbound, the recipient of an inbound one."""

    person: Person | None
    organization: Organization | None = None
    location: Location | None = None
    number: Number | None = None
    """The person's primary TN as the directory holds it."""
    campaign: Campaign | None = None
    """The campaign the number is assigned to."""
    organization_registered: bool = False
    """The organisation has at least one active campaign (A7 before A8 came)."""
    carrier: str | None = None
    """The destination's carrier, where the gateway believes that it enforces registration."""
    opted_out: bool = False
    spam_reported: bool = False
    """The sender is on the gateway's own spam block (B9)."""
    terms: PolicyTerms = DEFAULT_TERMS
