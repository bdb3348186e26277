"""What a tour of the demo world is: steps, each with what is expected of it, and what came of them.

Every step speaks through the public API, as a user's own script would. `steps` lists them.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from gateway.demo.client import ApiClient


@dataclass(slots=True)
class Step:
    """One step and what came of it: `expected` and `found` are the words compared."""

    title: str
    expected: str
    found: str = ""
    details: str = ""

    @property
    def ok(self) -> bool:
        """Whether it went as expected."""
        return self.found == self.expected


@dataclass(slots=True)
class Tour:
    """What happened so far."""

    client: ApiClient
    alice: ApiClient
    """The API as alice sees it."""
    recorder: str
    """SIP URI of the recorder."""
    steps: list[Step] = field(default_factory=list)
    delivered: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    recordings: list[dict[str, Any]] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every step went as expected."""
        return all(step.ok for step in self.steps)

    def summary(self) -> dict[str, Any]:
        """What `gateway demo --once --json` ends with."""
        return {
            "ok": self.ok,
            "texts": {"delivered": self.delivered, "rejected": self.rejected},
            "recordings": self.recordings,
            "steps": [
                {"title": s.title, "ok": s.ok, "expected": s.expected, "found": s.found} for s in self.steps
            ],
        }

    def reject(self, code: str) -> None:
        """Count a refusal."""
        self.rejected[code] = self.rejected.get(code, 0) + 1


Play = Callable[[Tour], Awaitable[Step]]
"""Plays one step."""
