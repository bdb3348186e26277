"""Waits between attempts: doubled each time up to a ceiling, jittered so that a thousand clients do not
return
as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.esme.settings import BackoffSettings

if TYPE_CHECKING:
    import random


class Backoff:
    """The waits of one link; `rng` is the caller's, so that a seed repeats them."""

    __slots__ = ("_failures", "_rng", "_settings")

    def __init__(self, settings: BackoffSettings, rng: random.Random) -> None:
        self._settings = settings
        self._rng = rng
        self._failures = 0

    @property
    def failures(self) -> int:
        """Failures since the last success."""
        return self._failures

    def next_wait_s(self) -> float:
        """Count a failure and say how many seconds to wait: min·2ⁿ up to max, ± jitter, never above max."""
        doubled = self._settings.min_s * 2.0 ** min(self._failures, 64)
        self._failures += 1
        spread = 1.0 + self._settings.jitter * self._rng.uniform(-1.0, 1.0)
        return min(self._settings.max_s, min(doubled, self._settings.max_s) * spread)

    def reset(self) -> None:
        """A success: the next failure waits the shortest time again."""
        self._failures = 0
