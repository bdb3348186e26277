"""Profiles: what is read, what is refused and where, what the command line changes."""

import json
import tomllib
from pathlib import Path

import pytest

from gateway.load.address import read_address, without_password
from gateway.load.arrivals import Bursts, Constant, Diurnal, Ramp, Replayed
from gateway.load.profile import Profile, carried, find_profile, read_profile
from gateway.load.settings import ArrivalSettings
from gateway.replay.recorder import JsonlSink
from gateway.runtime.errors import ConfigError
from gateway.smpp.pdu import SubmitSm, encode
from gateway.smpp.session import Direction

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


@pytest.mark.parametrize(
    "settings",
    [
        {"rate": 100},
        {"shape": "ramp", "rate": 0, "stages": [{"rate": 10, "seconds": 2}, {"rate": 5, "seconds": 1}]},
        {"shape": "diurnal", "rate": 7},
        {"shape": "bursts", "rate": 1, "burst": 20, "every_s": 2},
        {"shape": "replayed", "offsets_s": [0.5, 1.0, 2.0]},
    ],
    ids=lambda settings: settings.get("shape", "constant"),
)
def test_another_rate_keeps_the_shape(settings):
    arrivals = ArrivalSettings.model_validate(settings)
    faster = arrivals.at_rate(arrivals.typical_rate * 3)
    assert faster.typical_rate == pytest.approx(arrivals.typical_rate * 3)
    assert faster.shape == arrivals.shape
    if settings.get("shape") == "replayed":
        assert faster.build().expected(0.4) == arrivals.build().expected(1.2)
    else:
        assert faster.build().expected(3) == pytest.approx(3 * arrivals.build().expected(3))


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
        ("a: [", ":2:1: did not find expected node"),
    ],
)
def test_a_faulty_profile_is_refused_by_file_and_place(tmp_path, text, fault):
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        read_profile(path)
    assert str(path) in str(refused.value)
    assert fault in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.yaml"):
        read_profile(tmp_path / "nowhere.yaml")


def test_every_fault_has_its_line(tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text("target: 'limiter:'\nduration_s: 0\nsenders:\n  - {name: a, numbers: none}\n")
    with pytest.raises(ConfigError) as refused:
        read_profile(path)
    assert {(fault.line, fault.path.rpartition(".")[2]) for fault in refused.value.faults} >= {
        (2, "duration_s"),
        (4, "numbers"),
    }


def test_yaml_that_multiplies_is_refused_not_read(tmp_path):
    path = tmp_path / "bomb.yaml"
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    path.write_text("\n".join(lines))
    with pytest.raises(ConfigError, match="aliases that multiply"):
        read_profile(path)


def test_the_command_line_beats_the_file():
    profile = Profile.model_validate({"name": "x", "target": "limiter:"})
    changed = profile.with_options(target="http://127.0.0.1:8080", rate=7, duration_s=3)
    assert (changed.target, changed.arrivals.rate, changed.duration_s) == ("http://127.0.0.1:8080", 7, 3)
    assert profile.with_options() is profile
    with pytest.raises(ConfigError, match="target"):
        profile.with_options(target="gopher://x")


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"target": "limiter:", "senders": [{"name": "a", "does": "emoji"}]}, "does text"),
        ({"target": "sip:srs@127.0.0.1", "senders": [{"name": "a", "does": "silent"}]}, "does text"),
        (
            {"target": "sip:srs@127.0.0.1", "calls": {"by": "sipp"}, "arrivals": {"shape": "bursts"}},
            "constant rate",
        ),
        ({"target": "http://127.0.0.1:x"}, "target"),
    ],
)
def test_what_cannot_be_done_is_refused(document, fault, tmp_path):
    path = tmp_path / "odd.yaml"
    path.write_text(json.dumps(document))
    with pytest.raises(ConfigError, match=fault):
        read_profile(path)


def test_profiles_of_ours_are_found_by_name(tmp_path):
    assert find_profile("limiter") == find_profile("limiter.yaml") == carried()["limiter"]
    own = tmp_path / "limiter.yaml"
    own.write_text("target: 'limiter:'")
    assert find_profile(str(own)) == own
    with pytest.raises(ConfigError, match=r"ours are .*limiter"):
        find_profile("nosuch")


def test_the_wheel_carries_every_profile_and_scenario():
    document = tomllib.loads((LOADTESTS.parent / "pyproject.toml").read_text())
    carried_files = document["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    wanted = {
        f"loadtests/{path.name}": f"gateway/_loadtests/{path.name}" for path in LOADTESTS.glob("*.yaml")
    }
    wanted["loadtests/sipp"] = "gateway/_loadtests/sipp"
    assert {key: value for key, value in carried_files.items() if key.startswith("loadtests")} == wanted


def test_recorded_traffic_gives_its_moments(tmp_path):
    write_capture(tmp_path / "monday.jsonl", [0.0, 0.25, 1.5])
    profile_path = tmp_path / "monday.yaml"
    profile_path.write_text("target: 'limiter:'\narrivals: {shape: replayed, capture: monday.jsonl}")
    profile = read_profile(profile_path)
    assert profile.arrivals.offsets_s == pytest.approx([0.0, 0.25, 1.5])
    profile_path.write_text("target: 'limiter:'\narrivals: {shape: replayed, capture: tuesday.jsonl}")
    with pytest.raises(ConfigError, match=r"tuesday\.jsonl"):
        read_profile(profile_path)


@pytest.mark.parametrize(
    ("target", "kind", "port", "local"),
    [
        ("limiter:", "limiter", 0, True),
        ("http://127.0.0.1:8080", "http", 8080, True),
        ("https://gateway.example", "http", 443, False),
        ("ws://[::1]:8080/v1/app", "ws", 8080, True),
        ("smpp://user:p%40ss@localhost", "smpp", 2775, True),
        ("smpps://user:p@203.0.113.9:3550", "smpp", 3550, False),
        ("sip:srs@127.0.0.1:5060;transport=tcp", "sip", 5060, True),
        ("sip:127.0.0.1", "sip", 5060, True),
    ],
)
def test_targets_are_taken_apart(target, kind, port, local):
    address = read_address(target)
    assert (address.kind, address.port, address.is_local) == (kind, port, local)
    assert "p%40ss" not in without_password(target)


def test_a_password_is_decoded_and_hidden():
    address = read_address("smpp://user:p%40ss@localhost")
    assert (address.user, address.password) == ("user", "p@ss")
    assert without_password("smpp://user:p%40ss@localhost") == "smpp://localhost"


def write_capture(path: Path, moments: list[float]) -> None:
    with path.open("wb") as stream:
        sink = JsonlSink(stream)
        for number, at_s in enumerate(moments, 1):
            frame = encode(SubmitSm(destination_addr="13105550150", short_message=b"hi"), number)
            sink.write(
                "tmobile", "tmobile/1", Direction.OUT, frame, 1_790_000_000_000_000_000 + int(at_s * 1e9)
            )
