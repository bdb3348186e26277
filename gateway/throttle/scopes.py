"""The scopes a text is limited in, their keys, and the code each refusal carries.

| scope | key | limits what |
|---|---|---|
| number | sender's E.164 number | the CTIA habit of one segment a second per number |
| person | person id | one employee over all his numbers |
| campaign | `campaign@carrier` (or `number@carrier` for AT&T classes G and N) | AT&T's cap per minute |
| brand_day | `brand@carrier` | T-Mobile's cap per day, 00:00 America/Los_Angeles |
| carrier | carrier name | what the gateway sends to one carrier in all |
| organization | organisation id | fair use (webex.md B4) |

Keys are strings, so that they can be stored, listed and paged as they are.
"""

from enum import Enum
from typing import NamedTuple


class Scope(Enum):
    """What a limit is counted over."""

    NUMBER = "number"
    PERSON = "person"
    CAMPAIGN = "campaign"
    BRAND_DAY = "brand_day"
    CARRIER = "carrier"
    ORGANIZATION = "organization"

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is a Python function


SCOPES = tuple(Scope)
"""All scopes in the order of `ScopeKeys`; iterating an Enum is a generator in Python."""

QUEUE_FULL = "queue_full"
"""Code of a text that a waiting scope would delay for too long (503)."""

CODES = {scope: f"throttled_{scope.value}" for scope in Scope}
"""Code of a text refused by each scope (429)."""

DECISIONS = ("granted", "queued", *CODES.values(), QUEUE_FULL)
"""Every value of the `decision` label of `gateway_throttle_decisions_total`."""


class ScopeKeys(NamedTuple):
    """The key of one sender in each scope, `None` where the scope does not apply. Build it with `of`."""

    number: str | None = None
    person: str | None = None
    campaign: str | None = None
    brand_day: str | None = None
    carrier: str | None = None
    organization: str | None = None

    @classmethod
    def of(
        cls,
        *,
        number: str | None = None,
        person: str | None = None,
        campaign: str | None = None,
        brand: str | None = None,
        carrier: str | None = None,
        organization: str | None = None,
        campaign_counts_per_number: bool = False,
    ) -> "ScopeKeys":
        """Return the keys of a text from `number` to a destination of `carrier`.

        `campaign_counts_per_number`: the campaign's class is capped per number (AT&T classes G and N).
        """
        counted = number if campaign_counts_per_number else campaign
        return cls(
            number,
            person,
            f"{counted}@{carrier}" if campaign is not None and carrier is not None else None,
            f"{brand}@{carrier}" if brand is not None and carrier is not None else None,
            carrier,
            organization,
        )
