"""The `directory:` section: the seed world as an administrator would describe it in YAML."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from gateway.directory.directory import Directory
from gateway.directory.errors import DirectoryError, UnknownEntityError
from gateway.directory.model import (
    AppVersion,
    ClientKind,
    CustomerKind,
    Entity,
    Licence,
    Location,
    Number,
    Organization,
    Person,
)
from gateway.directory.places import CountryCode, TimeZoneName
from gateway.directory.recording import (
    INHERIT,
    OrganizationRecording,
    PauseNotice,
    RecordingMode,
    RecordingSettings,
)
from gateway.runtime.crosschecks import ANY, CrossFault, refuse
from gateway.runtime.yamltree import KeyPath

E164 = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$")]
"""A telephone number in international notation, `+12025550100`."""

AppVersionText = Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+){1,3}$")]
"""A Webex App version; quoted in YAML, or 42.10 would read as 42.1."""


def parse_app_version(text: str) -> AppVersion:
    """Return `42.12` as `(42, 12)`.

    Raises:
        ValueError: a part is no number.
    """
    return tuple(int(part) for part in text.split("."))


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class RecordingEntry(_Section):
    """A person's recording settings (webex.md D1–D6, C15)."""

    mode: RecordingMode = Field(RecordingMode.NEVER, description="When calls are recorded (D1).")
    record_voicemail: bool = Field(False, description="Record voice mailbox messages too (D2).")
    announce_start_stop: bool = Field(False, description="Play an announcement at start and stop (D3).")
    pause_notice: PauseNotice = Field(PauseNotice.NONE, description="Sound of a pause or resume (D5).")
    repeat_tone: bool = Field(False, description="Remind every party by a repeated tone (D6).")
    repeat_tone_seconds: int = Field(20, ge=10, le=90, description="Its interval, seconds (D6).")
    product: str | None = Field(None, description="Product at the provider; null: its default.")
    external_identifier: str | None = Field(None, description="The user's identity at the provider (C15).")

    def build(self) -> RecordingSettings:
        """Return the values as the directory holds them."""
        return RecordingSettings(**self.model_dump())


class OrganizationRecordingEntry(_Section):
    """An organisation's recording service (webex.md C1, C3, C10, C11, C15)."""

    enabled: bool = Field(True, description="The partner has enabled the recording service (C1).")
    provider: str = Field("dubber", description="Provider of the organisation, or `none` (C11).")
    terms_accepted: frozenset[str] = Field(frozenset(), description="Providers with accepted terms (C10).")
    service_provider: str = Field("", description="Service provider of the platform information (C15).")
    external_group: str = Field("", description="External group of the platform information (C15).")

    def build(self) -> OrganizationRecording:
        """Return the values as the directory holds them."""
        return OrganizationRecording(**self.model_dump())


class LocationEntry(_Section):
    """A site."""

    name: str = Field(description="Name shown to administrators.")
    country: CountryCode = Field("US", description="Country, ISO 3166 two letters (A3).")
    time_zone: TimeZoneName = Field("America/New_York", description="IANA time zone.")
    cisco_pstn: bool = Field(True, description="Connected by Cisco PSTN (A5).")
    recording_provider: str = Field(INHERIT, description="`inherit`, a provider, or `none` (C12).")

    def build(self, location_id: str, organization_id: str) -> Location:
        """Return the location as the directory holds it."""
        return Location(id=location_id, organization_id=organization_id, **self.model_dump())


class NumberEntry(_Section):
    """A telephone number of a location."""

    location: str = Field(description="Id of its location.")
    calling_plan: bool = Field(True, description="Assigned by Cisco Calling Plan (A3).")
    authorized: bool = Field(False, description="Authorised for Business Texting (A9, A12).")

    def build(self, e164: str, organization_id: str) -> Number:
        """Return the number as the directory holds it."""
        return Number(e164, organization_id, self.location, **self.model_dump(exclude={"location"}))


class PersonEntry(_Section):
    """A user."""

    location: str = Field(description="Id of the person's location.")
    first_name: str = Field(description="First name.")
    last_name: str = Field("", description="Last name.")
    email: str = Field("", description="E-mail address.")
    licence: Licence = Field(Licence.PROFESSIONAL, description="Webex Calling licence (C2).")
    number: E164 | None = Field(None, description="Primary TN (A3); null: none.")
    personal_number: E164 | None = Field(None, description="Private number, which must never leave (B10).")
    app_version: AppVersionText = Field("45.1", description="Webex App version, quoted (A4).")
    client: ClientKind = Field(ClientKind.DESKTOP, description="Client the person texts from (A14).")
    texting_override: bool | None = Field(
        None, description="The person's own texting setting; null: the organisation's (A11)."
    )
    recording: RecordingEntry = Field(default_factory=RecordingEntry, description="Call recording settings.")

    def build(self, person_id: str, organization_id: str) -> Person:
        """Return the person as the directory holds them."""
        return Person(
            id=person_id,
            organization_id=organization_id,
            location_id=self.location,
            app_version=parse_app_version(self.app_version),
            recording=self.recording.build(),
            **self.model_dump(exclude={"location", "app_version", "recording"}),
        )


class OrganizationEntry(_Section):
    """A customer with its locations, numbers and people."""

    name: str = Field(description="Name of the organisation.")
    kind: CustomerKind = Field(CustomerKind.ENTERPRISE, description="enterprise, online or trial (A2).")
    calling_plan_country: CountryCode | None = Field(
        "US", description="Country of its Cisco Calling Plan; null: none (A1)."
    )
    texting_addon: bool = Field(True, description="The Business Texting Add-On is bought (A6).")
    texting_enabled: bool = Field(True, description="Organisation-wide switch (A10).")
    hipaa: bool = Field(False, description="Bound by HIPAA, which texting does not support (B7).")
    business_identity: str = Field("", description="Name shown to recipients (B10); empty: `name`.")
    recording: OrganizationRecordingEntry = Field(
        default_factory=OrganizationRecordingEntry, description="Call recording service."
    )
    locations: dict[str, LocationEntry] = Field(default_factory=dict, description="Sites by id.")
    numbers: dict[E164, NumberEntry] = Field(default_factory=dict, description="Numbers in E.164.")
    people: dict[str, PersonEntry] = Field(default_factory=dict, description="People by id.")

    def build(self, organization_id: str) -> Organization:
        """Return the organisation, without what is below it, as the directory holds it."""
        values = self.model_dump(exclude={"locations", "numbers", "people", "recording"})
        return Organization(id=organization_id, recording=self.recording.build(), **values)


class GeneratedPeople(_Section):
    """Many alike people at one location, for load: ids `prefix-00000` up, consecutive authorised numbers."""

    organization: str = Field(description="Id of an organisation described under `organizations`.")
    location: str = Field(description="Id of one of its locations.")
    count: int = Field(ge=1, le=1_000_000, description="How many people, each with a number.")
    first_number: E164 = Field(description="Their first number; the others follow it.")
    prefix: str = Field("user", description="What their ids begin with.")

    def makes(self, person_id: str) -> bool:
        """Whether a person is one of these."""
        prefix, _, digits = person_id.rpartition("-")
        index = int(digits) if digits.isdecimal() and digits.isascii() else self.count
        return prefix == self.prefix and index < self.count and digits == f"{index:05d}"

    def numbers(self, e164: str) -> bool:
        """Whether a number is one of theirs."""
        return 0 <= int(e164) - int(self.first_number) < self.count

    def entities(self) -> Iterator[Entity]:
        """Yield each number and its person."""
        first = int(self.first_number)
        for index in range(self.count):
            e164 = f"+{first + index}"
            yield Number(e164, self.organization, self.location, calling_plan=True, authorized=True)
            yield Person(
                id=f"{self.prefix}-{index:05d}",
                organization_id=self.organization,
                location_id=self.location,
                first_name="User",
                last_name=f"{index:05d}",
                number=e164,
            )


GENERATED_NUMBERS: tuple[KeyPath, ...] = (("generated", ANY, "count"), ("generated", ANY, "first_number"))
"""What has to be right before a number is none of those generated."""
GENERATED_PEOPLE: tuple[KeyPath, ...] = (("generated", ANY, "count"), ("generated", ANY, "prefix"))
"""What has to be right before somebody is none of those generated."""
GENERATED_OWNERS: tuple[KeyPath, ...] = (("generated", ANY, "organization"),)
"""What has to be right before one of them belongs to another organisation."""


class DirectorySettings(_Section):
    """Who exists when the world begins; later changes are kept in the database and win over this."""

    organizations: dict[str, OrganizationEntry] = Field(default_factory=dict, description="Customers by id.")
    generated: tuple[GeneratedPeople, ...] = Field((), description="Blocks of alike people, for load.")
    source: Literal["seed", "database"] = Field(
        "database",
        description="`database`: stored changes win over the seed; `seed`: start from this file alone.",
    )

    @model_validator(mode="after")
    def _holds_together(self) -> "DirectorySettings":
        refuse(self, self._faults())
        return self

    def build(self) -> Directory:
        """Return a directory that holds the seed world."""
        directory = Directory()
        for _, entity in self._entities():
            directory.hold(entity)  # judged when these settings were made
        return directory

    def organization_of(self, person_id: str) -> str | None:
        """The organisation of a person of the seed world, if there is such a person."""
        for key, organization in self.organizations.items():
            if person_id in organization.people:
                return key
        return next((block.organization for block in self.generated if block.makes(person_id)), None)

    def owner_of(self, e164: str) -> str | None:
        """The organisation of a number of the seed world, if it is one."""
        for key, organization in self.organizations.items():
            if e164 in organization.numbers:
                return key
        return next((block.organization for block in self.generated if block.numbers(e164)), None)

    def _entities(self) -> Iterator[tuple[KeyPath, Entity]]:
        """Yield the whole seed world, referred-to entities first, each with its place in this section."""
        for key, organization in self.organizations.items():
            yield ("organizations", key), organization.build(key)
        for table in ("locations", "numbers", "people"):
            for key, organization in self.organizations.items():
                for name, entry in getattr(organization, table).items():
                    yield ("organizations", key, table, name), entry.build(name, key)
        for index, block in enumerate(self.generated):
            for entity in block.entities():
                yield ("generated", index), entity

    def _faults(self) -> Iterator[CrossFault]:
        """Everything that does not hold together; what is described twice, or is one of many, once."""
        directory = Directory()
        described: set[tuple[str | int, ...]] = set()
        twice: set[str | int] = set()
        wrong_blocks: set[KeyPath] = set()
        for at, entity in self._entities():
            if at in wrong_blocks:
                continue
            if at[2:] and at[2:] in described:
                twice.add(at[-1])
                told = f"{type(entity).__name__.lower()} '{at[-1]}' is described twice, in two organisations"
                yield CrossFault(at, told)
                continue
            described.add(at[2:])
            for field, error in directory.faults(entity):
                if getattr(error, "key", None) not in twice:
                    yield CrossFault((*at, _KEYS[str(at[0])][field]), str(error), _bases(at, field, error))
                    if at[0] == "generated":
                        wrong_blocks.add(at)
            directory.hold(entity)


_KEYS = {
    "organizations": {"location_id": "location", "number": "number"},
    "generated": {"organization_id": "organization", "location_id": "location", "number": "first_number"},
}
"""Where an entity's field is written."""


def _bases(at: KeyPath, field: str, error: DirectoryError) -> tuple[KeyPath, ...]:
    """What has to be right before something missing, foreign or taken is a fault."""
    if not isinstance(error, UnknownEntityError):
        named = {"location_id": "organization", "number": "prefix"}[field]
        return ((*at, named),) if at[0] == "generated" else ()
    if field == "organization_id":
        return (("organizations", error.key),)
    if field == "location_id":
        return (("organizations", ANY, "locations", error.key),)
    return (("organizations", ANY, "numbers", error.key), *GENERATED_NUMBERS)
