"""Users as the directory has them: what a provider, a licence and a mode make of their calls."""

from typing import Any

import pytest

from gateway.directory.directory import Directory
from gateway.directory.model import Licence, Location, Organization, Person
from gateway.directory.recording import OrganizationRecording, PauseNotice, RecordingMode, RecordingSettings
from siprec.callcontrol.recording import RecordingOptions
from siprec.callcontrol.subscribers import Subscriber, subscriber_of
from siprec.phones.softkeys import RecordingKeys

SETTINGS = RecordingSettings(
    RecordingMode.ALWAYS,
    record_voicemail=True,
    announce_start_stop=True,
    pause_notice=PauseNotice.BEEP,
    repeat_tone=True,
    repeat_tone_seconds=30,
)


def subscriber(
    *,
    recording: RecordingSettings = SETTINGS,
    provider: str = "dubber",
    enabled: bool = True,
    location: str = "inherit",
    base: RecordingOptions | None = None,
    **person: Any,
) -> Subscriber:
    organization = Organization(
        "acme",
        "Acme",
        recording=OrganizationRecording(enabled, provider, service_provider="sp", external_group="group"),
    )
    place = Location("here", "acme", "Here", recording_provider=location)
    who = Person(
        "alice", "acme", "here", "Alice", "Archer", "alice@acme.example", recording=recording, **person
    )
    directory = Directory([organization, place, who])
    return subscriber_of(directory, who, base)


def test_settings_decide() -> None:
    user = subscriber()
    assert (user.address, user.name, user.number, user.records) == ("alice", "Alice Archer", None, True)
    assert user.options == RecordingOptions(RecordingKeys.ALWAYS, True, True, PauseNotice.BEEP, 30)


def test_c15_the_tenant_key() -> None:
    assert subscriber().tenant == ("sp", "group", "alice@acme.example")
    own = RecordingSettings(RecordingMode.ALWAYS, external_identifier="alice-7")
    assert subscriber(recording=own).tenant == ("sp", "group", "alice-7")


@pytest.mark.parametrize(
    "change",
    [
        {"enabled": False},
        {"provider": "none"},
        {"location": "none"},
        {"licence": Licence.NONE},
        {"recording": RecordingSettings()},
    ],
    ids=["C1", "C11", "C12", "C2", "D1"],
)
def test_without_service_provider_licence_or_mode_nothing_is_recorded(change: dict[str, Any]) -> None:
    assert not subscriber(**change).records


def test_c12_a_locations_own_provider_records_where_the_organisation_has_none() -> None:
    assert subscriber(provider="none", location="imagicle").records


def test_d6_no_tone_without_the_option() -> None:
    assert subscriber(recording=RecordingSettings(RecordingMode.ALWAYS)).options.repeat_tone_s is None


def test_what_is_ours_to_choose_is_taken_over() -> None:
    base = RecordingOptions(
        RecordingKeys.ON_DEMAND_FROM_CONNECT, fork_first=True, tones_recorded=True, beeps_reported=True
    )
    user = subscriber(recording=RecordingSettings(RecordingMode.ON_DEMAND), base=base)
    assert user.options.keys is RecordingKeys.ON_DEMAND_FROM_CONNECT
    assert (user.options.fork_first, user.options.tones_recorded, user.options.beeps_reported) == (True,) * 3
    plain = subscriber(recording=RecordingSettings(RecordingMode.ON_DEMAND))
    assert plain.options.keys is RecordingKeys.ON_DEMAND
