"""`gateway replay` as a person uses it: mistakes told in a sentence, exit codes, Ctrl-C, the progress bar."""

import asyncio
import io
import json
import os
import re
import signal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from rich.console import Console

from gateway.replay import command
from gateway.replay.command import Rate, _play
from gateway.replay.options import Progress
from gateway.replay.report import Report
from gateway.replay.summary import Summary
from gateway.smpp.constants import MessageState

ALL_DELIVERED = ((0, MessageState.DELIVERED),)
MAX = ("--speed", "max", "--world", "auto")


@pytest.fixture
def run(gateway_command, monkeypatch, tmp_path):
    """(exit code, what was said on stderr) of a replay in a folder of its own; `run.out` is its output."""
    monkeypatch.chdir(tmp_path)

    def run(*words) -> tuple[int, str]:
        code, run.out, told = gateway_command("replay", *words)
        return code, told

    return run


@pytest.fixture
def capture(make_capture, tmp_path):
    return make_capture(tmp_path, 6, outcomes=ALL_DELIVERED, inbound=False)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["day.pcap", "--as", "nobody"], "--as nobody: roles are carrier, esme, users"),
        (["day.pcap", "--speed", "fast"], "--speed fast: expected max, or a number above 0"),
        (["day.pcap", "--update"], "--update writes what --expect names"),
        (
            ["day.pcap", "--as", "esme", "--target", "http://x"],
            "http://x: expected smpp://user:password@host",
        ),
        (["day.pcap", "--as", "esme", "--target", "smpp://[::1"], "smpp://[::1: expected smpp://user:pass"),
        (["day.pcap", "--as", "users", "--target", "http://[::1"], "http://[::1: expected http://host:port"),
        (
            ["day.pcap", "--as", "carrier", "--listen", "127.0.0.1:99999"],
            "127.0.0.1:99999: expected HOST:PORT",
        ),
        (
            ["day.pcap", "--as", "carrier", "--listen", "0.0.0.0:0"],
            "0.0.0.0: expected loopback, or --account",
        ),
        (["day.pcap", "--report", "no/r.html"], "--report no/r.html: there is no folder no"),
        (["day.pcap", "--report", "."], "--report .: is a folder"),
        (["day.pcap", "--expect", "no/g.jsonl", "--update"], "--expect no/g.jsonl: there is no folder no"),
        (["day.pcap", "--expect", "g.jsonl"], "g.jsonl: No such file or directory"),
        (["day.pcap", "--world", "none.yaml"], "none.yaml: there is no such configuration file"),
        (["day.pcap", "--carrier", "nobody"], "carriers/nobody.yaml: there is no such configuration file"),
        (["none.pcap"], "none.pcap: No such file or directory"),
        (["."], ".: is a folder; a capture is a file"),
        (["empty.pcap"], "empty.pcap: begins with nothing; expected one of pcap, pcapng"),
        (["text.pcap"], "text.pcap: begins with 68 65 6c 6c 6f; expected one of pcap"),
        (["head.pcap"], "head.pcap: no SMPP could be read in it: "),
    ],
)
def test_what_was_asked_wrongly_is_told_in_a_sentence(run, capture, tmp_path, words, told):
    (tmp_path / "empty.pcap").touch()
    (tmp_path / "text.pcap").write_bytes(b"hello")
    (tmp_path / "head.pcap").write_bytes(capture.read_bytes()[:20])
    code, said = run(*words)
    assert (code, said.splitlines()[-1][: len(told)]) == (2, told)


def test_a_torn_capture_is_played_as_far_as_it_goes(run, capture, tmp_path):
    whole = capture.read_bytes()
    torn = tmp_path / "[torn] & odd.pcap"
    torn.write_bytes(whole[: len(whole) // 2 + 7])
    code, said = run(torn, *MAX)
    assert code == 0
    assert "[torn] & odd.pcap: pcap, as esme" in said
    assert "[torn] & odd.pcap as esme against recorded: as expected" in run.out
    assert "unreadable packet" in run.out
    assert "&#" not in run.out


@pytest.mark.parametrize("target", ["smpp://me:secret@127.0.0.1:{}", "http://127.0.0.1:{}"])
def test_a_target_that_is_not_there(run, capture, target, unused_tcp_port):
    target = target.format(unused_tcp_port)
    code, said = run(capture, "--target", target, "--as", "users" if "http" in target else "esme")
    where = target.replace("me:secret@", "")
    assert (code, said.splitlines()[-1]) == (1, f"{where}: connection refused")


def test_a_target_that_refuses_to_be_bound_to(run, capture, mock_carrier):
    port = mock_carrier("tmobile").port
    code, said = run(capture, "--as", "esme", "--target", f"smpp://guest:wrong@127.0.0.1:{port}")
    assert (code, said.splitlines()[-1]) == (
        1, f"smpp://127.0.0.1:{port}: bind_transceiver refused: ESME_RINVPASWD"
    )  # fmt: skip


@pytest.fixture
def web_server():
    """An HTTP server that is no gateway."""
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        BaseHTTPRequestHandler.log_message, kept = (lambda *_: None), BaseHTTPRequestHandler.log_message
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()
        BaseHTTPRequestHandler.log_message = kept


def test_a_target_that_is_something_else(run, capture, web_server):
    code, said = run(capture, "--as", "users", "--target", f"http://127.0.0.1:{web_server}")
    assert (code, said.splitlines()[-1]) == (
        2, f"http://127.0.0.1:{web_server}: expected a gateway; its /healthz answers 501"
    )  # fmt: skip
    code, said = run(capture, "--as", "esme", "--target", f"smpp://a:b@127.0.0.1:{web_server}")
    assert code == 1
    assert said.splitlines()[-1].startswith(f"smpp://127.0.0.1:{web_server}: bind_transceiver failed: ")
    assert said.endswith("; does an SMSC listen there?\n")
    code, said = run(capture, "--as", "carrier", "--listen", f"127.0.0.1:{web_server}")
    assert (code, said.splitlines()[-1]) == (2, f"--listen 127.0.0.1:{web_server}: the port is taken")


def test_reports_and_exit_codes(run, capture, tmp_path):
    code, said = run(capture, *MAX, "--json", "--report", "r.html", "--report", "r.xml")
    assert code == 0
    assert json.loads(run.out)["ok"] is True
    assert "as esme (the capture's majority)" in said
    assert (tmp_path / "r.html").read_text().startswith("<!doctype html>")
    assert (tmp_path / "r.xml").read_text().startswith("<?xml")
    assert run(capture, "--speed", "max")[0] == 1


def test_a_folders_own_gateway_yaml_changes_nothing(run, capture, tmp_path):
    (tmp_path / "gateway.yaml").write_text("captures: {format: jsonl}\n")
    (tmp_path / "carriers").mkdir()
    (tmp_path / "carriers" / "tmobile.yaml").write_text("numbers: []\n")
    assert run(capture, *MAX)[0] == 0


def test_a_world_may_be_the_one_that_comes_with_the_program(run, capture):
    assert "gateway.yaml" not in run(capture, "--speed", "max", "--world", "gateway.yaml")[1]


def test_ctrl_c_stops_it_and_the_same_command_takes_it_up(run, make_capture, tmp_path, monkeypatch):
    """A capture of hours at its own speed, stopped, then played to its end at once."""
    capture = make_capture(tmp_path, 20, step_s=3600.0, outcomes=ALL_DELIVERED, inbound=False)
    say = command._say

    def say_and_interrupt(*told):
        say(*told)
        os.kill(os.getpid(), signal.SIGINT)  # its handler is there before the first line is said

    monkeypatch.setattr(command, "_say", say_and_interrupt)
    code, said = run(capture, "--speed", "1", "--world", "auto")
    monkeypatch.setattr(command, "_say", say)
    assert code == 1
    assert "day.pcap as esme against recorded: stopped" in run.out
    assert said.splitlines()[-1] == "the same command takes it up again; --afresh begins anew"
    assert (tmp_path / "day.pcap.replay").exists()
    code, said = run(capture, *MAX, "--json")
    assert (code, said.splitlines()[0]) == (
        0, "taking up where it was stopped (day.pcap.replay); --afresh begins anew"
    )  # fmt: skip
    assert json.loads(run.out)["messages"] == 20
    assert not (tmp_path / "day.pcap.replay").exists()


def test_the_rate_is_that_of_the_last_seconds():
    rate = Rate(window_s=5.0)
    assert rate.update(0.0, 0) == 0.0
    assert rate.update(1.0, 10) == 10.0
    assert rate.update(1.2, 10) == pytest.approx(10 / 1.2)
    for second in range(2, 20):
        shown = rate.update(float(second), 10 + 2 * (second - 1))
    assert shown == pytest.approx(2.0)


class Halfway:
    """A replay that has sent 500 of 2,000 when it is looked at."""

    def __init__(self, folder: Path) -> None:
        self.progress = Progress(role="esme", format="pcap")
        self.seen = 0

    def stop(self) -> None:
        """Nothing."""

    async def run(self) -> Report:
        for step in range(1, 5):
            self.progress.sent = lambda step=step: 125 * step
            self.progress.share = lambda step=step: step / 16
            await asyncio.sleep(0.06)
        return Report("x.pcap", "pcap", "esme", "1", 1, "recorded", Summary())


async def test_the_bar_shows_what_was_sent_how_fast_and_how_long_it_takes_still(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "_REFRESH_S", 0.02)
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120, color_system=None, legacy_windows=False)
    await _play(Halfway(tmp_path), console)
    shown = screen.getvalue()
    frames = re.findall(
        r"(\d+) sent, (\d+)/s (\d+:\d\d:\d\d) (\S+)", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    )
    assert frames, shown
    sent, rate, _, left = frames[-1]
    assert int(sent) == 500
    assert int(rate) > 0
    assert re.fullmatch(r"0:00:\d\d", left)
