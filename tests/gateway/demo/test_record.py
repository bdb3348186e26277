"""`gateway record`: its switches reach the gateway, its files are there under the name asked for."""

import asyncio
from pathlib import Path

import pytest

from gateway.demo import record
from gateway.replay.formats import open_trace
from gateway.replay.trace import PduCaptured
from gateway.smpp.pdu import DeliverSm, SubmitSm

ALICE, HANDSET = "+12025550100", "+13105550125"
SUFFIXES = ("pcap", "jsonl")
SECRET = "the safe is behind the mirror"


@pytest.fixture
def recording(gateway_command, monkeypatch, tmp_path, texting_gateway):
    """Record what `meanwhile` does, in place of so many seconds; (exit code, what was said)."""
    monkeypatch.chdir(tmp_path)

    def recording(meanwhile, *words):
        async def wait(at_most_s):
            await asyncio.to_thread(meanwhile)

        monkeypatch.setattr(record, "_wait_for_signal", wait)
        code, _, said = gateway_command("record", *words, "--url", texting_gateway.url)
        return code, [line for line in said.splitlines() if not line.startswith("{")]

    return recording


def pdus(file: Path) -> list:
    with open_trace(file) as opened:
        return [event.pdu for event in opened.trace if isinstance(event, PduCaptured)]


def test_masked_texts_are_in_no_file(recording, tmp_path, texting_gateway, frozen_world):
    def text():
        texting_gateway.send(ALICE, HANDSET, SECRET)
        frozen_world.advance(60)

    for suffix in SUFFIXES:
        plain, masked = f"plain.{suffix}", f"masked.{suffix}"
        assert recording(text, plain) == (0, ["recording; Ctrl-C ends it", f"4 PDUs in {plain}"])
        code, said = recording(text, masked, "--mask-text", "--duration", "5")
        assert (code, said) == (0, ["recording for 5 s", f"4 PDUs in {masked}"])
        for file, shown in ((plain, True), (masked, False)):
            [submit] = [pdu for pdu in pdus(tmp_path / file) if isinstance(pdu, SubmitSm)]
            [receipt] = [pdu for pdu in pdus(tmp_path / file) if isinstance(pdu, DeliverSm)]
            assert (submit.short_message == SECRET.encode()) is shown
            assert (SECRET[:10].encode() in receipt.short_message) is shown
            assert submit.destination_addr == HANDSET[1:]
    assert texting_gateway.call("GET", "/v1/captures")[1]["items"] == []


def test_files_change_at_the_size_asked_for_and_the_latest_come(
    recording, tmp_path, texting_gateway, frozen_world, monkeypatch
):
    """Mebibytes are made small: what matters is that the switches mean what they say."""
    monkeypatch.setattr("gateway.api.captures.MIB", 1_000)

    def texts():
        taken = len(texting_gateway.carriers["tmobile"].texts)
        for number in range(9):
            texting_gateway.send(ALICE, HANDSET, f"text {number}")
        texting_gateway.carriers["tmobile"].wait_for_texts(taken + 9)

    for suffix in SUFFIXES:
        names = [f"monday.{suffix}", f"monday-1.{suffix}", f"monday-2.{suffix}"]
        code, told = recording(texts, names[0], "--rotate", "1", "--max-files", "3")
        assert code == 0
        assert told[-1].endswith(f"PDUs in {', '.join(names)}")
        assert sorted(path.name for path in tmp_path.glob(f"monday*.{suffix}")) == sorted(names)
        first, second, _ = (tmp_path / each for each in names)
        assert all(1_000 <= file.stat().st_size < 2_000 for file in (first, second))
        frozen_world.advance(60)  # alice may text again
        every = [pdu for each in names for pdu in pdus(tmp_path / each)]
        found = [pdu.short_message for pdu in every if isinstance(pdu, SubmitSm)]
        assert found == [b"text %d" % number for number in range(9)][-len(found) :]


def test_what_cannot_be_recorded_is_told_before(recording, tmp_path):
    def never():
        raise AssertionError("it records")

    (tmp_path / "folder").mkdir()
    assert recording(never, "folder") == (2, ["FILE folder: is a folder; a file is wanted"])
    assert recording(never, "no/monday.pcap") == (2, ["FILE no/monday.pcap: there is no folder no"])
    code, said = recording(never, "monday.pcap", "--token", "wrong")
    assert (code, said[0][:3]) == (1, "401")


def test_a_capture_that_somebody_else_has_ended(recording, texting_gateway):
    def delete():
        [capture] = texting_gateway.call("GET", "/v1/captures")[1]["items"]
        texting_gateway.call("DELETE", f"/v1/captures/{capture['id']}")

    code, said = recording(delete, "monday.pcap")
    assert (code, said[-1]) == (1, "404: there is no such capture")
