"""Configuration: every fault at once, each at its place; includes, overrides, environment, schema."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gateway.runtime.config import ConfigError, LoadedConfig, find_config, load
from gateway.runtime.crosschecks import ANY, CrossFault, refuse


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Bind(Strict):
    system_id: str
    password: str = "guest"
    window: int = Field(10, ge=1)


class Carrier(Strict):
    port: int
    binds: list[Bind] = []
    window_s: float | None = None


class Carriers(Strict):
    latency_s: float = 1.0
    smscs: dict[str, Carrier] = {}


class Http(Strict):
    host: str = "127.0.0.1"
    port: int = 8080
    low: int = 0

    @model_validator(mode="after")
    def _ordered(self) -> "Http":
        if self.low > self.port:
            raise ValueError("low is above port")
        return self


class Numbers(Strict):
    tn: str


SECTIONS: dict[str, type[BaseModel]] = {"http": Http, "carriers": Carriers}


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write(text: str, name: str = "gateway.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


def faults(path: Path, *overrides: str, sections: Any = None, **options: Any) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load(path, sections or SECTIONS, overrides, **options)
    assert str(error.value).splitlines() == [str(fault) for fault in error.value.faults]
    return [str(fault).replace(f"{path.parent}/", "") for fault in error.value.faults]


def test_sections_become_models(write: Any) -> None:
    config = load(write("http: {port: 9000}\n"), SECTIONS)
    assert config.section("http", Http).port == 9000
    assert config.section("carriers") == Carriers()
    with pytest.raises(TypeError, match="section http is a Http"):
        config.section("http", Carriers)


def test_an_empty_file_is_all_defaults(write: Any) -> None:
    assert load(write("# nothing\n"), SECTIONS).section("http") == Http()
    assert load(write("http:\n"), SECTIONS).section("http") == Http()


def test_every_fault_is_reported_at_once_with_its_place(write: Any) -> None:
    path = write(
        "http:\n"
        "  prot: 1\n"
        "  port: nine\n"
        "carriers:\n"
        "  smscs:\n"
        "    tmobile:\n"
        "      binds:\n"
        "        - {system_id: 7, window: 0}\n"
        "        - {windw: 3}\n"
    )
    assert faults(path) == [
        "gateway.yaml:2:3: http.prot: unknown key; did you mean port?",
        "gateway.yaml:3:9: http.port: Input should be a valid integer, unable to parse string as an integer",
        "gateway.yaml:6:5: carriers.smscs.tmobile.port: this key is missing",
        "gateway.yaml:8:23: carriers.smscs.tmobile.binds.0.system_id: "
        "Input should be a valid string; put quotes around it",
        "gateway.yaml:8:34: carriers.smscs.tmobile.binds.0.window: "
        "Input should be greater than or equal to 1",
        "gateway.yaml:9:11: carriers.smscs.tmobile.binds.1.system_id: this key is missing",
        "gateway.yaml:9:12: carriers.smscs.tmobile.binds.1.windw: unknown key; did you mean window?",
    ]


def test_a_missing_section_with_required_keys_points_at_the_file(write: Any) -> None:
    assert faults(write("http: {}\n"), sections={"numbers": Numbers}) == [
        "gateway.yaml:1:1: numbers.tn: this key is missing"
    ]


def test_rules_between_keys_point_at_their_section(write: Any) -> None:
    assert faults(write("\nhttp:\n  low: 10\n  port: 5\n")) == ["gateway.yaml:3:3: http: low is above port"]


def test_a_key_that_is_there_twice(write: Any) -> None:
    assert faults(write("http:\n  port: 1\n  port: 2\n")) == [
        "gateway.yaml:3:3: http.port: this key is there twice"
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("http:\n  port: [1\n", "gateway.yaml:3:1"),
        ("http:\n\tport: 1\n", "gateway.yaml:2:1"),
        ("http: *nowhere\n", "gateway.yaml:1:7"),
        ("a: b: c\n", "gateway.yaml:1:5"),
        ("--- 1\n--- 2\n", "gateway.yaml:2:1"),
    ],
)
def test_broken_yaml_is_placed(write: Any, text: str, place: str) -> None:
    found = faults(write(text))
    assert len(found) == 1
    assert found[0].startswith(place + ": ")


def test_bytes_that_are_no_text_are_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"http: \xff\xfe\x00")
    with pytest.raises(ConfigError):
        load(path, SECTIONS)


@pytest.mark.parametrize(
    ("text", "message"), [("[1, 2]", "mapping of sections"), ("? [a]\n: 1\n", "must be a word")]
)
def test_a_file_of_another_shape(write: Any, text: str, message: str) -> None:
    assert message in faults(write(text))[0]


def test_a_missing_file_is_a_fault(tmp_path: Path) -> None:
    assert faults(tmp_path / "none.yaml") == ["none.yaml: No such file or directory"]


def test_sections_of_parts_that_do_not_run_are_ignored(write: Any) -> None:
    path = write("recording: {anything: goes}\nhttp: {}\n")
    assert load(path, SECTIONS).section("http") == Http()
    assert load(path, SECTIONS, known=["recording"]).section("http") == Http()


def test_a_section_nobody_knows_is_a_fault(write: Any) -> None:
    assert faults(write("htpp: {}\n"), known=["recording"]) == [
        "gateway.yaml:1:1: htpp: unknown section; did you mean http?"
    ]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("+12025550100", "+12025550100"),
        ("2025550100", 2025550100),
        ("no", "no"),
        ("1:30", "1:30"),
        ("010", 10),
        ("0x1F", 31),
        ("1e3", 1000.0),
        ("-.5", -0.5),
        (".inf", float("inf")),
        ("-.INF", float("-inf")),
        ("~", None),
        ("TRUE", True),
        ("'12'", "12"),
        ("2025-11-21", "2025-11-21"),
        ("1_000", "1_000"),
    ],
)
def test_plain_scalars_mean_what_telephony_expects(write: Any, written: str, value: Any) -> None:
    class Box(Strict):
        it: Any

    found = load(write(f"s: {{it: {written}}}\n"), {"s": Box}).section("s").it
    assert (found, type(found)) == (value, type(value))


def test_anchors_and_merge_keys(write: Any) -> None:
    path = write(
        "carriers:\n  smscs:\n    a: &a {port: 1, window_s: 2}\n"
        "    b:\n      <<: *a\n      port: 3\n    c: *a\n"
    )
    smscs = load(path, SECTIONS).section("carriers").smscs
    assert (smscs["b"].port, smscs["b"].window_s, smscs["c"].port) == (3, 2.0, 1)


def bomb(item: str, deepest: str) -> str:
    lines = [f"a0: &a0 {deepest}"]
    lines += [
        f"a{level}: &a{level} {item.format(', '.join([f'*a{level - 1}'] * 9))}" for level in range(1, 9)
    ]
    return "\n".join(lines)


@pytest.mark.parametrize(("item", "deepest"), [("[{}]", "[1]"), ("{{<<: [{}]}}", "{}")])
def test_aliases_that_multiply_are_refused(write: Any, item: str, deepest: str) -> None:
    (fault,) = faults(write(bomb(item, deepest)))
    assert re.match(r"gateway\.yaml:\d+:\d+: a\d.*: more than 200,000 values: aliases that multiply\?", fault)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a: &a [*a]", "1:4: a.0"),
        ("a: &a {b: *a}", "1:4: a.b"),
        ("a: &a\n  <<: *a", "1:4: a"),
        ("&r\nhttp: *r", "1:1: http"),
    ],
)
def test_an_alias_of_what_it_stands_in_is_refused(write: Any, text: str, where: str) -> None:
    assert faults(write(text)) == [f"gateway.yaml:{where}: an alias inside this value means the value itself"]


@pytest.mark.parametrize("depth", [65, 5_000, 500_000])
@pytest.mark.parametrize(("opening", "column"), [("[", 65), ("{a: ", 257), ("- ", 129)])
def test_nesting_is_bounded_before_anything_recurses(
    write: Any, depth: int, opening: str, column: int
) -> None:
    path = write(f"\n{opening * depth}")
    assert faults(path) == [f"gateway.yaml:2:{column}: nested deeper than 64 levels"]


def test_nesting_by_aliases_is_bounded_too(write: Any) -> None:
    lines = ["a0: &a0 []"] + [f"a{level}: &a{level} [*a{level - 1}]" for level in range(1, 2_000)]
    (fault,) = faults(write("\n".join(lines)))
    assert fault.endswith("nested deeper than 64 levels")


class Pace(Strict):
    segments: int = 1
    burst: int = 5


class Limit(Strict):
    pace: Pace | None = None
    cap: int | None = None


class Limits(Strict):
    number: Limit = Limit(pace=Pace(segments=2), cap=1000)
    person: Limit = Limit()


@pytest.mark.parametrize(
    ("given", "override", "expected"),
    [
        ("", "limits.number.cap=30", Limit(pace=Pace(segments=2), cap=30)),
        ("", "limits.number.pace.burst=9", Limit(pace=Pace(segments=2, burst=9), cap=1000)),
        ("", "limits.number.pace=null", Limit(cap=1000)),
        ("", "limits.number={}", Limit()),
        ("", "limits.number={cap: 30}", Limit(cap=30)),
        ("limits: {}", "limits.number.cap=30", Limit(pace=Pace(segments=2), cap=30)),
        ("limits: {person: {cap: 1}}", "limits.number.cap=30", Limit(pace=Pace(segments=2), cap=30)),
        ("limits: {number: {cap: 7}}", "limits.number.cap=30", Limit(cap=30)),
        ("limits: {number: {cap: 7}}", "limits.number.pace.burst=9", Limit(pace=Pace(burst=9), cap=7)),
    ],
)
def test_an_override_of_one_key_leaves_the_others_as_they_are(
    write: Any, given: str, override: str, expected: Limit
) -> None:
    loaded = load(write(given), {"limits": Limits}, [override])
    assert loaded.section("limits", Limits).number == expected


def test_a_fault_in_an_override_of_a_default_names_the_override(write: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(""), {"limits": Limits}, ["limits.number.pace.bursts=9"])
    (fault,) = caught.value.faults
    assert (fault.file, fault.path) == ("--set limits.number.pace.bursts", "limits.number.pace.bursts")


def test_an_override_is_bounded_too(write: Any) -> None:
    with pytest.raises(ConfigError, match="http: the value is not YAML: nested deeper than 64 levels"):
        load(write(""), SECTIONS, [f"http={'[' * 100_000}"])
    with pytest.raises(ConfigError, match="means the value itself"):
        load(write(""), SECTIONS, ["http=&a [*a]"])


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder; a configuration is a file"):
        find_config(str(tmp_path))


class Room(Strict):
    floor: int = 0


class Guest(Strict):
    room: str
    nights: int = 1


class House(Strict):
    floors: int = 2
    rooms: dict[str, Room] = {}
    guests: list[Guest] = []

    @model_validator(mode="after")
    def _rooms_exist(self) -> "House":
        refuse(
            self,
            [
                CrossFault(("guests", index, "room"), f"no room {guest.room}", (("rooms", guest.room),))
                for index, guest in enumerate(self.guests)
                if guest.room not in self.rooms
            ],
        )
        return self


class Street(Strict):
    best_guest: int = 0


def best_guest(sections: Any) -> Any:
    house, street = sections.get("house"), sections.get("street")
    if house is not None and street is not None and street.best_guest >= len(house.guests):
        yield CrossFault(("street", "best_guest"), "no such guest", (("house", "guests", ANY),))
    for index, guest in enumerate(house.guests if house else ()):
        if guest.nights > 9:
            yield CrossFault(("house", "guests", index, "nights"), "too long")


class TestCrossFaults:
    def check(self, path: Path) -> list[str]:
        return faults(path, sections={"house": House, "street": Street}, checks=[best_guest])

    def test_all_of_them_each_at_its_value_whatever_else_is_wrong(self, write: Any) -> None:
        path = write(
            "house:\n"
            "  floors: two\n"
            "  rooms: {a: {}, b: {floor: high}}\n"
            "  guests:\n"
            "    - {room: c}\n"
            "    - {nights: 3}\n"
            "    - {room: b, nights: 99}\n"
            "    - {room: d}\n"
        )
        assert self.check(path) == [
            "gateway.yaml:2:11: house.floors: "
            "Input should be a valid integer, unable to parse string as an integer",
            "gateway.yaml:3:29: house.rooms.b.floor: "
            "Input should be a valid integer, unable to parse string as an integer",
            "gateway.yaml:5:14: house.guests.0.room: no room c",
            "gateway.yaml:6:7: house.guests.1.room: this key is missing",
            "gateway.yaml:7:25: house.guests.2.nights: too long",
            "gateway.yaml:8:14: house.guests.3.room: no room d",
        ]

    def test_what_rests_on_something_wrong_is_not_told(self, write: Any) -> None:
        path = write("house:\n  rooms: {a: 1}\n  guests: [{room: a}]\nstreet: {best_guest: 0}\n")
        assert self.check(path) == [
            "gateway.yaml:2:14: house.rooms.a: Input should be a mapping of keys to values"
        ]

    def test_a_missing_key_does_not_hide_what_the_rest_of_its_entry_says(self, write: Any) -> None:
        path = write("house:\n  guests:\n    - {nights: 10}\n    - {room: [a], nights: 11}\n")
        assert self.check(path) == [
            "gateway.yaml:3:7: house.guests.0.room: this key is missing",
            "gateway.yaml:3:16: house.guests.0.nights: too long",
            "gateway.yaml:4:14: house.guests.1.room: Input should be a valid string",
            "gateway.yaml:4:27: house.guests.1.nights: too long",
        ]

    def test_what_does_not_fit_in_a_section_is_still_judged_by_others(self, write: Any) -> None:
        path = write("house: {guests: [{room: a, nights: 10}]}\nstreet: {best_guest: 1}\n")
        assert self.check(path) == [
            "gateway.yaml:1:25: house.guests.0.room: no room a",
            "gateway.yaml:1:36: house.guests.0.nights: too long",
            "gateway.yaml:2:22: street.best_guest: no such guest",
        ]

    def test_by_itself_a_model_refuses_what_does_not_fit(self) -> None:
        with pytest.raises(ValidationError, match="no room a"):
            House.model_validate({"guests": [{"room": "a"}]})

    def test_a_fault_of_a_model_that_is_left_behind_is_told_of_the_whole(self, write: Any) -> None:
        class Copied(Strict):
            house: House

            @model_validator(mode="after")
            def _copy(self) -> "Copied":
                return self.model_copy(update={"house": self.house.model_copy()})

        path = write("copied: {house: {guests: [{room: a}]}}\n")
        assert faults(path, sections={"copied": Copied}) == ["gateway.yaml:1:9: copied: no room a"]

    def test_sections_are_judged_against_each_other(self, write: Any) -> None:
        path = write("house: {rooms: {a: {}}, guests: [{room: a}]}\nstreet: {best_guest: 1}\n")
        assert self.check(path) == ["gateway.yaml:2:22: street.best_guest: no such guest"]

    def test_a_section_of_another_shape_ends_its_judging(self, write: Any) -> None:
        assert self.check(write("house: [1]\nstreet: {}\n")) == [
            "gateway.yaml:1:8: house: Input should be a mapping of keys to values"
        ]


class TestInclude:
    def test_files_merge_below_own_keys_and_keep_their_places(self, write: Any) -> None:
        write("tmobile:\n  port: 1\n  window_s: x\n", "carriers/tmobile.yaml")
        write("att:\n  prt: 2\n", "carriers/att.yaml")
        path = write("carriers:\n  smscs:\n    tmobile: {port: many}\n    include: carriers/*.yaml\n")
        assert faults(path) == [
            "carriers/att.yaml:1:1: carriers.smscs.att.port: this key is missing",
            "carriers/att.yaml:2:3: carriers.smscs.att.prt: unknown key; did you mean port?",
            "carriers/tmobile.yaml:3:13: carriers.smscs.tmobile.window_s: "
            "Input should be a valid number, unable to parse string as a number",
            "gateway.yaml:3:21: carriers.smscs.tmobile.port: "
            "Input should be a valid integer, unable to parse string as an integer",
        ]

    def test_own_keys_win(self, write: Any) -> None:
        write("port: 1\nwindow_s: 2\n", "t.yaml")
        path = write("carriers:\n  smscs:\n    t: {include: t.yaml, port: 9}\n")
        config = load(path, SECTIONS)
        assert config.section("carriers").smscs["t"] == Carrier(port=9, window_s=2)
        assert [file.name for file in config.files] == ["gateway.yaml", "t.yaml"]

    def test_list_items_are_spliced_or_appended(self, write: Any) -> None:
        write("- {system_id: b}\n- {system_id: c}\n", "list.yaml")
        write("system_id: d\nwindow: zero\n", "one.yaml")
        path = write(
            "carriers:\n  smscs:\n    t:\n      port: 1\n      binds:\n"
            "        - {system_id: a}\n        - include: list.yaml\n        - include: [one.yaml]\n"
        )
        assert faults(path) == [
            "one.yaml:2:9: carriers.smscs.t.binds.3.window: "
            "Input should be a valid integer, unable to parse string as an integer"
        ]
        write("system_id: d\n", "one.yaml")
        binds = load(path, SECTIONS).section("carriers").smscs["t"].binds
        assert [bind.system_id for bind in binds] == ["a", "b", "c", "d"]

    @pytest.mark.parametrize(
        ("text", "fault"),
        [
            ("include: none.yaml", "there is no file"),
            ("include: none/*.yaml", "no file matches none/*.yaml"),
            ("include: gateway.yaml", "includes itself"),
            ("include: list.yaml", "an included file must hold a mapping here"),
            ("include: {a: 1}", "include takes a path"),
            ("include: [one.yaml, two.yaml]", "two included files have this key"),
            ("include: broken.yaml", "broken.yaml:"),
        ],
    )
    def test_faults(self, write: Any, text: str, fault: str) -> None:
        write("- 1\n", "list.yaml")
        write("http: {port: 1}\n", "one.yaml")
        write("http: {port: 2}\n", "two.yaml")
        write("a: [", "broken.yaml")
        assert any(fault in line for line in faults(write(text)))


class TestEnvironment:
    def test_variables_are_put_in_and_read_as_the_type_asked_for(self, write: Any) -> None:
        path = write("http: {host: 'x-${HOST}', port: '${PORT:-9001}'}\n")
        http = load(path, SECTIONS, environment={"HOST": "h"}).section("http")
        assert (http.host, http.port) == ("x-h", 9001)

    def test_a_secret_of_digits_stays_a_string(self, write: Any) -> None:
        path = write("carriers: {smscs: {t: {port: 1, binds: [{system_id: '${ID}'}]}}}\n")
        carriers = load(path, SECTIONS, environment={"ID": "12345"}).section("carriers")
        assert carriers.smscs["t"].binds[0].system_id == "12345"

    def test_an_unset_variable_is_one_fault(self, write: Any) -> None:
        assert faults(write("http: {port: '${NOPE}'}\n"), environment={}) == [
            "gateway.yaml:1:14: http.port: environment variable NOPE is not set"
        ]


class TestOverrides:
    def test_values_are_yaml_and_paths_are_made(self, write: Any) -> None:
        path = write("carriers: {smscs: {t: {port: 1, binds: [{system_id: a}]}}}\n")
        config = load(
            path,
            SECTIONS,
            [
                "http.port=9",
                "carriers.smscs.t.binds.0.window=77",
                "carriers.smscs.new={port: 5}",
                "carriers.smscs.t.binds.1={system_id: '7=8'}",
                "http.host=+1",
            ],
        )
        carriers = config.section("carriers")
        assert carriers.smscs["t"].binds == [Bind(system_id="a", window=77), Bind(system_id="7=8")]
        assert carriers.smscs["new"].port == 5
        assert (config.section("http").port, config.section("http").host) == (9, "+1")

    @pytest.mark.parametrize(
        ("override", "fault"),
        [
            ("http.port=x", "--set http.port: http.port: Input should be a valid integer"),
            ("http.prot=1", "--set http.prot: http.prot: unknown key; did you mean port?"),
            ("http.port", "--set: 'http.port' is not of the form a.b.c=value"),
            ("=1", "--set: '=1' is not of the form"),
            ("http..port=1", "--set: 'http..port=1' is not of the form"),
            ("http.port=[1", "--set http.port: http.port: the value is not YAML"),
            ("http.port.deep=1", "--set http.port.deep: http.port.deep: http.port holds a single value"),
            ("nothing.a=1", "--set nothing.a: nothing: unknown section"),
            ("carriers.smscs.t.binds.x=1", "is a list of 1; x is no place in it"),
            ("carriers.smscs.t.binds.2={}", "is a list of 1; 2 is no place in it"),
            (
                "carriers.smscs.t.binds.1={window: 0}",
                "--set carriers.smscs.t.binds.1: carriers.smscs.t.binds.1.window",
            ),
        ],
    )
    def test_faults_name_the_option(self, write: Any, override: str, fault: str) -> None:
        path = write("http: {port: 1}\ncarriers: {smscs: {t: {port: 1, binds: [{system_id: a}]}}}\n")
        found = faults(path, override, known=[])
        assert any(fault in line for line in found), found

    def test_a_later_override_wins(self, write: Any) -> None:
        assert load(write(""), SECTIONS, ["http.port=1", "http.port=2"]).section("http").port == 2

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text("abc +:'#", max_size=6),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text("xyz", min_size=1), inner, max_size=3)
            ),
            max_leaves=8,
        ),
        st.lists(st.sampled_from(["a", "b", "c1"]), min_size=1, max_size=4),
    )
    def test_any_value_arrives_at_any_path(self, value: Any, keys: list[str]) -> None:
        class Anything(BaseModel):
            model_config = ConfigDict(extra="allow")

        text = yaml.safe_dump(value, default_flow_style=True, width=10**6).removesuffix("...\n").strip()
        config = load(EMPTY, {"s": Anything}, [f"s.{'.'.join(keys)}={text}"])
        found: Any = config.section("s").model_dump()
        for key in keys:
            found = found[key]
        assert found == value


EMPTY = Path("/dev/null")


def test_configuration_files_are_found_by_path_or_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("")
    assert find_config(str(own)) == own
    package = tmp_path / "site" / "gateway"
    (package / "_config").mkdir(parents=True)
    (package / "_config" / "gateway.yaml").write_text("")
    monkeypatch.setattr("gateway.runtime.config.resources.files", lambda name: package)
    assert find_config("gateway.yaml") == package / "_config" / "gateway.yaml"
    (tmp_path / "site" / "config").mkdir()
    (tmp_path / "site" / "config" / "bench.yaml").write_text("")
    assert find_config("bench.yaml") == tmp_path / "site" / "config" / "bench.yaml"
    with pytest.raises(ConfigError, match="no such configuration file"):
        find_config("other.yaml")


def test_settings_are_frozen(write: Any) -> None:
    config: LoadedConfig = load(write(""), SECTIONS)
    with pytest.raises(ValidationError):
        config.section("http").port = 1
    assert config.relative("tls/cert.pem") == config.path.parent / "tls/cert.pem"
