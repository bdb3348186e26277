"""What a configuration wants: ports, packages, a database, tokens of its own."""

import importlib.util
import json
import os
import socket
import sqlite3
import sys
from pathlib import Path

import pytest

from gateway import cli
from gateway.app import load_config
from gateway.doctor import world
from gateway.doctor.run import examine
from gateway.runtime.claims import Claims
from gateway.runtime.http.settings import HttpSettings
from gateway.runtime.settings import StorageSettings
from gateway.runtime.storage import claimed_paths
from gateway.settings import PARTS


def loaded(*overrides: str, parts: tuple[str, ...] = tuple(PARTS)):
    return load_config("gateway.yaml", parts, overrides)


def test_every_port_of_the_demo_world_has_its_setting():
    wanted = world.ports_of(loaded("calling.enabled=true"))
    assert {(each.setting, each.port) for each in wanted} >= {
        ("http.port", 8080),
        ("carriers.networks.tmobile.port", 2775),
        ("carriers.networks.telus.port", 2781),
        ("recording.sip.udp_port", 5060),
        ("recording.sip.tls.port", 5061),
        ("calling.port", 5070),
    }


def test_parts_that_do_not_run_take_no_port():
    assert {each.setting for each in world.ports_of(loaded(parts=("recording",)))}.isdisjoint(
        {"carriers.networks.tmobile.port"}
    )
    assert world.ports_of(loaded("http.port=0", "carriers.port=0", parts=("carriers",))) == []


@pytest.fixture
def taken():
    with socket.socket() as each:
        each.bind(("127.0.0.1", 0))
        each.listen()
        yield each.getsockname()[1]


def test_a_taken_port_names_its_setting_once(taken):
    wanted = [world.Wanted("x.port", "127.0.0.1", taken), world.Wanted("x.port", "127.0.0.1", taken)]
    (finding,) = world.ports(wanted, running=False)
    assert (finding.level.value, finding.found) == ("fault", f"TCP 127.0.0.1:{taken} is taken")
    assert "--set x.port=PORT" in finding.advice


def test_a_port_our_own_gateway_holds_is_well(taken):
    (finding,) = world.ports([world.Wanted("http.port", "127.0.0.1", taken)], running=True)
    assert finding.level.value == "ok"
    assert "runs here already and holds 1 of 1" in finding.found


def test_free_ports_are_listed(levels):
    with socket.socket() as each:
        each.bind(("127.0.0.1", 0))
        port = each.getsockname()[1]
    wanted = [world.Wanted("x", "127.0.0.1", port, udp) for udp in (True, False)]
    (finding,) = world.ports(wanted, running=False)
    assert finding.found == f"free: {port}"


def test_an_address_of_another_machine():
    (finding,) = world.ports([world.Wanted("http.port", "192.0.2.1", 8080)], running=False)
    assert finding.level.value == "fault"
    assert "`http`" in finding.advice


def test_a_port_for_root(monkeypatch):
    def refuse(_wanted):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(world, "_try_port", refuse)
    (finding,) = world.ports([world.Wanted("http.port", "127.0.0.1", 80)], running=False)
    assert finding.found.endswith("is for root alone")


@pytest.mark.parametrize(
    ("settings", "levels_found"),
    [
        ({}, ["ok"]),
        ({"host": "0.0.0.0", "tokens": [{"token": "demo-admin", "role": "admin"}]}, ["warning", "warning"]),
        ({"host": "0.0.0.0", "tokens": [{"token": "k9-2f", "role": "admin"}]}, ["warning"]),
        (
            {
                "host": "0.0.0.0",
                "tokens": [{"sha256": "0" * 64, "role": "admin"}],
                "tls_certificate": "a",
                "tls_key": "b",
            },
            ["ok"],
        ),
    ],
)
def test_safety(settings, levels_found):
    assert [one.level.value for one in world.safety(HttpSettings(**settings))] == levels_found


@pytest.mark.parametrize(
    ("overrides", "package", "extra"),
    [
        (["storage.database=postgresql://x@y/z"], "psycopg", "postgresql"),
        (["tracing.enabled=true"], "opentelemetry", "otel"),
        (["recording.profile.audio_format=opus"], "av", "opus"),
        (["recording.storage.url=s3://bucket"], "boto3", "s3"),
    ],
)
def test_a_missing_extra_names_the_command_that_brings_it(monkeypatch, overrides, package, extra):
    config = loaded(*overrides)
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == package else find(name, *rest)
    )
    (finding,) = world.packages(config)
    assert finding.level.value == "fault"
    assert f"pip install 'sms-siprec-gateway[{extra}]'" in finding.advice


def test_the_demo_world_needs_no_extra():
    assert list(world.packages(loaded())) == []


def test_a_folder_to_come_is_tried_and_left_as_it_was(tmp_path: Path):
    (finding,) = world.database(StorageSettings(folder=tmp_path / "data"), running=False)
    assert finding.level.value == "ok"
    assert "a commit takes" in finding.found
    assert list(tmp_path.iterdir()) == []


def test_a_slow_disk_is_told(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(world, "_commit_seconds", lambda _path: 0.2)
    (finding,) = world.database(StorageSettings(folder=tmp_path), running=False)
    assert (finding.level.value, "200.0 ms" in finding.found) == ("warning", True)


def test_a_database_somebody_holds(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(world, "PROBE_S", 0.05)
    path = tmp_path / "gateway.db"
    with sqlite3.connect(path, isolation_level=None) as holder:
        holder.execute("BEGIN IMMEDIATE")
        (finding,) = world.database(StorageSettings(folder=tmp_path), running=False)
        assert (finding.level.value, finding.found) == ("fault", f"{path} is held by another process")
        (finding,) = world.database(StorageSettings(folder=tmp_path), running=True)
        assert finding.level.value == "ok"
    holder.close()


def test_a_folder_another_gateway_works_on(tmp_path: Path):
    storage = StorageSettings(folder=tmp_path)
    assert list(world.occupied(storage, ("texting",), running=False)) == []
    held = Claims.take(claimed_paths(storage, "texting"), "texting")
    (finding,) = world.occupied(storage, ("texting", "recording"), running=False)
    assert finding.level.value == "fault"
    assert finding.found == f"{tmp_path}: process {os.getpid()} runs texting on this folder"
    assert list(world.occupied(storage, ("texting",), running=True)) == []
    held.release()


@pytest.mark.parametrize("url", ["nonsense", "mysql://x/y"])
def test_a_database_that_is_none(url):
    (finding,) = world.database(StorageSettings(database=url), running=False)
    assert finding.level.value == "fault"


def test_a_folder_nobody_can_write():
    (finding,) = world.database(StorageSettings(folder=Path("/proc/gateway")), running=False)
    assert finding.level.value == "fault"
    assert "storage.folder" in finding.advice


def test_a_server_that_is_not_there_keeps_its_password():
    storage = StorageSettings(database="postgresql://me:secret@127.0.0.1:9/none")
    (finding,) = world.database(storage, running=False)
    assert finding.level.value == "fault"
    assert "secret" not in finding.found


def test_everything_is_looked_at(tmp_path: Path):
    settings = [f"storage.folder={tmp_path}", "http.port=0", "carriers.port=0"]
    checks = {one.check for one in examine("gateway.yaml", tuple(PARTS), settings)}
    assert checks == {
        *("versions", "clock", "configuration", "open files", "receive buffers", "disk", "ports", "database"),
        "safety",
    }


def test_a_wrong_configuration_ends_the_look(tmp_path: Path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("http:\n  prot: 1\nlimits: {x: 1}\n")
    faults = [one for one in examine(str(wrong), tuple(PARTS), []) if one.check == "configuration"]
    assert [one.found.partition(": ")[0] for one in faults] == [f"{wrong}:2:3", f"{wrong}:3:10"]


@pytest.mark.parametrize(("overrides", "code"), [([], 0), (["http.prot=1"], 2)])
def test_the_command(capsys, monkeypatch, tmp_path: Path, overrides, code):
    words = ["doctor", "--json", "--only", "carriers", "--set", "http.port=0", "--set", "carriers.port=0"]
    words += ["--set", f"storage.folder={tmp_path}"]
    words += [word for each in overrides for word in ("--set", each)]
    monkeypatch.setattr(sys, "argv", ["gateway", *words])
    with pytest.raises(SystemExit) as ending:
        cli.main()
    assert ending.value.code == code
    assert json.loads(capsys.readouterr().out)["ok"] is (code == 0)
