"""What an administrator may do and is told (webex.md A6, A11, A12, B6, B7). Pure; the API does it."""

from collections.abc import Iterable

from gateway.directory.model import Location, Number, Organization, Person
from gateway.policy import rules
from gateway.policy.entitlement import COUNTRIES
from gateway.policy.numbers import PERSONAL, NumberKind, normalise
from gateway.policy.rules import FACTS_IN_FORCE, Revision, in_force
from gateway.policy.verdict import Direction, Verdict

_ADMIN = Direction.ADMINISTRATIVE
NO_OVERRIDE = Verdict(rules.find("override_not_offered", _ADMIN))
NOT_AUTHORIZABLE = Verdict(rules.find("number_not_authorizable", _ADMIN))
NOT_AUTHORIZED = Verdict(rules.find("number_not_authorized", _ADMIN))
RETENTION_FIXED = Verdict(rules.find("retention_fixed", _ADMIN))
HIPAA = Verdict(rules.find("hipaa_not_supported", _ADMIN))
NO_EDISCOVERY = Verdict(rules.find("ediscovery_not_available", _ADMIN))
NO_EVENTS_API = Verdict(rules.find("events_api_not_available", _ADMIN))


def tab_visible(organization: Organization, revision: Revision) -> bool:
    """A6: the Business Texting tab is shown once the add-on is bought; before T3 there was none to buy."""
    return organization.texting_addon or "A6" not in FACTS_IN_FORCE[revision]


def texting_available(organization: Organization, location: Location, revision: Revision) -> bool:
    """A3, A5, A6: Business Texting can be used at the location."""
    facts = FACTS_IN_FORCE[revision]
    return (
        location.country in COUNTRIES
        and (location.cisco_pstn or "A5" not in facts)
        and tab_visible(organization, revision)
    )


def check_override(organization: Organization, location: Location, revision: Revision) -> Verdict | None:
    """A11: a user's own setting is offered only where Business Texting is available."""
    return None if texting_available(organization, location, revision) else NO_OVERRIDE


def number_fault(e164: str, location: Location, *, calling_plan: bool) -> str:
    """Return why a location cannot have a number, empty if it can; Cisco Calling Plan has ordinary ones (A3).

    Toll-free numbers are ordered there too. A number of another provider may be any that exists.
    """
    number = normalise(e164)
    if number.kind is NumberKind.INVALID:
        return "no such number: its area code or length is not in use"
    if not calling_plan:
        return ""
    if location.country in COUNTRIES:
        fits = number.kind in PERSONAL or number.kind is NumberKind.TOLL_FREE
    else:
        fits = number.country == location.country
    return "" if fits else f"Cisco Calling Plan has no such number at a location in {location.country}"


def authorizable(number: Number, location: Location) -> bool:
    """A12: a person's Calling Plan number at a US or Canadian location that is not authorised yet.

    A location that is not on Cisco PSTN has no Calling Plan to order from (A5).
    """
    return (
        number.location_id == location.id
        and location.country in COUNTRIES
        and location.cisco_pstn
        and number.calling_plan
        and not number.authorized
        and normalise(number.e164).kind in PERSONAL
    )


def check_hipaa(
    organization: Organization, people: Iterable[Person], revision: Revision, *, refuse: bool
) -> tuple[Verdict | None, Verdict | None]:
    """B7: return (refusal, warning) on texting for this organisation or any of its people.

    `people` are those of the organisation: a user's own setting wins over its switch (A11).
    """
    if not organization.hipaa or not in_force(HIPAA.rule, revision):
        return None, None
    if not organization.texting_enabled and not any(person.texting_override for person in people):
        return None, None
    return (HIPAA, None) if refuse else (None, HIPAA)
