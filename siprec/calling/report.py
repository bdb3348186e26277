"""What a played scenario came to."""

from dataclasses import dataclass, field
from typing import Any

from siprec.callcontrol.call import Happened


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation, and whether it was met."""

    what: str
    ok: bool
    found: str = ""


@dataclass(slots=True)
class Report:
    """Checks and log of a played scenario. unchecked: what could not be looked at from here."""

    title: str
    checks: list[Check] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    log: list[Happened] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether everything that was checked is as expected."""
        return all(check.ok for check in self.checks)

    def note(self, what: str, ok: bool, found: str = "") -> None:
        """Add a check."""
        self.checks.append(Check(what, ok, found))

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "scenario": self.title,
            "ok": self.ok,
            "checks": [{"what": c.what, "ok": c.ok, "found": c.found} for c in self.checks],
            "unchecked": self.unchecked,
            "log": [
                {"atNs": line.at_ns, "what": line.what, "who": line.who, "detail": line.detail}
                for line in self.log
            ],
        }
