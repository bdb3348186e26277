"""The recording session as a machine: each test reads as what came in and what was ordered."""

import random
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siprec import metadata, sdp
from siprec.metadata import Announcement, DataMode, Dialect, Metadata
from siprec.phones.document import CallDocument, Party, RecordedCall
from siprec.sdp import Direction, Local, Outgoing
from siprec.srs.commands import (
    Answer,
    CloseStream,
    Command,
    FinishRecording,
    HangUp,
    MarkAnnouncement,
    OpenStream,
    PauseRecording,
    RequestSnapshot,
    ResumeRecording,
    StartRecording,
    TakePorts,
    UpdateMetadata,
    UpdateStream,
)
from siprec.srs.errors import SessionStateError
from siprec.srs.intake import Intake
from siprec.srs.session import RecordingSession, SessionState
from siprec.srs.settings import RecordingProfile

KEY = bytes(range(30))
NOW_NS = 1_700_000_000_000_000_000
CALL = RecordedCall(Party("sip:alice@acme.example", "Alice"), Party("tel:+13105550120", "Bob"))


def document(dialect: Dialect = Dialect.RFC7866, seed: int = 1) -> CallDocument:
    rng = random.Random(seed)
    return CallDocument(dialect, CALL, lambda: UUID(int=rng.getrandbits(128), version=4), NOW_NS)


def offer(*labels: str, paused: Sequence[str] = (), zero: bool = False, gone: Sequence[str] = ()) -> Any:
    streams = [
        Outgoing(
            0 if label in gone else 40_000 + 2 * number,
            label,
            direction=Direction.INACTIVE if label in paused else Direction.SENDONLY,
        )
        for number, label in enumerate(labels)
    ]
    return sdp.offer(streams, address="192.0.2.2", session_id=1, zero_address=zero)


def intake(description: Any = None, said: Metadata | None = None, **changes: Any) -> Intake:
    raw = None if said is None else metadata.write(said)
    dialect = said.dialect if said is not None else Dialect.RFC7866
    return Intake(
        **{
            "description": description,
            "document": said,
            "raw_metadata": raw,
            "is_recording": True,
            "dialect": dialect,
            **changes,
        }
    )


class Play:
    """A session and a pool of ports: feeds inputs, lends what is asked for, collects what is ordered."""

    def __init__(self, **profile: Any) -> None:
        self.session = RecordingSession(RecordingProfile(**profile), 7)
        self.port = 50_000

    def _carry_out(self, commands: list[Command]) -> list[Command]:
        done: list[Command] = []
        for command in commands:
            if isinstance(command, TakePorts):
                locals_ = {}
                for stream in command.streams:
                    locals_[stream.index] = Local("192.0.2.1", self.port, key=KEY)
                    self.port += 2
                done += self._carry_out(self.session.ports_taken(locals_, NOW_NS))
            else:
                done.append(command)
        return done

    def invite(self, *args: Any, **kwargs: Any) -> list[Command]:
        return self._carry_out(self.session.invited(intake(*args, **kwargs), NOW_NS))

    def offer(self, *args: Any, wanted: bool = True, **kwargs: Any) -> list[Command]:
        return self._carry_out(self.session.reoffered(intake(*args, **kwargs), NOW_NS, offer_wanted=wanted))

    def info(self, *args: Any, **kwargs: Any) -> list[Command]:
        return self.session.informed(intake(*args, **kwargs), NOW_NS)


def kinds(commands: Sequence[Command]) -> list[type]:
    return [type(command) for command in commands]


def answered(commands: Sequence[Command]) -> Any:
    (answer,) = [command for command in commands if isinstance(command, Answer)]
    return answer


def answer_sdp(commands: Sequence[Command]) -> Any:
    return sdp.parse(answered(commands).body)


def test_a_full_invite_starts_a_recording() -> None:
    play = Play()
    commands = play.invite(offer("1", "2"), document().complete())
    assert kinds(commands) == [StartRecording, OpenStream, OpenStream, UpdateMetadata, Answer]
    answer = answer_sdp(commands)
    assert [(m.label, m.port, answer.direction_of(i)) for i, m in enumerate(answer.media)] == [
        ("1", 50_000, Direction.RECVONLY),
        ("2", 50_002, Direction.RECVONLY),
    ]
    assert play.session.warnings == {}
    assert play.session.state is SessionState.ACTIVE


def test_a_plain_invite_is_refused_by_default() -> None:
    commands = Play().invite(offer("1"), is_recording=False)
    assert kinds(commands) == [Answer]
    assert answered(commands).status == 403


@pytest.mark.parametrize(("policy", "status"), [("require", 421), ("record", 200)])
def test_plain_invites_by_profile(policy: str, status: int) -> None:
    assert answered(Play(plain_invite=policy).invite(offer("1"), is_recording=False)).status == status


def test_missing_metadata_by_profile() -> None:
    assert answered(Play().invite(offer("1"))).status == 200
    assert answered(Play(missing_metadata="refuse").invite(offer("1"))).status == 400


def test_metadata_without_sdp_waits_for_streams() -> None:
    play = Play()
    commands = play.invite(None, document().complete())
    assert kinds(commands) == [UpdateMetadata, Answer]
    assert answer_sdp(commands).media == ()
    later = play.offer(offer("1", "2"))
    assert kinds(later) == [StartRecording, OpenStream, OpenStream, Answer]


@pytest.mark.parametrize("zero", [True, False], ids=["c=0.0.0.0", "inactive"])
def test_pause_and_resume(zero: bool) -> None:
    play = Play()
    play.invite(offer("1", "2"), document().complete())
    paused = offer("1", "2", zero=True) if zero else offer("1", "2", paused=("1", "2"))
    commands = play.offer(paused)
    assert kinds(commands) == [UpdateStream, UpdateStream, PauseRecording, Answer]
    assert {answer_sdp(commands).direction_of(i) for i in (0, 1)} == {Direction.INACTIVE}
    assert play.session.paused
    again = play.offer(paused)
    assert kinds(again) == [Answer]
    resumed = play.offer(offer("1", "2"))
    assert kinds(resumed) == [UpdateStream, UpdateStream, ResumeRecording, Answer]
    assert {answer_sdp(resumed).direction_of(i) for i in (0, 1)} == {Direction.RECVONLY}
    assert [m.port for m in answer_sdp(resumed).media] == [50_000, 50_002]


def test_one_held_stream_is_no_pause() -> None:
    play = Play()
    play.invite(offer("1", "2"), document().complete())
    assert kinds(play.offer(offer("1", "2", paused=("2",)))) == [UpdateStream, Answer]
    assert not play.session.paused


def test_a_session_that_begins_paused() -> None:
    commands = Play().invite(offer("1", paused=("1",)), document().complete())
    assert kinds(commands) == [StartRecording, OpenStream, UpdateMetadata, PauseRecording, Answer]


def test_streams_added_and_taken_away() -> None:
    play = Play()
    play.invite(offer("1"), document().complete())
    added = play.offer(offer("1", "2"))
    assert kinds(added) == [OpenStream, Answer]
    removed = play.offer(offer("1", "2", gone=("1",)))
    assert kinds(removed) == [CloseStream, Answer]
    assert [m.port for m in answer_sdp(removed).media] == [0, 50_002]
    assert kinds(play.offer(offer("1", "2", gone=("1", "2")))) == [CloseStream, FinishRecording, Answer]
    assert kinds(play.offer(offer("1", "2"))) == [StartRecording, OpenStream, OpenStream, Answer]


def test_a_pause_does_not_outlive_its_recording() -> None:
    play = Play()
    play.invite(offer("1", paused=("1",)), document().complete())
    play.offer(offer("1", gone=("1",)))
    assert not play.session.paused
    assert kinds(play.offer(offer("1"))) == [StartRecording, OpenStream, Answer]


def test_too_few_m_lines_are_noted() -> None:
    play = Play()
    play.invite(offer("1", "2"), document().complete())
    commands = play.offer(offer("1"))
    assert kinds(commands) == [CloseStream, Answer]
    assert len(answer_sdp(commands).media) == 1
    assert "offer_changed_shape" in {remark.code for remark in play.session.warnings}


def test_versions_count_up_only_when_something_changed() -> None:
    play = Play()
    first = answer_sdp(play.invite(offer("1"), document().complete()))
    same = answer_sdp(play.offer(offer("1")))
    paused = answer_sdp(play.offer(offer("1", paused=("1",))))
    versions = [int(answer.origin.version) for answer in (first, same, paused)]
    assert versions == [1, 1, 2]


def test_a_transfer_with_all_new_ids_keeps_the_recording() -> None:
    play = Play()
    play.invite(offer("1", "2"), document(Dialect.BROADWORKS).complete())
    commands = play.offer(offer("1", "2"), document(Dialect.BROADWORKS, seed=2).complete())
    assert kinds(commands) == [UpdateMetadata, Answer]
    assert len(play.session.ledger.revisions) == 2


def test_announcements_are_marked_once() -> None:
    play, paper = Play(), document(Dialect.BROADWORKS)
    said = Announcement("start", at="2026-01-01T00:00:00Z")
    commands = play.invite(offer("1", "2"), paper.complete((said,)))
    assert kinds(commands)[-2:] == [MarkAnnouncement, Answer]
    assert MarkAnnouncement not in kinds(play.offer(offer("1", "2"), paper.complete((said,))))
    other = Announcement("stop", at="2026-01-01T00:01:00Z")
    marked = play.info(said=paper.complete((said, other)))
    assert [c.announcement.event for c in marked if isinstance(c, MarkAnnouncement)] == ["stop"]


def test_a_partial_before_the_snapshot_asks_for_it_once() -> None:
    play = Play()
    partial = Metadata(DataMode.PARTIAL, Dialect.RFC7866, announcements=(Announcement("start"),))
    play.invite(offer("1", "2"), partial)
    (asked,) = play.session.acknowledged(0.0)
    assert isinstance(asked, RequestSnapshot)
    request = metadata.read_snapshot_request(asked.body)
    assert request is not None
    assert play.session.acknowledged(1.0) == []
    assert "partial_before_complete" in {remark.code for remark in play.session.warnings}
    play.offer(None, document().complete(), wanted=False)
    assert not play.session.ledger.needs_snapshot


def test_metadata_that_never_comes_is_asked_for() -> None:
    play = Play()
    play.invite(offer("1"))
    assert play.session.acknowledged(10.0) == []
    assert play.session.next_deadline() == 15.0
    assert play.session.handle_timeout(14.0) == []
    assert kinds(play.session.handle_timeout(15.0)) == [RequestSnapshot]
    assert play.session.next_deadline() is None


def test_metadata_that_comes_late_is_not_asked_for() -> None:
    play = Play()
    play.invite(offer("1", "2"))
    play.session.acknowledged(10.0)
    play.offer(None, document().complete(), wanted=False)
    assert play.session.next_deadline() is None


@pytest.mark.parametrize("profile", [{"request_snapshot": False}, {}])
def test_who_is_never_asked(profile: dict[str, Any]) -> None:
    """Neither a BroadWorks peer nor anyone where the profile says no."""
    play = Play(**profile)
    dialect = Dialect.BROADWORKS if not profile else Dialect.RFC7866
    play.invite(offer("1"), dialect=dialect)
    assert play.session.acknowledged(0.0) == []
    assert play.session.next_deadline() is None


def test_labels_that_do_not_fit_are_warnings() -> None:
    play = Play()
    play.invite(offer("1", "9"), document().complete())
    assert {(r.code, r.subject) for r in play.session.warnings} == {
        ("label_without_stream", "9"),
        ("stream_without_label", "2"),
    }


def test_an_offerless_reinvite_gets_our_description() -> None:
    play = Play()
    first = play.invite(offer("1"), document().complete())
    again = play.offer(None)
    assert answered(again).body == answered(first).body


def test_an_offerless_reinvite_may_resume_and_move_a_stream() -> None:
    """A controller between us asks for our offer and gives the peer's answer in the ACK (RFC 3725)."""
    play = Play()
    play.invite(offer("1", "2"), document().complete())
    play.offer(offer("1", "2", zero=True))
    assert play.session.paused
    again = answer_sdp(play.offer(None))
    assert [medium.own_direction for medium in again.media] == [Direction.RECVONLY] * 2
    moved = sdp.offer([Outgoing(42_000, "1"), Outgoing(0, "2")], address="192.0.2.9", session_id=1)
    commands = play.session.acknowledged(1.0, moved)
    assert kinds(commands) == [UpdateStream, CloseStream, ResumeRecording]
    assert not play.session.paused
    (kept,) = play.session.streams
    assert kept.remote == ("192.0.2.9", 42_000)
    assert play.session.acknowledged(2.0, offer("1", "2", zero=True)) == []


def test_an_answer_that_ends_every_stream_ends_the_recording() -> None:
    play = Play()
    play.invite(offer("1"), document().complete())
    play.offer(None)
    assert kinds(play.session.acknowledged(1.0, offer("1", gone=["1"]))) == [CloseStream, FinishRecording]


def test_an_answer_of_another_shape_changes_nothing() -> None:
    play = Play()
    play.invite(offer("1"), document().complete())
    play.offer(None)
    assert play.session.acknowledged(1.0, offer("1", "2")) == []
    assert "answer_of_another_shape" in {remark.code for remark in play.session.warnings}
    assert len(play.session.streams) == 1


def test_sdp_in_the_ack_of_an_answered_offer_means_nothing() -> None:
    play = Play()
    play.invite(offer("1"), document().complete())
    assert play.session.acknowledged(1.0, offer("1", zero=True)) == []
    assert not play.session.paused


def test_a_plain_stream_may_become_secure() -> None:
    play = Play()
    play.invite(offer("1"), document().complete())
    crypto = sdp.Crypto(1, sdp.SDES_SUITES[0], bytes(30))
    secure = Outgoing(40_000, "1", protocol="RTP/SAVP", crypto=crypto)
    commands = play.offer(sdp.offer([secure], address="192.0.2.2", session_id=1))
    assert kinds(commands) == [UpdateStream, Answer]
    (medium,) = answer_sdp(commands).media
    assert medium.is_secure
    assert [own.key for own in medium.cryptos] == [KEY]


def test_an_update_with_metadata_alone_is_just_answered() -> None:
    play = Play()
    play.invite(offer("1", "2"), document().complete())
    commands = play.offer(None, document().complete(), wanted=False)
    assert kinds(commands) == [UpdateMetadata, Answer]
    assert answered(commands).body == b""


def test_no_port_refuses_the_invite() -> None:
    session = RecordingSession(RecordingProfile(), 7)
    assert kinds(session.invited(intake(offer("1")), NOW_NS)) == [TakePorts]
    (answer,) = session.ports_refused(5)
    assert isinstance(answer, Answer)
    assert (answer.status, dict(answer.headers)) == (503, {"retry-after": "5"})
    assert session.state is SessionState.ENDED


def test_no_port_for_a_new_stream_leaves_the_session() -> None:
    play = Play()
    play.invite(offer("1"))
    assert kinds(play.session.reoffered(intake(offer("1", "2")), NOW_NS, offer_wanted=True)) == [TakePorts]
    play.session.ports_refused(5)
    assert play.session.state is SessionState.ACTIVE
    assert len(play.session.streams) == 1


def test_an_offer_without_a_codec_we_know_is_488_with_the_reason() -> None:
    description = sdp.offer(
        [Outgoing(40_000, "1", codecs=sdp.codecs_named("opus"))], address="192.0.2.2", session_id=1
    )
    play = Play()
    commands = play.invite(description)
    assert answered(commands).status == 488
    assert "no codec in common" in dict(answered(commands).headers)["warning"]
    assert play.session.state is SessionState.ENDED


def test_a_reoffer_nobody_can_record_changes_nothing() -> None:
    play = Play()
    play.invite(offer("1"), document().complete())
    opus = sdp.offer(
        [Outgoing(40_000, "1", codecs=sdp.codecs_named("opus"))], address="192.0.2.2", session_id=1
    )
    assert answered(play.offer(opus)).status == 488
    assert play.session.state is SessionState.ACTIVE
    assert len(play.session.streams) == 1


def test_the_end_closes_and_finishes() -> None:
    play = Play()
    play.invite(offer("1", "2"), document().complete())
    assert play.session.ended("bye received") == [
        CloseStream(0),
        CloseStream(1),
        FinishRecording("bye received"),
    ]
    assert play.session.ended("again") == []
    with pytest.raises(SessionStateError):
        play.session.reoffered(intake(offer("1")), NOW_NS, offer_wanted=True)


def test_media_timeout_by_profile() -> None:
    ending, warning = Play(), Play(media_timeout_action="warn")
    for play in (ending, warning):
        play.invite(offer("1"))
    assert ending.session.media_silent(120.0) == [HangUp("media timeout")]
    assert warning.session.media_silent(120.0) == []
    assert "media_timeout" in {remark.code for remark in warning.session.warnings}


def test_an_invite_comes_once() -> None:
    play = Play()
    play.invite(offer("1"))
    with pytest.raises(SessionStateError):
        play.session.invited(intake(offer("1")), NOW_NS)


LINES = st.lists(st.sampled_from(["on", "paused", "gone"]), min_size=1, max_size=4)


@settings(max_examples=150)
@given(st.lists(LINES, min_size=1, max_size=8))
def test_any_offers_keep_orders_consistent(offers: list[list[str]]) -> None:
    """Streams open before they change or close, recordings alternate, each offer is answered by line."""
    play = Play()
    open_streams: set[int] = set()
    recording = paused = False
    for number, lines in enumerate(offers):
        labels = [str(index) for index in range(len(lines))]
        description = offer(
            *labels,
            paused=[label for label, line in zip(labels, lines, strict=True) if line == "paused"],
            gone=[label for label, line in zip(labels, lines, strict=True) if line == "gone"],
        )
        commands = play.invite(description) if number == 0 else play.offer(description)
        for command in commands:
            match command:
                case StartRecording():
                    assert not recording
                    recording, paused = True, False
                case FinishRecording():
                    assert recording
                    assert not open_streams
                    recording = False
                case OpenStream(stream):
                    assert recording
                    assert stream.index not in open_streams
                    open_streams.add(stream.index)
                case UpdateStream(stream):
                    assert stream.index in open_streams
                case CloseStream(index):
                    open_streams.remove(index)
                case PauseRecording():
                    assert recording
                    assert not paused
                    paused = True
                case ResumeRecording():
                    assert paused
                    paused = False
        media = answer_sdp(commands).media
        assert [m.port > 0 for m in media] == [line != "gone" for line in lines]
        assert open_streams == {index for index, line in enumerate(lines) if line != "gone"}
        assert recording == bool(open_streams)
    play.session.ended("bye received")
