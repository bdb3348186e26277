"""The world a capture is replayed in: a survey of the capture, numbers to map onto, a carrier that fits.

`--world auto` makes a world of the capture's own numbers: they belong to one vetted brand with an active
campaign, so that what differs is never that nobody had registered them. `--world FILE` maps the capture's
senders onto the numbers of a configuration.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from gateway.carriers.address import e164
from gateway.carriers.profile import CarrierProfile, Latency, Registration
from gateway.replay.errors import WorldInvalid
from gateway.replay.trace import PduCaptured, Side, Trace
from gateway.runtime.config import find_config, load
from gateway.smpp.pdu import DataSm, DeliverSm, SubmitMulti, SubmitSm
from gateway.smpp.receipt import is_receipt

MAX_NUMBERS: Final = 100_000
AUTO: Final = "auto"


@dataclass(slots=True)
class Survey:
    """What one look through a capture tells."""

    first_ns: int = 0
    last_ns: int = 0
    pdus: int = 0
    submits: int = 0
    inbound: int = 0
    numbers: Counter[str] = field(default_factory=Counter)
    """Own numbers (those that send), in E.164, by how often they send; the first hundred thousand."""
    esme_binds: int = 0

    @property
    def role(self) -> str:
        """The majority's role: who sent most of the texts."""
        return "carrier" if self.inbound > self.submits else "esme"


def survey(trace: Trace) -> Survey:
    """Look through a whole capture."""
    found = Survey()
    for event in trace:
        if not isinstance(event, PduCaptured):
            continue
        found.first_ns = found.first_ns or event.at_ns
        found.last_ns = max(found.last_ns, event.at_ns)
        found.pdus += 1
        pdu = event.pdu
        if isinstance(pdu, SubmitSm | SubmitMulti) or (isinstance(pdu, DataSm) and event.sender is Side.ESME):
            found.submits += 1
            _count(found.numbers, e164(pdu.source_addr, pdu.source_addr_ton))
        elif isinstance(pdu, DeliverSm) and not is_receipt(pdu.esm_class):
            found.inbound += 1
    return found


def _count(numbers: Counter[str], number: str) -> None:
    if number in numbers or len(numbers) < MAX_NUMBERS:
        numbers[number] += 1


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


def carrier_for(name: str, numbers: list[str], seed: int, *, registered: bool) -> CarrierProfile:
    """The profile of `config/carriers/<name>.yaml` for a replay: anyone's numbers, answers at once.

    With `registered` the carrier holds `numbers` as those of a vetted brand; raises `ConfigError`.
    """
    loaded = load(find_config(f"carriers/{name}.yaml"), {"profile": CarrierProfile})
    profile: CarrierProfile = loaded.section("profile", CarrierProfile)
    changes: dict[str, Any] = {"response_latency": Latency(), "seed": profile.seed ^ seed}
    if registered:
        senders = tuple(number for number in numbers if number and ".." not in number and "*" not in number)
        known = Registration(
            numbers=senders, brand="replay", campaign="replay", campaign_class="A", score=100,
            number_limits=False,
        )  # fmt: skip
        rule = profile.registration
        changes["registration"] = rule.model_copy(update={"registrations": (*rule.registrations, known)})
        changes["numbers"] = ("*",)
    return profile.model_copy(update=changes)
