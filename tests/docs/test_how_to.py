"""What the how-to pages print is carried out: Python by running it, YAML by the program's own check."""

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from pathlib import Path

import pytest

from gateway.app import load_config
from gateway.messages.webhooks.wire import Signer
from gateway.runtime.config import ConfigError
from gateway.settings import PARTS
from gateway.testing.carriers import running_carrier
from siprec.calling.playing import play
from siprec.phones.scenario import load_scenario
from siprec.sip.tls import ensure_certificate

ROOT = Path(__file__).parents[2]
HOW_TO = ROOT / "docs" / "how-to"


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page in one language, list items' too."""
    text = (HOW_TO / page).read_text(encoding="utf-8")
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for _, block in found]


def test_every_page_is_linked_from_the_index():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = [*HOW_TO.glob("*.md"), *(ROOT / "docs" / "explanation").glob("*.md")]
    pages += (ROOT / "docs" / "reference").glob("*.md")
    assert [page.name for page in pages if f"({page.parent.name}/{page.name})" not in index] == []


def test_the_core_needs_no_socket(capsys: pytest.CaptureFixture[str]):
    in_memory, _, _ = blocks("use-the-smpp-core.md", "python")
    exec(compile(in_memory, "use-the-smpp-core.md", "exec"), {})
    assert capsys.readouterr().out.endswith("my own object 4f\n")


async def test_the_core_on_a_blocking_socket(capsys: pytest.CaptureFixture[str]):
    _, blocking, _ = blocks("use-the-smpp-core.md", "python")
    async with running_carrier("tmobile") as carrier:
        program = compile(blocking.replace("2775", str(carrier.port)), "use-the-smpp-core.md", "exec")
        await asyncio.to_thread(exec, program, {})
        assert carrier.state().decisions == {"delivered": 1}
    assert capsys.readouterr().out.strip().isdigit()


def test_outbind_by_the_core(capsys: pytest.CaptureFixture[str]):
    _, _, outbind = blocks("use-the-smpp-core.md", "python")
    exec(compile(outbind, "use-the-smpp-core.md", "exec"), {})
    assert capsys.readouterr().out == "SessionState.BOUND_RX\n"


@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_a_foreign_esme_binds_and_gets_its_receipt(capsys: pytest.CaptureFixture[str]):
    smpplib, in_a_test = blocks("bind-my-esme.md", "python")
    compile(in_a_test, "bind-my-esme.md", "exec")
    async with running_carrier("tmobile", receipt_latency={"seconds": 0.05}) as carrier:
        program = compile(smpplib.replace("2775", str(carrier.port)), "bind-my-esme.md", "exec")
        await asyncio.to_thread(exec, program, {})
    accepted, receipt = capsys.readouterr().out.splitlines()
    assert accepted.startswith("accepted as ")
    assert f"id:{accepted.split()[-1]} " in receipt
    assert "stat:DELIVRD" in receipt


def test_the_receiver_trusts_what_the_gateway_signs_and_nothing_else():
    [receiver] = blocks("receive-webhooks.md", "python")
    names: dict[str, object] = {"__name__": "receiver"}
    exec(compile(receiver, "receive-webhooks.md", "exec"), names)
    genuine, body = names["genuine"], b'{"event": "message.delivered"}'
    _, signature = Signer(b"correct horse")(body)
    assert genuine(body, signature)
    assert not genuine(body + b" ", signature)


@pytest.mark.parametrize(
    ("page", "file"), [("connect-my-smsc.md", "gateway.yaml"), ("add-a-carrier.md", "world.yaml")]
)
def test_configurations_have_no_faults(page: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GATEWAY_ADMIN_TOKEN", "one")
    monkeypatch.setenv("SMSC_PASSWORD", "guest")
    folder = tmp_path / "config"
    shutil.copytree(ROOT / "config", folder)
    for block in blocks(page, "yaml"):
        name = block.partition("\n")[0].removeprefix("# ")
        (folder / name).write_text(block, encoding="utf-8")
    loaded = load_config(str(folder / file), tuple(PARTS), ())
    assert set(loaded.section("esme").carriers) >= {"mysmsc" if page.startswith("connect") else "coastal"}
    with pytest.raises(ConfigError):
        load_config(str(folder / file), tuple(PARTS), ["esme.carriers.tmobile.wimdow=3"])


async def test_the_calling_sections_load_and_the_scenario_plays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("BOB_PASSWORD", "secret")
    demo_world, own_phone, scenario = blocks("call-with-phones.md", "yaml")
    for number, block in enumerate((demo_world, own_phone)):
        path = tmp_path / f"{number}.yaml"
        path.write_text(block, encoding="utf-8")
        assert load_config(str(path), ("recording",), ()).section("calling").enabled
    card = tmp_path / "card.yaml"
    card.write_text(scenario, encoding="utf-8")
    report = await play(load_scenario(str(card)))
    assert [check for check in report.checks if not check.ok] == []


def test_the_cut_by_machines_has_no_faults(tmp_path: Path):
    folder = tmp_path / "config"
    shutil.copytree(ROOT / "config", folder)
    (folder / "gateway.yaml").rename(folder / "gateway-common.yaml")
    [block] = blocks("run-on-several-machines.md", "yaml")
    certificate, key = ensure_certificate(tmp_path / "ssl", ["gateway.example"])
    for told, made in (("/etc/ssl/gateway.pem", certificate), ("/etc/ssl/gateway.key", key)):
        assert block.count(told) == 1
        block = block.replace(told, str(made))
    (folder / "gateway.yaml").write_text(block, encoding="utf-8")
    loaded = load_config(str(folder / "gateway.yaml"), tuple(PARTS), ())
    carriers = loaded.section("esme").carriers
    assert carriers["tmobile"].host == "carriers.example"
    assert set(carriers) > {"tmobile", "att"}, "the rest is the common file's"
    assert loaded.section("http").host == loaded.section("recording").sip.host == "0.0.0.0"


BEGUN = "2> record.log &\nuntil grep -q recording record.log; do sleep 0.1; done\n"
ENDED = "kill $!\nwait $!\n"


def test_a_first_replay_report_by_the_page_alone(tmp_path: Path):
    """The page's commands as they stand, but for the port and how long is recorded: as long as it takes."""
    first, commands, golden, by_rules, pipeline = blocks("replay-a-capture.md", "sh")
    assert first == "gateway demo\n"
    [rules] = blocks("replay-a-capture.md", "yaml")
    (tmp_path / "rules.yaml").write_text(rules, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    ports = [
        "carriers.port=0",
        "recording.sip.udp_port=0",
        "recording.sip.tcp_port=0",
        "calling.enabled=false",
    ]
    settings = [part for each in (f"http.port={url[17:]}", *ports, f"storage.folder={tmp_path}/data")
                for part in ("--set", each)]  # fmt: skip
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "GATEWAY_URL": url}
    service = subprocess.Popen(
        ["gateway", "run", "--only", "texting,carriers", *settings], env=environment, cwd=tmp_path,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_until_ready(url)
        recording = commands.replace("--duration 10 &\nsleep 2\n", BEGUN).replace("wait\n", ENDED)
        assert BEGUN in recording
        assert ENDED in recording
        script = recording + golden + by_rules + pipeline
        done = subprocess.run(
            ["sh", "-ec", script], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=90,
            check=False,
        )  # fmt: skip
    finally:
        service.terminate()
        service.wait(20)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "as expected" in done.stdout
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["ok"], report["messages"], report["receipts"]) == (True, 2, {"DELIVRD": 2})
    assert (tmp_path / "monday.html").read_text().startswith("<!doctype html>")
    assert (tmp_path / "junit.xml").exists()


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the gateway never became ready")
