"""The recording service, licences, providers and their products (webex.md C1–C7)."""

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

PRODUCTS = (
    Decision(
        "C1",
        "The partner enables the recording service for the organisation; on by default.",
        (Case("Nobody has touched the switch: a call is recorded.", expect={"recordings": 1}),),
        (
            Case(
                "The partner switches it off, which the organisation's administrator may not: no recording.",
                (
                    patch(ORGANIZATION, "demo-admin", 403, "partner_required", enabled=False),
                    patch(ORGANIZATION, enabled=False),
                ),
                UNRECORDED,
                expect={"recordings": 0, "icon": "none"},
            ),
        ),
    ),
    Decision(
        "C2",
        "The user has a Webex Calling Professional or Basic licence.",
        (
            Case(
                "bob has Basic: recording can be enabled, his call is recorded.",
                (person("bob", mode="always"),),
                (Talk("bob"),),
                overrides=("directory.organizations.acme-dental.people.bob.licence=basic",),
                expect={"recordings": 1, "person": "bob"},
            ),
        ),
        (
            Case(
                "bob has none: enabling is refused, his call is not recorded.",
                (person("bob", status=409, code="licence_missing", mode="always"),),
                (Talk("bob", recorded=False),),
                overrides=("directory.organizations.acme-dental.people.bob.licence=none",),
                expect={"recordings": 0},
            ),
        ),
    ),
    Decision(
        "C3",
        "Providers are Dubber, Imagicle and CallCabinet; the default is Dubber, Dubber Go at no charge.",
        (
            Case(
                "Nothing chosen for alice: her recording is Dubber's, product Dubber Go.",
                expect={"recordings": 1, "provider": "dubber", "product": "dubber_go"},
            ),
        ),
        (
            Case(
                "The organisation chooses Imagicle (a stranger is refused): the recording is Imagicle's.",
                (
                    patch(ORGANIZATION, status=422, code="provider_unknown", provider="acme-tapes"),
                    patch(ORGANIZATION, provider="imagicle"),
                    subscribe("alice", product="imagicle", provider="imagicle"),
                ),
                expect={"recordings": 1, "provider": "imagicle", "product": "imagicle"},
            ),
        ),
    ),
    Decision(
        "C4",
        "Dubber Go: every recording is kept 30 days; only the user can see and manage the user's own.",
        (
            Case(
                "alice listens to her recording; administrators may not. It has an end.",
                expect={
                    "recordings": 1,
                    "expires": True,
                    "audio": {"alice": 200, "demo-admin": 403, "demo-dubber-admin": 403},
                },
            ),
        ),
        (
            Case(
                "With Dubber Standard the administrator listens as well, and it has no end.",
                (subscribe("alice", product="dubber_standard"),),
                expect={"recordings": 1, "expires": False, "audio": {"alice": 200, "demo-admin": 200}},
            ),
        ),
    ),
    Decision(
        "C5",
        "Dubber Standard and AI: by contract; without limit; administrators can see recordings.",
        (
            Case(
                "carol holds Dubber Standard: an administrator plays her recording, it has no end.",
                (person("carol", mode="always"),),
                (Talk("carol"),),
                expect={
                    "recordings": 1,
                    "product": "dubber_standard",
                    "expires": False,
                    "audio": {"demo-admin": 200},
                },
            ),
        ),
        (
            Case(
                "Another customer has no contract: the product is refused, the recording stays Dubber Go's.",
                (
                    person("bea", "bolt-admin", mode="always"),
                    subscribe("bea", status=409, code="contract_missing", product="dubber_standard"),
                ),
                (Talk("bea"),),
                expect={
                    "recordings": 1,
                    "product": "dubber_go",
                    "expires": True,
                    "audio": {"bolt-admin": 403},
                },
            ),
        ),
    ),
    Decision(
        "C6",
        "Imagicle: by contract; its cloud, or the customer's own storage; regions US, EU, EUN.",
        (
            Case(
                "dave's recordings are Imagicle's, and move to the customer's own place when asked.",
                (
                    Request(
                        "POST", f"{BOLT}/terms", {"provider": "imagicle", "region": "EUN"}, "bolt-admin", 201
                    ),
                    patch(f"{ORGANIZATION}/accounts/imagicle", storage="vault"),
                ),
                (Talk("dave"),),
                overrides=("recording.storages.vault={folder}/vault",),
                expect={"recordings": 1, "provider": "imagicle", "storage": "vault"},
            ),
        ),
        (
            Case(
                "Dubber moves nothing out of its cloud; a region Imagicle does not have is refused.",
                (
                    Request(
                        "POST",
                        f"{BOLT}/terms",
                        {"provider": "imagicle", "region": "AU"},
                        "bolt-admin",
                        422,
                        "region_not_offered",
                    ),
                    patch(
                        f"{ORGANIZATION}/accounts/dubber",
                        storage="vault",
                        status=409,
                        code="storage_not_offered",
                    ),
                ),
                overrides=("recording.storages.vault={folder}/vault",),
                expect={"recordings": 1, "provider": "dubber", "storage": None},
            ),
        ),
    ),
    Decision(
        "C7",
        "CallCabinet: ordered; unlimited cloud storage, or the customer's own; region US.",
        (
            Case(
                "erin's location has CallCabinet: her recording is there, without end. Another customer's "
                "account is opened in the US.",
                (
                    Request(
                        "POST", f"{BOLT}/accounts", {"provider": "callcabinet", "region": "US"}, status=201
                    ),
                ),
                (Talk("erin"),),
                expect={"recordings": 1, "provider": "callcabinet", "expires": False},
            ),
        ),
        (
            Case(
                "No account in Europe; her location back at the organisation's: the recording is Dubber's.",
                (
                    Request(
                        "POST",
                        f"{BOLT}/accounts",
                        {"provider": "callcabinet", "region": "EU"},
                        status=422,
                        code="region_not_offered",
                    ),
                    patch("/v1/locations/anacostia/recording", provider="inherit"),
                ),
                (Talk("erin"),),
                expect={"recordings": 1, "provider": "dubber", "expires": True},
            ),
        ),
    ),
)
