"""What administrators do and are told: A11 to A13, B6 to B10."""

from gateway.policy.decisions.model import (
    ALICE,
    ORGANIZATION,
    SPARE,
    TEXT,
    TMOBILE,
    WASHINGTON,
    AdministrativeCase,
    Request,
)

_FORM = {
    "brandId": "acme-dental",
    "campaign": {
        "useCase": "UCAAS_LOW",
        "description": "Employees of a dental practice text patients about their appointments.",
        "samples": ["Acme Dental: your appointment is on Tuesday."],
    },
    "numbers": [SPARE],
}
_ORDER = {"locationId": "washington", "numbers": [SPARE]}
_OPEN_CASE = Request("POST", "/v1/supportCases", status=201, keep="case")
_HAND_IN = "/v1/supportCases/{case}/form"

ADMINISTRATION = (
    AdministrativeCase(
        "override_not_offered",
        "A user's own setting where the location is not eligible (A11)",
        (
            Request("PATCH", WASHINGTON, {"ciscoPstn": False}),
            Request("PATCH", "/v1/people/alice", {"textingOverride": "on"}, 409, "override_not_offered"),
            Request("PATCH", WASHINGTON, {"ciscoPstn": True}),
            Request("PATCH", "/v1/people/alice", {"textingOverride": "on"}),
        ),
    ),
    AdministrativeCase(
        "number_not_authorizable",
        "An order for a number of another location, an authorised one, one that is no person's (A12)",
        (
            Request(
                "POST",
                "/v1/numberOrders",
                {"locationId": "toronto", "numbers": [SPARE]},
                409,
                "number_not_authorizable",
            ),
            Request(
                "POST",
                "/v1/numberOrders",
                {"locationId": "washington", "numbers": [ALICE]},
                409,
                "number_not_authorizable",
            ),
            Request("POST", "/v1/numbers", {"number": "+18005550107", "locationId": "washington"}, 201),
            Request(
                "POST",
                "/v1/numberOrders",
                {"locationId": "washington", "numbers": ["+18005550107"]},
                409,
                "number_not_authorizable",
            ),
            Request("POST", "/v1/numberOrders", _ORDER, 201),
        ),
    ),
    AdministrativeCase(
        "number_not_authorized",
        "Registration of a number before its authorisation, and after it (A9, A13)",
        (
            _OPEN_CASE,
            Request("POST", _HAND_IN, _FORM, 409, "number_not_authorized"),
            Request("POST", "/v1/numberOrders", _ORDER, 201),
            Request("POST", _HAND_IN, _FORM),
        ),
    ),
    AdministrativeCase(
        "registration_form_incomplete",
        "A form without a campaign, and one whose use case wants others beside it (A13)",
        (
            Request("POST", "/v1/numberOrders", _ORDER, 201),
            _OPEN_CASE,
            Request(
                "POST",
                _HAND_IN,
                {"brandId": "acme-dental", "numbers": [SPARE]},
                422,
                "registration_form_incomplete",
            ),
            Request(
                "POST",
                _HAND_IN,
                {**_FORM, "campaign": {"useCase": "MIXED"}},
                422,
                "registration_form_incomplete",
            ),
            Request("POST", _HAND_IN, _FORM),
        ),
    ),
    AdministrativeCase(
        "retention_fixed",
        "Another retention than 400 days (B6)",
        (Request("PATCH", ORGANIZATION, {"textRetentionDays": 30}, 409, "retention_fixed"),),
    ),
    AdministrativeCase(
        "retention_fixed",
        "The same where the retention can be customised (B6)",
        (Request("PATCH", ORGANIZATION, {"textRetentionDays": 30}),),
        ("business_texting.retention_customizable=true",),
    ),
    AdministrativeCase(
        "hipaa_not_supported",
        "A healthcare customer: a warning (B7)",
        (Request("PATCH", ORGANIZATION, {"hipaa": True}, 200, "hipaa_not_supported"),),
    ),
    AdministrativeCase(
        "hipaa_not_supported",
        "The same where texting is refused to such customers (B7)",
        (
            Request("PATCH", ORGANIZATION, {"hipaa": True}, 409, "hipaa_not_supported"),
            Request("PATCH", ORGANIZATION, {"hipaa": True, "textingEnabled": False}),
            Request("PATCH", "/v1/people/alice", {"textingOverride": "on"}, 409, "hipaa_not_supported"),
        ),
        ("business_texting.refuse_hipaa=true",),
    ),
    AdministrativeCase(
        "ediscovery_not_available",
        "A compliance officer looks for texts (B8)",
        (
            Request("GET", "/v1/ediscovery", status=404, code="ediscovery_not_available"),
            Request("GET", "/v1/events"),
        ),
    ),
    AdministrativeCase(
        "events_api_not_available",
        "The Events API until the third revision (B8)",
        (Request("GET", "/v1/events", status=404, code="events_api_not_available"),),
        ("business_texting.revision=T3",),
    ),
    AdministrativeCase(
        "spam_reported",
        "Three people report a sender, who is then blocked until the reports are forgotten (B9)",
        (
            Request("POST", "/v1/spamReports", {"sender": ALICE, "reporter": "ann"}, 202),
            Request("POST", "/v1/spamReports", {"sender": ALICE, "reporter": "ben"}, 202),
            Request("POST", "/v1/messages", TEXT, 202),
            Request("POST", "/v1/spamReports", {"sender": ALICE, "reporter": "cid"}, 202),
            Request("POST", "/v1/messages", TEXT, 422, "spam_blocked"),
            Request("DELETE", f"/v1/spamReports/{ALICE}", status=204),
            Request("POST", "/v1/messages", TEXT, 202),
        ),
    ),
    AdministrativeCase(
        "business_identity_only",
        "A user names the personal number as the sender (B10)",
        (
            Request(
                "POST",
                "/v1/messages",
                {"from": "+12025550160", "to": TMOBILE, "text": "Hello"},
                403,
                "business_identity_only",
                token="demo-alice",  # noqa: S106
            ),
            Request("POST", "/v1/messages", {"to": TMOBILE, "text": "Hello"}, 202, token="demo-alice"),  # noqa: S106
        ),
    ),
)
