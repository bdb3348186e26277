"""The YAML section becomes the demo world, and faults are refused with words a person can act on."""

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from gateway.directory import ClientKind, CustomerKind, Directory, Licence
from gateway.directory.model import recording_provider
from gateway.directory.recording import RecordingMode
from gateway.directory.settings import DirectorySettings, parse_app_version

CONFIG = Path(__file__).parents[3] / "config"


def read(text: str) -> DirectorySettings:
    return DirectorySettings.model_validate(yaml.safe_load(text))


@pytest.fixture(scope="module")
def demo() -> Directory:
    document = yaml.safe_load((CONFIG / "gateway.yaml").read_text(encoding="utf-8"))
    return DirectorySettings.model_validate(document["directory"]).build()


def test_demo_people_and_numbers(demo: Directory) -> None:
    tns = {key: person.number for key, person in demo.people.items()}
    assert tns == {
        "alice": "+12025550100",
        "bob": "+12025550101",
        "carol": "+14165550102",
        "dave": "+12025550103",
        "erin": "+12025550104",
        "frank": None,
    }
    assert demo.people["erin"].app_version == (42, 11)
    assert demo.people["frank"].licence is Licence.BASIC


def test_demo_organisation_may_text(demo: Directory) -> None:
    acme = demo.organizations["acme-dental"]
    assert (acme.kind, acme.calling_plan_country, acme.texting_addon) == (CustomerKind.ENTERPRISE, "US", True)
    assert {location.country for location in demo.locations.values()} == {"US", "CA"}
    assert all(location.cisco_pstn for location in demo.locations.values())


@pytest.mark.parametrize(
    ("person", "mode", "provider", "product"),
    [
        ("alice", RecordingMode.ALWAYS_WITH_PAUSE, "dubber", "dubber_go"),
        ("carol", RecordingMode.ON_DEMAND, "dubber", "dubber_standard"),
        ("dave", RecordingMode.ALWAYS, "imagicle", "imagicle"),
        ("erin", RecordingMode.ALWAYS, "callcabinet", "callcabinet"),
        ("bob", RecordingMode.NEVER, "dubber", None),
    ],
)
def test_demo_recording(
    demo: Directory, person: str, mode: RecordingMode, provider: str, product: str | None
) -> None:
    who = demo.people[person]
    organization, location = demo.organizations[who.organization_id], demo.locations[who.location_id]
    assert (who.recording.mode, recording_provider(organization, location), who.recording.product) == (
        mode,
        provider,
        product,
    )


def test_generated_people_have_consecutive_numbers() -> None:
    directory = read(
        """
        organizations: {bench: {name: Bench, locations: {site: {name: Site}}}}
        generated: [{organization: bench, location: site, count: 3, first_number: "+12025609999"}]
        """
    ).build()
    assert list(directory.people) == ["user-00000", "user-00001", "user-00002"]
    assert list(directory.numbers) == ["+12025609999", "+12025610000", "+12025610001"]
    assert directory.people["user-00002"].number == "+12025610001"
    assert all(number.authorized for number in directory.numbers.values())
    assert directory.people["user-00000"].client is ClientKind.DESKTOP


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("organizations: {a: {name: A, colour: red}}", "Extra inputs"),
        ("organizations: {a: {name: A, numbers: {'12025550100': {location: l}}}}", "pattern"),
        ("organizations: {a: {name: A, people: {p: {location: l, first_name: P}}}}", "no location 'l'"),
        ("organizations: {a: {name: A, calling_plan_country: USA}}", "pattern"),
        ("organizations: {a: {name: A, calling_plan_country: XX}}", "'XX' is no country"),
        ("organizations: {a: {name: A, locations: {l: {name: L, country: UK}}}}", "'UK' is no country"),
        ("organizations: {a: {name: A, locations: {l: {name: L, time_zone: Mars}}}}", "'Mars' is no time"),
        ("organizations: {a: {name: A, locations: {l: {name: L, time_zone: America}}}}", "no time zone"),
        (
            "organizations: {a: {name: A, locations: {l: {name: L}},"
            " people: {p: {location: l, first_name: P, app_version: 42.1}}}}",
            "valid string",
        ),
        (
            "organizations: {a: {name: A, locations: {l: {name: L}}},"
            " b: {name: B, locations: {l: {name: L}}}}",
            "location 'l' is described twice",
        ),
        (
            "generated: [{organization: x, location: y, count: 1, first_number: '+12025550100'}]",
            "no organization",
        ),
        (
            "organizations: {a: {name: A, locations: {l: {name: L}}, people:"
            " {p: {location: l, first_name: P, recording: {repeat_tone_seconds: 9}}}}}",
            "greater than or equal to 10",
        ),
    ],
)
def test_faults_say_what_is_wrong(text: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        read(text)


def test_app_versions_compare_part_by_part() -> None:
    assert parse_app_version("42.9") < parse_app_version("42.12") < parse_app_version("43.1.0.2")
