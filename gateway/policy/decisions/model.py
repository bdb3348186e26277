"""The rows of the decision table: what makes a rule refuse, and what lets the same text pass.

Data only. Worlds are the demo world (`config/gateway.yaml`) with `settings`, overrides as of `--set`; texts
are bodies of `POST /v1/messages` laid over `TEXT`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ALICE, BOB, CAROL, DAVE, SPARE = (
    "+12025550100",
    "+12025550101",
    "+14165550102",
    "+12025550103",
    "+12025550105",
)
TMOBILE, ATT, VERIZON, USCELLULAR, BELL = (
    "+13105550125",
    "+12125550125",
    "+14155550125",
    "+13125550125",
    "+15145550125",
)
TEXT: Mapping[str, Any] = {"from": ALICE, "to": TMOBILE, "text": "Hello"}

NO_LIMITS = ("limits.number={}", "limits.person={}", "limits.organization={}")
ORGANIZATION, WASHINGTON = "/v1/organizations/acme-dental", "/v1/locations/washington"

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """An administrator's request and what it is answered with."""

    method: str
    path: str
    body: Body = field(default_factory=dict)
    status: int = 200
    code: str = ""
    """The code of a refusal, or of a warning in the answer."""
    token: str = "demo-admin"  # noqa: S105 - of the demo world
    keep: str = ""
    """Name under which later paths find the answer's id."""


@dataclass(frozen=True)
class Change:
    """What holds while a text is refused, and what takes it back."""

    do: Request
    undo: Request


def patch(path: str, body: Body, back: Body, token: str = "demo-admin") -> Change:  # noqa: S107
    """Return a change of some fields."""
    return Change(Request("PATCH", path, body, token=token), Request("PATCH", path, back, token=token))


@dataclass(frozen=True)
class TextCase:
    """An outbound text that one rule alone refuses, and one that passes."""

    code: str
    status: int
    shows: str
    """The situation, for people."""
    says: str
    """Part of the description it is refused with."""
    changes: tuple[Change, ...] = ()
    settings: tuple[str, ...] = ()
    before: tuple[Body, ...] = ()
    """Texts that are taken first."""
    refused: Body = field(default_factory=dict)
    passes: Body = field(default_factory=dict)
    """Sent when the changes are taken back."""
    later_s: int = 0
    """World seconds that pass before it."""
    blocked_by: str = "gateway"
    retry_after: int | None = None
    """`Retry-After` at most, in world seconds."""


@dataclass(frozen=True)
class InboundCase:
    """An inbound text that one rule alone refuses: stored with its code, answered ESME_ROK."""

    code: str
    state: str
    shows: str
    source: str
    to: str = ALICE
    text: str = "Hi"
    files: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class AdministrativeCase:
    """What an administrator does that shows a rule, request by request."""

    code: str
    shows: str
    requests: tuple[Request, ...]
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class CarrierCase:
    """A text that the gateway lets pass and a carrier refuses, by its own truth."""

    event: str
    """Why, in the carrier's words: `outcome` of `carrier_decisions_total`."""
    shows: str
    carrier: str
    to: str
    error: str
    """The receipt's `err`, or the status of submit_sm_resp."""
    at: str = "receipt"
    settings: tuple[str, ...] = ()
    changes: tuple[Request, ...] = ()
    before: int = 0
    """Texts the carrier takes first."""
    refused: Body = field(default_factory=dict)
    passes: Body = field(default_factory=dict)
    later_s: int = 0
