"""The `gateway` commands: mistakes end as one sentence on stderr with their exit code."""

import json
import os
import socket
from pathlib import Path

import pytest

from gateway.runtime.claims import Claims


@pytest.fixture
def run(gateway_command):
    def run(*words: str) -> tuple[int, list[str]]:
        ended = gateway_command(*words)
        return ended.code, ended.err.splitlines()

    return run


def test_an_unknown_carrier(run):
    code, told = run("carriers", "--carrier", "nope", "--set", "http.port=0", "--set", "log.level=error")
    assert code == 2
    assert len(told) == 1
    assert told[0].startswith("no carrier 'nope' runs here: there are tmobile, ")


def test_a_taken_port(run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, told = run(
            *("carriers", "--carrier", "tmobile", "--port", str(port)),
            *("--set", "http.port=0", "--set", "log.level=error"),
        )
    assert code == 1
    assert len(told) == 1
    assert f"cannot listen on 127.0.0.1:{port}, the port is taken: set carriers.port" in told[0]


def test_a_taken_port_of_the_call_control(run, tmp_path: Path):
    settings = ["http.port=0", "recording.sip={udp_port: 0, tcp_port: 0, tls: null}", "log.level=error"]
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        port = tcp.getsockname()[1]
        udp.bind(("127.0.0.1", port))
        settings += [f"calling.port={port}", f"storage.folder={tmp_path}"]
        words = [word for each in settings for word in ("--set", each)]
        code, told = run("run", "--only", "recording", *words)
    assert code == 1
    assert f"the call control cannot listen on 127.0.0.1:{port}" in told[-1]
    assert "choose another with `--set calling.port=PORT`" in told[-1]


def test_a_storage_folder_that_cannot_be(run, tmp_path: Path):
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "data"
    code, told = run("run", "--set", f"storage.folder={folder}", "--set", "log.level=error")
    assert code == 1
    assert len(told) == 1
    assert str(folder) in told[0]


def test_a_storage_folder_that_is_a_file(run, tmp_path: Path):
    (tmp_path / "file").touch()
    told = f"{tmp_path / 'file'}: is no folder: set storage.folder"
    assert run("run", "--set", f"storage.folder={tmp_path / 'file'}", "--set", "log.level=error") == (
        1,
        [told],
    )


def test_a_folder_another_gateway_works_on(run, tmp_path: Path):
    folder = tmp_path / "data"
    held = Claims.take([folder / "texting.lock"], "texting")
    settings = ("--set", f"storage.folder={folder}", "--set", "log.level=error")
    told = f"{folder}: process {os.getpid()} runs texting on this folder already; "
    assert run("run", *settings) == (1, [f"{told}stop it, or give this one a storage.folder of its own"])
    assert run("check", "gateway.yaml", *settings) == (0, [])
    assert run("rules") == (0, [])
    held.release()


def test_a_check_for_programs(gateway_command, tmp_path: Path):
    path = tmp_path / "gateway.yaml"
    path.write_text("http:\n  port: nine\n")
    ended = gateway_command("check", path, "--json")
    fault = {"file": str(path), "line": 2, "column": 9, "path": "http.port"}
    told = "Input should be a valid integer, unable to parse string as an integer"
    assert (ended.code, json.loads(ended.out)) == (
        2,
        {"file": str(path), "faults": [{**fault, "message": told}]},
    )
    path.write_text("http: {port: 9}\n")
    ended = gateway_command("check", path, "--json")
    found = json.loads(ended.out)
    assert (ended.code, found["file"], found["faults"]) == (0, str(path), [])
    assert "http" in found["sections"]


def test_a_variable_that_is_not_set_is_told_once(run, tmp_path: Path):
    path = tmp_path / "gateway.yaml"
    path.write_text('http: {tokens: [{token: "${NO_SUCH_VARIABLE}", role: admin}]}\n')
    told = f"{path}:1:25: http.tokens.0.token: environment variable NO_SUCH_VARIABLE is not set"
    assert run("check", path) == (2, [told])


def test_a_wait_that_cannot_be(run):
    code, told = run("send", "--from", "1", "--to", "2", "--timeout", "-1", "Hi")
    assert code == 2
    assert any("--timeout" in line for line in told)


@pytest.mark.parametrize("command", [["send", "--from", "1", "--to", "2", "Hi"], ["record", "x.pcap"]])
def test_an_address_that_is_none(run, command):
    assert run(*command, "--url", "nonsense") == (
        2,
        ["--url nonsense: expected the address of a running gateway, such as http://127.0.0.1:8080"],
    )


def test_a_gateway_that_is_not_there(run):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        code, told = run("send", "--from", "+12025550100", "--to", "+13105550120", "--url", url, "Hi")
    assert (code, len(told)) == (1, 1)
    assert told == [
        f"No service answers at {url} (connection refused). "
        "Start one with `gateway demo`, or say where it is with --url."
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: &a [*a]", ":1:4: a.0: an alias inside this value means the value itself"),
        ("a: " + "[" * 5000, ":1:67: nested deeper than 64 levels"),
    ],
)
def test_a_configuration_without_end(run, tmp_path, text, told):
    path = tmp_path / "gateway.yaml"
    path.write_text(text)
    assert run("check", str(path)) == (2, [f"{path}{told}"])


def test_a_folder_as_configuration(run, tmp_path):
    assert run("check", str(tmp_path)) == (2, [f"{tmp_path}: is a folder; a configuration is a file"])
