"""The demo's providers, and a small world of two customers."""

from pathlib import Path

import pytest
import yaml

from gateway.directory.directory import Directory
from gateway.directory.model import Licence, Location, Organization, Person
from gateway.directory.recording import OrganizationRecording, RecordingMode, RecordingSettings
from siprec.providers.book import Book, seed
from siprec.providers.model import Filing, Owner, Provider, TenantKey

CONFIG = Path(__file__).parents[3] / "config" / "providers"


@pytest.fixture
def providers() -> dict[str, Provider]:
    names = ("dubber", "imagicle", "callcabinet")
    return {
        name: Provider.model_validate(yaml.safe_load((CONFIG / f"{name}.yaml").read_text())) for name in names
    }


def person(name: str, organization: str = "acme", location: str = "hq", **recording: object) -> Person:
    settings = RecordingSettings(external_identifier=f"{name}@{organization}", **recording)  # type: ignore[arg-type]
    return Person(name, organization, location, name.title(), recording=settings)


@pytest.fixture
def directory() -> Directory:
    always = RecordingMode.ALWAYS
    return Directory(
        [
            Organization(
                "acme",
                "Acme",
                recording=OrganizationRecording(
                    terms_accepted=frozenset({"dubber", "imagicle"}),
                    service_provider="sp",
                    external_group="acme",
                ),
            ),
            Organization(
                "bolt",
                "Bolt",
                recording=OrganizationRecording(service_provider="sp", external_group="bolt"),
            ),
            Location("hq", "acme", "HQ"),
            Location("lab", "acme", "Lab", recording_provider="imagicle"),
            Location("quiet", "acme", "Quiet", recording_provider="none"),
            Location("store", "acme", "Store", recording_provider="callcabinet"),
            Location("works", "bolt", "Works"),
            person("alice", mode=always),
            person("carol", mode=always, product="dubber_standard"),
            person("dave", location="lab", mode=always, product="imagicle"),
            person("ivan", location="lab", mode=always),
            person("quinn", location="quiet"),
            person("bob", "bolt", "works"),
            Person("frank", "acme", "hq", "Frank", licence=Licence.NONE),
        ]
    )


@pytest.fixture
def book(directory: Directory, providers: dict[str, Provider]) -> Book:
    return Book(seed(directory, providers))


@pytest.fixture
def go_filing() -> Filing:
    owner = Owner("acme", "alice", "dubber", "dubber_go")
    return Filing(1, TenantKey("sp", "acme", "alice@acme"), owner, 1_000, 2_000)
