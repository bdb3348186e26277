"""A carrier's truth: section `profile:` of `config/carriers/<name>.yaml`.

The section `terms:` of the same file is what the gateway believes; the two may disagree, as in life. Every
number here is data with its source beside it in the YAML; the defaults below are those of a healthy carrier
without limits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from gateway.carriers.caps import Caps, Registration, RegistrationRule
from gateway.carriers.faults import BehaviourName, FaultSpec
from gateway.carriers.numbers import Numbers
from gateway.carriers.outcomes import (
    DESTINATION_OUTCOMES,
    REFUSAL_EVENTS,
    HandsetSettings,
    Latency,
    Outcome,
    RefusalCode,
    RefusalEvent,
    SwitchedOff,
    usual_code,
)
from gateway.carriers.values import Frozen, Seconds, SomeSeconds
from gateway.policy.filters import CountFilter, DomainFilter, OptOutRatioFilter, WordFilter
from gateway.runtime.crosschecks import CrossFault, refuse
from gateway.smpp.constants import MessageState
from gateway.smpp.receipt import STAT_WORDS, ReceiptNotation
from gateway.smpp.segment import Concatenation

__all__ = [
    "DESTINATION_OUTCOMES",
    "REFUSAL_EVENTS",
    "Account",
    "BindType",
    "CarrierProfile",
    "Country",
    "HandsetSettings",
    "Latency",
    "Outcome",
    "ReceiptSettings",
    "RefusalCode",
    "RefusalEvent",
    "Registration",
    "TextSettings",
    "Transition",
    "Validity",
]

Country = Literal["US", "CA"]
BindType = Literal["transmitter", "receiver", "transceiver"]


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
    digits: Mapping[str, Outcome] = Field(default_factory=lambda: DESTINATION_OUTCOMES)
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
        refuse(self, self._alike())
        return self

    def _alike(self) -> Iterator[CrossFault]:
        names: set[str] = set()
        defaults = 0
        for index, account in enumerate(self.accounts):
            if account.system_id in names:
                yield CrossFault(("accounts", index, "system_id"), "two accounts have the same system_id")
            names.add(account.system_id)
            defaults += account.default
            if account.default and defaults > 1:
                yield CrossFault(("accounts", index, "default"), "more than one account is the default")

    def refusal(self, event: RefusalEvent) -> RefusalCode:
        """Return where and how `event` is told."""
        return self.refusals.get(event) or usual_code(event)
