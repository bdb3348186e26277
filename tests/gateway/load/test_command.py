"""`gateway load` as people and CI call it: exit codes, JSON, reports, what is refused."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from gateway.load.command import list_profiles, load_command
from gateway.load.profile import Profile, carried

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


async def test_a_broken_budget_ends_with_1(load, tmp_path):
    profile = tmp_path / "mine.yaml"
    profile.write_text(
        "target: 'limiter:'\narrivals: {rate: 500}\nduration_s: 2\nsenders: [{name: a, numbers: 1}]\n"
    )
    code, out, _ = await gateway("mine.yaml", cwd=tmp_path)
    assert code == 0, out
    profile.write_text(profile.read_text() + "budgets: {refused_ratio: 0}\n")
    code, out, _ = await gateway("mine.yaml", cwd=tmp_path)
    assert code == 1
    assert "BROKEN" in out


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("nosuch",), 2, "there is no such profile; ours are"),
        (("wrong.yaml",), 2, "wrong.yaml:1:9: target:"),
        (("limiter", "--target", "gopher://x"), 2, "command line: target"),
        (("carrier", "--target", "smpp://guest:guest@smsc.example"), 2, "smsc.example is another machine"),
        (("carrier", "--target", "smpp://guest:guest@127.0.0.1:1"), 1, "127.0.0.1:1"),
        (("users", "--target", "http://127.0.0.1:1"), 1, "127.0.0.1:1"),
    ],
)
async def test_what_cannot_be_done_is_one_sentence_and_a_code(tmp_path, arguments, code, told):
    (tmp_path / "wrong.yaml").write_text("target: ftp://x\n")
    ended, out, err = await gateway(*arguments, cwd=tmp_path)
    assert (ended, out) == (code, "")
    assert told in err
    assert "Traceback" not in err


def test_another_machine_is_loaded_only_when_asked_to(capsys):
    profile = Profile.model_validate({"name": "x", "target": "http://203.0.113.1"})
    assert load_command(profile, reports=[], as_json=False, remote=False) == 2
    assert "--remote" in capsys.readouterr().err


def test_profiles_of_ours_are_listed(capsys):
    assert list_profiles(as_json=True) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {each["name"] for each in listed} == set(carried())
    assert all(each["about"] for each in listed)
    list_profiles(as_json=False)
    assert "limiter" in capsys.readouterr().out
