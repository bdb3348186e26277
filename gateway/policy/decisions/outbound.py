"""Outbound texts: every rule, with a text it alone refuses and one that passes."""

from gateway.policy.decisions.limits import LIMITS
from gateway.policy.decisions.model import (
    ALICE,
    BOB,
    DAVE,
    NO_LIMITS,
    ORGANIZATION,
    SPARE,
    TEXT,
    WASHINGTON,
    Change,
    Request,
    TextCase,
    patch,
)

UNAUTHORIZED = (
    "registry.brands.acme-dental.campaigns.acme-office.numbers="
    f'["{ALICE}", "+14165550102", "+12025550104", "{SPARE}", "+18005550107"]'
)
"""Numbers in a campaign that were never authorised: no administrator can bring this about, a seed can."""
_MAIN_LINE = (
    "directory.organizations.acme-dental.numbers.+18005550107={location: washington, authorized: true}"
)
SHARED = (*NO_LIMITS[:2], UNAUTHORIZED, _MAIN_LINE)
"""The world of all cases without settings of their own."""

_OPTED_OUT = "+13105550126"
_FRANK = {"number": None}


def _told(index: int) -> Change:
    """Return one of several reports of spam; the reports are forgotten together."""
    report = Request("POST", "/v1/spamReports", {"sender": ALICE, "reporter": f"reporter {index}"}, 202)
    return Change(report, Request("DELETE", f"/v1/spamReports/{ALICE}", status=204 if index == 0 else 404))


SENDERS = (
    TextCase("malformed", 400, "Not a number", "not a text", refused={"to": "hello"}),
    TextCase("malformed", 400, "Nothing to say", "neither text nor files", refused={"text": ""}),
    TextCase("malformed", 400, "White space alone", "neither text nor files", refused={"text": " \n "}),
    TextCase("malformed", 400, "A NUL", "NUL character", refused={"text": "Your\0results"}),
    TextCase(
        "organization_not_eligible",
        403,
        "An online customer (A2)",
        "online customer",
        (patch(ORGANIZATION, {"kind": "online"}, {"kind": "enterprise"}),),
    ),
    TextCase(
        "organization_not_eligible",
        403,
        "A trial customer (A2)",
        "trial customer",
        (patch(ORGANIZATION, {"kind": "trial"}, {"kind": "enterprise"}),),
    ),
    TextCase(
        "organization_not_eligible",
        403,
        "A calling plan elsewhere (A1)",
        "no Cisco Calling Plan",
        (patch(ORGANIZATION, {"callingPlanCountry": "DE"}, {"callingPlanCountry": "US"}),),
    ),
    TextCase(
        "addon_missing",
        403,
        "No add-on (A6)",
        "Add-On",
        (patch(ORGANIZATION, {"textingAddon": False}, {"textingAddon": True}, "demo-partner"),),
    ),
    TextCase(
        "location_not_cisco_pstn",
        403,
        "A location without Cisco PSTN (A5)",
        "Cisco PSTN",
        (patch(WASHINGTON, {"ciscoPstn": False}, {"ciscoPstn": True}),),
    ),
    TextCase(
        "no_primary_number",
        403,
        "A location abroad (A3)",
        "outside the US and Canada",
        (patch(WASHINGTON, {"country": "MX"}, {"country": "US"}),),
    ),
    TextCase(
        "no_primary_number",
        403,
        "A toll-free number, which is never a person's (A3)",
        "toll_free",
        (patch("/v1/people/frank", {"number": "+18005550107"}, _FRANK),),
        refused={"from": "+18005550107"},
    ),
    TextCase(
        "app_too_old",
        403,
        "App 42.11; 42.12 will do (A4)",
        "later Webex App",
        refused={"client": {"kind": "desktop", "version": "42.11"}},
        passes={"client": {"kind": "mobile", "version": "42.12"}},
    ),
    TextCase(
        "app_too_old",
        403,
        "An old app in the directory (A4)",
        "later Webex App",
        (patch("/v1/people/alice", {"appVersion": "42.11.9"}, {"appVersion": "45.1"}),),
    ),
    TextCase(
        "texting_disabled",
        403,
        "Switched off for all (A10)",
        "by the organisation",
        (patch(ORGANIZATION, {"textingEnabled": False}, {"textingEnabled": True}),),
    ),
    TextCase(
        "texting_disabled",
        403,
        "Switched off for one (A11)",
        "by the user's own setting",
        (patch("/v1/people/alice", {"textingOverride": "off"}, {"textingOverride": "organizationDefault"}),),
    ),
    TextCase(
        "desktop_only",
        403,
        "From the phone, in the first revision (A14)",
        "desktop client",
        settings=("business_texting.revision=T1",),
        refused={"client": {"kind": "mobile"}},
        passes={"client": {"kind": "desktop"}},
    ),
    TextCase(
        "number_not_authorized",
        403,
        "A number that is not authorised (A9)",
        "not authorised",
        (patch("/v1/people/frank", {"number": SPARE}, _FRANK),),
        refused={"from": SPARE},
    ),
    TextCase(
        "number_not_in_campaign", 403, "A number in no campaign (A8)", "not assigned", refused={"from": BOB}
    ),
    TextCase("campaign_not_active", 403, "A suspended campaign (A7)", "suspended", refused={"from": DAVE}),
    TextCase(
        "campaign_not_active",
        403,
        "A brand that has lost its verified identity (A7)",
        "the identity of its brand is not verified",
        (patch("/v1/brands/acme-dental", {"identity": "UNVERIFIED"}, {"identity": "VETTED_VERIFIED"}),),
    ),
)

CONTENT = (
    TextCase(
        "mms_not_supported",
        422,
        "A picture (B1)",
        "Multimedia",
        refused={"files": ["https://acme.example/x.png"]},
    ),
    TextCase("destination_invalid", 422, "An emergency number", "service", refused={"to": "911"}),
    TextCase("destination_invalid", 422, "A short code", "short code", refused={"to": "73822"}),
    TextCase("destination_invalid", 422, "A premium number", "premium", refused={"to": "+19005550120"}),
    TextCase(
        "destination_invalid",
        422,
        "An area code that is not in use; toll-free numbers can be texted",
        "invalid",
        refused={"to": "+12115550120"},
        passes={"to": "+18005550150"},
    ),
    TextCase(
        "international_not_supported",
        422,
        "London (B2)",
        "outside the US and Canada",
        refused={"to": "+442071838750"},
    ),
    TextCase(
        "international_not_supported",
        422,
        "Jamaica is +1 too; Puerto Rico is domestic by setting (B2)",
        "JM",
        refused={"to": "+18765550120"},
        passes={"to": "+17875550150"},
    ),
    TextCase(
        "emoji_not_supported",
        422,
        "An emoji; text symbols pass (B3)",
        "Emoji",
        refused={"text": "Hi 😀"},
        passes={"text": "Hi ☺ © :-)"},
    ),
    TextCase(
        "message_too_long",
        422,
        "Eleven segments; ten pass",
        "11 segments, at most 10",
        refused={"text": "x" * 1531},
        passes={"text": "x" * 1530},
    ),
    TextCase(
        "recipient_opted_out",
        422,
        "A recipient who has opted out, until the opt-out ends",
        "opted out",
        (
            Change(
                Request("POST", "/v1/optOuts", {"recipient": _OPTED_OUT, "number": ALICE}, 201, keep="out"),
                Request("DELETE", "/v1/optOuts/{out}", status=204),
            ),
        ),
        refused={"to": _OPTED_OUT},
        passes={"to": _OPTED_OUT},
    ),
    TextCase(
        "spam_blocked",
        422,
        "A sender whom three people reported (B9)",
        "reported as spam",
        tuple(_told(index) for index in range(3)),
        blocked_by="cisco",
    ),
    TextCase(
        "spam_blocked",
        422,
        "A shortened link (B5)",
        "spam",
        refused={"text": "See https://bit.ly/3x"},
        passes={"text": "See https://acme.example/3x"},
        blocked_by="cisco",
    ),
    TextCase(
        "spam_blocked",
        422,
        "A fourth text like three others (B5)",
        "spam: more than 3 similar in 60 s",
        settings=(
            *NO_LIMITS,
            "business_texting.filters.gateway=[{cause: spam, similar: 3, window_seconds: 60}]",
        ),
        before=tuple({"text": f"Your code is {number}"} for number in range(3)),
        refused={"text": "Your code is 3"},
        passes={"text": "Your code is 4"},
        later_s=61,
        blocked_by="cisco",
    ),
    TextCase(
        "content_blocked",
        422,
        "Fraud (B5)",
        "fraud",
        refused={"text": "Please verify your account"},
        passes={"text": "Please verify your appointment"},
        blocked_by="cisco",
    ),
    TextCase(
        "content_blocked",
        422,
        "Unauthorised content (B5)",
        "unauthorised",
        refused={"text": "A payday loan!"},
        blocked_by="vendor",
    ),
    TextCase(
        "content_blocked",
        422,
        "Inappropriate content (B5)",
        "inappropriate",
        refused={"text": "Adult content"},
        blocked_by="vendor",
    ),
    TextCase(
        "content_blocked",
        422,
        "A burst (B5)",
        "burst: more than 2 messages in 30 s",
        settings=(
            *NO_LIMITS,
            "business_texting.filters.gateway=[{cause: burst, messages: 2, window_seconds: 30}]",
        ),
        before=(TEXT, TEXT),
        later_s=31,
        blocked_by="cisco",
    ),
    TextCase(
        "content_blocked",
        422,
        "Too many recipients, in volume (B5)",
        "volume: more than 2 recipients",
        settings=(
            *NO_LIMITS,
            "business_texting.filters.gateway=[{cause: volume, recipients: 2, window_seconds: 86400}]",
        ),
        before=({"to": "+13105550126"}, {"to": "+13105550127"}),
        later_s=86_401,
        blocked_by="cisco",
    ),
)

OUTBOUND = (*SENDERS, *CONTENT, *LIMITS)
