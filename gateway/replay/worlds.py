"""The world a capture is replayed in: whose role it has, numbers to map onto, a carrier that fits.

`--world auto` makes a world of the capture's own numbers: whatever sends belongs to a vetted brand whose
campaign is active, so that what differs is never that nobody had registered it. As users that world is a
whole configuration (`auto_world`): people with those numbers, their brand and campaign, one mock carrier.
`--world FILE` maps the capture's senders onto the numbers of a configuration.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel

from gateway.carriers.profile import Account, CarrierProfile, Latency, Registration
from gateway.registry.settings import RegistrySettings
from gateway.registry.terms import CarrierTerms
from gateway.replay.errors import WorldInvalid
from gateway.replay.trace import PduCaptured, Trace
from gateway.runtime.config import carried_config, find_config, load
from gateway.runtime.yamltree import read_tree
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


def world_numbers(name: str) -> list[str]:
    """The numbers of a configuration's directory, in order; `gateway.yaml` may be the one that we carry.

    Raises `WorldInvalid` and `ConfigError`.
    """
    path = find_config(name)
    tree = read_tree(path, {})
    if tree.unusable:
        raise WorldInvalid(path.name, tree.faults[0].message)
    try:
        organizations = tree.value["directory"]["organizations"].values()
        numbers = [str(number) for each in organizations for number in each.get("numbers", {})]
    except (KeyError, TypeError, AttributeError):
        raise WorldInvalid(path.name, "no configuration with directory.organizations.*.numbers") from None
    if not numbers:
        raise WorldInvalid(path.name, "its organisations have no numbers")
    return numbers


def auto_world(numbers: Sequence[str], carrier: str, seed: int, token: str) -> dict[str, Any]:
    """A configuration for people with these numbers (E.164), for `gateway run` as well as for a replay.

    Everybody may text, belongs to a vetted brand and an approved campaign without limits per number, and
    reaches everybody over one mock carrier. Raises `ConfigError` for an unknown carrier.
    """
    account = Account(system_id="gateway", password="gateway", max_binds=16, default=True)  # noqa: S106
    profile = carrier_for(carrier, seed, registered=False)
    registration = profile.registration.model_copy(update={"registrations": ()})  # the registry tells it
    profile = profile.model_copy(
        update={"digits": {}, "handsets": (), "accounts": (account,), "registration": registration}
    )
    terms = load(_file_of(carrier), {"terms": CarrierTerms}).section("terms")
    carrier = Path(carrier).stem
    rulebook = load(carried_config("gateway.yaml"), {"registry": RegistrySettings}).section("registry")
    people = {
        f"sender-{index:05}": {"location": "here", "first_name": f"Sender {index}", "number": number}
        for index, number in enumerate(numbers)
    }
    organization = {
        "name": "Senders of a capture",
        "locations": {"here": {"name": "Here", "country": "US"}},
        "numbers": {number: {"location": "here", "authorized": True} for number in numbers},
        "people": people,
    }
    campaign = {
        "use_case": "UCAAS_HIGH", "description": "Everything that the capture holds.",
        "samples": ["As captured."] * 2, "number_limits": False, "numbers": list(numbers),
    }  # fmt: skip
    brand = {
        "organization": "capture", "name": "Senders of a capture", "tax_id": "00-0000000",
        "identity": "VETTED_VERIFIED", "vetting_score": 100, "campaigns": {"capture": campaign},
    }  # fmt: skip
    bind = {"system_id": "gateway", "password": "gateway", "window": 100}
    return {
        # A capture's senders may be toll-free or short, which no person's number is.
        "business_texting": {"rules": {"no_primary_number": "off"}},
        "http": {"tokens": [{"token": token, "name": "replay", "role": "admin", "organization": "capture"}]},
        "carriers": {"networks": {carrier: {"profile": _plain(profile), "terms": _plain(terms)}}},
        "esme": {"carriers": {carrier: bind}, "routes": {"default": carrier}},
        "directory": {"organizations": {"capture": organization}},
        "registry": {**_plain(rulebook, {"brands", "generated"}), "brands": {"capture": brand}},
    }


def _plain(settings: BaseModel, without: set[str] | None = None) -> dict[str, Any]:
    """Settings as a YAML file has them."""
    return settings.model_dump(mode="json", exclude=without, exclude_defaults=True)


def write_world(path: Path, world: dict[str, Any]) -> None:
    """Write a configuration; raises `OSError`."""
    text = yaml.safe_dump(world, sort_keys=False, allow_unicode=True)
    path.write_text(f"# Made of a capture by `gateway replay --world auto`.\n{text}", encoding="utf-8")


def _file_of(carrier: str) -> Path:
    """`tmobile` is one of ours; `my/own.yaml` somebody's."""
    return find_config(carrier) if Path(carrier).suffix else carried_config(f"carriers/{carrier}.yaml")


def carrier_for(name: str, seed: int, *, registered: bool) -> CarrierProfile:
    """The profile of a carrier of ours, or of a file like theirs, for a replay; raises `ConfigError`.

    It answers at once: how long the recorded carrier took is not its to repeat.

    With `registered` every sender counts as one of a vetted brand, and no number is a test number of ours.
    """
    loaded = load(_file_of(name), {"profile": CarrierProfile})
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
