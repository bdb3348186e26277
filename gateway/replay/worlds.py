"""The world a capture is replayed in: whose role it has, numbers to map onto, a carrier that fits.

`--world auto` makes a world of the capture's own numbers: whatever sends belongs to a vetted brand whose
campaign is active, so that what differs is never that nobody had registered it. `--world FILE` maps the
capture's senders onto the numbers of a configuration.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from gateway.carriers.profile import CarrierProfile, Latency, Registration
from gateway.replay.errors import WorldInvalid
from gateway.replay.trace import PduCaptured, Trace
from gateway.runtime.config import find_config, load
from gateway.smpp.pdu import DeliverSm, SubmitMulti, SubmitSm
from gateway.smpp.receipt import is_receipt

AUTO: Final = "auto"
ENOUGH_TEXTS: Final = 10_000
KEPT_TEXTS: Final = 10_000
"""Texts that a mock carrier answers `query_sm` about: a replay's memory does not grow with its capture."""


def majority_role(trace: Trace) -> str:
    """Whose part most of a capture's texts are: `esme` where it submitted most of them, else `carrier`.

    Ten thousand texts are enough to tell.
    """
    submits = inbound = 0
    for event in trace:
        if isinstance(event, PduCaptured):
            pdu = event.pdu
            submits += isinstance(pdu, SubmitSm | SubmitMulti)
            inbound += isinstance(pdu, DeliverSm) and not is_receipt(pdu.esm_class)
            if submits + inbound >= ENOUGH_TEXTS:
                break
    return "carrier" if inbound > submits else "esme"


def world_numbers(path: Path) -> list[str]:
    """The numbers of a configuration's directory, in order; raises `WorldInvalid` and `OSError`."""
    try:
        document: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        organizations = document["directory"]["organizations"].values()
        numbers = [str(number) for each in organizations for number in each.get("numbers", {})]
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, AttributeError):
        raise WorldInvalid(path.name, "no configuration with directory.organizations.*.numbers") from None
    if not numbers:
        raise WorldInvalid(path.name, "its organisations have no numbers")
    return numbers


def carrier_for(name: str, seed: int, *, registered: bool) -> CarrierProfile:
    """The profile of `config/carriers/<name>.yaml` for a replay, answering at once; raises `ConfigError`.

    With `registered` every sender counts as one of a vetted brand, and no number is a test number of ours.
    """
    loaded = load(find_config(f"carriers/{name}.yaml"), {"profile": CarrierProfile})
    profile: CarrierProfile = loaded.section("profile", CarrierProfile)
    changes: dict[str, Any] = {
        "response_latency": Latency(),
        "seed": profile.seed ^ seed,
        "kept_texts": min(profile.kept_texts, KEPT_TEXTS),
    }
    if registered:
        profile = with_everybody_registered(profile)
        changes |= {"numbers": ("*",), "digits": {}, "handsets": ()}
    return profile.model_copy(update=changes)


def with_everybody_registered(profile: CarrierProfile) -> CarrierProfile:
    """The carrier as it is towards a world in which every sender belongs to a vetted brand."""
    everybody = Registration(
        numbers=("*",), brand="replay", campaign="replay", campaign_class="A", score=100,
        number_limits=False,
    )  # fmt: skip
    registration = profile.registration.model_copy(update={"registrations": (everybody,)})
    return profile.model_copy(update={"registration": registration})
