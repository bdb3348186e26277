"""Audio truth: tones sent as RTP with loss, reorder, skew and pauses are found where they belong."""

import random
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import soundfile

from siprec import sdp
from siprec.metadata import Announcement
from siprec.rtp import codecs, rtcp
from siprec.srs.recorder import HEADER_TICKS, Recorder
from siprec.srs.settings import RecordingProfile
from siprec.srs.timeline import TICKS_HZ
from siprec.srs.track import MAX_NOTED

PACKET_S = 0.02
CODECS = {name: sdp.WELL_KNOWN_CODECS[name] for name in ("PCMU", "PCMA", "G722", "opus")}


def stream(index: int, name: str = "PCMU", *, paused: bool = False) -> sdp.Stream:
    return sdp.Stream(index, str(index + 1), None, CODECS[name], paused=paused)


@dataclass
class Party:
    """A sender of one tone; `skew` in parts per million makes its packets come ever later."""

    index: int
    codec: str
    tone_hz: int
    skew: float = 0.0
    start: float = 0.0
    sequence: int = 65_500
    timestamp: int = 4_294_960_000
    ssrc: int = 7
    phase: int = 0
    sent: int = 0
    lost: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.encoder = codecs.encoder(self.codec)
        self.step = round(self.encoder.clock_hz * PACKET_S)

    def packet(self) -> bytes:
        rate = self.encoder.sample_rate_hz
        count = round(rate * PACKET_S)
        moments = (np.arange(count) + self.phase) / rate
        pcm = (8000 * np.sin(2 * np.pi * self.tone_hz * moments)).astype(np.int16).tobytes()
        payload = self.encoder.encode(pcm)
        head = bytes([0x80, CODECS[self.codec].payload_type])
        data = (
            head
            + (self.sequence & 0xFFFF).to_bytes(2, "big")
            + (self.timestamp & 0xFFFFFFFF).to_bytes(4, "big")
            + self.ssrc.to_bytes(4, "big")
            + payload
        )
        self.phase += count
        self.skip(1)
        self.sent += 1
        return data

    def skip(self, packets: int) -> None:
        self.sequence += 1 if packets == 1 else 0
        self.timestamp += self.step * packets


def flights(party: Party, seconds: float, rng: random.Random, loss: float) -> Iterator[tuple[float, bytes]]:
    """Arrival time and bytes of every packet; the first and last always come, a tenth is up to 60 ms late."""
    count = round(seconds / PACKET_S)
    for number in range(count):
        data = party.packet()
        if 0 < number < count - 1 and rng.random() < loss:
            party.lost.append(number * PACKET_S)
            continue
        late = rng.uniform(0.025, 0.06) if rng.random() < 0.1 else rng.uniform(0, 0.005)
        yield party.start + number * PACKET_S * (1 + party.skew * 1e-6) + late, data


def play(
    recorder: Recorder, parties: list[Party], seconds: float, rng: random.Random, loss: float = 0.02
) -> float:
    arrivals = sorted(
        (when, party.index, data) for party in parties for when, data in flights(party, seconds, rng, loss)
    )
    tick = min(party.start for party in parties) + 1.0
    for when, index, data in arrivals:
        while when > tick:
            recorder.tick(tick)
            tick += 1.0
        recorder.tracks[index].receive(data, when)
    end = max(party.start for party in parties) + seconds
    for party in parties:
        party.start += seconds
    return end


def loudest_hz(samples: np.ndarray, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate / len(samples))


def level(samples: np.ndarray, rate: int, tone_hz: int) -> float:
    """Amplitude of a tone in the samples."""
    moments = np.arange(len(samples)) / rate
    return float(2 * abs(np.mean(samples * np.exp(-2j * np.pi * tone_hz * moments))))


def read(path: Path) -> tuple[np.ndarray, int]:
    samples, rate = soundfile.read(path, dtype="int16", always_2d=True)
    return samples, rate


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722", "opus"])
@pytest.mark.parametrize("seed", [1, 2])
def test_audio_truth(codec: str, seed: int, tmp_path: Path) -> None:
    """Ten seconds, a pause of five, ten more: each tone on its channel, exact length, every gap found."""
    rng = random.Random(seed)
    recorder = Recorder(tmp_path / "spool", RecordingProfile())
    parties = [Party(0, codec, 440, skew=40), Party(1, codec, 1210, skew=-40, start=0.013)]
    for party in parties:
        recorder.open_track(stream(party.index, codec))
    end = play(recorder, parties, 10.0, rng)
    recorder.pause(end + 0.1)
    for party in parties:
        party.start += 5.0
        party.timestamp += round(party.encoder.clock_hz * 5.0)
    recorder.resume(end + 4.9)
    said = Announcement("resume")
    recorder.mark(said, end + 4.95)
    end = play(recorder, parties, 10.0, rng)
    (first, second) = recorder.finish(end + 1.0)
    expected_s = 20.013
    assert abs(recorder.duration_ms / 1000 - expected_s) <= PACKET_S + 0.001
    for summary, party in zip((first, second), parties, strict=True):
        samples, rate = read(tmp_path / "spool" / f"party-{party.index + 1}.wav")
        assert abs(len(samples) / rate - (20.0 + 0.013 * party.index)) <= PACKET_S + 0.001
        assert abs(loudest_hz(samples[:, 0].astype(float), rate) - party.tone_hz) < 1
        assert summary.lost == len(party.lost)
        assert sum(gap.packets for gap in summary.gaps) == len(party.lost)
        assert summary.packets == party.sent - len(party.lost)
    stereo, rate = read(tmp_path / "spool" / "stereo.wav")
    assert abs(len(stereo) / rate - expected_s) <= PACKET_S + 0.001
    left, right = stereo[:, 0].astype(float), stereo[:, 1].astype(float)
    middle = slice(rate, 9 * rate)
    assert level(left[middle], rate, 440) > 20 * level(left[middle], rate, 1210)
    assert level(right[middle], rate, 1210) > 20 * level(right[middle], rate, 440)
    (pause,) = recorder.timeline.pauses
    assert abs(pause.at / TICKS_HZ - 10.0) < 0.04
    assert abs(pause.length / TICKS_HZ - 5.0) < 0.05
    (mark,) = recorder.timeline.marks
    assert mark.what is said
    assert abs(mark.at / TICKS_HZ - 10.0) < 0.05


def test_streams_that_come_and_go_leave_no_file_open(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, RecordingProfile())
    recorder.open_track(stream(0))
    for turn in range(5):
        track = recorder.open_track(stream(1))
        for party in (Party(0, "PCMU", 440), Party(1, "PCMU", 1210)):
            party.sequence += 50 * turn
            party.timestamp += 160 * 50 * turn
            for number in range(50):
                recorder.tracks[party.index].receive(party.packet(), turn + number * PACKET_S)
        recorder.close_track(1, turn + 1.0)
        assert track.file is not None
        assert track.file._file._descriptor < 0
    recorder.finish(6.0)
    assert recorder.error is None
    names = [f"party-{number}.wav" for number in (1, 2, 102, 202, 302, 402)]
    assert sorted(path.name for path in tmp_path.glob("party-*.wav")) == sorted(names)
    for name in names[1:]:
        samples, rate = read(tmp_path / name)
        assert loudest_hz(samples[-rate // 2 :, 0].astype(float), rate) == pytest.approx(1210, abs=3)


def test_gaps_are_where_the_packets_were(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, RecordingProfile())
    party = Party(0, "PCMU", 440)
    recorder.open_track(stream(0))
    lost = {10, 11, 12, 200}
    for number in range(500):
        data = party.packet()
        if number not in lost:
            recorder.tracks[0].receive(data, number * PACKET_S)
        if number % 50 == 49:
            recorder.tick(number * PACKET_S)
    (summary,) = recorder.finish(11.0)
    places = [(gap.start / TICKS_HZ, gap.end / TICKS_HZ, gap.packets) for gap in summary.gaps]
    assert places == [pytest.approx((0.2, 0.26, 3)), pytest.approx((4.0, 4.02, 1))]
    samples, rate = read(tmp_path / "party-1.wav")
    assert not samples[int(0.2 * rate) : int(0.26 * rate)].any()
    assert samples[int(0.1 * rate) : int(0.2 * rate)].any()


@pytest.mark.parametrize("continues", [True, False], ids=["timestamps run", "timestamps stand"])
@pytest.mark.parametrize("mode", ["cut", "silence"])
def test_pause_modes(mode: str, continues: bool, tmp_path: Path) -> None:
    """Cut leaves the pause out, silence keeps it, whether or not the sender's clock ran on meanwhile."""
    recorder = Recorder(tmp_path, RecordingProfile(pause_mode=mode))  # type: ignore[arg-type]
    party, rng = Party(0, "PCMU", 440), random.Random(1)
    recorder.open_track(stream(0))
    end = play(recorder, [party], 3.0, rng, loss=0)
    recorder.pause(end)
    party.start += 30.0
    if continues:
        party.timestamp += 8000 * 30
    recorder.resume(end + 30.0)
    end = play(recorder, [party], 3.0, rng, loss=0)
    (summary,) = recorder.finish(end)
    samples, rate = read(tmp_path / "party-1.wav")
    expected = 6.0 if mode == "cut" else 36.0
    assert abs(len(samples) / rate - expected) <= PACKET_S + 0.001
    assert summary.gaps == ()
    assert abs(recorder.timeline.pauses[0].length / TICKS_HZ - 30.0) < 0.03


def test_nothing_of_a_pause_is_kept_even_if_the_sender_goes_on(tmp_path: Path) -> None:
    """What is said during a pause must not be on disk, whoever sends it."""
    recorder = Recorder(tmp_path, RecordingProfile())
    party, rng = Party(0, "PCMU", 440), random.Random(1)
    recorder.open_track(stream(0))
    end = play(recorder, [party], 2.0, rng, loss=0)
    recorder.pause(end)
    party.tone_hz = 1870
    end = play(recorder, [party], 40.0, rng, loss=0)
    recorder.resume(end)
    party.tone_hz = 440
    end = play(recorder, [party], 2.0, rng, loss=0)
    (summary,) = recorder.finish(end)
    samples, rate = read(tmp_path / "party-1.wav")
    assert abs(len(samples) / rate - 4.0) <= PACKET_S + 0.001
    assert level(samples[:, 0].astype(float), rate, 1870) < 50
    assert summary.lost == 0
    assert summary.gaps == ()


def test_a_stream_that_starts_later_has_silence_before(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, RecordingProfile())
    one, two, rng = Party(0, "PCMU", 440), Party(1, "PCMU", 1210, start=3.0), random.Random(1)
    recorder.open_track(stream(0))
    play(recorder, [one], 3.0, rng, loss=0)
    recorder.open_track(stream(1))
    end = play(recorder, [one, two], 2.0, rng, loss=0)
    recorder.finish(end)
    samples, rate = read(tmp_path / "party-2.wav")
    assert not samples[: int(2.9 * rate)].any()
    assert abs(len(samples) / rate - 5.0) <= PACKET_S + 0.007


def test_a_lone_stream_is_on_both_channels(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, RecordingProfile())
    party = Party(0, "PCMU", 440)
    recorder.open_track(stream(0))
    recorder.finish(play(recorder, [party], 2.0, random.Random(1), loss=0))
    stereo, _ = read(tmp_path / "stereo.wav")
    assert stereo.any()
    assert (stereo[:, 0] == stereo[:, 1]).all()


def test_a_held_stream_is_silent_and_comes_back_in_its_place(tmp_path: Path) -> None:
    """One party on hold is no pause: the other goes on, and both stay aligned."""
    recorder = Recorder(tmp_path, RecordingProfile())
    one, two, rng = Party(0, "PCMU", 440), Party(1, "PCMU", 1210), random.Random(1)
    for index in (0, 1):
        recorder.open_track(stream(index))
    end = play(recorder, [one, two], 2.0, rng, loss=0)
    recorder.update_track(stream(1, paused=True), end)
    end = play(recorder, [one], 4.0, rng, loss=0)
    recorder.update_track(stream(1), end)
    two.start += 4.0  # its timestamps stood still
    end = play(recorder, [one, two], 2.0, rng, loss=0)
    recorder.finish(end)
    samples, rate = read(tmp_path / "party-2.wav")
    assert abs(len(samples) / rate - 8.0) <= PACKET_S + 0.007
    assert not samples[int(2.1 * rate) : int(5.9 * rate)].any()
    assert recorder.timeline.pauses == []


def test_another_codec_mid_call_stays_on_its_track(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, RecordingProfile())
    party, rng = Party(0, "PCMU", 440), random.Random(1)
    recorder.open_track(stream(0))
    end = play(recorder, [party], 2.0, rng, loss=0)
    recorder.update_track(stream(0, "G722"), end)
    wide = Party(0, "G722", 440, start=end, ssrc=9, sequence=party.sequence, timestamp=party.timestamp)
    recorder.finish(play(recorder, [wide], 2.0, rng, loss=0))
    samples, rate = read(tmp_path / "party-1.wav")
    assert rate == 8000
    assert abs(len(samples) / rate - 4.0) < 0.3
    assert abs(loudest_hz(samples[-rate:, 0].astype(float), rate) - 440) < 2


def test_a_new_clock_mid_call_stays_on_its_track(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, RecordingProfile())
    party, rng = Party(0, "PCMU", 440), random.Random(1)
    recorder.open_track(stream(0))
    end = play(recorder, [party], 2.0, rng, loss=0)
    recorder.update_track(stream(0, "opus"), end)
    wide = Party(0, "opus", 440, start=end, ssrc=9)
    (summary,) = recorder.finish(play(recorder, [wide], 2.0, rng, loss=0))
    assert summary.packets == 200
    samples, rate = read(tmp_path / "party-1.wav")
    assert rate == 8000
    assert abs(len(samples) / rate - 4.0) < 0.1


def test_files_are_readable_while_the_call_runs(tmp_path: Path) -> None:
    """After a crash any player finds everything up to the last header."""
    recorder = Recorder(tmp_path, RecordingProfile())
    parties = [Party(0, "PCMU", 440), Party(1, "PCMU", 1210)]
    for party in parties:
        recorder.open_track(stream(party.index))
    end = play(recorder, parties, 10.0, random.Random(1), loss=0)
    recorder.tick(end)
    for name in ("party-1.wav", "party-2.wav", "stereo.wav"):
        samples, rate = read(tmp_path / name)
        assert len(samples) / rate > 10 - HEADER_TICKS - 1.0
    recorder.finish(end)


def test_no_audio_makes_no_files(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "spool", RecordingProfile())
    recorder.open_track(stream(0))
    recorder.tick(1.0)
    (summary,) = recorder.finish(2.0)
    assert (recorder.duration_ms, summary.file, recorder.files) == (0, None, ())
    assert not (tmp_path / "spool").exists()


def test_a_recording_that_begins_paused(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, RecordingProfile())
    party, rng = Party(0, "PCMU", 440), random.Random(1)
    recorder.open_track(stream(0, paused=True))
    recorder.pause(0.0)
    end = play(recorder, [party], 5.0, rng, loss=0)
    recorder.update_track(stream(0), end)
    recorder.resume(end)
    recorder.finish(play(recorder, [party], 3.0, rng, loss=0))
    samples, rate = read(tmp_path / "party-1.wav")
    assert abs(len(samples) / rate - 3.0) <= PACKET_S + 0.001


def test_without_stereo_there_are_only_parties(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, RecordingProfile(stereo=False))
    recorder.open_track(stream(0))
    recorder.finish(play(recorder, [Party(0, "PCMU", 440)], 2.0, random.Random(1)))
    assert [file.path.name for file in recorder.files] == ["party-1.wav"]


def test_hours_of_silence_cost_neither_memory_nor_time(tmp_path: Path) -> None:
    """A party that is silent for ten hours leaves a hole in the file, not gigabytes in memory."""
    recorder = Recorder(tmp_path, RecordingProfile(pause_mode="silence"))
    one, two, rng = Party(0, "PCMU", 440), Party(1, "PCMU", 1210), random.Random(1)
    for index in (0, 1):
        recorder.open_track(stream(index))
    end = play(recorder, [one, two], 2.0, rng, loss=0)
    recorder.pause(end)
    for party in (one, two):
        party.start += 36_000.0
    recorder.resume(end + 36_000.0)
    tracemalloc.start()
    end = play(recorder, [one, two], 2.0, rng, loss=0)
    recorder.finish(end)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50_000_000
    info = soundfile.info(tmp_path / "stereo.wav")
    assert abs(info.duration - 36_004) < 0.1
    assert (tmp_path / "stereo.wav").stat().st_blocks * 512 < 2_000_000
    with soundfile.SoundFile(tmp_path / "stereo.wav") as file:
        file.seek(36_003 * 8000)
        tail = file.read(dtype="int16")
    assert level(tail[:, 0].astype(float), 8000, 440) > 20 * level(tail[:, 0].astype(float), 8000, 1210)
    assert level(tail[:, 1].astype(float), 8000, 1210) > 20 * level(tail[:, 1].astype(float), 8000, 440)


@pytest.mark.parametrize("kind", ["late ones held", "in order"])
def test_what_waits_in_a_pause_is_not_written_at_the_end(kind: str, tmp_path: Path) -> None:
    """Packets of a pause that wait for a lost one when the call ends are not released into the file."""
    recorder = Recorder(tmp_path, RecordingProfile())
    party = Party(0, "PCMU", 440)
    track = recorder.open_track(stream(0))
    for number in range(100):
        track.receive(party.packet(), number * PACKET_S)
    recorder.pause(2.0)
    if kind == "late ones held":
        party.packet()
    for number in range(5):
        track.receive(party.packet(), 2.1 + number * PACKET_S)
    recorder.finish(2.21)
    samples, rate = read(tmp_path / "party-1.wav")
    assert len(samples) / rate == pytest.approx(2.0, abs=0.021)


def test_a_flood_of_packets_is_not_kept_until_the_tick(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, RecordingProfile())
    track = recorder.open_track(stream(0))
    for number in range(MAX_NOTED):
        track.receive(b"junk", number * 1e-6)
    assert track.received.malformed == MAX_NOTED
    (summary,) = recorder.finish(1.0)
    assert summary.malformed == MAX_NOTED


def test_a_report_counts_what_came_since_the_tick(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, RecordingProfile())
    party, track = Party(0, "PCMU", 440), recorder.open_track(stream(0))
    for number in range(100):
        track.receive(party.packet(), number * PACKET_S)
    report = rtcp.build_compound([rtcp.SenderReport(party.ssrc, 1 << 40, 0, 3, 480)])
    track.receive_rtcp(report, 2.0)
    block = track.received.statistics.report_block(3.0)
    assert block is not None
    assert (block.last_sr, block.delay_since_last_sr) == (rtcp.middle_of(1 << 40), 65_536)
