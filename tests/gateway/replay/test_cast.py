"""Who texts in a capture, and the world made for them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.app import load_config
from gateway.replay.cast import MOST_PEOPLE, Cast, senders_of
from gateway.replay.formats import open_trace
from gateway.replay.worlds import auto_world, with_everybody_registered, world_numbers, write_world
from gateway.runtime.config import ConfigError
from gateway.testing import carrier_profile

ADDRESSES = st.from_regex(r"\+?1[2-9]\d{2}[2-9]\d{6}|\d{3,15}|[A-Za-z]{1,11}", fullmatch=True)


@given(st.lists(ADDRESSES, max_size=50))
def test_everybody_is_played_by_one_number_of_the_plan(senders):
    cast = Cast(senders)
    played = [cast(name) for name in senders]
    for name, number in zip(senders, played, strict=True):
        assert f"+{number}" in cast.numbers
        assert len(number) == 11
        if len(name.removeprefix("+")) == 11 and name.removeprefix("+") == number:
            continue
        assert number.startswith("1202555")
    own = {name.removeprefix("+") for name, number in zip(senders, played, strict=True) if number in name}
    strangers = {name for name in senders if cast(name) not in name}
    assert len(cast.numbers) == len(own) + len(strangers)
    assert cast.stand_ins == len(strangers)


def test_there_are_only_so_many_and_strangers_are_played_by_them():
    cast = Cast(f"name{index}" for index in range(MOST_PEOPLE + 10))
    assert len(cast.numbers) == MOST_PEOPLE
    assert f"+{cast('somebody else')}" in cast.numbers
    assert Cast([])("nobody") == "nobody"


def test_senders_are_those_of_both_directions_and_receipts_are_not(tmp_path, make_capture):
    with open_trace(make_capture(tmp_path, 6)) as opened:
        assert set(senders_of(opened.trace)) == {"14045550177"}


def test_the_world_is_a_configuration_that_runs(tmp_path: Path):
    numbers = ["+14045550177", "+12025550000"]
    file = tmp_path / "world.yaml"
    write_world(file, auto_world(numbers, "att", 7, "secret"))
    config = load_config(str(file), ("texting", "carriers"), [])
    registry = config.section("registry").build()
    assert {registry.campaign_of(number).id for number in numbers} == {"capture"}
    directory = config.section("directory").build()
    assert {person.number for person in directory.people.values()} == set(numbers)
    assert list(config.section("carriers").networks) == ["att"]
    assert world_numbers(file) == numbers
    with pytest.raises(ConfigError):
        auto_world(numbers, "nobody", 7, "secret")


def test_a_carriers_own_file_may_be_named(tmp_path: Path):
    file = tmp_path / "narrow.yaml"
    file.write_text(
        "profile: {country: CA, caps: {throughput: 5}, accounts: [{system_id: me, password: secret}]}\n"
        "terms: {country: CA}\n"
    )
    world = auto_world(["+14165550102"], str(file), 1, "secret")
    assert world["esme"]["routes"] == {"default": "narrow"}
    assert world["carriers"]["networks"]["narrow"]["profile"]["caps"] == {"throughput": 5.0}


def test_everybody_may_be_registered():
    [row] = with_everybody_registered(carrier_profile("tmobile")).registration.registrations
    assert (row.numbers, row.number_limits) == (("*",), False)
