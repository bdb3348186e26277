"""Inbound texts: each rule once."""

from gateway.policy.decisions.model import BOB, SPARE, InboundCase, patch

INBOUND = (
    InboundCase("malformed", "rejected", "A sender that is no telephone number", "ACME"),
    InboundCase(
        "mms_not_supported", "rejected", "A picture (B1)", "+12125550131", text="", files=("photo.jpg",)
    ),
    InboundCase("international_not_supported", "rejected", "From London (B2)", "+447700900123"),
    InboundCase("emoji_not_supported", "rejected", "An emoji (B3)", "+12125550132", text="👍🏽"),
    InboundCase(
        "recipient_unknown", "undeliverable", "To a number that is nobody's (A3)", "+12125550133", SPARE
    ),
    InboundCase(
        "recipient_texting_disabled",
        "undeliverable",
        "To a user who is switched off (A11)",
        "+12125550134",
        BOB,
        changes=(
            patch("/v1/people/bob", {"textingOverride": "off"}, {"textingOverride": "organizationDefault"}),
        ),
    ),
)
