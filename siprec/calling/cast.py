"""Who plays in a scenario: its people as a directory has them, their phones, the call control's settings."""

import secrets
from collections.abc import Collection, Iterator
from dataclasses import replace

from gateway.directory.directory import Directory
from gateway.directory.model import Entity, Location, Number, Organization, Person
from gateway.directory.recording import OrganizationRecording
from siprec.callcontrol.recording import RecordingOptions
from siprec.callcontrol.settings import CallingSettings
from siprec.callcontrol.subscribers import DirectorySubscribers
from siprec.phones.phone import PhoneSettings
from siprec.phones.scenario import PartyModel, Scenario
from siprec.phones.softkeys import RecordingKeys

ORGANIZATION = "acme-dental"
SERVICE_PROVIDER = "acme-sp"
VOICES_HZ = (440, 590, 790, 1_210, 1_620, 2_160)
"""A tone per party, none near the beep (1,000) or the repeat tone (1,400)."""
DEAD_PORT = 9
RECORDER_TIMEOUT_S = 0.5
"""Patience with a recorder that does not answer, where a scenario has one."""


def users(scenario: Scenario) -> dict[str, PartyModel]:
    """The parties that are users of the call control."""
    return {name: party for name, party in scenario.parties.items() if party.phone != "outside"}


def identifier(name: str) -> str:
    """The external identifier of a user (C15)."""
    return f"{name}@{ORGANIZATION}.example"


def directory_of(scenario: Scenario, providers: Collection[str]) -> Directory:
    """One organisation with everybody in it, each at a location of their own; all terms are accepted."""
    return Directory(_entities(scenario, providers))


def _entities(scenario: Scenario, providers: Collection[str]) -> Iterator[Entity]:
    recording = OrganizationRecording(
        True, scenario.provider, frozenset(providers), SERVICE_PROVIDER, ORGANIZATION
    )
    yield Organization(ORGANIZATION, "Acme Dental", recording=recording)
    for name, party in users(scenario).items():
        yield Location(name, ORGANIZATION, name.title(), recording_provider=party.recording.provider)
        yield Number(party.number, ORGANIZATION, name)
        yield Person(
            name,
            ORGANIZATION,
            name,
            name.title(),
            email=identifier(name),
            licence=party.licence,
            number=party.number,
            recording=party.recording.settings(identifier(name)),
        )


def subscribers_of(scenario: Scenario, directory: Directory) -> DirectorySubscribers:
    """Everybody as the call control knows them."""
    choices = scenario.options
    from_connect = choices.on_demand == "from_connect"
    base = RecordingOptions(
        RecordingKeys.ON_DEMAND_FROM_CONNECT if from_connect else RecordingKeys.ON_DEMAND,
        fork_first=choices.fork_first,
        tones_recorded=choices.tones_recorded,
        beeps_reported=choices.beeps_reported,
    )
    known = users(scenario)
    return DirectorySubscribers(
        directory,
        base,
        {name for name, party in known.items() if party.mailbox},
        {name for name, party in known.items() if party.ice},
    )


def settings_of(scenario: Scenario, recorders: tuple[str, ...], host: str) -> CallingSettings:
    """The call control's settings: any port, the scenario's network in front of the recorders."""
    dead = tuple(f"sip:srs@{host}:{DEAD_PORT}" for _ in range(scenario.network.dead_recorders))
    return CallingSettings(
        host=host,
        port=0,
        port_pairs=16,
        recorders=(*dead, *recorders),
        recorder_timeout_seconds=RECORDER_TIMEOUT_S if dead else 4.0,
        dialect=scenario.network.dialect,
        ring_seconds=scenario.options.ring_seconds,
        passwords={name: secrets.token_hex(8) for name in users(scenario)},
    )


def phone_of(
    scenario: Scenario, name: str, uri: str, settings: CallingSettings, subscribers: DirectorySubscribers
) -> PhoneSettings:
    """The phone of a party; it speaks a tone of its own."""
    party = scenario.parties[name]
    tone_hz = VOICES_HZ[list(scenario.parties).index(name) % len(VOICES_HZ)]
    outside = party.phone == "outside"
    phone = PhoneSettings(
        party.number if outside else name,
        uri,
        settings.passwords.get(name),
        party.phone,
        RecordingKeys.NEVER if outside else subscribers[name].options.keys,
        host=settings.host,
        tone_hz=tone_hz,
    )
    return phone if party.answers else replace(phone, answer_after_s=None)
