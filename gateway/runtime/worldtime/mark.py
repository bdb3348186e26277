"""Where the world's time was, and where a service that starts now takes it up: decided without I/O.

The moment always goes on; how it runs is what it last was, until the configuration says otherwise.
"""

from typing import NamedTuple

from gateway.runtime.clock import MAX_NS
from gateway.runtime.settings import ClockSettings


class Mark(NamedTuple):
    """The world as it was noted."""

    world_ns: int
    """World time; where it runs at another pace than the machine, the latest it can have reached since."""
    machine_ns: int
    """The machine's time at that moment."""
    mode: str
    speed: float
    configured: str
    """What the section `clock:` said, see `configured_as`."""

    def reached_ns(self, machine_ns: int) -> int:
        """Return the world's moment now: while the service is down it goes on at the machine's pace."""
        passed_ns = 0 if self.mode == "frozen" else max(machine_ns - self.machine_ns, 0)
        return min(self.world_ns + passed_ns, MAX_NS)


class Course(NamedTuple):
    """Where the world goes on, and how."""

    world_ns: int
    mode: str
    speed: float


def configured_as(settings: ClockSettings) -> str:
    """Return what tells one configured course from another, in a short line."""
    start = "now" if settings.start is None else settings.start.isoformat()
    return f"{settings.mode} {settings.speed:g} {start}"


def taken_up(mark: Mark | None, settings: ClockSettings, machine_ns: int) -> Course | None:
    """Return how a world goes on whose mark was found; None: it begins as configured.

    As long as the configuration is what it was, the world goes on as it was, changes over the API included.
    Another configuration has its own mode and speed, at `start` or later: never behind the mark.
    """
    if mark is None or not settings.resume:
        return None
    reached_ns = mark.reached_ns(machine_ns)
    if mark.configured == configured_as(settings):
        return None if mark.mode == "system" else Course(reached_ns, mark.mode, mark.speed)
    if reached_ns <= begin_ns(settings, machine_ns):
        return None
    if settings.mode == "system":
        return Course(reached_ns, "scaled", 1.0)
    return Course(reached_ns, settings.mode, settings.speed)


def begin_ns(settings: ClockSettings, machine_ns: int) -> int:
    """Return where the configuration has the world begin."""
    return machine_ns if settings.start_ns is None else settings.start_ns
