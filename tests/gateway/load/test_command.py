"""`gateway load` as people and CI call it: exit codes, JSON, reports, what is refused."""

import asyncio
import json
import os
import sys
from functools import partial
from pathlib import Path

import pytest

from gateway.load.command import list_profiles
from gateway.load.profile import carried

GATEWAY = (sys.executable, "-m", "gateway.cli", "load")


async def gateway(*arguments: str, cwd: Path) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *GATEWAY,
        *arguments,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, out.decode(), err.decode()


async def test_a_run_within_its_budgets_ends_with_0_and_json(load, tmp_path):
    profile = tmp_path / "mine.yaml"
    profile.write_text(
        "target: smpp://guest:guest@127.0.0.1:1\nbudgets: {failed_ratio: 0, refused_ratio: 0}\n"
    )
    async with load.serving(load.smsc()) as server:
        target = f"smpp://guest:guest@127.0.0.1:{server.port}"
        options = ("--target", target, "--rate", "200", "--duration", "0.5", "--json", "--report", "r.html")
        code, out, err = await gateway("mine.yaml", *options, cwd=tmp_path)
    assert code == 0, err
    document = json.loads(out)
    assert document["ok"] is True
    assert document["accepted"] == document["offered"] > 50
    assert (tmp_path / "r.html").read_text().startswith("<!doctype html>")
    assert "guest:guest" not in out + err


@pytest.fixture
def load_here(gateway_command, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return partial(gateway_command, "load")


def test_a_broken_budget_ends_with_1(load_here, tmp_path):
    profile = tmp_path / "mine.yaml"
    profile.write_text(
        "target: 'limiter:'\narrivals: {rate: 500}\nduration_s: 2\nsenders: [{name: a, numbers: 1}]\n"
    )
    assert load_here("mine.yaml").code == 0
    profile.write_text(profile.read_text() + "budgets: {refused_ratio: 0}\n")
    code, out, _ = load_here("mine.yaml")
    assert code == 1
    assert "BROKEN" in out


FREE = "127.0.0.1:{free}"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("nosuch",), 2, "nosuch: there is no such profile; ours are"),
        ((".",), 2, ".: there is no such profile; ours are"),
        (("wrong.yaml",), 2, "wrong.yaml:1:9: target:"),
        (("empty.yaml",), 2, "empty.yaml:1:1: a profile is a mapping"),
        (("day.pcap",), 2, "day.pcap:1:1: invalid leading UTF-8 octet"),
        (("lost.yaml",), 2, "lost.yaml:2:38: arrivals.capture: gone.pcap: No such file or directory"),
        (("torn.yaml",), 2, "torn.yaml:2:38: arrivals.capture: day.pcap: no submit_sm in it"),
        (("limiter", "--target", "gopher://x"), 2, "command line: target"),
        (("carrier", "--target", "smpp://guest:guest@smsc.example"), 2, "smsc.example is another machine"),
        (("users", "--target", "http://203.0.113.1"), 2, "203.0.113.1 is another machine: give --remote"),
        (("carrier", "--target", f"smpp://a:secret@{FREE}"), 1, f"{FREE}: connection refused"),
        (("users", "--target", f"http://{FREE}"), 1, f"{FREE}: connection refused"),
        (("app", "--target", f"ws://{FREE}"), 1, f"{FREE}: connection refused"),
        (("limiter", "--report", "no/r.html"), 2, "--report no/r.html: there is no folder no"),
        (("limiter", "--report", "."), 2, "--report .: is a folder"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_a_code(
    load_here, tmp_path, unused_tcp_port, arguments, code, told
):
    head = b"\xa1\xb2\x3c\x4d" + bytes(20)
    (tmp_path / "day.pcap").write_bytes(head)
    for name, content in (
        ("wrong", "target: ftp://x\n"),
        ("empty", ""),
        ("lost", "target: 'limiter:'\narrivals: {shape: replayed, capture: gone.pcap}\n"),
        ("torn", "target: 'limiter:'\narrivals: {shape: replayed, capture: day.pcap}\n"),
    ):
        (tmp_path / f"{name}.yaml").write_text(content)
    ended, out, err = load_here(*(word.format(free=unused_tcp_port) for word in arguments))
    assert (ended, out) == (code, "")
    assert err.startswith(told.format(free=unused_tcp_port))
    assert "secret" not in err


def test_a_target_that_refuses_to_be_bound_to(load_here, mock_carrier):
    port = mock_carrier("tmobile").port
    code, out, err = load_here("carrier", "--target", f"smpp://guest:wrong@127.0.0.1:{port}")
    assert (code, out) == (1, "")
    assert err.splitlines()[-1] == f"127.0.0.1:{port}: bind_transceiver refused: ESME_RINVPASWD"


def test_profiles_of_ours_are_listed(capsys):
    assert list_profiles(as_json=True) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {each["name"] for each in listed} == set(carried())
    assert all(each["about"] for each in listed)
    list_profiles(as_json=False)
    assert "limiter" in capsys.readouterr().out
