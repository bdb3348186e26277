"""How texts end at a carrier: delays, outcomes and their weights, handsets, the codes of refusals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import Field

from gateway.carriers.faults import FaultKind, FaultSpec
from gateway.carriers.numbers import Numbers
from gateway.carriers.values import Frozen, Seconds, SomeSeconds

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


_PLAIN_REFUSAL: Final = RefusalCode()
_USUAL_CODES: Final[Mapping[str, RefusalCode]] = {
    "throughput": RefusalCode(at="response", status=0x58),
    "queue_full": RefusalCode(at="response", status=0x14),
    "bad_source": RefusalCode(at="response", status=0x0A),
    "bad_destination": RefusalCode(at="response", status=0x0B),
    "too_long": RefusalCode(at="response", status=0x01),
}
"""Refusals that SMPP itself has a status for (SMPP 3.4 §5.1.3)."""


def usual_code(event: RefusalEvent) -> RefusalCode:
    """Return where and how `event` is told by a carrier that says nothing else."""
    return _USUAL_CODES.get(event, _PLAIN_REFUSAL)


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
