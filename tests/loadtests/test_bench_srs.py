"""The recorder's benchmark ends whatever its recorder does: silent, stuck, or dead in the middle."""

import os
import signal
import socket
from contextlib import closing

import pytest

from loadtests import bench_srs
from loadtests.bench_srs import Caller, Unanswered, measure_flat, open_sessions
from loadtests.recorder_process import Recorder, RecorderFailed


def test_a_recorder_that_does_not_answer_is_given_up():
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as silent:
        silent.bind(("127.0.0.1", 0))
        with Caller(silent.getsockname()) as caller, pytest.raises(Unanswered, match="session 0"):
            open_sessions(caller, 2, answer_s=0.01)
        silent.settimeout(5)
        asked = [silent.recv(65_536) for _ in range(bench_srs.ATTEMPTS)]
    assert len(set(asked)) == 1
    assert asked[0].startswith(b"INVITE ")


def test_calls_nobody_answers_are_failed_calls_not_an_endless_rung(monkeypatch):
    monkeypatch.setattr(bench_srs, "GRACE_S", 0.05)
    monkeypatch.setattr(bench_srs, "HOLD_S", 0.05)
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as silent:
        silent.bind(("127.0.0.1", 0))
        with Caller(silent.getsockname()) as caller:
            result = bench_srs._Calls(caller, 100.0, 5).run()
    assert result["failed"] == 5
    assert result["unanswered"] == {"INVITE": 5, "BYE": 0}


def test_a_recorder_that_sticks_or_dies_is_told_and_waited_for_no_longer(monkeypatch):
    with Recorder(4, 1) as recorder:
        pid = recorder._process.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        monkeypatch.setattr("loadtests.recorder_process.REPORT_S", 0.05)
        with pytest.raises(RecorderFailed, match="did not report in time"):
            recorder.report()
        os.kill(pid, signal.SIGKILL)
        monkeypatch.setattr("loadtests.recorder_process.REPORT_S", 30.0)
        with pytest.raises(RecorderFailed, match=r"ended with -9 when it was to report"):
            recorder.report()
    assert not recorder._process.is_alive()


def test_the_cost_of_a_packet_is_compared_over_sessions(monkeypatch):
    costs = {50: 20.0, 200: 16.0, 500: 25.0}

    def measure(count: int, _seconds: float) -> dict[str, object]:
        return {"sessions": count, "ok": count < 500, "cpu_us_per_packet": costs[count]}

    monkeypatch.setattr(bench_srs, "measure_sessions", measure)
    flat = measure_flat(1.0)
    assert (flat["ok"], flat["ratio"], flat["growth"]) == (False, 1.56, 1.25)
    assert flat["cpu_us_per_packet"] == costs
