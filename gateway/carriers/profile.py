"""A carrier's truth: section `profile:` of `config/carriers/<name>.yaml`.

The section `terms:` of the same file is what the gateway believes; the two may disagree, as in life. Every
number here is data with its source beside it in the YAML; the defaults below are those of a healthy carrier
without limits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from gateway.carriers.faults import BehaviourName, FaultKind, FaultSpec
from gateway.carriers.numbers import Numbers
from gateway.policy.filters import CountFilter, DomainFilter, OptOutRatioFilter, WordFilter
from gateway.smpp.constants import MessageState
from gateway.smpp.receipt import STAT_WORDS, ReceiptNotation
from gateway.smpp.segment import Concatenation
from gateway.throttle.zones import zone

Country = Literal["US", "CA"]
BindType = Literal["transmitter", "receiver", "transceiver"]
RefusalEvent = Literal[
    "unregistered_number",
    "campaign_inactive",
    "brand_day_cap",
    "campaign_minute_cap",
    "number_cap",
    "throughput",
    "queue_full",
    "spam",
    "source_blocklisted",
    "destination_blocklisted",
    "bad_source",
    "bad_destination",
    "too_long",
]
"""Why a carrier refuses a text (10dlc.md, event vocabulary)."""
REFUSAL_EVENTS: Final[tuple[str, ...]] = get_args(RefusalEvent)

OutcomeName = Literal[
    "delivered",
    "undeliverable",
    "expired",
    "deleted",
    "unknown",
    "rejected",
    "accepted",
    "no_receipt",
    "refused",
]
"""How a text that the rules let pass ends; `accepted` and `no_receipt` never reach a final receipt."""


_LONGEST_S: Final = 10 * 366 * 86_400.0
Seconds = Annotated[float, Field(ge=0, le=_LONGEST_S)]
"""A time of at most ten years."""
SomeSeconds = Annotated[float, Field(gt=0, le=_LONGEST_S)]
"""The same, not zero."""


def _known_zone(name: str) -> str:
    zone(name)
    return name


Zone = Annotated[str, AfterValidator(_known_zone)]
"""A time zone by its name in the IANA database."""


class Frozen(BaseModel):
    """Base of every settings model here: immutable, unknown keys refused."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        arbitrary_types_allowed=True,
        defer_build=True,
    )


# --- who may bind -------------------------------------------------------------------------------------------


class Account(Frozen):
    """One ESME account."""

    system_id: Annotated[str, Field(min_length=1, max_length=15)]
    """Name it binds by."""
    password: Annotated[str, Field(max_length=8)]
    """Its password, at most 8 characters (SMPP 3.4 §5.2.2)."""
    allowed_addresses: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    """Networks its connections may come from."""
    max_binds: Annotated[int, Field(ge=1)] = 16
    """Binds of all types together."""
    bind_types: tuple[BindType, ...] = ("transmitter", "receiver", "transceiver")
    """Kinds of bind it may open."""
    numbers: Numbers = ()
    """Numbers whose inbound texts go to this account, whoever last wrote from them."""
    default: bool = False
    """Takes inbound texts to numbers that no account owns."""

    @field_validator("allowed_addresses")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            ip_network(network)
        return value


# --- how texts end ------------------------------------------------------------------------------------------


class Latency(Frozen):
    """A seeded distribution of delays in seconds."""

    kind: Literal["fixed", "uniform", "lognormal"] = "fixed"
    """Shape of the distribution."""
    seconds: Seconds = 0.0
    """The delay, the least delay, or the median."""
    spread: Seconds = 0.0
    """Uniform: the width in seconds. Lognormal: sigma, without unit."""
    most_seconds: SomeSeconds = 3600.0
    """Longer draws are cut to this."""


class Outcome(Frozen):
    """One way a text can end, with the weight of its being drawn."""

    outcome: OutcomeName = "delivered"
    """How the text ends."""
    weight: Annotated[float, Field(gt=0, le=1e9)] = 1.0
    """Its share among the outcomes drawn from."""
    error: Annotated[int, Field(ge=0, le=65535)] = 0
    """`err` and network_error_code of the receipt."""
    status: Annotated[int, Field(ge=0, le=0xFFFFFFFF)] = 0
    """`refused`: command_status of submit_sm_resp."""
    attempts: Annotated[int, Field(ge=0)] = 0
    """`refused`: only the first so many attempts per pair of numbers; 0: every one."""
    faults: tuple[FaultSpec, ...] = ()
    """Faults that strike such a text, before those of the carrier."""


class RefusalCode(Frozen):
    """Where and how one kind of refusal is told."""

    at: Literal["response", "receipt"] = "receipt"
    """In submit_sm_resp, or later in the receipt."""
    status: Annotated[int, Field(ge=1, le=0xFFFFFFFF)] = 0x45
    """command_status when told in the response."""
    outcome: Literal["rejected", "undeliverable"] = "rejected"
    """State of the receipt otherwise."""
    error: Annotated[int, Field(ge=0, le=65535)] = 0
    """`err` and network_error_code of the receipt."""


def _digits() -> Mapping[str, Outcome]:
    return DESTINATION_OUTCOMES


# --- handsets -----------------------------------------------------------------------------------------------


class HandsetSettings(Frozen):
    """Handsets of one kind."""

    numbers: Numbers
    """The handsets of this kind."""
    state: Literal["on", "answers", "off", "slow", "silent"] = "on"
    """`answers` every text; `off`: never delivered; `slow`: after `slow_seconds`; `silent`: no receipt
    ever."""
    slow_seconds: Seconds = 20.0
    """World seconds added to the receipt latency of a slow one."""
    reply: str = "Thank you! You wrote: {text}"
    """What an answering one writes; `{text}` is the text it got."""
    reply_seconds: Seconds = 1.0
    """World seconds between a text and its answer."""


class SwitchedOff(Frozen):
    """What becomes of a text to a handset that is off."""

    outcome: Literal["undeliverable", "expired"] = "undeliverable"
    """State of its receipt."""
    error: Annotated[int, Field(ge=0, le=65535)] = 27
    """Absent subscriber (3GPP TS 29.002)."""
    wait_seconds: Seconds | None = 5.0
    """World seconds until the carrier gives up; None: when the validity period ends, as `expired`."""


# --- what is enforced ---------------------------------------------------------------------------------------


class Registration(Frozen):
    """What this carrier holds of the registry about some numbers."""

    numbers: Numbers
    """The sending numbers it is about."""
    brand: str
    """The brand they text for."""
    tax_id: str = ""
    """Whom the carrier counts for the day's cap, over all vendors; empty: the brand."""
    campaign: str
    """The campaign they are assigned to."""
    use_case: str = "MIXED"
    """Use case of the campaign."""
    campaign_class: str = "E"
    """AT&T's class letter."""
    score: Annotated[int, Field(ge=0, le=100)] | None = None
    """Vetting score of the brand."""
    entity: str = "PRIVATE_PROFIT"
    """Legal form of the brand."""
    active: bool = True
    """False: suspended, expired, or not approved by this carrier."""
    number_limits: bool = True
    """False: `caps.number` and the filters that count do not apply."""


class RegistrationRule(Frozen):
    """Whether texts need a registered sender."""

    required: bool = False
    """Texts of senders that are not registered are refused."""
    registrations: tuple[Registration, ...] = ()
    """Known from the start; a running gateway replaces them with what its registry holds."""
    delay_seconds: Seconds = 30.0
    """World seconds until a change of the registry is known here."""


class ScoreTier(Frozen):
    """A cap from a vetting score upwards."""

    score: Annotated[int, Field(ge=0, le=100)]
    """Least vetting score of the tier."""
    segments: Annotated[int, Field(ge=0)]
    """Segments a day."""


class BrandDayCap(Frozen):
    """Segments per brand and calendar day."""

    zone: Zone = "America/Los_Angeles"
    """Time zone whose midnight ends the day."""
    tiers: tuple[ScoreTier, ...] = ()
    """Highest score first."""
    unvetted: Annotated[int, Field(ge=0)] | None = None
    """Segments a day of a brand that was never vetted; null: uncapped."""
    use_cases: Mapping[str, int] = Field(default_factory=dict)
    """Caps of use cases that go before the score's."""
    entities: Mapping[str, int | None] = Field(default_factory=dict)
    """Caps of legal forms that go before all others; null: uncapped."""
    other_vendors: Mapping[str, int] = Field(default_factory=dict)
    """Segments per day that brands (by Tax ID or id) send through others and that count here too."""


class CampaignMinuteCap(Frozen):
    """Segments per campaign (or number) and calendar minute, by class."""

    classes: Mapping[str, int] = Field(default_factory=dict)
    """Segments a minute by class letter."""
    per_number: tuple[str, ...] = ()
    """Classes whose cap counts each number for itself."""
    default: Annotated[int, Field(ge=0)] | None = None
    """Segments a minute of every other class; null: uncapped."""


class NumberCap(Frozen):
    """Limits per sending number."""

    per_minute: Annotated[int, Field(ge=0)] | None = None
    """Segments a calendar minute; null: no limit."""
    per_day: Annotated[int, Field(ge=0)] | None = None
    """Segments a calendar day; null: no limit."""
    zone: Zone = "UTC"
    """Time zone whose midnight ends the day."""


class Caps(Frozen):
    """This carrier's own windows; null: none."""

    brand_day: BrandDayCap | None = None
    """Per brand and day (T-Mobile)."""
    campaign_minute: CampaignMinuteCap | None = None
    """Per campaign and minute (AT&T)."""
    number: NumberCap | None = None
    """Per sending number."""
    segments_per_text: Annotated[int, Field(ge=1)] | None = None
    """Longest text; beyond it `too_long`."""
    throughput: Annotated[float, Field(gt=0)] | None = None
    """Segments per second and account, of wire time; beyond it each is refused with `throughput`."""


# --- the whole ----------------------------------------------------------------------------------------------


_STAT_WORD: Final = re.compile(r"[!-~]{1,20}")


class ReceiptSettings(Frozen):
    """Which receipts are sent, and how they are written."""

    notation: ReceiptNotation = ReceiptNotation()
    """How they are written."""
    segments: Literal["each", "first", "last"] = "each"
    """Of a multipart text: one per segment, or only for one of them."""
    other_bind: bool = False
    """Receipts prefer a bind other than the one the text came by."""

    @field_validator("notation")
    @classmethod
    def _writable(cls, value: ReceiptNotation) -> ReceiptNotation:
        for state, word in value.stat.items():
            if state not in MessageState.__members__:
                states = ", ".join(one.name for one in STAT_WORDS)
                raise PydanticCustomError("stat", "stat is by message state: {states}", {"states": states})
            if not _STAT_WORD.fullmatch(word):
                raise PydanticCustomError("stat", "a stat word has 1 to 20 visible ASCII characters")
        if not 1 <= value.id_digits <= 65:
            raise PydanticCustomError("id_digits", "id_digits is 1 to 65")
        return value


class TextSettings(Frozen):
    """Alphabets and long texts."""

    default_alphabet: Literal["gsm7", "latin1"] = "gsm7"
    """What data_coding 0 means."""
    packed: bool = False
    """Septets packed on the wire."""
    accepts: tuple[Concatenation, ...] = (
        Concatenation.UDH8,
        Concatenation.UDH16,
        Concatenation.SAR,
        Concatenation.PAYLOAD,
    )
    """Forms that arrive as one text; others arrive as separate ones."""
    inbound: Concatenation = Concatenation.UDH8
    """Form of long inbound texts."""


class Validity(Frozen):
    """How long an undelivered text is kept, in world seconds."""

    default_seconds: SomeSeconds = 259_200.0
    """For a text that asks for none."""
    most_seconds: SomeSeconds = 604_800.0
    """Longest that a text may ask for."""


class Transition(Frozen):
    """A behaviour that sets in by itself."""

    at_seconds: Seconds
    """World seconds after the carrier's start, or after it is planned over the API."""
    behaviour: BehaviourName
    """What it is from then on."""
    faults: tuple[FaultSpec, ...] = ()
    """Further faults from then on."""


class CarrierProfile(Frozen):
    """Everything a mock carrier is and does."""

    country: Country = "US"
    """Where its subscribers are."""
    system_id: Annotated[str, Field(max_length=15)] = "SMSC"
    """What it calls itself in bind responses."""
    seed: int = 1
    """Of every random decision; the same seed and input give the same bytes."""
    accounts: tuple[Account, ...]
    """ESMEs that may bind."""
    window: Annotated[int, Field(ge=1)] = 100
    """deliver_sm outstanding per bind."""
    receive_window: Annotated[int, Field(ge=1)] = 1_000
    """submit_sm taken unanswered per bind; beyond it ESME_RTHROTTLED."""
    queue_limit: Annotated[int, Field(ge=1)] = 100_000
    """Receipts and inbound texts kept per account that does not take them; the oldest go first."""
    kept_texts: Annotated[int, Field(ge=1)] = 50_000
    """Texts kept for query_sm after they were submitted."""
    ids: Literal["decimal", "hex", "uuid"] = "decimal"
    """Notation of message_id in submit_sm_resp."""
    response_latency: Latency = Latency()
    """Wire seconds until submit_sm_resp."""
    receipt_latency: Latency = Latency(kind="lognormal", seconds=0.5, spread=0.3)
    """World seconds until a text has ended."""
    outcomes: tuple[Outcome, ...] = (Outcome(),)
    """Drawn by weight for destinations that nothing else decides."""
    digits: Mapping[str, Outcome] = Field(default_factory=_digits)
    """Outcomes by the last seven digits of the destination, for quick tests."""
    receipts: ReceiptSettings = ReceiptSettings()
    """Which receipts it sends, and how."""
    text: TextSettings = TextSettings()
    """Alphabets and long texts."""
    validity: Validity = Validity()
    """How long it keeps trying."""
    switched_off: SwitchedOff = SwitchedOff()
    """What becomes of texts to handsets that are off."""
    handsets: tuple[HandsetSettings, ...] = ()
    """Handsets with a will of their own; every other number just receives."""
    numbers: Numbers = ("+1*",)
    """Destinations it serves; others are `bad_destination`."""
    registration: RegistrationRule = RegistrationRule()
    """What it knows of the 10DLC registry."""
    caps: Caps = Caps()
    """Its limits."""
    filters: tuple[WordFilter | DomainFilter | CountFilter | OptOutRatioFilter, ...] = ()
    """Its own filters of improper use; what they find is refused as `spam`."""
    blocked_sources: Numbers = ()
    """Senders it refuses as `source_blocklisted`."""
    blocked_destinations: Numbers = ()
    """Recipients it refuses as `destination_blocklisted`."""
    refusals: Mapping[RefusalEvent, RefusalCode] = Field(default_factory=dict)
    """Where each refusal is told; by default in the receipt without a code, or by SMPP's own status."""
    behaviour: BehaviourName = "healthy"
    """The named behaviour it starts with."""
    faults: tuple[FaultSpec, ...] = ()
    """Besides those of the behaviour."""
    schedule: tuple[Transition, ...] = ()
    """Behaviours that set in later."""

    @model_validator(mode="after")
    def _accounts_differ(self) -> CarrierProfile:
        names = [account.system_id for account in self.accounts]
        if len(set(names)) != len(names):
            raise ValueError("two accounts have the same system_id")
        if sum(account.default for account in self.accounts) > 1:
            raise ValueError("more than one account is the default")
        return self

    def refusal(self, event: RefusalEvent) -> RefusalCode:
        """Return where and how `event` is told."""
        return self.refusals.get(event) or _USUAL_CODES.get(event, _PLAIN_REFUSAL)


_PLAIN_REFUSAL: Final = RefusalCode()
_USUAL_CODES: Final[Mapping[str, RefusalCode]] = {
    "throughput": RefusalCode(at="response", status=0x58),
    "queue_full": RefusalCode(at="response", status=0x14),
    "bad_source": RefusalCode(at="response", status=0x0A),
    "bad_destination": RefusalCode(at="response", status=0x0B),
    "too_long": RefusalCode(at="response", status=0x01),
}
"""Refusals that SMPP itself has a status for (SMPP 3.4 §5.1.3)."""


def _fault(kind: FaultKind, **more: Any) -> tuple[FaultSpec, ...]:
    return (FaultSpec(kind=kind, **more),)


DESTINATION_OUTCOMES: Final[Mapping[str, Outcome]] = {
    "5550150": Outcome(outcome="delivered"),
    "5550151": Outcome(outcome="undeliverable", error=1),
    "5550152": Outcome(outcome="expired", error=27),
    "5550153": Outcome(outcome="rejected", error=21),
    "5550154": Outcome(outcome="unknown"),
    "5550155": Outcome(outcome="deleted"),
    "5550156": Outcome(outcome="accepted"),
    "5550157": Outcome(outcome="no_receipt"),
    "5550158": Outcome(outcome="refused", status=0x58, attempts=1),
    "5550159": Outcome(outcome="refused", status=0x14, attempts=1),
    "5550160": Outcome(outcome="refused", status=0x45),
    "5550161": Outcome(outcome="refused", status=0x0B),
    "5550162": Outcome(outcome="refused", status=0x08),
    "5550163": Outcome(outcome="refused", status=0x401),
    "5550164": Outcome(faults=_fault("no_response")),
    "5550165": Outcome(faults=_fault("late_response", delay_s=2.0)),
    "5550166": Outcome(faults=_fault("receipt_early")),
    "5550167": Outcome(faults=_fault("receipt_duplicated")),
    "5550168": Outcome(faults=_fault("receipt_unknown_id")),
    "5550169": Outcome(faults=_fault("disconnect")),
}
"""What each destination ending in 555-01xx does, on every carrier, unless its profile says otherwise."""
