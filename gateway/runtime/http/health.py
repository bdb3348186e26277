"""Is it alive, and is it ready: what ``/healthz`` and ``/readyz`` say."""

import time
from collections.abc import Callable, Iterable

Problems = Callable[[], Iterable[str]]
"""Says why something is not ready, in sentences for an operator; nothing to say means ready."""


class Health:
    """Collects what parts say about themselves.

    ``add_part`` makes readiness depend on a part; ``add_problems`` on a source of sentences (the lifecycle's
    ``problems``). ``draining`` makes the whole not ready, so that load balancers turn away before the doors
    close.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._started = monotonic()
        self._parts: dict[str, Callable[[], bool]] = {}
        self._sources: list[Problems] = []
        self._healthy: list[Callable[[], bool]] = []
        self.draining = False

    def add_part(self, name: str, ready: Callable[[], bool]) -> None:
        """Not ready until ``ready()`` is true; a check that raises counts as false."""
        self._parts[name] = ready

    def add_problems(self, source: Problems) -> None:
        """Not ready while ``source()`` yields anything."""
        self._sources.append(source)

    def add_liveness(self, alive: Callable[[], bool]) -> None:
        """Not healthy while ``alive()`` is false: something only a restart mends."""
        self._healthy.append(alive)

    @property
    def uptime_s(self) -> float:
        """Seconds since this object was made."""
        return self._monotonic() - self._started

    @property
    def healthy(self) -> bool:
        """True while nothing needs a restart."""
        return all(_holds(check) for check in self._healthy)

    @property
    def ready(self) -> bool:
        """True when nothing stands in the way of serving."""
        return not self.problems()

    def problems(self) -> list[str]:
        """Why the service is not ready, one sentence each; empty when it is."""
        found = ["draining"] if self.draining else []
        found += [f"{name} is not ready" for name, ready in self._parts.items() if not _holds(ready)]
        for source in self._sources:
            found += [problem for problem in source() if problem not in found]
        return found


def _holds(check: Callable[[], bool]) -> bool:
    try:
        return bool(check())
    except Exception:
        return False
