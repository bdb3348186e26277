"""What the benchmarks need of their peers: found or missing, and said; each is asked in its own words."""

import argparse

import pytest

from loadtests import bench_jasmin, jasmin, machine
from loadtests.http_driver import gateway_request, jasmin_request, kannel_request, parse


@pytest.fixture
def arguments() -> argparse.Namespace:
    return parse(["gateway", "--port", "1", "--out", "x", "--senders", "10"])


def test_what_is_missing_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(jasmin, "HOME", tmp_path)
    assert "jasmin (make jasmin)" in jasmin.missing()
    assert bench_jasmin.run() is None
    with pytest.raises(FileNotFoundError, match="make jasmin"), jasmin.running(tmp_path, 1):
        pass
    assert machine.peers()["jasmin"] is None


def test_the_machine_is_described():
    found = machine.machine()
    assert found["cores"] >= 1
    assert found["processor"]
    assert found["python"].startswith("3.")


def test_versions_are_told(monkeypatch):
    found = machine.peers()
    assert found["smpp34"]
    monkeypatch.setattr(machine.shutil, "which", lambda name, path=None: None)
    assert machine.peers()["node"] is None
    assert machine.commit() is None


@pytest.mark.parametrize("build", [gateway_request, kannel_request, jasmin_request])
def test_every_text_carries_its_number_and_a_sender_of_the_world(build, arguments):
    request = build(arguments)(12).decode()
    assert "n00000012" in request
    assert "12025600002" in request
    assert "13102000012" in request
    assert request.split()[2] == "HTTP/1.1"


def test_jasmin_is_judged_by_the_texts_own_numbers():
    driver = {"sent": [0.0, 0.1, 0.2], "status": [200, 200, 400]}
    judged = bench_jasmin.judge(driver, [(0, 0.05), (1, 0.3), (1, 0.4)])
    assert (judged["lost"], judged["twice"], judged["refused"]) == (1, 1, 1)
    assert judged["messages_per_second"] == pytest.approx(2 / 0.3, rel=0.01)
    assert bench_jasmin.judge(driver, [])["lost"] == 3
