"""Profiles: what is read, what is refused and where, what the command line changes."""

from pathlib import Path

import pytest

from gateway.load.arrivals import Bursts, Constant, Diurnal, Ramp, Replayed
from gateway.load.profile import ArrivalSettings, Profile, ProfileError, read_profile

LOADTESTS = Path(__file__).parents[3] / "loadtests"


@pytest.mark.parametrize("path", sorted(LOADTESTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_profiles_of_the_repository_are_whole(path):
    profile = read_profile(path)
    assert profile.arrivals.build().expected(profile.duration_s) > 0


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({}, Constant),
        ({"shape": "ramp", "stages": [{"rate": 10, "seconds": 5}]}, Ramp),
        ({"shape": "diurnal"}, Diurnal),
        ({"shape": "bursts"}, Bursts),
        ({"shape": "replayed", "offsets_s": [1.0]}, Replayed),
    ],
)
def test_every_shape_is_built(settings, kind):
    assert isinstance(ArrivalSettings.model_validate(settings).build(), kind)


def test_a_factor_scales_the_traffic():
    constant = ArrivalSettings(rate=100)
    assert constant.build(2.5).expected(10) == 2500
    ramp = ArrivalSettings.model_validate(
        {"shape": "ramp", "rate": 0, "stages": [{"rate": 10, "seconds": 2}]}
    )
    assert ramp.build(3).expected(2) == 30


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("target: ftp://x", "target"),
        ("target: 'limiter:'\nduration_s: 0", "duration_s"),
        ("target: 'limiter:'\ncolour: red", "colour"),
        ("target: 'limiter:'\narrivals: {shape: ramp}", "stages"),
        ("target: 'limiter:'\narrivals: {shape: replayed}", "offsets_s"),
        ("target: 'limiter:'\nsenders: [{name: a}, {name: a}]", "one name"),
        ("target: 'limiter:'\nlimits: {number: {rate: {segments: 0}}}", "limits.number.rate.segments"),
        ("target: 'limiter:'\nsenders: [{name: a, segments: [11]}]", "senders.0.segments.0"),
        ("- a", "mapping"),
        ("a: [", "line"),
    ],
)
def test_a_faulty_profile_is_refused_by_file_and_place(tmp_path, text, fault):
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(ProfileError) as refused:
        read_profile(path)
    assert str(path) in str(refused.value)
    assert fault in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ProfileError, match=r"nowhere\.yaml"):
        read_profile(tmp_path / "nowhere.yaml")


def test_the_command_line_beats_the_file():
    profile = Profile.model_validate({"name": "x", "target": "limiter:"})
    changed = profile.with_options(target="http://127.0.0.1:8080", rate=7, duration_s=3)
    assert (changed.target, changed.arrivals.rate, changed.duration_s) == ("http://127.0.0.1:8080", 7, 3)
    assert profile.with_options() == profile
    with pytest.raises(ProfileError, match="target"):
        profile.with_options(target="gopher://x")
