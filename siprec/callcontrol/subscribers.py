"""Whose calls these are: a user's address, settings and tenant key, read from the directory at each call."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from gateway.directory.directory import Directory
from gateway.directory.model import Licence, Person, recording_provider
from gateway.directory.recording import NO_PROVIDER
from siprec.callcontrol.recording import RecordingOptions
from siprec.phones.softkeys import RecordingKeys


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A user of the call control. tenant: service provider, external group, external identifier (C15).

    mailbox: unanswered calls go to voicemail. ice: media optimisation is on (D10).
    """

    address: str
    name: str = ""
    number: str | None = None
    options: RecordingOptions = field(default_factory=RecordingOptions)
    tenant: tuple[str, str, str] = ("", "", "")
    mailbox: bool = False
    ice: bool = False

    @property
    def records(self) -> bool:
        """Whether calls of this user can be recorded at all."""
        return self.options.keys is not RecordingKeys.NEVER


def subscriber_of(directory: Directory, person: Person, base: RecordingOptions | None = None) -> Subscriber:
    """A person of the directory; without a provider or a licence nothing is recorded (C1, C2, C11, C12).

    base: what is ours to choose (`fork_first`, `tones_recorded`, `beeps_reported`); On Demand from connect
    where its keys say so.
    """
    base = base or RecordingOptions()
    organization = directory.organization(person.organization_id)
    location = directory.location(person.location_id)
    options = RecordingOptions.of(
        person.recording,
        from_connect=base.keys is RecordingKeys.ON_DEMAND_FROM_CONNECT,
        fork_first=base.fork_first,
        tones_recorded=base.tones_recorded,
        beeps_reported=base.beeps_reported,
    )
    tenant = ("", "", "")
    provider = NO_PROVIDER
    if organization is not None and location is not None:
        provider = recording_provider(organization, location)
        recording = organization.recording
        identifier = person.recording.external_identifier or person.email
        tenant = (recording.service_provider, recording.external_group, identifier)
    if provider == NO_PROVIDER or person.licence is Licence.NONE:
        options = replace(options, keys=RecordingKeys.NEVER)
    return Subscriber(person.id, person.display_name, person.number, options, tenant)


class DirectorySubscribers(Mapping[str, Subscriber]):
    """Everybody of a directory by id, as they are set up at the moment of asking.

    mailboxes, media_optimized: ids of people with voicemail, and with ICE (D10). base: see `subscriber_of`.
    """

    def __init__(
        self,
        directory: Directory,
        base: RecordingOptions | None = None,
        mailboxes: Collection[str] = (),
        media_optimized: Collection[str] = (),
    ) -> None:
        self._directory = directory
        self._base = base
        self._mailboxes = mailboxes
        self._media_optimized = media_optimized

    def __getitem__(self, address: str) -> Subscriber:
        person = self._directory.people[address]
        found = subscriber_of(self._directory, person, self._base)
        return replace(found, mailbox=address in self._mailboxes, ice=address in self._media_optimized)

    def __iter__(self) -> Iterator[str]:
        return iter(self._directory.people)

    def __len__(self) -> int:
        return len(self._directory.people)

    def __contains__(self, address: object) -> bool:
        return address in self._directory.people

    @property
    def numbers(self) -> Mapping[str, str]:
        """The ids of people by their telephone numbers."""
        return _Numbers(self._directory)


class _Numbers(Mapping[str, str]):
    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def __getitem__(self, number: str) -> str:
        person = self._directory.person_by_number(number)
        if person is None:
            raise KeyError(number)
        return person.id

    def __iter__(self) -> Iterator[str]:
        return (person.number for person in self._directory.people.values() if person.number is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)
