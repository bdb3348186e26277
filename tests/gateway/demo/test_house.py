"""What the demo leaves on the screen can be copied and run."""

import json
import shlex
import shutil
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from gateway.app import addresses, build, load_config
from gateway.demo.run import PARTS, _show_house, send_command
from gateway.demo.tables import carriers_json
from gateway.runtime.log import PRIVATE_KEYS

URL = "http://127.0.0.1:8080"


@pytest.fixture
def _not_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)


def test_the_command_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert send_command(URL).startswith(f"gateway send --url {URL} --from +1")


@pytest.mark.usefixtures("_not_on_the_path")
def test_the_command_of_a_virtual_environment_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / ".venv" / "bin" / "gateway"
    program.parent.mkdir(parents=True)
    program.touch()
    monkeypatch.setattr(sys, "executable", str(program.with_name("python")))
    monkeypatch.chdir(tmp_path)
    assert send_command(URL).startswith(".venv/bin/gateway send ")
    monkeypatch.chdir("/")
    assert send_command(URL).startswith(f"{program.relative_to('/')} send ")


@pytest.mark.usefixtures("_not_on_the_path")
def test_the_module_where_there_is_no_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "my python"))
    words = shlex.split(send_command(URL))
    assert words[:4] == [str(tmp_path / "my python"), "-m", "gateway.cli", "send"]


async def test_a_service_tells_where_it_listens(tmp_path: Path) -> None:
    settings = [f"storage.folder={tmp_path}", "http.port=0", "carriers.port=0"]
    settings += [f"recording.sip.{name}_port=0" for name in ("udp", "tcp")]
    settings += ["recording.sip.tls=null", "calling.port=0"]
    service = await build(load_config("gateway.yaml", PARTS, settings), PARTS)
    await service.lifecycle.start()
    try:
        assert service.http is not None
        assert service.telephony is not None
        found = addresses(service)
        assert found["call_control"] == service.telephony.address
        screen = StringIO()
        _show_house(service, Console(file=screen, width=80))
    finally:
        await service.close()
    assert not PRIVATE_KEYS & found.keys(), "a log would hide where it is"
    assert found["http"] == service.http.url
    assert found["smpp"][0].startswith("tmobile 127.0.0.1:")
    assert [address.split(":")[0] for address in found["sip"]] == ["udp 127.0.0.1", "tcp 127.0.0.1"]
    assert not any(address.endswith(":0") for address in (*found["smpp"], *found["sip"]))
    lines = screen.getvalue().splitlines()
    assert send_command(service.http.url) in lines
    assert "TLS" not in screen.getvalue()


async def test_where_carriers_listen_is_told_to_programs(capsys: pytest.CaptureFixture[str]) -> None:
    settings = ["http.port=0", "carriers.port=0"]
    parts = ("carriers",)
    service = await build(load_config("gateway.yaml", parts, settings), parts, ("tmobile", "bell"))
    await service.lifecycle.start()
    try:
        assert service.http is not None
        carriers_json(service)
        told = json.loads(capsys.readouterr().out)
        assert told["http"] == service.http.url
    finally:
        await service.close()
    assert [(one["name"], one["country"], one["host"]) for one in told["carriers"]] == [
        ("tmobile", "US", "127.0.0.1"),
        ("bell", "CA", "127.0.0.1"),
    ]
    assert all(one["port"] > 0 for one in told["carriers"])
