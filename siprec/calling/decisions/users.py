"""Users at a provider, their accounts and settings (webex.md C8–C15)."""

from siprec.calling.decisions.model import (
    BOLT,
    ORGANIZATION,
    UNRECORDED,
    Case,
    Decision,
    Request,
    Talk,
    patch,
    person,
    subscribe,
)

USERS = (
    Decision(
        "C8",
        "Dubber's user and entitlement are made by enabling; elsewhere by hand or the provider's sync tool.",
        (
            Case(
                "bob is enabled at Dubber: he is provisioned, his recording is filed under him.",
                (person("bob", mode="always"),),
                (Talk("bob"),),
                expect={
                    "recordings": 1,
                    "person": "bob",
                    "quarantined": False,
                    "settings": {"bob": {"provisioned": True}},
                },
            ),
        ),
        (
            Case(
                "bob is enabled at Imagicle, and no user there: his recording waits in quarantine.",
                (
                    patch("/v1/locations/washington/recording", provider="imagicle"),
                    person("bob", mode="always"),
                ),
                (Talk("bob"),),
                expect={"recordings": 1, "quarantined": True, "settings": {"bob": {"provisioned": False}}},
            ),
            Case(
                "Imagicle's sync tool makes him one: the recording is his.",
                (
                    patch("/v1/locations/washington/recording", provider="imagicle"),
                    person("bob", mode="always"),
                ),
                (Talk("bob"),),
                (subscribe("bob", "demo-imagicle", product="imagicle"),),
                expect={"recordings": 1, "quarantined": False, "person": "bob", "provider": "imagicle"},
            ),
        ),
    ),
    Decision(
        "C9",
        "An upgrade to a paid product stops automatic deletion; a downgrade starts the 30 days. At any time.",
        (
            Case(
                "A recording of Dubber Go, then the upgrade: it is there after 90 days.",
                after=(subscribe("alice", product="dubber_standard"),),
                days=90,
                expect={"recordings": 1, "expires": False},
            ),
            Case(
                "A recording of Dubber Standard, then the downgrade: it is there after 29 days.",
                (person("carol", mode="always"),),
                (Talk("carol"),),
                (subscribe("carol", product="dubber_go"),),
                days=29,
                expect={"recordings": 1, "expires": True},
            ),
        ),
        (
            Case("No upgrade: it is gone on day 30.", days=30, expect={"recordings": 0}),
            Case(
                "After the downgrade: gone on day 30. A person may not order it.",
                (person("carol", mode="always"),),
                (Talk("carol"),),
                (
                    subscribe("carol", "demo-admin", 403, "not_account_administrator", product="dubber_go"),
                    subscribe("carol", product="dubber_go"),
                ),
                days=30,
                expect={"recordings": 0},
            ),
        ),
    ),
    Decision(
        "C10",
        "The provider's terms are accepted once per organisation; it learns names, e-mail and time zone.",
        (
            Case(
                "The other customer accepts Imagicle's terms, once, and chooses it: bea is recorded there.",
                (
                    Request("POST", f"{BOLT}/terms", {"provider": "imagicle"}, "bolt-admin", 201),
                    Request(
                        "POST",
                        f"{BOLT}/terms",
                        {"provider": "imagicle"},
                        "bolt-admin",
                        409,
                        "terms_already_accepted",
                    ),
                    patch(f"{BOLT}/accounts/imagicle", contract=True),
                    patch(BOLT, "bolt-admin", provider="imagicle"),
                    person("bea", "bolt-admin", mode="always"),
                    subscribe("bea", "demo-imagicle", product="imagicle"),
                ),
                (Talk("bea"),),
                expect={"recordings": 1, "provider": "imagicle", "person": "bea"},
            ),
        ),
        (
            Case(
                "Without the terms the provider cannot be chosen; bea stays with Dubber.",
                (
                    patch(BOLT, "bolt-admin", 409, "terms_not_accepted", provider="imagicle"),
                    person("bea", "bolt-admin", mode="always"),
                ),
                (Talk("bea"),),
                expect={"recordings": 1, "provider": "dubber", "person": "bea"},
            ),
        ),
    ),
    Decision(
        "C11",
        "None as the provider asks for an explicit “I understand” and removes recording for every user.",
        (
            Case(
                "None, with the confirmation: alice is set to never, her call is not recorded.",
                (patch(ORGANIZATION, "demo-admin", provider="none", confirmation="I understand"),),
                UNRECORDED,
                expect={"recordings": 0, "settings": {"alice": {"mode": "never"}}},
            ),
        ),
        (
            Case(
                "None without it is refused: nothing has changed, her call is recorded.",
                (patch(ORGANIZATION, "demo-admin", 409, "confirmation_required", provider="none"),),
                expect={"recordings": 1, "settings": {"alice": {"mode": "always_with_pause"}}},
            ),
        ),
    ),
    Decision(
        "C12",
        "A location takes the organisation's provider, or another one, or none.",
        (
            Case(
                "Washington has none: alice is not recorded there; carol in Toronto is.",
                (
                    patch("/v1/locations/washington/recording", "demo-admin", provider="none"),
                    person("carol", mode="always"),
                ),
                (Talk(recorded=False), Talk("carol")),
                expect={"recordings": 1, "person": "carol"},
            ),
        ),
        (
            Case(
                "Washington follows the organisation again: alice is recorded, by Dubber.",
                (
                    patch("/v1/locations/washington/recording", "demo-admin", provider="none"),
                    patch("/v1/locations/washington/recording", "demo-admin", provider="inherit"),
                ),
                expect={"recordings": 1, "person": "alice", "provider": "dubber"},
            ),
        ),
    ),
    Decision(
        "C13",
        "Turning recording off for a user clears the settings; recordings made before stay.",
        (
            Case(
                "One call, off, another call: settings are cleared, the first recording stays, no second.",
                (person("alice", pauseNotice="beep"),),
                after=(person("alice", mode="never"),),
                again=UNRECORDED,
                expect={
                    "recordings": 1,
                    "settings": {"alice": {"mode": "never", "pauseNotice": "none"}},
                },
            ),
        ),
        (
            Case(
                "One call, another mode, another call: the settings stay, both are recorded.",
                (person("alice", pauseNotice="beep"),),
                after=(person("alice", mode="always"),),
                again=(Talk(),),
                expect={
                    "recordings": 2,
                    "settings": {"alice": {"mode": "always", "pauseNotice": "beep"}},
                },
            ),
        ),
    ),
    Decision(
        "C14",
        "Who enables recording becomes an administrator in the Dubber account; a partner in one only.",
        (
            Case(
                "The administrator enables bob, is in the account, and gives him a licence; bob is recorded.",
                (person("bob", mode="always"), subscribe("bob", "demo-admin", product="dubber_standard")),
                (Talk("bob"),),
                expect={"recordings": 1, "product": "dubber_standard", "administrators": ["demo-admin"]},
            ),
        ),
        (
            Case(
                "A partner who enabled bob here may not enable bea there: her call is not recorded.",
                (
                    person("bob", "demo-partner", mode="always"),
                    person("bea", "demo-partner", 409, "partner_in_another_account", mode="always"),
                ),
                (Talk("bea", recorded=False),),
                expect={"recordings": 0, "administrators": ["demo-partner"]},
            ),
        ),
    ),
    Decision(
        "C15",
        "Platform information per user: service provider, external group, external identifier; BroadWorks.",
        (
            Case(
                "Under alice's three values her recording is found.",
                expect={
                    "recordings": 1,
                    "person": "alice",
                    "tenant": {
                        "serviceProvider": "acme-sp",
                        "externalGroup": "acme-dental",
                        "externalIdentifier": "alice@acme-dental.example",
                    },
                    "settings": {
                        "alice": {
                            "platformInformation": {
                                "product": "Dubber Go",
                                "externalType": "BroadWorks",
                                "serviceProvider": "acme-sp",
                                "externalGroup": "acme-dental",
                                "externalIdentifier": "alice@acme-dental.example",
                            }
                        }
                    },
                },
            ),
        ),
        (
            Case(
                "An identifier of somebody else's is refused: bob is not enabled, his call not recorded.",
                (
                    person(
                        "bob",
                        status=409,
                        code="external_identifier_taken",
                        mode="always",
                        externalIdentifier="alice@acme-dental.example",
                    ),
                ),
                (Talk("bob", recorded=False),),
                expect={"recordings": 0, "settings": {"bob": {"platformInformation": None}}},
            ),
        ),
    ),
)
