"""The `siprec` commands: help, mistakes, and a whole round against a running `siprec serve`."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import soundfile
from typer.testing import CliRunner

from gateway.runtime.ports import free_ports
from siprec import cli
from siprec.calling.plain import SCENARIOS
from siprec.cli import SCENARIO_NAMES, app

COMMANDS = (["serve"], ["call"], ["recordings"], ["recordings", "list"], ["recordings", "show"],
            ["recordings", "export"])  # fmt: skip


Run = Callable[..., "Ended"]


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_helps(command: list[str]) -> None:
    result = invoke(*command, "--help")
    assert result.exit_code == 0
    if command != ["recordings"]:
        assert "Example" in result.output


def test_the_version() -> None:
    assert invoke("--version").output.startswith("siprec ")


def test_scenarios_offered_are_scenarios_there_are() -> None:
    assert tuple(SCENARIOS) == SCENARIO_NAMES


@pytest.mark.parametrize(
    "arguments",
    [
        ["call", "juggle"],
        ["call", "--dialect", "klingon"],
        ["call", "--tenant", "only-one"],
        ["call", "--calls", "0"],
        ["call", "--loss", "2"],
        ["recordings", "show"],
        ["dance"],
    ],
    ids=" ".join,
)
def test_mistakes_are_usage_errors(arguments: list[str]) -> None:
    assert invoke(*arguments).exit_code == 2


class Ended(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run_siprec(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """`siprec` with these words, in this process; further names are its environment."""

    def run(*words: str, **environment: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["siprec", *words])
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as ending:
                cli.main()
        return Ended(int(ending.value.code or 0), *capsys.readouterr())

    return run


def test_a_faulty_configuration_is_told_with_its_place(tmp_path: Path, run_siprec: Run) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("recording:\n  max_sessions: 0\n  provider: {}\n")
    result = run_siprec("serve", "-c", str(path))
    assert result.returncode == 2
    assert f"{path}:2:17: recording.max_sessions" in result.stderr
    assert f"{path}:3:" in result.stderr


def test_nobody_answering_is_told_and_not_as_expected(run_siprec: Run) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    result = run_siprec("recordings", "list", GATEWAY_URL=url)
    assert result.returncode == 1
    assert "siprec serve" in result.stderr


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """`siprec serve` on free ports: its URL and the recorder's SIP URI."""
    http, sip, tls = free_ports(3)
    settings = {
        "storage.folder": tmp_path / "data",
        "http.port": http,
        "calling.port": 0,
        "recording.sip.udp_port": sip,
        "recording.sip.tcp_port": sip,
        "recording.sip.tls.port": tls,
        "recording.media.port_pairs": 16,
        "recording.max_sessions": 8,
    }
    command = [sys.executable, "-m", "siprec.cli", "serve"]
    for name, value in settings.items():
        command += ["--set", f"{name}={value}"]
    url = f"http://127.0.0.1:{http}"
    log = (tmp_path / "serve.log").open("wb")
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_until_ready(url, process)
        yield url, f"sip:srs@127.0.0.1:{sip}"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        log.close()


def wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while True:
        assert process.poll() is None, "siprec serve ended"
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            assert time.monotonic() < deadline, "siprec serve is not ready"
            time.sleep(0.1)


def test_a_round_serve_call_list_show_export(
    served: tuple[str, str], tmp_path: Path, run_siprec: Run
) -> None:
    url, sip = served
    words = ["call", "pause", "--to", sip, "--calls", "2", "--duration", "0.9", "--json", "--seed", "4"]
    calls = subprocess.run(
        [sys.executable, "-m", "siprec.cli", *words], capture_output=True, text=True, timeout=60, check=False
    )
    outcome = json.loads(calls.stdout.splitlines()[-1])
    assert (calls.returncode, outcome["ok"], outcome["calls"], outcome["failed"]) == (0, True, 2, 0)
    assert all(len(result["streams"]) == 2 for result in outcome["results"])
    transfer = run_siprec("call", "transfer", "--to", f"{sip};transport=tcp", "--dialect", "rfc7866",
                          "--duration", "0.4")  # fmt: skip
    assert (transfer.returncode, "1 calls, 0 failed" in transfer.stdout) == (0, True)

    environment = {"GATEWAY_URL": url, "GATEWAY_TOKEN": "demo-alice"}
    listed = run_siprec("recordings", "list", "--state", "sealed", "--json", **environment)
    found = json.loads(listed.stdout)
    assert [item["personId"] for item in found] == ["alice", "alice"]
    strays = run_siprec("recordings", "list", "--quarantined", "--json", GATEWAY_URL=url)
    assert [item["quarantineReason"] for item in json.loads(strays.stdout)] == ["tenant_missing"]
    table = run_siprec("recordings", "list", **environment)
    assert "2 recordings" in table.stdout

    recording_id = found[0]["id"]
    shown = run_siprec("recordings", "show", recording_id, "--json", **environment)
    assert [each["event"] for each in json.loads(shown.stdout)["details"]["announcements"]] == [
        "start",
        "pause",
        "resume",
    ]
    folder = tmp_path / "export"
    exported = run_siprec("recordings", "export", recording_id, "--to", str(folder), "--json", **environment)
    names = {Path(name).name for name in json.loads(exported.stdout)["files"]}
    assert {"party-1.wav", "party-2.wav", "stereo.wav", "recording.json", "metadata-0.xml"} <= names
    samples, _ = soundfile.read(folder / "stereo.wav", always_2d=True)
    assert samples.shape[1] == 2
    refused = run_siprec("recordings", "export", recording_id, "--to", str(folder), GATEWAY_URL=url)
    assert (refused.returncode, "recording_private" in refused.stderr) == (1, True)


def test_a_call_nobody_takes_is_not_as_expected(run_siprec: Run) -> None:
    (port,) = free_ports(1)
    result = run_siprec(
        "call", "--to", f"sip:srs@127.0.0.1:{port};transport=tcp", "--duration", "0.2", "--json"
    )
    outcome = json.loads(result.stdout.splitlines()[-1])
    assert (result.returncode, outcome["ok"], outcome["failed"]) == (1, False, 1)
    assert outcome["results"][0]["reason"] == "connection refused"


def test_recording_starts_without_the_texting_half() -> None:
    program = (
        "import sys, siprec.standalone, siprec.cli, siprec.calling, siprec.browsing\n"
        "print(sorted({name.split('.')[1] for name in sys.modules if name.startswith('gateway.')}))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "['directory', 'runtime']"


def test_the_library_is_listed() -> None:
    names = [row["name"] for row in json.loads(invoke("call", "--list", "--json").output)]
    assert names == sorted(names)
    assert {"conference", "voicemail", "failover", "no-provider", "downgrade", "expiry"} <= set(names)
    assert not set(names) & set(SCENARIO_NAMES)
    assert "Three-way conference" in invoke("call", "--list").output


@pytest.mark.parametrize(
    "arguments",
    [["always", "--calls", "3"], ["always", "--srtp"], ["--pairs", "2", "--seed", "1"], ["--pairs", "0"]],
    ids=" ".join,
)
def test_options_of_plain_calls_are_refused_elsewhere(arguments: list[str]) -> None:
    result = invoke("call", *arguments)
    assert result.exit_code == 2
    assert arguments[-1] == "0" or "is for plain calls" in result.output


def test_a_scenario_is_played_and_its_checks_are_shown(run_siprec: Run) -> None:
    result = run_siprec("call", "no-provider", COLUMNS="200")
    assert result.returncode == 0, result.stderr
    assert "0 recording sessions" in result.stdout
    assert "4 checks passed, as it must be" in result.stdout


def test_a_scenario_that_goes_wrong_ends_with_one(tmp_path: Path, run_siprec: Run) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(
        'scenario:\n  title: Wrong\n  parties:\n    alice: {number: "+12025550100"}\n'
        '    bob: {number: "+12025550101"}\n  script: [alice calls bob]\n'
        "  expect: {heard: {alice: [recording-started]}}\n"
    )
    result = run_siprec("call", str(path), "--json")
    outcome = json.loads(result.stdout.splitlines()[-1])
    assert (result.returncode, outcome["ok"]) == (1, False)
    assert [check["what"] for check in outcome["checks"] if not check["ok"]] == [
        "alice hears recording-started"
    ]


def test_a_faulty_scenario_is_told_with_its_place(tmp_path: Path, run_siprec: Run) -> None:
    path = tmp_path / "faulty.yaml"
    path.write_text("scenario:\n  title: Faulty\n  parties: {}\n  script: [alice sings]\n")
    result = run_siprec("call", str(path))
    assert result.returncode == 2
    assert f"{path}:4:" in result.stderr
