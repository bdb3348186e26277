"""Profiles of load: `loadtests/*.yaml` as models, with budgets that decide the exit code.

name: limiter
target: "limiter:"
duration_s: 60
arrivals: {shape: constant, rate: 10000, spacing: poisson}
senders:
  - {name: good, share: 9, numbers: 5000, segments: [1, 1, 2]}
  - {name: hostile, numbers: 1}
budgets: {p99_ms: 50, failed_ratio: 0}
"""

import os
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator, model_validator

from gateway.load.address import LIMITER, PATTERN, Address, read_address
from gateway.load.settings import (
    ArrivalSettings,
    Budgets,
    CallSettings,
    CapSettings,
    HttpSettings,
    Model,
    Name,
    SenderSettings,
)
from gateway.replay.errors import FormatUnknown
from gateway.replay.formats import open_trace
from gateway.replay.trace import PduCaptured
from gateway.runtime.commands import sentence
from gateway.runtime.errors import ConfigError, Fault
from gateway.runtime.yamltree import KeyPath, Tree, read_tree
from gateway.smpp.pdu import SubmitMulti, SubmitSm
from gateway.throttle.settings import LimitsSettings

SUFFIX = ".yaml"
_CONNECTIONS = {"http": 64, "ws": 16, "smpp": 2}
_WINDOWS = {"http": 1, "ws": 16, "smpp": 100}


class Profile(Model):
    """One load test."""

    name: Name = Field("load", description="What reports call it; by default the file's name.")
    about: str = Field("", max_length=400, description="What it is for, for people.")
    target: str = Field(
        pattern=PATTERN,
        description="What is loaded: `http(s)://host:port`, `ws(s)://host:port`, "
        "`smpp(s)://user:password@host:port`, `sip:user@host:port`, or `limiter:`.",
    )
    duration_s: float = Field(60.0, gt=0, description="How long requests arrive.")
    requests: int | None = Field(None, gt=0, description="Stop after so many.")
    seed: int = Field(1, description="Same seed, same requests at the same times.")
    arrivals: ArrivalSettings = Field(ArrivalSettings.model_validate({}), description="When requests come.")
    senders: tuple[SenderSettings, ...] = Field(
        (SenderSettings.model_validate({"name": "good"}),), min_length=1, description="Who sends what."
    )
    limits: LimitsSettings = Field(
        LimitsSettings(),
        description="The limits that are judged, written as the configuration's section `limits`. limiter: "
        "it runs with them. Other targets: what they should keep; `number` and `carrier` (the whole target) "
        "are judged where they are given.",
    )
    caps: CapSettings = Field(CapSettings.model_validate({}), description="limiter: caps of the carriers.")
    budgets: Budgets = Field(Budgets.model_validate({}), description="What decides the exit code.")
    connections: int | None = Field(
        None, gt=0, le=10_000, description="Connections; null: 64 HTTP, 16 WebSocket, 2 SMPP."
    )
    window: int | None = Field(
        None,
        gt=0,
        le=10_000,
        description="Outstanding on each; null: 100 SMPP, 16 WebSocket. HTTP: one.",
    )
    timeout_s: float = Field(30.0, gt=0, le=3600, description="How long an answer may take.")
    max_waiting: int = Field(
        100_000, gt=0, le=10**7, description="Requests that may wait for a connection; more are not sent."
    )
    token: str | None = Field(None, description="Bearer token for HTTP and WebSocket.")
    http: HttpSettings = Field(HttpSettings.model_validate({}), description="HTTP: the request.")
    calls: CallSettings = Field(CallSettings.model_validate({}), description="sip: the calls.")

    @field_validator("target")
    @classmethod
    def _readable(cls, target: str) -> str:
        read_address(target)
        return target

    @model_validator(mode="after")
    def _fits(self) -> "Profile":
        names = [sender.name for sender in self.senders]
        if len(set(names)) < len(names):
            raise ValueError("two senders have one name")
        kind = self.address.kind
        if kind in (LIMITER, "sip") and any(sender.hostile for sender in self.senders):
            raise ValueError(f"every sender of a {kind}: target does text")
        if kind == "sip" and self.calls.by == "sipp" and self.arrivals.shape != "constant":
            raise ValueError("SIPp calls at a constant rate only: calls.by: phones takes every shape")
        return self

    @property
    def address(self) -> Address:
        """The target taken apart."""
        return read_address(self.target)

    @property
    def connections_used(self) -> int:
        """Connections, by default those of the target's kind."""
        return self.connections or _CONNECTIONS.get(self.address.kind, 1)

    @property
    def window_used(self) -> int:
        """Requests outstanding on each connection, by default those of the target's kind."""
        return self.window or _WINDOWS.get(self.address.kind, 1)

    def with_options(self, *, rate: float | None = None, **given: Any) -> "Profile":
        """Return the profile with what the command line says instead; None says nothing.

        Raises `ConfigError`.
        """
        changes = {name: value for name, value in given.items() if value is not None}
        if rate is not None:
            changes["arrivals"] = self.arrivals.at_rate(rate).model_dump()
        if not changes:
            return self
        document = {**self.model_dump(exclude_unset=True), **changes}
        return _validated(document, lambda path: Fault("command line", 0, 0, ".".join(map(str, path)), ""))


def read_profile(path: Path) -> Profile:
    """Read a profile and the capture it names. Raises `ConfigError` with every fault."""
    tree = read_tree(path, os.environ)
    if tree.faults:
        raise ConfigError(sorted(set(tree.faults)))
    if not isinstance(tree.value, dict):
        raise ConfigError([_fault(tree, (), 'a profile is a mapping such as `target: "limiter:"`')])
    document = {"name": _name_of(path), **tree.value}
    profile = _validated(document, lambda where: _fault(tree, where, ""))
    capture = profile.arrivals.capture
    if profile.arrivals.shape != "replayed" or capture is None:
        return profile
    try:
        offsets = capture_offsets(path.parent / capture)
    except (OSError, FormatUnknown) as error:
        raise ConfigError([_fault(tree, ("arrivals", "capture"), sentence(error))]) from None
    if not offsets:
        raise ConfigError([_fault(tree, ("arrivals", "capture"), f"{capture}: no submit_sm in it")])
    arrivals = profile.arrivals.model_copy(update={"offsets_s": offsets})
    return profile.model_copy(update={"arrivals": arrivals})


def _name_of(path: Path) -> str:
    return re.sub(r"[^a-z0-9_-]+", "-", path.stem.lower()).strip("-_")[:32] or "load"


def capture_offsets(path: Path) -> tuple[float, ...]:
    """Return when a capture's texts were sent, in seconds from the first.

    Raises `OSError`, `FormatUnknown`.
    """
    with open_trace(path) as found:
        moments = [
            event.at_ns
            for event in found.trace
            if isinstance(event, PduCaptured) and isinstance(event.pdu, SubmitSm | SubmitMulti)
        ]
    first = min(moments, default=0)
    return tuple((at_ns - first) / 1e9 for at_ns in sorted(moments))


def folders() -> Iterator[Path]:
    """Yield the folders with profiles of ours: that of an installed package, or of a checkout."""
    package = Path(str(resources.files("gateway")))
    for folder in (package / "_loadtests", package.parent / "loadtests"):
        if folder.is_dir():
            yield folder


def carried() -> dict[str, Path]:
    """Return the profiles of ours by name."""
    return {path.stem: path for folder in folders() for path in sorted(folder.glob(f"*{SUFFIX}"))}


def find_profile(name: str) -> Path:
    """Return the file of a profile: a path that exists, or the name of one of ours. Raises `ConfigError`."""
    given = Path(name)
    if given.is_file():
        return given
    found = carried()
    if given.stem in found and str(given) in (given.stem, given.stem + SUFFIX):
        return found[given.stem]
    names = ", ".join(sorted(found))
    raise ConfigError([Fault(name, 0, 0, "", f"there is no such profile; ours are {names}")])


def _validated(document: dict[str, Any], fault_at: Any) -> Profile:
    try:
        return Profile.model_validate(document)
    except ValidationError as error:
        faults = []
        for one in error.errors(include_url=False, include_input=False):
            at = fault_at(one["loc"])
            message = one["msg"].removeprefix("Value error, ")
            path = ".".join(map(str, one["loc"]))
            faults.append(Fault(at.file, at.line, at.column, path, message))
        raise ConfigError(faults) from None


def _fault(tree: Tree, path: KeyPath, message: str) -> Fault:
    place = tree.place(path)
    return Fault(place.file, place.line, place.column, ".".join(map(str, path)), message)
