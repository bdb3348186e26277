"""The table of all rules: every stable code, once. `gateway rules`, `/v1/rules` and the reference print it.

Text rules are ordered as the pipeline judges them. The limiter's codes stand here too, so that there is one
list; the limiter decides them. Administrative rules live where the action is (`gateway.api`).
"""

from collections.abc import Iterable
from enum import Enum

from gateway.policy.verdict import BlockedBy, Direction, Rule

_OUT, _IN, _ADMIN = Direction.OUTBOUND, Direction.INBOUND, Direction.ADMINISTRATIVE


class Revision(Enum):
    """Revision of the product's own description; it decides which facts are in force (webex.md B)."""

    T1 = "T1"
    T2 = "T2"
    T3 = "T3"
    T4 = "T4"


TRIAL = "A2-trial"
"""The clause of A2 about trial customers."""

DESKTOP = "A14-desktop"
"""The clause of A14 that sending is for the desktop client only."""

EVENTS_API = "B8-events"
"""The clause of B8 that the Events API is not available either."""

FILTERS = "B5"
"""The fact that improper use is filtered; reports of spam (B9) block without it."""

HIPAA_CLAUSE = "B7-hipaa"
"""The clause of B7 that HIPAA compliance is not supported."""

_COMMON = frozenset(
    ["A1", "A2", "A3", "A4", "A10", "A11", "A14", "B1", "B2", "B3", "B6", "B7", "B8", "B9", "B10"]
)

FACTS_IN_FORCE: dict[Revision, frozenset[str]] = {
    Revision.T1: _COMMON | {DESKTOP, EVENTS_API},
    Revision.T2: _COMMON | {EVENTS_API, HIPAA_CLAUSE, "B4", "B5"},
    Revision.T3: _COMMON | {EVENTS_API, HIPAA_CLAUSE, TRIAL, "A5", "A6", "A7", "B4", "B5"},
    Revision.T4: _COMMON | {HIPAA_CLAUSE, TRIAL, "A5", "A6", "A7", "A8", "A9", "A12", "A13", "B4", "B5"},
}
"""Facts that each revision states (webex.md, table after B10); B3 stays on in all of them."""

MALFORMED = Rule(
    "malformed", _OUT, (), "The request is not a text to a telephone number.", 400, switchable=False
)
MALFORMED_INBOUND = Rule(
    "malformed", _IN, (), "The inbound message is not a text from a telephone number.", None, switchable=False
)

ORGANIZATION_NOT_ELIGIBLE = Rule(
    "organization_not_eligible",
    _OUT,
    ("A1", "A2"),
    "Business Texting is for enterprise customers with a Cisco Calling Plan in the US or Canada.",
    403,
)
ADDON_MISSING = Rule(
    "addon_missing",
    _OUT,
    ("A6",),
    "The organisation has not bought the Business Texting Add-On.",
    403,
)
LOCATION_NOT_CISCO_PSTN = Rule(
    "location_not_cisco_pstn",
    _OUT,
    ("A5",),
    "The sender's location is not configured with Cisco PSTN.",
    403,
)
NO_PRIMARY_NUMBER = Rule(
    "no_primary_number",
    _OUT,
    ("A3",),
    "The sender has no primary number assigned by Cisco Calling Plan at a US or Canadian location.",
    403,
)
APP_TOO_OLD = Rule("app_too_old", _OUT, ("A4",), "Business Texting needs a later Webex App.", 403)
TEXTING_DISABLED = Rule(
    "texting_disabled",
    _OUT,
    ("A10", "A11"),
    "Business Texting is switched off for the sender.",
    403,
)
DESKTOP_ONLY = Rule(
    "desktop_only", _OUT, ("A14",), "Texts are sent from the desktop client only.", 403, clause=DESKTOP
)
NUMBER_NOT_AUTHORIZED = Rule(
    "number_not_authorized",
    _OUT,
    ("A9",),
    "The sender's number is not authorised for Business Texting.",
    403,
)
NUMBER_NOT_IN_CAMPAIGN = Rule(
    "number_not_in_campaign",
    _OUT,
    ("A8",),
    "The sender's number is not assigned to a registered 10DLC campaign.",
    403,
)
CAMPAIGN_NOT_ACTIVE = Rule(
    "campaign_not_active",
    _OUT,
    ("A7",),
    "The sender's 10DLC campaign is not active.",
    403,
)
MMS_NOT_SUPPORTED = Rule(
    "mms_not_supported", _OUT, ("B1",), "Multimedia messages are not supported.", 422, switchable=False
)
DESTINATION_INVALID = Rule(
    "destination_invalid",
    _OUT,
    (),
    "The destination is not a number that can receive a text.",
    422,
)
INTERNATIONAL_NOT_SUPPORTED = Rule(
    "international_not_supported",
    _OUT,
    ("B2",),
    "Texts outside the US and Canada are not supported.",
    422,
    switchable=False,
)
EMOJI_NOT_SUPPORTED = Rule("emoji_not_supported", _OUT, ("B3",), "Emoji are not supported.", 422)
MESSAGE_TOO_LONG = Rule("message_too_long", _OUT, (), "The text needs too many segments.", 422)
RECIPIENT_OPTED_OUT = Rule(
    "recipient_opted_out",
    _OUT,
    (),
    "The recipient has opted out of texts from this sender.",
    422,
)
SPAM_BLOCKED = Rule(
    "spam_blocked", _OUT, ("B5", "B9"), "The text or its sender is blocked as spam.", 422, BlockedBy.CISCO
)
CONTENT_BLOCKED = Rule(
    "content_blocked",
    _OUT,
    ("B5",),
    "The text does not conform to proper use and is blocked.",
    422,
    BlockedBy.CISCO,
)


def _throttled(scope: str, what: str) -> Rule:
    return Rule(f"throttled_{scope}", _OUT, ("B4", "B5"), f"The limit of {what} is reached.", 429)


THROTTLES = (
    _throttled("number", "the sending number"),
    _throttled("person", "the sender"),
    _throttled("campaign", "the campaign"),
    _throttled("brand_day", "the brand's day"),
    _throttled("carrier", "the carrier"),
    _throttled("organization", "the organisation's fair use"),
    Rule("queue_full", _OUT, ("B4",), "The queue towards the carrier is full.", 503),
)

MMS_NOT_SUPPORTED_INBOUND = Rule(
    "mms_not_supported", _IN, ("B1",), "Multimedia messages are not supported.", None, switchable=False
)
INTERNATIONAL_NOT_SUPPORTED_INBOUND = Rule(
    "international_not_supported",
    _IN,
    ("B2",),
    "Texts from outside the US and Canada are not supported.",
    None,
    switchable=False,
)
EMOJI_NOT_SUPPORTED_INBOUND = Rule("emoji_not_supported", _IN, ("B3",), "Emoji are not supported.", None)
RECIPIENT_UNKNOWN = Rule("recipient_unknown", _IN, ("A3",), "The number belongs to no user.", None)
RECIPIENT_TEXTING_DISABLED = Rule(
    "recipient_texting_disabled",
    _IN,
    ("A10", "A11"),
    "Business Texting is switched off for the recipient.",
    None,
)

ADMINISTRATIVE = (
    Rule(
        "override_not_offered",
        _ADMIN,
        ("A11",),
        "A user's own setting is offered only where Business Texting is available at the location.",
        409,
    ),
    Rule(
        "number_not_authorizable",
        _ADMIN,
        ("A12",),
        "Only a Calling Plan number of the chosen location that is not yet authorised can be ordered.",
        409,
    ),
    Rule(
        "number_not_authorized",
        _ADMIN,
        ("A9", "A13"),
        "Only an authorised number can be registered to a campaign: authorise it first.",
        409,
    ),
    Rule(
        "registration_form_incomplete",
        _ADMIN,
        ("A13",),
        "The 10DLC registration form lacks what the registry asks for.",
        422,
    ),
    Rule(
        "retention_fixed",
        _ADMIN,
        ("B6",),
        "Texts are kept 400 days; the retention cannot be customised.",
        409,
    ),
    Rule(
        "hipaa_not_supported",
        _ADMIN,
        ("B7",),
        "Business Texting does not support HIPAA compliance: a warning, or a refusal by setting.",
        409,
        clause=HIPAA_CLAUSE,
    ),
    Rule(
        "ediscovery_not_available",
        _ADMIN,
        ("B8",),
        "eDiscovery is not available for Business Texting.",
        404,
        switchable=False,
    ),
    Rule(
        "events_api_not_available",
        _ADMIN,
        ("B8",),
        "The Events API is not available for Business Texting.",
        404,
        switchable=False,
        clause=EVENTS_API,
    ),
    Rule(
        "spam_reported",
        _ADMIN,
        ("B9",),
        "A sender reported as spam is blocked by Cisco, not by the carriers.",
        202,
        BlockedBy.CISCO,
    ),
    Rule(
        "business_identity_only",
        _ADMIN,
        ("B10",),
        "Texts leave from the work number only; the personal name and number are never shown.",
        403,
        switchable=False,
    ),
)

OUTBOUND = (
    MALFORMED,
    ORGANIZATION_NOT_ELIGIBLE,
    ADDON_MISSING,
    LOCATION_NOT_CISCO_PSTN,
    NO_PRIMARY_NUMBER,
    APP_TOO_OLD,
    TEXTING_DISABLED,
    DESKTOP_ONLY,
    NUMBER_NOT_AUTHORIZED,
    NUMBER_NOT_IN_CAMPAIGN,
    CAMPAIGN_NOT_ACTIVE,
    MMS_NOT_SUPPORTED,
    DESTINATION_INVALID,
    INTERNATIONAL_NOT_SUPPORTED,
    EMOJI_NOT_SUPPORTED,
    MESSAGE_TOO_LONG,
    RECIPIENT_OPTED_OUT,
    SPAM_BLOCKED,
    CONTENT_BLOCKED,
)
INBOUND = (
    MALFORMED_INBOUND,
    MMS_NOT_SUPPORTED_INBOUND,
    INTERNATIONAL_NOT_SUPPORTED_INBOUND,
    EMOJI_NOT_SUPPORTED_INBOUND,
    RECIPIENT_UNKNOWN,
    RECIPIENT_TEXTING_DISABLED,
)
RULES = OUTBOUND + THROTTLES + INBOUND + ADMINISTRATIVE

SWITCHABLE_CODES = frozenset(rule.code for rule in RULES if rule.switchable and rule.direction is not _ADMIN)
"""Codes whose mode may be set to shadow or off."""


def in_force(rule: Rule, revision: Revision) -> bool:
    """Return whether `revision` states a fact the rule stands on; a rule without facts always is."""
    if rule.clause:
        return rule.clause in FACTS_IN_FORCE[revision]
    return not rule.facts or not FACTS_IN_FORCE[revision].isdisjoint(rule.facts)


def find(code: str, direction: Direction = Direction.OUTBOUND) -> Rule:
    """Return the rule of that code and direction.

    Raises:
        KeyError: there is none.
    """
    for rule in RULES:
        if rule.code == code and rule.direction is direction:
            return rule
    raise KeyError(code)


def as_table(rules: Iterable[Rule] = RULES) -> list[dict[str, object]]:
    """Return the rules as `gateway rules --json` and `/v1/rules` print them."""
    return [
        {
            "code": rule.code,
            "direction": rule.direction.value,
            "facts": list(rule.facts),
            "description": rule.description,
            "httpStatus": rule.http_status,
            "blockedBy": rule.blocked_by.value,
            "switchable": rule.switchable,
        }
        for rule in rules
    ]
