"""Organisations, locations, people and numbers: frozen values, one truth each (webex.md A1–A14, B7, B10).

A person names their primary telephone number (TN); a number never names its person, so the two cannot
disagree. Settings that inherit hold None where they follow the level above.
"""

from dataclasses import dataclass, field
from enum import Enum

from gateway.directory.recording import INHERIT, OrganizationRecording, RecordingSettings

AppVersion = tuple[int, ...]
"""Webex App version, `(42, 12)`; compared part by part."""


class CustomerKind(Enum):
    """How the organisation buys Webex Calling (webex.md A2)."""

    ENTERPRISE = "enterprise"
    ONLINE = "online"
    TRIAL = "trial"

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is a Python function


class Licence(Enum):
    """A person's Webex Calling licence (webex.md C2)."""

    PROFESSIONAL = "professional"
    BASIC = "basic"
    NONE = "none"


class ClientKind(Enum):
    """The kind of Webex App a person texts from (webex.md A14)."""

    DESKTOP = "desktop"
    MOBILE = "mobile"

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is a Python function


@dataclass(frozen=True, slots=True)
class Organization:
    """A customer of Webex Calling."""

    id: str
    name: str
    kind: CustomerKind = CustomerKind.ENTERPRISE
    calling_plan_country: str | None = "US"
    """Country of its Cisco Calling Plan, ISO 3166 two letters; None: it has none (A1)."""
    texting_addon: bool = True
    """The Business Texting Add-On licence is bought (A6)."""
    texting_enabled: bool = True
    """The organisation-wide switch of Business Texting (A10)."""
    hipaa: bool = False
    """A healthcare customer bound by HIPAA, which Business Texting does not support (B7)."""
    text_retention_days: int | None = None
    """How long its texts are kept where that can be customised (B6); None: the default."""
    business_identity: str = ""
    """The name recipients see instead of a person's (B10); empty: the organisation's name."""
    recording: OrganizationRecording = field(default_factory=OrganizationRecording)


@dataclass(frozen=True, slots=True)
class Location:
    """A site of an organisation."""

    id: str
    organization_id: str
    name: str
    country: str = "US"
    """ISO 3166 two letters (A3)."""
    time_zone: str = "America/New_York"
    cisco_pstn: bool = True
    """Connected to the public network by Cisco PSTN (A5)."""
    recording_provider: str = INHERIT
    """`inherit`, a provider's name, or `none` (C12)."""


@dataclass(frozen=True, slots=True)
class Number:
    """A telephone number of a location."""

    e164: str
    organization_id: str
    location_id: str
    calling_plan: bool = True
    """Assigned by Cisco Calling Plan (A3), as opposed to one the customer brought along."""
    authorized: bool = False
    """Authorised for Business Texting (A9, A12): only then a campaign may take it."""


@dataclass(frozen=True, slots=True)
class Person:
    """A user of an organisation."""

    id: str
    organization_id: str
    location_id: str
    first_name: str
    last_name: str = ""
    email: str = ""
    licence: Licence = Licence.PROFESSIONAL
    number: str | None = None
    """Primary TN in E.164 (A3); None: no number."""
    personal_number: str | None = None
    """A private number, which never leaves with a text (B10)."""
    app_version: AppVersion = (45, 1)
    client: ClientKind = ClientKind.DESKTOP
    texting_override: bool | None = None
    """The user's own Business Texting setting; None: the organisation's default (A11)."""
    recording: RecordingSettings = field(default_factory=RecordingSettings)

    @property
    def display_name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}".strip()


Entity = Organization | Location | Number | Person


def entity_key(entity: Entity) -> str:
    """Return what the entity is looked up by: its id, or the number itself."""
    return entity.e164 if isinstance(entity, Number) else entity.id


def recording_provider(organization: Organization, location: Location) -> str:
    """Return the provider in force at `location`, `none` where there is none (webex.md C11, C12)."""
    if not organization.recording.enabled:
        return "none"
    if location.recording_provider == INHERIT:
        return organization.recording.provider
    return location.recording_provider


def texting_enabled(organization: Organization, person: Person) -> bool:
    """Return whether Business Texting is on for `person`: the override wins (webex.md A10, A11)."""
    if person.texting_override is None:
        return organization.texting_enabled
    return person.texting_override
