"""A scenario's people as the directory and the call control know them (webex.md C2, C11, C12, C15)."""

from typing import Any

import pytest

from siprec.calling import cast
from siprec.phones.scenario import Scenario, load_scenario, names
from siprec.phones.softkeys import RecordingKeys

PROVIDERS = ("dubber", "imagicle", "callcabinet")


def scenario(provider: str = "dubber", **alice: Any) -> Scenario:
    recording = {"mode": "always", **alice.pop("recording", {})}
    return Scenario.model_validate(
        {
            "title": "One",
            "provider": provider,
            "parties": {
                "alice": {"number": "+12025550100", "recording": recording, **alice},
                "customer": {"number": "+13105550120", "phone": "outside"},
            },
            "script": ["alice calls customer"],
        }
    )


def keys(played: Scenario) -> RecordingKeys:
    return cast.subscribers_of(played, cast.directory_of(played, PROVIDERS))["alice"].options.keys


@pytest.mark.parametrize(
    ("played", "wanted"),
    [
        (scenario(), RecordingKeys.ALWAYS),
        (scenario("none"), RecordingKeys.NEVER),
        (scenario(recording={"provider": "none"}), RecordingKeys.NEVER),
        (scenario("none", recording={"provider": "imagicle"}), RecordingKeys.ALWAYS),
        (scenario(licence="none"), RecordingKeys.NEVER),
        (scenario(licence="basic"), RecordingKeys.ALWAYS),
    ],
    ids=["default", "organisation-none", "location-none", "location-another", "no-licence", "basic"],
)
def test_provider_and_licence_decide_before_the_mode(played: Scenario, wanted: RecordingKeys) -> None:
    assert keys(played) is wanted


def test_users_have_their_tenant_key_and_outsiders_none() -> None:
    played = scenario(ice=True, mailbox=True)
    subscribers = cast.subscribers_of(played, cast.directory_of(played, PROVIDERS))
    alice = subscribers["alice"]
    assert alice.tenant == ("acme-sp", "acme-dental", "alice@acme-dental.example")
    assert (alice.number, alice.mailbox, alice.ice) == ("+12025550100", True, True)
    assert subscribers.numbers["+12025550100"] == "alice"
    assert "customer" not in subscribers
    assert "+13105550120" not in subscribers.numbers


def test_dead_recorders_come_first_and_get_little_patience() -> None:
    played = scenario().model_copy(update={"network": load_scenario("failover").network})
    settings = cast.settings_of(played, ("sip:srs@127.0.0.1:5060",), "127.0.0.1")
    assert settings.recorders == ("sip:srs@127.0.0.1:9", "sip:srs@127.0.0.1:5060")
    assert settings.recorder_timeout_seconds < 1
    assert set(settings.passwords) == {"alice"}


@pytest.mark.parametrize("name", names())
def test_everybody_in_the_library_has_a_phone_and_a_voice_of_their_own(name: str) -> None:
    played = load_scenario(name)
    subscribers = cast.subscribers_of(played, cast.directory_of(played, PROVIDERS))
    settings = cast.settings_of(played, ("sip:srs@127.0.0.1:5060",), "127.0.0.1")
    phones = [cast.phone_of(played, who, "sip:127.0.0.1:1", settings, subscribers) for who in played.parties]
    assert len({phone.tone_hz for phone in phones}) == len(phones)
    assert all((phone.password is None) is (phone.kind == "outside") for phone in phones)
