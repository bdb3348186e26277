"""What docs/how-to/load-test.md prints is true: its profiles can be read, its commands exist, one is run."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from gateway.cli import app
from gateway.load.profile import carried, read_profile
from gateway.load.run import Run
from gateway.smpp.pdu import SubmitSm, encode
from gateway.testing.captures import conversation, pcap_file
from gateway.testing.carriers import running_carrier

PAGE = (Path(__file__).parents[3] / "docs" / "how-to" / "load-test.md").read_text(encoding="utf-8")
PROFILES = dict(re.findall(r"^```yaml\n# (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]


def texts() -> list[tuple[bool, bytes]]:
    return [(True, encode(SubmitSm(destination_addr="13105550150", short_message=b"hi"), n)) for n in (1, 2)]


@pytest.mark.parametrize("name", PROFILES)
def test_its_profiles_can_be_read(name: str, tmp_path: Path):
    (tmp_path / name).write_text(PROFILES[name], encoding="utf-8")
    (tmp_path / "monday.pcap").write_bytes(pcap_file(conversation(texts())))
    assert read_profile(tmp_path / name).arrivals.build().expected(60) > 0


def test_its_commands_exist():
    assert len(COMMANDS) > 4
    load = typer.main.get_command(app).commands["load"]
    options = {name for parameter in load.params for name in parameter.opts}
    for words in map(shlex.split, COMMANDS):
        if words[:2] != ["gateway", "load"]:
            continue
        assert words[2] in carried().keys() | PROFILES.keys()
        assert {word for word in words if word.startswith("--")} <= options


def test_every_profile_of_ours_is_told_of():
    told = set(re.findall(r"`([a-z-]+)`", PAGE))
    assert carried().keys() - told - {"carrier", "gateway", "limiter", "calls"} == set()


async def test_its_steady_profile_runs_against_a_mock_carrier(tmp_path: Path):
    path = tmp_path / "steady.yaml"
    path.write_text(PROFILES["steady.yaml"], encoding="utf-8")
    async with running_carrier("tmobile") as carrier:
        target = f"smpp://guest:guest@127.0.0.1:{carrier.port}"
        report = await Run(read_profile(path).with_options(target=target, duration_s=2)).run()
    assert report.tally.accepted > 5
    assert report.tally.failed == 0
    assert report.hostile.accepted == 0
