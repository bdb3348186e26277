"""The whole configuration: what does not fit together is told at once, each fault at its very value."""

import json
from collections.abc import Callable, Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.app import load_config
from gateway.runtime.errors import ConfigError
from gateway.runtime.yamltree import KeyPath
from gateway.settings import PARTS
from siprec.standalone import load_config as load_standalone

WORLD = """\
http:
  tokens:
    - {token: a, role: admin, organization: nobody}
    - {token: b, role: person, organization: acme, person: nobody}
    - {token: c, role: person, organization: other, person: q}
    - {token: d, role: person, organization: acme, person: user-00004}
    - {token: e, role: person, organization: acme, person: user-00005}
    - {token: f, role: person, person: 0fy4z0q6c4000}
directory:
  organizations:
    acme:
      name: Acme
      locations: {hq: {name: HQ}}
      numbers:
        "+12025550100": {location: hq}
        "+12025550101": {location: hq}
      people:
        q: {location: hq, first_name: Q, number: "+12025550100"}
    other: {name: Other, locations: {site: {name: Site}}, numbers: {"+12025550200": {location: site}}}
  generated:
    - {organization: acme, location: hq, count: 5, first_number: "+12025600000"}
registry:
  brands:
    unknown: {organization: nobody, name: Unknown}
    stranger: {name: Stranger, campaigns: {s: {numbers: ["+13105559999"]}}}
    ours:
      organization: acme
      name: Ours
      campaigns:
        c: {numbers: ["+12025550100..+12025550101", "+12025559999", "+12025550200"]}
  generated:
    - {brand: ours, count: 1, numbers: 5, first_number: "+12025600000"}
    - {brand: ours, count: 1, numbers: 2, first_number: "+12025600005", prefix: more}
"""
DOUBTFUL = """\
directory:
  organizations:
    acme:
      name: Acme
      colour: red
      locations: {hq: {name: HQ, country: USA}, bad: {country: US}}
      numbers:
        "+12025550100": {location: hq}
        "+12025550101": {location: nowhere}
      people:
        p: {location: nowhere, first_name: P, number: "+12025550199"}
        q: {location: hq, first_name: Q, number: "+12025550100"}
        r: {location: bad, first_name: R, number: "+12025550100"}
        s: {location: site, first_name: S}
    other: {name: Other, locations: {hq: {name: Twice}, site: {name: Site}}}
  generated:
    - {organization: acme, location: nowhere, count: 5, first_number: "+12025600000"}
    - {organization: acme, location: hq, count: 5, first_number: "+12025550100"}
registry:
  use_cases: {CARE: {}}
  brands:
    b:
      name: B
      vetting_score: 101
      campaigns:
        c: {use_case: CARE, numbers: ["+12025550100", "+12..3", "+12025550109..+12025550101"]}
        d: {use_case: NOPE, sub_use_cases: [CARE, NOT], numbers: ["+12025550100"]}
  generated:
    - {brand: nobody, count: 1, numbers: 5, first_number: "+12025600000", campaign: {use_case: CARE}}
esme:
  carriers:
    att: {system_id: sixteencharacters, password: ninechars, window: -5, backoff: {min_s: 3, max_s: 1}}
    bell: {window: 1}
  routes:
    default: other
    prefixes: {"+1310": nope, "+1311": att, "+1312": bell}
"""


@pytest.fixture
def faults(tmp_path: Path) -> Callable[[str], list[str]]:
    def faults(text: str) -> list[str]:
        path = tmp_path / "world.yaml"
        path.write_text(text)
        with pytest.raises(ConfigError) as refusal:
            load_config(str(path), tuple(PARTS), ())
        return [str(fault).removeprefix(f"{path}:") for fault in refusal.value.faults]

    return faults


def test_references_between_sections(faults: Callable[[str], list[str]]) -> None:
    assert faults(WORLD) == [
        "3:45: http.tokens.0.organization: there is no organization 'nobody' in the directory",
        "4:60: http.tokens.1.person: there is no person 'nobody' in the directory",
        "5:61: http.tokens.2.person: 'q' belongs to organization 'acme'",
        "7:60: http.tokens.4.person: there is no person 'user-00005' in the directory",
        "24:29: registry.brands.unknown.organization: there is no organization 'nobody' in the directory",
        "30:53: registry.brands.ours.campaigns.c.numbers.1: the number +12025559999 is not in the directory",
        "30:69: registry.brands.ours.campaigns.c.numbers.2: "
        "the number +12025550200 belongs to organization 'other'",
        "33:57: registry.generated.1.first_number: the number +12025600005 is not in the directory",
    ]


def test_an_id_the_api_gave_is_the_databases_to_know(faults: Callable[[str], list[str]]) -> None:
    seed = WORLD.replace("directory:\n", "directory:\n  source: seed\n", 1)
    assert "8:40: http.tokens.5.person: there is no person '0fy4z0q6c4000' in the directory" in faults(seed)


def test_single_values_do_not_hide_what_does_not_fit(faults: Callable[[str], list[str]]) -> None:
    organization = "directory.organizations.acme"
    assert faults(DOUBTFUL) == [
        f"5:7: {organization}.colour: unknown key",
        f"6:43: {organization}.locations.hq.country: String should match pattern '^[A-Z]{{2}}$'",
        f"6:49: {organization}.locations.bad.name: this key is missing",
        f"9:36: {organization}.numbers.+12025550101.location: there is no location 'nowhere'",
        f"11:23: {organization}.people.p.location: there is no location 'nowhere'",
        f"11:55: {organization}.people.p.number: there is no number '+12025550199'",
        f"13:51: {organization}.people.r.number: the primary number of 'r' already belongs to 'q': "
        "unassign it there first",
        f"14:23: {organization}.people.s.location: 's' may not use location 'site': "
        "it belongs to another organisation",
        "15:42: directory.organizations.other.locations.hq: location 'hq' is described twice, "
        "in two organisations",
        "17:38: directory.generated.0.location: there is no location 'nowhere'",
        "18:66: directory.generated.1.first_number: the primary number of 'user-00000' already belongs to "
        "'r': unassign it there first",
        "24:22: registry.brands.b.vetting_score: Input should be less than or equal to 100",
        "26:55: registry.brands.b.campaigns.c.numbers.1: "
        r"String should match pattern '^\+[1-9][0-9]{6,14}(\.\.\+[1-9][0-9]{6,14})?$'",
        "26:65: registry.brands.b.campaigns.c.numbers.2: '+12025550109..+12025550101' is no range of numbers",
        "27:23: registry.brands.b.campaigns.d.use_case: the use case 'NOPE' is not known",
        "27:51: registry.brands.b.campaigns.d.sub_use_cases.1: the use case 'NOT' is not known",
        "27:67: registry.brands.b.campaigns.d.numbers.0: a number belongs to campaign 'c': "
        "release it there first",
        "29:15: registry.generated.0.brand: there is no brand 'nobody'",
        "32:22: esme.carriers.att.system_id: String should have at most 15 characters",
        "32:51: esme.carriers.att.password: at most 8 characters (SMPP 3.4 §5.2.2)",
        "32:70: esme.carriers.att.window: Input should be greater than or equal to 1",
        "32:101: esme.carriers.att.backoff.max_s: max_s must not be below min_s",
        "33:5: esme.carriers.bell.system_id: this key is missing",
        "35:14: esme.routes.default: there is no 'other' under esme.carriers",
        "36:25: esme.routes.prefixes.+1310: there is no 'nope' under esme.carriers",
    ]


def test_values_that_exclude_each_other_are_told_at_one_of_them(faults: Callable[[str], list[str]]) -> None:
    text = """\
http: {port: nine, tls_key: key.pem, tokens: [{role: admin}, {role: admin, sha256: x}]}
clock: {speed: 2, start: "2026-01-01T00:00:00Z", mode: system}
recording: {max_sessions: 0, repeat_tone_seconds: [9, 1]}
calling: {port: x, phones: {a: {kind: outside}, b: {number: "+12025550100"}}}
"""
    assert [fault.split(": ")[:2] for fault in faults(text)] == [
        ["1:14", "http.port"],
        ["1:29", "http.tls_key"],
        ["1:47", "http.tokens.0"],
        ["1:84", "http.tokens.1.sha256"],
        ["2:16", "clock.speed"],
        ["2:26", "clock.start"],
        ["3:27", "recording.max_sessions"],
        ["3:51", "recording.repeat_tone_seconds"],
        ["4:17", "calling.port"],
        ["4:39", "calling.phones.a.kind"],
        ["4:61", "calling.phones.b.number"],
    ]


def test_recording_by_itself_judges_its_tokens_too(tmp_path: Path) -> None:
    path = tmp_path / "world.yaml"
    path.write_text("http: {tokens: [{token: a, role: admin, organization: nobody}]}\n")
    with pytest.raises(ConfigError, match=r":1:55: http\.tokens\.0\.organization: there is no organization"):
        load_standalone(str(path))


UNFINISHED = """\
http:
  tokens:
    - {token: a, organization: nobody}
    - {token: b, sha256: c, role: chief, person: nobody}
    - {token: d, role: person, person: ghost-00003}
directory:
  organizations:
    acme:
      locations: {hq: {country: USA}, lab: {name: 7}}
      numbers:
        "+12025550100": {location: nowhere, authorized: perhaps}
        "+12025550101": {}
      people:
        p: {location: nowhere, number: "+12025550199"}
        q: {location: lab, first_name: 7, number: "+12025550101"}
        r: {first_name: R, number: "+12025550101"}
  generated:
    - {organization: nobody, location: nowhere, prefix: ghost, first_number: "+12025550300"}
    - {location: hq, count: 5, first_number: "+12025550400"}
    - {organization: acme, location: hq, count: 0, first_number: "+12025550101"}
registry:
  use_cases: {CARE: {}}
  brands:
    b:
      organization: acme
      campaigns:
        c: {use_case: NOPE, numbers: ["+12025550555", "+12025550303", "+12025550402"]}
        d: {use_case: 7, numbers: ["+12025550100"]}
    e: {organization: nobody, vetting_score: high, country: MX}
  generated:
    - {brand: nobody, numbers: 5}
    - {brand: b, numbers: many, first_number: "+12025550600", campaign: {use_case: NOT}}
esme:
  carriers:
    att: {window: 0, backoff: {min_s: 3, max_s: 1}}
  routes:
    default: att
    prefixes: {"+1310": nope, "+1311": att}
"""


def test_an_unfinished_entry_tells_what_else_is_wrong_with_it(faults: Callable[[str], list[str]]) -> None:
    organization, missing = "directory.organizations.acme", "this key is missing"
    assert faults(UNFINISHED) == [
        f"3:7: http.tokens.0.role: {missing}",
        "3:32: http.tokens.0.organization: there is no organization 'nobody' in the directory",
        "4:26: http.tokens.1.sha256: String should match pattern '^[0-9a-f]{64}$'",
        "4:35: http.tokens.1.role: "
        "Input should be 'admin', 'person', 'partner', 'provider' or 'dubber_admin'",
        "4:50: http.tokens.1.person: there is no person 'nobody' in the directory",
        f"8:5: {organization}.name: {missing}",
        f"9:19: {organization}.locations.hq.name: {missing}",
        f"9:33: {organization}.locations.hq.country: String should match pattern '^[A-Z]{{2}}$'",
        f"9:51: {organization}.locations.lab.name: Input should be a valid string; put quotes around it",
        f"11:36: {organization}.numbers.+12025550100.location: there is no location 'nowhere'",
        f"11:57: {organization}.numbers.+12025550100.authorized: "
        "Input should be a valid boolean, unable to interpret input",
        f"12:9: {organization}.numbers.+12025550101.location: {missing}",
        f"14:9: {organization}.people.p.first_name: {missing}",
        f"14:23: {organization}.people.p.location: there is no location 'nowhere'",
        f"15:40: {organization}.people.q.first_name: Input should be a valid string; put quotes around it",
        f"16:9: {organization}.people.r.location: {missing}",
        f"16:36: {organization}.people.r.number: the primary number of 'r' already belongs to 'q': "
        "unassign it there first",
        f"18:7: directory.generated.0.count: {missing}",
        "18:22: directory.generated.0.organization: there is no organization 'nobody'",
        "18:40: directory.generated.0.location: there is no location 'nowhere'",
        f"19:7: directory.generated.1.organization: {missing}",
        "20:49: directory.generated.2.count: Input should be greater than or equal to 1",
        "20:66: directory.generated.2.first_number: the primary number of 'user-00000' already belongs to "
        "'r': unassign it there first",
        f"24:5: registry.brands.b.name: {missing}",
        "27:23: registry.brands.b.campaigns.c.use_case: the use case 'NOPE' is not known",
        "28:23: registry.brands.b.campaigns.d.use_case: Input should be a valid string; put quotes around it",
        f"29:5: registry.brands.e.name: {missing}",
        "29:23: registry.brands.e.organization: there is no organization 'nobody' in the directory",
        "29:46: registry.brands.e.vetting_score: "
        "Input should be a valid integer, unable to parse string as an integer",
        "29:61: registry.brands.e.country: Input should be 'US' or 'CA'",
        "31:7: registry.generated.0: the use case 'UCAAS_LOW' is not known",
        f"31:7: registry.generated.0.count: {missing}",
        f"31:7: registry.generated.0.first_number: {missing}",
        "31:15: registry.generated.0.brand: there is no brand 'nobody'",
        f"32:7: registry.generated.1.count: {missing}",
        "32:27: registry.generated.1.numbers: "
        "Input should be a valid integer, unable to parse string as an integer",
        "32:84: registry.generated.1.campaign.use_case: the use case 'NOT' is not known",
        f"35:5: esme.carriers.att.system_id: {missing}",
        "35:19: esme.carriers.att.window: Input should be greater than or equal to 1",
        "35:49: esme.carriers.att.backoff.max_s: max_s must not be below min_s",
        "38:25: esme.routes.prefixes.+1310: there is no 'nope' under esme.carriers",
    ]


def test_what_does_not_fit_hides_nothing_that_others_say_of_it(faults: Callable[[str], list[str]]) -> None:
    told = faults(
        """\
http: {tokens: [{token: a, role: person, organization: beta, person: p}]}
directory:
  organizations:
    acme: {name: Acme, people: {p: {location: nowhere, first_name: P}}}
    beta: {name: Beta, people: {p: {location: nowhere, first_name: P}}}
registry:
  use_cases: {CARE: {}}
  brands: {b: {organization: acme, campaigns: {c: {use_case: NOPE, numbers: ["+12025550555"]}}}}
"""
    )
    assert told == [
        "4:47: directory.organizations.acme.people.p.location: there is no location 'nowhere'",
        "5:36: directory.organizations.beta.people.p: person 'p' is described twice, in two organisations",
        "8:12: registry.brands.b.name: this key is missing",
        "8:62: registry.brands.b.campaigns.c.use_case: the use case 'NOPE' is not known",
        "8:78: registry.brands.b.campaigns.c.numbers.0: the number +12025550555 is not in the directory",
    ]


def test_what_does_not_fit_within_a_carrier_or_a_provider_is_told_at_its_value(
    faults: Callable[[str], list[str]],
) -> None:
    told = faults(
        """\
carriers:
  networks:
    one:
      profile:
        window: none
        accounts:
          - {system_id: a, password: a, default: true}
          - {password: ninechars, system_id: a, default: true}
          - {password: b}
          - {password: c}
recording:
  providers:
    own: {title: Own, default_product: gold, products: {silver: {title: 7}}, account_opened_by: [], users: x}
    odd: {title: Odd, default_product: gold, products: {gold: 7}, account_opened_by: [], users: manual}
"""
    )
    accounts, missing = "carriers.networks.one.profile.accounts", "this key is missing"
    assert told == [
        "5:17: carriers.networks.one.profile.window: "
        "Input should be a valid integer, unable to parse string as an integer",
        f"8:24: {accounts}.1.password: String should have at most 8 characters",
        f"8:46: {accounts}.1.system_id: two accounts have the same system_id",
        f"8:58: {accounts}.1.default: more than one account is the default",
        f"9:13: {accounts}.2.system_id: {missing}",
        f"10:13: {accounts}.3.system_id: {missing}",
        "13:40: recording.providers.own.default_product: default_product 'gold' is none of the products",
        f"13:57: recording.providers.own.products.silver.access: {missing}",
        "13:73: recording.providers.own.products.silver.title: "
        "Input should be a valid string; put quotes around it",
        "13:108: recording.providers.own.users: Input should be 'automatic' or 'manual'",
        "14:63: recording.providers.odd.products.gold: Input should be a mapping of keys to values",
    ]


SOUND = """\
http: {tokens: [{token: a, role: admin, organization: acme}, {token: b, role: person, person: user-00001}]}
directory:
  organizations:
    acme:
      name: Acme
      locations: {hq: {name: HQ}}
      numbers: {"+12025550100": {location: hq, authorized: true}, "+12025550101": {location: hq}}
      people: {p: {location: hq, first_name: P, number: "+12025550100"}}
    other: {name: Other, locations: {site: {name: Site}}}
  generated:
    - {organization: acme, location: hq, count: 5, first_number: "+12025550200", prefix: user}
registry:
  use_cases: {CARE: {}}
  limits: {numbers_per_campaign: 3}
  brands:
    b:
      organization: acme
      name: B
      campaigns: {c: {use_case: CARE, numbers: ["+12025550100..+12025550101", "+12025550200"]}}
  generated:
    - {brand: b, count: 2, numbers: 4, first_number: "+12025550201", campaign: {use_case: CARE}}
carriers: {networks: {att: {profile: {accounts: [{system_id: a, password: a}, {system_id: b, password: b}]}}}}
esme:
  carriers: {att: {system_id: a, backoff: {min_s: 1, max_s: 3}}}
  routes: {default: att, prefixes: {"+1310": att}}
"""
REFERENCES: tuple[KeyPath, ...] = (
    ("http", "tokens", 0, "organization"),
    ("http", "tokens", 1, "person"),
    ("directory", "organizations", "acme", "numbers", "+12025550100", "location"),
    ("directory", "organizations", "acme", "people", "p", "location"),
    ("directory", "generated", 0, "organization"),
    ("registry", "brands", "b", "organization"),
    ("registry", "brands", "b", "campaigns", "c", "use_case"),
    ("registry", "generated", 0, "brand"),
    ("esme", "routes", "default"),
)


def leaves(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield where every single value stands."""
    if not isinstance(value, dict | list):
        yield path
        return
    for key, child in value.items() if isinstance(value, dict) else enumerate(value):
        yield from leaves(child, (*path, key))


def spoilt(path: KeyPath, how: str) -> Any:
    """Return the sound world with one value wrong, missing, or naming what there is not."""
    world = yaml.safe_load(SOUND)
    entry: Any = reduce(lambda holder, key: holder[key], path[:-1], world)
    spoil(entry, path[-1], how)
    return world


def spoil(entry: Any, key: str | int, how: str) -> None:
    if how == "missing" and isinstance(key, str):
        del entry[key]
    else:
        entry[key] = "nowhere" if how == "unknown" else {"no": {"such": "thing"}}


def about(fault: str, path: KeyPath) -> bool:
    """Whether a fault is told at a value, in it, or of what it stands in."""
    told, spoilt = fault.split("."), [str(part) for part in path]
    shorter = min(len(told), len(spoilt))
    return told[:shorter] == spoilt[:shorter]


class TestOneWrongValue:
    """Any one value of a sound world, wrong or missing: that is told, and nothing that it brings about."""

    LEAVES = tuple(leaves(yaml.safe_load(SOUND)))

    @pytest.fixture
    def told(self, tmp_path: Path) -> Callable[[Any], set[str]]:
        def told(world: Any) -> set[str]:
            path = tmp_path / "world.yaml"
            path.write_text(json.dumps(world))
            try:
                load_config(str(path), tuple(PARTS), ())
            except ConfigError as refusal:
                return {fault.path for fault in refusal.faults}
            return set()

        return told

    @pytest.mark.parametrize("how", ["wrong", "missing"])
    def test_brings_nothing_about(self, told: Callable[[Any], set[str]], how: str) -> None:
        assert told(yaml.safe_load(SOUND)) == set()
        for path in self.LEAVES:
            found = told(spoilt(path, how))
            assert [fault for fault in found if not about(fault, path)] == [], path
            assert found or how == "missing", path

    @pytest.mark.parametrize("how", ["wrong", "missing"])
    @pytest.mark.parametrize("reference", REFERENCES, ids=lambda path: str(path[0]) + "-" + str(path[-1]))
    def test_does_not_hide_what_its_entry_refers_to(
        self, told: Callable[[Any], set[str]], reference: KeyPath, how: str
    ) -> None:
        alone = told(spoilt(reference, "unknown"))
        assert ".".join(map(str, reference)) in alone
        for path in self.LEAVES:
            if path[:-1] == reference[:-1] and path != reference:
                world = spoilt(reference, "unknown")
                spoil(reduce(lambda holder, key: holder[key], path[:-1], world), path[-1], how)
                found = told(world)
                assert ".".join(map(str, reference)) in found, path
                assert [one for one in found if one not in alone and not about(one, path)] == [], path


TLS = """\
carriers:
  tls: {certificate: /nowhere/smsc.pem, key: GOOD_KEY}
http:
  tls_certificate: GOOD_PEM
  tls_key: CLIENT_KEY
esme:
  carriers:
    acme: {system_id: a, tls: {ca_file: GOOD_KEY}}
webhooks: {ca_file: /nowhere/ca.pem}
recording:
  sip:
    tls: {certificate: /nowhere/sip.pem, key: GOOD_KEY, client_ca: /nowhere/ca.pem}
"""


@pytest.fixture
def tls_config(tmp_path: Path, certificates: Any) -> str:
    """A configuration whose TLS files are all wrong."""
    file = tmp_path / "tls.yaml"
    file.write_text(
        TLS.replace("GOOD_PEM", certificates.pem("good"))
        .replace("GOOD_KEY", certificates.key("good"))
        .replace("CLIENT_KEY", certificates.key("client"))
    )
    return str(file)


def tls_faults(load: Callable[[], Any]) -> dict[str, tuple[int, str]]:
    with pytest.raises(ConfigError) as caught:
        load()
    return {fault.path: (fault.line, fault.message) for fault in caught.value.faults}


def test_tls_files_are_faults_at_the_setting_that_names_them(tls_config: str) -> None:
    faults = tls_faults(lambda: load_config(tls_config, ("texting", "carriers", "recording"), ()))
    assert {path: line for path, (line, _) in faults.items()} == {
        "carriers.tls.certificate": 2,
        "http.tls_key": 5,
        "esme.carriers.acme.tls.ca_file": 8,
        "webhooks.ca_file": 9,
        "recording.sip.tls.certificate": 12,
        "recording.sip.tls.client_ca": 12,
    }
    assert "/nowhere/smsc.pem" in faults["carriers.tls.certificate"][1]
    assert "holds no certificate" in faults["esme.carriers.acme.tls.ca_file"][1]
    assert "is not the key of" in faults["http.tls_key"][1]


@pytest.mark.parametrize(
    ("part", "sections"),
    [
        ("texting", {"http", "esme", "webhooks"}),
        ("carriers", {"http", "carriers"}),
        ("recording", {"http", "recording"}),
    ],
)
def test_tls_files_of_parts_that_run_elsewhere_are_not_looked_for(
    tls_config: str, part: str, sections: set[str]
) -> None:
    faults = tls_faults(lambda: load_config(tls_config, (part,), ()))
    assert {path.partition(".")[0] for path in faults} == sections


def test_a_recorder_alone_judges_its_tls_files(tls_config: str) -> None:
    faults = tls_faults(lambda: load_standalone(tls_config))
    assert {path.partition(".")[0] for path in faults} == {"http", "recording"}


@pytest.mark.parametrize("given", ["certificate", "key"])
def test_half_a_pair_of_the_recorder_is_a_fault(given: str) -> None:
    override = f"recording.sip.tls.{given}=x.pem"
    with pytest.raises(ConfigError, match="certificate and key go together") as caught:
        load_config("gateway.yaml", ("recording",), (override,))
    assert [fault.path for fault in caught.value.faults if "together" in fault.message] == [
        f"recording.sip.tls.{given}"
    ]


LIMITS = """\
limits:
  number:
    rate: {segments: 1, per: day, burst: 100000, max_wait_s: -1}
    window: {cap: 0, zone: Mars/Olympus}
  person:
    rate: {segments: none, burst: 100000000}
business_texting:
  filters:
    gateway:
      - {cause: 3, words: [a], messages: 2}
      - {cause: spam, words: 5}
      - {causes: spam}
    vendor:
      - {cause: spam, words: [a], minimum: 0}
"""


def test_limits_and_filters_are_told_beside_what_else_is_wrong_there(tmp_path: Path) -> None:
    file = tmp_path / "limits.yaml"
    file.write_text(LIMITS)
    with pytest.raises(ConfigError) as caught:
        load_config(str(file), ("texting",), ())
    faults = {fault.path: fault for fault in caught.value.faults}
    assert set(faults) == {
        "limits.number.rate.burst",
        "limits.number.rate.max_wait_s",
        "limits.number.window.cap",
        "limits.number.window.zone",
        "limits.person.rate.segments",
        "business_texting.filters.gateway.0",
        "business_texting.filters.gateway.0.cause",
        "business_texting.filters.gateway.1.words",
        "business_texting.filters.gateway.2",
        "business_texting.filters.gateway.2.cause",
        "business_texting.filters.gateway.2.causes",
        "business_texting.filters.vendor.0.minimum",
    }
    assert "days to come back" in faults["limits.number.rate.burst"].message
    assert faults["limits.number.window.zone"].message.startswith("'Mars/Olympus' is no IANA time zone")
    assert faults["business_texting.filters.gateway.0"].message.startswith("give exactly one of words,")
    assert faults["business_texting.filters.gateway.0"].line == 10
    assert faults["limits.number.rate.burst"].line == 3
