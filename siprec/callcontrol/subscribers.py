"""Whose calls these are: a user's address, settings and tenant key, read from the directory at each call."""

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
