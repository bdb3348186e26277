"""The machine's limits: what suffices, what will hurt, what keeps it from starting."""

import resource
import sqlite3

import pytest

from gateway import __version__
from gateway.doctor import machine

GIB = 1 << 30


def test_versions_name_what_a_report_of_a_fault_needs(levels):
    (finding,) = machine.versions()
    assert finding.level.value == "ok"
    for word in (__version__, "Python 3.", "SQLite 3.", "cores"):
        assert word in finding.found


def test_an_old_sqlite_is_told(monkeypatch, levels):
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 31, 1))
    assert levels(machine.versions()) == [("versions", "ok"), ("versions", "warning")]


@pytest.mark.parametrize(
    ("soft", "level"),
    [(resource.RLIM_INFINITY, "ok"), (5_000, "ok"), (4_999, "warning"), (500, "warning"), (499, "fault")],
)
def test_open_files(soft, level):
    finding = machine.open_files(500, 5_000, (soft, resource.RLIM_INFINITY))
    assert finding.level.value == level
    assert ("ulimit -n 5000" in finding.advice) is (level != "ok")


def test_a_hard_limit_below_is_told():
    assert "the hard limit is 4,096" in machine.open_files(500, 5_000, (1_024, 4_096)).advice
    assert "hard limit" not in machine.open_files(500, 5_000, (1_024, 8_192)).advice


@pytest.mark.parametrize(("granted", "level"), [("4194304\n", "ok"), ("212992\n", "warning"), ("?", "ok")])
def test_receive_buffers(tmp_path, granted, level):
    setting = tmp_path / "rmem_max"
    setting.write_text(granted)
    finding = machine.receive_buffers(4_194_304, setting)
    assert finding.level.value == level
    assert ("sysctl -w net.core.rmem_max=4194304" in finding.advice) is (level == "warning")


def test_a_system_that_does_not_say(tmp_path):
    assert machine.receive_buffers(1, tmp_path / "nothing").level.value == "ok"


@pytest.mark.parametrize(
    ("free", "least", "level"),
    [
        (10 * GIB, GIB // 4, "ok"),
        (GIB, GIB // 4, "warning"),
        (GIB // 5, GIB // 4, "fault"),
        (0, 0, "warning"),
    ],
)
def test_disk(tmp_path, monkeypatch, free, least, level):
    monkeypatch.setattr(
        machine.shutil, "disk_usage", lambda place: machine.shutil._ntuple_diskusage(1, 1, free)
    )
    finding = machine.disk(tmp_path / "not" / "yet", least)
    assert finding.level.value == level
    assert str(tmp_path) in finding.found


def test_the_nearest_folder_that_exists(tmp_path):
    assert machine.existing(tmp_path / "a" / "b") == tmp_path
    assert machine.existing(tmp_path) == tmp_path


@pytest.mark.parametrize(
    ("now_s", "synchronised", "level"),
    [(0.0, True, "fault"), (2e9, False, "warning"), (2e9, True, "ok"), (2e9, None, "ok")],
)
def test_clock(monkeypatch, now_s, synchronised, level):
    monkeypatch.setattr(machine, "kernel_synchronised", lambda: synchronised)
    (finding,) = machine.clock(now_s)
    assert finding.level.value == level


def test_a_machine_without_time_zones(monkeypatch, levels):
    monkeypatch.setattr(machine, "CAP_ZONE", "Mars/Olympus_Mons")
    assert levels(machine.clock(2e9, True)) == [("clock", "ok"), ("clock", "fault")]


def test_the_kernel_is_asked_without_harm():
    assert machine.kernel_synchronised() in (True, False, None)
