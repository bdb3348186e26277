"""Who may text (webex.md A1–A6, A10, A11, A14): one pure check per rule.

Verdicts that need no detail of the text are made once: refusing is as cheap as passing.
"""

from gateway.directory.model import ClientKind, CustomerKind, texting_enabled
from gateway.policy import rules
from gateway.policy.numbers import PERSONAL, NumberKind
from gateway.policy.snapshot import Snapshot, Text
from gateway.policy.verdict import Verdict

COUNTRIES = frozenset({"US", "CA"})
"""Where Business Texting is sold (A1, A3)."""

# bound once: an enumeration's member costs ten times a name, and these are asked for every text
_ENTERPRISE, _US = CustomerKind.ENTERPRISE, NumberKind.US
_NO_CALLING_PLAN = Verdict(rules.ORGANIZATION_NOT_ELIGIBLE, "no Cisco Calling Plan in the US or Canada")
_ONLINE = Verdict(rules.ORGANIZATION_NOT_ELIGIBLE, "an online customer")
_TRIAL = Verdict(rules.ORGANIZATION_NOT_ELIGIBLE, "a trial customer")
_NO_ORGANIZATION = Verdict(rules.ORGANIZATION_NOT_ELIGIBLE, "no organisation")
_NO_ADDON = Verdict(rules.ADDON_MISSING)
_NO_PSTN = Verdict(rules.LOCATION_NOT_CISCO_PSTN)
_NO_NUMBER = Verdict(rules.NO_PRIMARY_NUMBER, "no primary number")
_NOBODYS = Verdict(rules.NO_PRIMARY_NUMBER, "the number is no user's")
_FOREIGN_PLAN = Verdict(rules.NO_PRIMARY_NUMBER, "the number is not of Cisco Calling Plan")
_NOT_A_PERSONS = {
    kind: Verdict(rules.NO_PRIMARY_NUMBER, f"a number of kind {kind.value} is no person's")
    for kind in NumberKind
    if kind not in PERSONAL and kind is not NumberKind.MALFORMED
}
_FOREIGN_SITE = Verdict(rules.NO_PRIMARY_NUMBER, "the location is outside the US and Canada")
_OLD_APP = Verdict(rules.APP_TOO_OLD)
_SWITCHED_OFF = Verdict(rules.TEXTING_DISABLED, "by the organisation")
_OVERRIDDEN = Verdict(rules.TEXTING_DISABLED, "by the user's own setting")
_NOT_DESKTOP = Verdict(rules.DESKTOP_ONLY)
_UNKNOWN_RECIPIENT = Verdict(rules.RECIPIENT_UNKNOWN)
_RECIPIENT_OFF = Verdict(rules.RECIPIENT_TEXTING_DISABLED)


def organization_eligible(_text: Text, snapshot: Snapshot, _now_ns: int) -> Verdict | None:
    """A1, A2: an enterprise customer with a Calling Plan in the US or Canada."""
    organization = snapshot.organization
    if organization is None:
        return _NO_ORGANIZATION
    if organization.calling_plan_country not in COUNTRIES:
        return _NO_CALLING_PLAN
    if organization.kind is _ENTERPRISE:
        return None
    if organization.kind is CustomerKind.ONLINE:
        return _ONLINE
    return None if snapshot.terms.trial_eligible else _TRIAL


def addon_bought(_text: Text, snapshot: Snapshot, _now_ns: int) -> Verdict | None:
    """A6: the organisation has bought the add-on."""
    organization = snapshot.organization
    return None if organization is not None and organization.texting_addon else _NO_ADDON


def location_cisco_pstn(_text: Text, snapshot: Snapshot, _now_ns: int) -> Verdict | None:
    """A5: the location is on Cisco PSTN."""
    location = snapshot.location
    return None if location is not None and location.cisco_pstn else _NO_PSTN


def primary_number(text: Text, snapshot: Snapshot, _now_ns: int) -> Verdict | None:
    """A3: a primary TN of Cisco Calling Plan, at a location in the US or Canada.

    Toll-free, premium and foreign numbers are never a person's TN there (10dlc.md, North America).
    """
    number = snapshot.number
    if number is None:
        return _NO_NUMBER
    if snapshot.person is None:
        return _NOBODYS
    if not number.calling_plan:
        return _FOREIGN_PLAN
    kind = text.source.kind
    if kind is not _US and kind in _NOT_A_PERSONS:
        return _NOT_A_PERSONS[kind]
    location = snapshot.location
    return None if location is not None and location.country in COUNTRIES else _FOREIGN_SITE


def app_version(text: Text, snapshot: Snapshot, _now_ns: int) -> Verdict | None:
    """A4: Webex App 42.12 or later; what the request claims wins over what the directory knows."""
    version = text.app_version
    if version is None:
        person = snapshot.person
        version = () if person is None else person.app_version
    return None if version >= snapshot.terms.minimum_app_version else _OLD_APP


def texting_on(_text: Text, snapshot: Snapshot, _now_ns: int) -> Verdict | None:
    """A10, A11: the organisation's switch, or the user's override, which wins."""
    person, organization = snapshot.person, snapshot.organization
    if person is None or organization is None:
        return _SWITCHED_OFF
    if texting_enabled(organization, person):
        return None
    return _SWITCHED_OFF if person.texting_override is None else _OVERRIDDEN


def desktop_client(text: Text, snapshot: Snapshot, _now_ns: int) -> Verdict | None:
    """A14 in T1: sent from the desktop client."""
    client = text.client
    if client is None and snapshot.person is not None:
        client = snapshot.person.client
    return None if client is ClientKind.DESKTOP else _NOT_DESKTOP


def recipient_known(_text: Text, snapshot: Snapshot, _now_ns: int) -> Verdict | None:
    """A3, inbound: the number is a user's primary TN."""
    return _UNKNOWN_RECIPIENT if snapshot.person is None else None


def recipient_texting_on(_text: Text, snapshot: Snapshot, _now_ns: int) -> Verdict | None:
    """A10, A11, inbound: texting is on for the user."""
    person, organization = snapshot.person, snapshot.organization
    if person is None or organization is None:
        return None
    return None if texting_enabled(organization, person) else _RECIPIENT_OFF
