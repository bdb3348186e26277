"""The decision table of call recording: each fact of `webex.md` C and D, what shows it, what its opposite.

One table for two readers: the reference page is made from it, and the tests set every case up over the API,
make the calls, and compare what they find with `expect`. Pure data.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PARTNER, ADMIN = "demo-partner", "demo-admin"
"""Tokens of the demo world."""
PATIENT = "+13105550120"
ORGANIZATION = "/v1/organizations/acme-dental/recording"
BOLT = "/v1/organizations/bolt/recording"


@dataclass(frozen=True, slots=True)
class Request:
    """A request to the API, and how it is answered. code: of a refusal."""

    method: str
    path: str
    body: Mapping[str, Any]
    token: str = PARTNER
    status: int = 200
    code: str = ""


@dataclass(frozen=True, slots=True)
class Talk:
    """A call. keys: softkeys the caller presses as they appear. recorded: that is waited for."""

    caller: str = "alice"
    to: str = PATIENT
    keys: tuple[str, ...] = ()
    recorded: bool = True
    seconds: float = 0.5


@dataclass(frozen=True, slots=True)
class Case:
    """A case: requests, calls, requests after them, calls again, days that pass; then `expect` holds.

    overrides: of the configuration. expect: see `tests/siprec/calling/test_decisions.py`, which measures.
    """

    says: str
    requests: tuple[Request, ...] = ()
    talks: tuple[Talk, ...] = (Talk(),)
    after: tuple[Request, ...] = ()
    again: tuple[Talk, ...] = ()
    days: int = 0
    overrides: tuple[str, ...] = ()
    expect: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """A fact, the cases that show it, and those that show its opposite."""

    fact: str
    statement: str
    shown: tuple[Case, ...]
    opposite: tuple[Case, ...]


def patch(path: str, token: str = PARTNER, status: int = 200, code: str = "", **body: Any) -> Request:
    """A change; names of `body` as the API spells them."""
    return Request("PATCH", path, body, token, status, code)


def person(name: str, token: str = ADMIN, status: int = 200, code: str = "", **body: Any) -> Request:
    """A change of someone's recording settings."""
    return patch(f"/v1/people/{name}/recording", token, status, code, **body)


def subscribe(name: str, token: str = PARTNER, status: int = 200, code: str = "", **body: str) -> Request:
    """Give someone a product."""
    return Request("PUT", f"/v1/people/{name}/recording/subscription", body, token, status, code)


UNRECORDED = (Talk(recorded=False),)
VOICEMAIL = ("calling.mailboxes=[dave]", "calling.ring_seconds=0.3")
TONES = ("recording.repeat_tone_seconds=[1, 90]",)

ACCOUNTS = (
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

CALLS = (
    Decision(
        "D1",
        "Modes: On demand, Always, Always with pause/resume, Never (the default).",
        (
            Case(
                "Always: every call, no key to press.",
                (person("alice", mode="always"),),
                expect={"recordings": 1, "softkeys": ()},
            ),
            Case(
                "Always, incoming as well.",
                (person("alice", mode="always"),),
                (Talk("patient", "+12025550100"),),
                expect={"recordings": 1, "person": "alice"},
            ),
            Case(
                "Always with pause/resume: what is said while paused is not in it.",
                talks=(Talk(keys=("PauseRec", "ResumeRec")),),
                expect={"recordings": 1, "pauses": 1, "softkeys": ("PauseRec",)},
            ),
            Case(
                "On demand: from Record to StopRec, and again in the same call.",
                (person("alice", mode="on_demand"),),
                (Talk(keys=("Record", "StopRec", "Record")),),
                expect={"recordings": 2, "softkeys": ("PauseRec", "StopRec")},
            ),
        ),
        (
            Case(
                "Never: nothing.",
                (person("alice", mode="never"),),
                UNRECORDED,
                expect={"recordings": 0, "softkeys": (), "icon": "none"},
            ),
            Case(
                "On demand, and nobody presses Record: nothing.",
                (person("alice", mode="on_demand"),),
                UNRECORDED,
                expect={"recordings": 0, "softkeys": ("Record",), "icon": "none"},
            ),
        ),
    ),
    Decision(
        "D2",
        "Record voicemail: optional; voice mailbox messages are recorded too.",
        (
            Case(
                "On: the message somebody leaves for dave is recorded.",
                (person("dave", recordVoicemail=True),),
                (Talk("patient", "+12025550103", seconds=3.2),),
                overrides=VOICEMAIL,
                expect={"recordings": 1, "person": "dave", "played": ("voicemail-greeting",)},
            ),
        ),
        (
            Case(
                "Off: it is not.",
                (person("dave", recordVoicemail=False),),
                (Talk("patient", "+12025550103", recorded=False, seconds=1.5),),
                overrides=VOICEMAIL,
                expect={"recordings": 0, "voicemail": True},
            ),
        ),
    ),
    Decision(
        "D3",
        "Start/stop announcement: optional; played to every party, and not in the recording.",
        (
            Case(
                "On: heard by all, told to the provider, not recorded.",
                (person("alice", announceStartStop=True),),
                expect={
                    "recordings": 1,
                    "played": ("recording-started",),
                    "told": ("start announcement",),
                    "unrecorded": ("recording-started",),
                },
            ),
            Case(
                "On, and recording is stopped by key: so is its end.",
                (person("alice", mode="on_demand", announceStartStop=True),),
                (Talk(keys=("Record", "StopRec"), recorded=False, seconds=2.2),),
                expect={
                    "recordings": 1,
                    "played": ("recording-started", "recording-stopped"),
                    "told": ("start announcement", "stop announcement"),
                },
            ),
        ),
        (
            Case(
                "Off: no announcement.",
                (person("alice", announceStartStop=False),),
                expect={"recordings": 1, "unplayed": ("recording-started",), "told": ()},
            ),
        ),
    ),
    Decision(
        "D4",
        "The provider is told of each announcement at start, stop, pause and resume, in SIPREC metadata.",
        (
            Case(
                "Start, pause and resume are announced: the metadata tells all three, at their moments.",
                (person("alice", announceStartStop=True, pauseNotice="announcement"),),
                (Talk(keys=("PauseRec", "ResumeRec")),),
                expect={
                    "recordings": 1,
                    "told": ("start announcement", "pause announcement", "resume announcement"),
                },
            ),
        ),
        (
            Case(
                "Pause and resume beep: a beep is no announcement, nothing is told.",
                (person("alice", pauseNotice="beep"),),
                (Talk(keys=("PauseRec", "ResumeRec")),),
                expect={"recordings": 1, "told": (), "played": ("beep",)},
            ),
        ),
    ),
    Decision(
        "D5",
        "Pause/resume notification: none, a beep, or an announcement.",
        (
            Case(
                "Announcement: “paused” and “resumed” are heard, and not recorded.",
                (person("alice", pauseNotice="announcement"),),
                (Talk(keys=("PauseRec", "ResumeRec"), seconds=2.5),),
                expect={
                    "recordings": 1,
                    "played": ("recording-paused", "recording-resumed"),
                    "unplayed": ("beep",),
                    "unrecorded": ("recording-paused", "recording-resumed"),
                },
            ),
            Case(
                "Beep: a beep is heard.",
                (person("alice", pauseNotice="beep"),),
                (Talk(keys=("PauseRec",)),),
                expect={"recordings": 1, "played": ("beep",), "unplayed": ("recording-paused",)},
            ),
        ),
        (
            Case(
                "None: nothing is heard.",
                (person("alice", pauseNotice="none"),),
                (Talk(keys=("PauseRec", "ResumeRec")),),
                expect={"recordings": 1, "pauses": 1, "unplayed": ("beep", "recording-paused")},
            ),
        ),
    ),
    Decision(
        "D6",
        "Repeat tone: reminds every party; every 20 s by default, 10–90 s configurable.",
        (
            Case(
                "On, each second here: the tone is heard, and not recorded.",
                (person("alice", repeatTone=True, repeatToneSeconds=1),),
                (Talk(seconds=1.6),),
                overrides=TONES,
                expect={"recordings": 1, "played": ("tone",), "unrecorded": ("tone",)},
            ),
            Case(
                "On, and nothing said of the interval: 20 seconds.",
                (person("alice", repeatTone=True),),
                expect={
                    "recordings": 1,
                    "settings": {"alice": {"repeatTone": True, "repeatToneSeconds": 20}},
                },
            ),
        ),
        (
            Case(
                "Off: no tone. Five seconds are refused.",
                (
                    person(
                        "alice",
                        status=422,
                        code="repeat_tone_out_of_range",
                        repeatTone=True,
                        repeatToneSeconds=5,
                    ),
                ),
                (Talk(seconds=1.6),),
                expect={"recordings": 1, "unplayed": ("tone",)},
            ),
        ),
    ),
    Decision(
        "D7",
        "MPP phones and the Webex App show an icon while a call is recorded.",
        (
            Case(
                "alice's desk phone and bob's Webex App show it.",
                talks=(Talk(to="+12025550101"),),
                expect={"recordings": 1, "icons": {"alice": "recording", "bob": "recording"}},
            ),
        ),
        (
            Case(
                "A phone outside does not; nor does anyone in a call that is not recorded.",
                expect={"recordings": 1, "icons": {"alice": "recording", "patient": "none"}},
            ),
            Case(
                "Nobody is recorded: no icon.",
                (person("alice", mode="never"),),
                (Talk(to="+12025550101", recorded=False),),
                expect={"recordings": 0, "icons": {"alice": "none", "bob": "none"}},
            ),
        ),
    ),
    Decision(
        "D8",
        "On-demand users get Record; on-demand and always-with-pause users PauseRec and ResumeRec.",
        (
            Case(
                "Always with pause/resume: PauseRec, and once pressed ResumeRec.",
                talks=(Talk(keys=("PauseRec",)),),
                expect={"recordings": 1, "softkeys": ("ResumeRec",), "icon": "paused"},
            ),
            Case(
                "On demand: Record, then PauseRec and StopRec.",
                (person("alice", mode="on_demand"),),
                (Talk(keys=("Record",)),),
                expect={"recordings": 1, "softkeys": ("PauseRec", "StopRec")},
            ),
        ),
        (
            Case(
                "Always: no key.",
                (person("alice", mode="always"),),
                expect={"recordings": 1, "softkeys": (), "icon": "recording"},
            ),
        ),
    ),
    Decision(
        "D9",
        "Two streams, one per direction, go to the provider while recording.",
        (Case("Both parties speak, each in a stream of its own.", expect={"recordings": 1, "voices": 2}),),
        (
            Case(
                "While nobody records, no stream goes anywhere.",
                (person("alice", mode="on_demand"),),
                UNRECORDED,
                expect={"recordings": 0, "sessions": 0},
            ),
        ),
    ),
    Decision(
        "D10",
        "ICE and recording each delay the start of a call a little; together the delay is noticeable.",
        (
            Case(
                "Recording alone: 160 ms (modelled).",
                expect={"recordings": 1, "delay_ms": 160},
            ),
            Case(
                "ICE alone: 120 ms.",
                (person("alice", mode="never"),),
                UNRECORDED,
                overrides=("calling.media_optimized=[alice]",),
                expect={"recordings": 0, "delay_ms": 120},
            ),
            Case(
                "Both: 600 ms, more than their sum.",
                overrides=("calling.media_optimized=[alice]",),
                expect={"recordings": 1, "delay_ms": 600},
            ),
        ),
        (
            Case(
                "Neither: audio passes at once.",
                (person("alice", mode="never"),),
                UNRECORDED,
                expect={"recordings": 0, "delay_ms": 0},
            ),
        ),
    ),
)

DECISIONS = (*ACCOUNTS, *CALLS)
