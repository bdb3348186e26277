"""A profile changed while its carrier runs: a part of its document, laid over what is in force, validated
whole.

The words are those of `config/carriers/<name>.yaml`, and so are the rules: one set of models reads both.
Mappings merge key by key, everything else takes the place of what was there; null means what it means in the
file. What is changed holds for what is accepted from then on, until the process ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.carriers.errors import SettingFixed
from gateway.carriers.profile import CarrierProfile

FIXED: Final[Mapping[str, str]] = {
    "accounts": "it is fixed while the carrier runs",
    "country": "it is fixed while the carrier runs",
    "seed": "it is fixed while the carrier runs",
    "behaviour": "switch it by `profile`",
    "faults": "switch them by `faults`",
    "schedule": "switch it by `schedule`",
}
"""Keys of a profile that are no switches, and what to do instead."""


def changed(profile: CarrierProfile, part: Mapping[str, Any]) -> CarrierProfile:
    """Return the profile with `part` of its document changed.

    Raises `SettingFixed`, and pydantic's `ValidationError` with every fault of the document that comes of it.
    """
    for name in part:
        if name in FIXED:
            raise SettingFixed(name, FIXED[name])
    return CarrierProfile.model_validate(_merged(profile.model_dump(mode="json"), part))


def switches(profile: CarrierProfile) -> dict[str, Any]:
    """Return everything of a profile that `changed` takes, as JSON; accounts and their passwords stay out."""
    return profile.model_dump(mode="json", exclude=set(FIXED))


def _merged(under: Any, over: Any) -> Any:
    if not isinstance(under, Mapping) or not isinstance(over, Mapping):
        return over
    return {**under, **{name: _merged(under.get(name), value) for name, value in over.items()}}
