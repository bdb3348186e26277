"""The wheel by itself: all that a command needs is in it, and the demo plays from it outside a checkout."""

import asyncio
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FREE = [
    word
    for setting in (
        *("http.port=0", "carriers.port=0", "recording.sip.udp_port=0", "recording.sip.tcp_port=0"),
        *("recording.sip.tls.port=0", "calling.port=0"),
    )
    for word in ("--set", setting)
]
#: One file of each kind that is data, and what none of it may be.
CARRIED = (
    "gateway/_config/gateway.yaml",
    "gateway/_config/carriers/tmobile.yaml",
    "gateway/_config/carriers/shared/accounts.yaml",
    "gateway/_config/providers/dubber.yaml",
    "gateway/_config/prometheus/alerts.yml",
    "gateway/_config/grafana/dashboards/texting.json",
    "gateway/_config/systemd/sms-siprec-gateway.service",
    "gateway/_loadtests/limiter.yaml",
    "gateway/dashboard/static/index.html",
    "gateway/messages/migrations/",
    "siprec/srs/migrations/",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages that holds the wheel and nothing else."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(installed: Path, folder: Path, program: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """A command of the installed wheel, away from the checkout."""
    return subprocess.run(
        [sys.executable, "-m", f"{program}.cli", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(installed), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def test_it_carries_all_that_is_data(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert [name for name in CARRIED if not any(each.startswith(name) for each in names)] == []
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "gateway/dashboard/static").rglob("*.js")}
    assert pages <= set(names)
    assert [name for name in names if name.startswith(("tests/", "docs/")) or "__pycache__" in name] == []


def test_it_says_what_it_needs_and_offers(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        (scripts,) = (name for name in archive.namelist() if name.endswith("/entry_points.txt"))
        told = archive.read(metadata).decode()
        offered = archive.read(scripts).decode()
    for extra in ("postgresql", "s3", "opus", "otel"):
        assert f"Provides-Extra: {extra}" in told
    assert "gateway = gateway.cli:main" in offered
    assert "siprec = siprec.cli:main" in offered


def test_it_runs_from_itself(installed: Path, tmp_path: Path):
    code = "import gateway, siprec; print(gateway.__file__); print(siprec.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert [Path(line).is_relative_to(installed) for line in done.stdout.split()] == [True, True]


def test_its_configuration_comes_along(installed: Path, tmp_path: Path):
    done = run(installed, tmp_path, "gateway", "check", "gateway.yaml")
    assert done.returncode == 0, done.stderr
    assert str(installed) in done.stdout.replace("\n", "")


@pytest.mark.slow
async def test_the_demo_plays_outside_a_checkout(installed: Path, tmp_path: Path):
    done = await asyncio.to_thread(run, installed, tmp_path, "gateway", "demo", "--once", "--json", *FREE)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["ok"] is True
    assert summary["texts"]["delivered"] > 0
    assert summary["recordings"]
    assert await asyncio.to_thread(os.listdir, tmp_path) == [], "the demo leaves nothing behind"
