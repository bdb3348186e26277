"""What the decision table of call recording is written in: requests, calls, cases, decisions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PARTNER, ADMIN = "demo-partner", "demo-admin"
"""Tokens of the demo world."""
PATIENT = "+13105550120"
ORGANIZATION = "/v1/organizations/acme-dental/recording"
BOLT = "/v1/organizations/bolt/recording"


@dataclass(frozen=True, slots=True)
class Request:
    """A request to the API, and how it is answered. code: of a refusal."""

    method: str
    path: str
    body: Mapping[str, Any]
    token: str = PARTNER
    status: int = 200
    code: str = ""


@dataclass(frozen=True, slots=True)
class Talk:
    """A call. keys: softkeys the caller presses as they appear. recorded: that is waited for."""

    caller: str = "alice"
    to: str = PATIENT
    keys: tuple[str, ...] = ()
    recorded: bool = True
    seconds: float = 0.5


@dataclass(frozen=True, slots=True)
class Case:
    """A case: requests, calls, requests after them, calls again, days that pass; then `expect` holds.

    overrides: of the configuration. expect: see `tests/siprec/calling/test_decisions.py`, which measures.
    """

    says: str
    requests: tuple[Request, ...] = ()
    talks: tuple[Talk, ...] = (Talk(),)
    after: tuple[Request, ...] = ()
    again: tuple[Talk, ...] = ()
    days: int = 0
    overrides: tuple[str, ...] = ()
    expect: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """A fact, the cases that show it, and those that show its opposite."""

    fact: str
    statement: str
    shown: tuple[Case, ...]
    opposite: tuple[Case, ...]


def patch(path: str, token: str = PARTNER, status: int = 200, code: str = "", **body: Any) -> Request:
    """A change; names of `body` as the API spells them."""
    return Request("PATCH", path, body, token, status, code)


def person(name: str, token: str = ADMIN, status: int = 200, code: str = "", **body: Any) -> Request:
    """A change of someone's recording settings."""
    return patch(f"/v1/people/{name}/recording", token, status, code, **body)


def subscribe(name: str, token: str = PARTNER, status: int = 200, code: str = "", **body: str) -> Request:
    """Give someone a product."""
    return Request("PUT", f"/v1/people/{name}/recording/subscription", body, token, status, code)


UNRECORDED = (Talk(recorded=False),)
