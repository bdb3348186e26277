"""A carrier and its binds right now, as `/v1/carriers` shows them."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.carriers.faults import FaultSpec
from gateway.carriers.profile import Transition


@dataclass(frozen=True, slots=True)
class BindState:
    """One bind, as `/v1/carriers` shows it."""

    system_id: str
    bind_type: str
    bound_ns: int
    window_used: int
    submits: int


@dataclass(frozen=True, slots=True)
class CarrierState:
    """A carrier right now, as `/v1/carriers` shows it; `decisions` counts texts by outcome since the
    start."""

    name: str
    country: str
    host: str
    port: int
    behaviour: str
    faults: tuple[FaultSpec, ...]
    binds: tuple[BindState, ...]
    waiting: int
    """Receipts and inbound texts that wait for a receiver."""
    delivered: int
    dropped: int
    decisions: dict[str, int]
    planned: tuple[tuple[int, Transition], ...] = ()
    """What it will be, each with its world time in nanoseconds."""
