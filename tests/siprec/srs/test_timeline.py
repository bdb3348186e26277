"""Where audio belongs: anchors, gaps, cuts, marks, in exact ticks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprec.rtp.reorder import PlacedPacket
from siprec.srs.timeline import GRID, TICKS_HZ, Gap, Pause, Timeline, TrackTimeline, to_ticks

PCMU = frozenset({0})
MS = TICKS_HZ // 1000


def packet(position: int, size: int = 160, *, lost: int = 0, payload_type: int = 0) -> PlacedPacket:
    return PlacedPacket(position, payload_type, bytes(size), False, lost, 0, 0)


def track(timeline: Timeline, origin: float = 100.0, clock_hz: int = 8000, **kwargs: int) -> TrackTimeline:
    made = TrackTimeline(timeline, clock_hz, **kwargs)
    made.begin(origin)
    return made


def test_contiguous_packets_are_one_run() -> None:
    line = track(Timeline())
    (run,) = line.place([packet(0), packet(160), packet(320)], PCMU)
    assert (run.at, len(run.payloads)) == (0, 3)
    (later,) = line.place([packet(480)], PCMU)
    assert later.at == 60 * MS


def test_a_gap_parts_runs_and_is_noted_where_it_was() -> None:
    line = track(Timeline())
    runs = line.place([packet(0), packet(480, lost=2)], PCMU)
    assert [run.at for run in runs] == [0, 60 * MS]
    assert line.gaps == [Gap(20 * MS, 60 * MS, 2)]
    assert line.lost == 2


def test_silence_that_lost_nothing_is_no_gap() -> None:
    line = track(Timeline())
    runs = line.place([packet(0), packet(8000)], PCMU)
    assert [run.at for run in runs] == [0, TICKS_HZ]
    assert line.gaps == []


def test_a_second_track_stands_where_it_began() -> None:
    timeline = Timeline()
    track(timeline, 100.0)
    late = track(timeline, 100.5)
    (run,) = late.place([packet(0)], PCMU)
    assert run.at == 500 * MS


def test_anchors_lie_on_the_grid() -> None:
    timeline = Timeline()
    track(timeline, 100.0)
    late = track(timeline, 100.000_061)
    (run,) = late.place([packet(0)], PCMU)
    assert run.at % GRID == 0


@pytest.mark.parametrize(("clock_hz", "units"), [(8000, 160), (16000, 320), (48000, 960)])
def test_every_clock_runs_at_its_own_rate(clock_hz: int, units: int) -> None:
    line = track(Timeline(), clock_hz=clock_hz, frame_units=units)
    runs = line.place([packet(0, 40), packet(units, 40)], PCMU)
    assert [run.at for run in runs] == [0, 20 * MS]


def test_frames_of_stateful_codecs_lose_as_whole_packets() -> None:
    line = track(Timeline(), clock_hz=48_000, frame_units=960)
    line.place([packet(0, 40), packet(2880, 33, lost=2)], PCMU)
    assert line.gaps == [Gap(20 * MS, 60 * MS, 2)]


def test_events_and_unknown_payloads_are_not_audio() -> None:
    line = track(Timeline())
    runs = line.place([packet(0), packet(160, payload_type=101), packet(160)], PCMU)
    assert [len(run.payloads) for run in runs] == [2]


def test_cut_takes_the_pause_out() -> None:
    timeline = Timeline("cut")
    line = track(timeline)
    line.place([packet(0)], PCMU)
    line.heard_until(20 * MS)
    timeline.pause(100.02)
    timeline.resume(110.0)
    line.interrupted()
    line.arrived_after_interruption(110.02)
    (run,) = line.place([packet(80_160)], PCMU)
    assert run.at == 20 * MS
    assert timeline.pauses == [Pause(20 * MS, 10_000 * MS)]


def test_silence_keeps_the_pause() -> None:
    timeline = Timeline("silence")
    line = track(timeline)
    line.place([packet(0)], PCMU)
    line.heard_until(20 * MS)
    timeline.pause(100.02)
    timeline.resume(110.0)
    line.arrived_after_interruption(110.02)
    (run,) = line.place([packet(80_160)], PCMU)
    assert run.at == 10_020 * MS
    assert timeline.cut == 0


def test_timestamps_that_stood_still_are_placed_by_arrival() -> None:
    timeline = Timeline("silence")
    line = track(timeline)
    line.place([packet(0)], PCMU)
    line.heard_until(20 * MS)
    timeline.pause(100.02)
    timeline.resume(110.0)
    line.arrived_after_interruption(110.02)
    (run,) = line.place([packet(160)], PCMU)
    assert run.at == 10_020 * MS
    (again,) = line.place([packet(320)], PCMU)
    assert again.at == 10_040 * MS


def test_both_tracks_keep_their_distance_through_a_cut() -> None:
    timeline = Timeline("cut")
    one, two = track(timeline, 100.0), track(timeline, 100.005)
    for line, end in ((one, 1000), (two, 1005)):
        line.place([packet(0, 8000)], PCMU)
        line.heard_until(end * MS)
    timeline.pause(101.005)
    timeline.resume(106.0)
    for line in (one, two):
        line.arrived_after_interruption(106.0)
    first = one.place([packet(48_000)], PCMU)[0].at
    second = two.place([packet(48_000)], PCMU)[0].at
    assert second - first == 5 * MS
    assert first == 1005 * MS


def test_marks_follow_the_cuts() -> None:
    timeline = Timeline("cut")
    line = track(timeline)
    line.place([packet(0, 8000)], PCMU)
    line.heard_until(1000 * MS)
    timeline.mark(100.5, "inside")
    timeline.pause(101.0)
    timeline.mark(103.0, "paused")
    timeline.resume(106.0)
    timeline.mark(106.0, "resuming")
    line.arrived_after_interruption(106.0)
    line.place([packet(48_000)], PCMU)
    timeline.mark(107.0, "after")
    timeline.mark(99.0, "before the beginning")
    timeline.mark(102.0, "late news of the pause")
    places = [mark.at // MS for mark in timeline.marks]
    assert places == [500, 1000, 1000, 2000, 0, 1000]


def test_two_pauses_add_up() -> None:
    timeline = Timeline("cut")
    line = track(timeline)
    for number in range(3):
        (run,) = line.place([packet(number * 40_000, 8000)], PCMU)
        assert run.at == number * 1000 * MS
        line.heard_until(run.at + 1000 * MS)
        timeline.pause(101.0 + number * 5)
        timeline.resume(105.0 + number * 5)
        line.arrived_after_interruption(105.0 + number * 5)
    timeline.finish(120.0)
    assert [pause.length // MS for pause in timeline.pauses] == [4000, 4000, 9000]


def test_a_pause_nothing_followed_is_closed_at_the_end() -> None:
    timeline = Timeline("cut")
    line = track(timeline)
    line.place([packet(0)], PCMU)
    line.heard_until(20 * MS)
    timeline.pause(100.02)
    timeline.finish(130.02)
    assert timeline.pauses == [Pause(20 * MS, 30_000 * MS)]


def test_pausing_before_anything_was_heard_changes_nothing() -> None:
    timeline = Timeline("cut")
    timeline.pause(50.0)
    timeline.resume(90.0)
    (run,) = track(timeline).place([packet(0)], PCMU)
    assert run.at == 0
    assert timeline.pauses == []


def test_pausing_twice_is_pausing_once() -> None:
    timeline = Timeline("cut")
    line = track(timeline)
    line.place([packet(0)], PCMU)
    line.heard_until(20 * MS)
    for when in (100.02, 101.0):
        timeline.pause(when)
    for when in (105.0, 106.0):
        timeline.resume(when)
    line.place([packet(40_160)], PCMU)
    assert len(timeline.pauses) == 1


@given(st.floats(0, 100_000))
def test_ticks_are_on_the_grid_and_near(seconds: float) -> None:
    ticks = to_ticks(seconds)
    assert ticks % GRID == 0
    assert abs(ticks / TICKS_HZ - seconds) <= GRID / TICKS_HZ


@given(
    st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1, max_size=60),
    st.sampled_from(["cut", "silence"]),
)
def test_whatever_happens_places_never_go_back(steps: list[tuple[int, bool]], mode: str) -> None:
    """Packets with gaps, pauses in between: file places grow, cuts never exceed the raw line."""
    timeline = Timeline(mode)  # type: ignore[arg-type]
    line = track(timeline)
    position, end, now = 0, 0, 100.0
    for lost, pausing in steps:
        position += 160 * lost
        now += 0.02 * lost
        (run,) = line.place([packet(position, lost=lost)], PCMU)
        assert run.at >= end
        end = run.at + 20 * MS
        line.heard_until(end)
        position += 160
        now += 0.02
        if pausing:
            timeline.pause(now)
            now += 3.0
            position += 24_000
            timeline.resume(now)
            line.interrupted()
            line.arrived_after_interruption(now)
    assert timeline.cut <= timeline.end
    assert timeline.place(timeline.end) <= end
