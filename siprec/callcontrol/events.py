"""What happens to calls and telephones, as streams and webhooks are told: ids and states, never a number."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from gateway.runtime.http.auth import Principal
from gateway.runtime.http.wire import format_ns
from gateway.runtime.ids import encode_id

_ADMINISTRATORS = ("admin", "partner")


@dataclass(frozen=True, slots=True)
class CallChanged:
    """Something happened in a simulated call; `what` is a word of its log: `joined`, `held`, `ended` …

    people: ids of the users in it. organizations: whose they are.
    """

    name: ClassVar[str] = "call.changed"
    call_id: int
    state: str
    what: str
    people: tuple[str, ...]
    organizations: frozenset[str]
    at_ns: int

    def visible_to(self, principal: Principal) -> bool:
        """Administrators see the calls of their organisation, a person those the person is in."""
        if principal.role == "person":
            return principal.person_id in self.people
        return principal.role in _ADMINISTRATORS and (
            principal.organization_id is None or principal.organization_id in self.organizations
        )

    def as_payload(self) -> Mapping[str, Any]:
        """Return what streams and webhooks are told."""
        return {
            "callId": encode_id(self.call_id),
            "state": self.state,
            "what": self.what,
            "people": list(self.people),
            "at": format_ns(self.at_ns),
        }


@dataclass(frozen=True, slots=True)
class PhoneChanged:
    """A simulated telephone shows something else: state, recording icon, softkeys (D7, D8)."""

    name: ClassVar[str] = "phone.changed"
    phone: str
    person_id: str | None
    organization_id: str | None
    state: str
    icon: str
    softkeys: tuple[str, ...]

    def as_payload(self) -> Mapping[str, Any]:
        """Return what streams and webhooks are told."""
        return {
            "phoneId": self.phone if self.person_id is not None else None,
            "personId": self.person_id,
            "state": self.state,
            "icon": self.icon,
            "softkeys": list(self.softkeys),
        }
