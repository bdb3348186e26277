"""What to replay, as whom and against whom, and how far a replay is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gateway.replay.compare import Tolerances
from gateway.replay.numbers import MapNumber, OntoWorld, Pseudonyms, same
from gateway.replay.pace import MAX
from gateway.replay.worlds import AUTO, world_numbers

ROLES: Final = ("carrier", "esme", "users")
USUAL_GATEWAY: Final = "http://127.0.0.1:8080"


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What to replay, as whom, against whom, and how to judge it."""

    file: Path
    role: str | None = None
    """`carrier`, `esme` or `users`; None takes the majority's of the capture."""
    listen: str = "127.0.0.1:2775"
    """HOST:PORT, as carrier."""
    account: str | None = None
    """NAME:PASSWORD that ESMEs have to bind with, as carrier; None lets anyone on loopback in."""
    target: str | None = None
    """smpp://user:password@host:port as esme, http://host:port as users; as esme without one, a mock carrier
    in this process."""
    token: str = "demo-admin"  # noqa: S105 - the demo world's
    """Bearer token, as users."""
    carrier: str = "tmobile"
    """Which mock carrier plays along, as esme without a target."""
    world: str | None = None
    """`auto`, a configuration whose numbers are taken, or None: numbers stay."""
    save_world: Path | None = None
    """Where to leave the configuration that `auto` makes, as users."""
    pseudonyms: bool = False
    """Replace every number by a pseudonym."""
    speed: float | None = 1.0
    """World seconds per real second; None: as fast as possible."""
    seed: int = 1
    window: int = 10
    grace_s: float = 30.0
    """World seconds to wait for late answers and receipts."""
    idle_s: float = 30.0
    """Real seconds without a sign of the ESME, as carrier, until the replay ends."""
    expect: Path | None = None
    """Golden file or rules; None compares with what was recorded."""
    update: bool = False
    """Write `expect` as a golden file of this run."""
    tolerances: Tolerances = field(default_factory=Tolerances)
    checkpoint: Path | None = None
    """Where a stopped replay leaves what it needs to be taken up again."""

    @property
    def speed_name(self) -> str:
        """As a report has it: `max`, `10`."""
        return MAX if self.speed is None else f"{self.speed:g}"

    def mapping(self) -> tuple[MapNumber, MapNumber]:
        """How own and far numbers are mapped; raises `WorldInvalid` and `OSError`."""
        own: MapNumber = same
        far: MapNumber = same
        if self.pseudonyms:
            own = far = Pseudonyms(self.seed)
        if self.world is not None and self.world != AUTO:
            own = OntoWorld(world_numbers(self.world))
        return own, far


@dataclass(slots=True)
class Progress:
    """How far a replay is; read it whenever you like."""

    role: str = ""
    format: str = ""
    share: Callable[[], float] = lambda: 0.0
    sent: Callable[[], int] = lambda: 0
    settled: int = 0
    listening: str = ""
    people: int = 0
    """Of a world of our own, as users."""
    stand_ins: int = 0
    """How many of them stand in for senders who can be nobody's number."""
