"""A run under way, as those who watch it are told."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.load.tally import Tally


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run under way."""

    elapsed_s: float
    """Seconds since arrivals began; of the world for `limiter:`."""
    duration_s: float
    tally: Tally
    hostile: Tally
    pending: int
    """Requests that are due and not answered."""


Watch = Callable[[Snapshot], None]
