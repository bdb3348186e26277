"""Snapshots and partial updates (RFC 7865 §5.1), history, and the cross-check with the SDP."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from siprec import metadata
from siprec.metadata import (
    Announcement,
    BroadWorksCall,
    DataMode,
    Ledger,
    MediaStream,
    Metadata,
    Participant,
    ParticipantSession,
    ParticipantStreams,
    Remark,
    Session,
    cross_check,
    merge,
)
from siprec.metadata.merge import MAX_HISTORY_BYTES, MAX_REVISIONS


def partial(**what: object) -> Metadata:
    return Metadata(mode=DataMode.PARTIAL, **what)  # type: ignore[arg-type]


def test_a_complete_document_replaces_everything(rfc, broadworks):
    assert merge(metadata.read(rfc), metadata.read(broadworks)) == metadata.read(broadworks)


def test_a_partial_one_adds_and_changes_by_id(rfc):
    before = metadata.read(rfc)
    after = merge(
        before,
        partial(
            participants=(Participant("p3"),),
            streams=(MediaStream("m2", label="7"),),
            sessions=(Session("s1", stop_time="2026-01-31T12:09:00Z"),),
        ),
    )
    assert [p.id for p in after.participants] == ["p1", "p2", "p3"]
    assert [(s.id, s.label, s.session_id) for s in after.streams] == [("m1", "1", "s1"), ("m2", "7", "s1")]
    assert (after.sessions[0].start_time, after.sessions[0].stop_time) == (
        "2026-01-31T12:00:00Z",
        "2026-01-31T12:09:00Z",
    )
    assert after.mode is DataMode.COMPLETE
    assert after.groups == before.groups


def test_a_disassociate_time_ends_and_is_kept(rfc):
    left = ParticipantSession("p2", "s1", disassociate_time="2026-01-31T12:03:00Z")
    after = merge(metadata.read(rfc), partial(participant_sessions=(left,)))
    assert [p.id for p in after.present] == ["p1"]
    ended = after.participant_sessions[1]
    assert (ended.associate_time, ended.disassociate_time) == ("2026-01-31T12:00:00Z", "2026-01-31T12:03:00Z")


def test_stream_associations_of_a_participant_are_replaced_as_a_set(rfc):
    after = merge(metadata.read(rfc), partial(participant_streams=(ParticipantStreams("p1", ("m2",)),)))
    assert ParticipantStreams("p1", ("m2",)) in after.participant_streams
    assert [a.participant_id for a in after.participant_streams] == ["p2", "p1"]
    assert {p.id for p in after.senders_of("m2")} == {"p1", "p2"}
    assert after.senders_of("m1") == ()
    ended = ParticipantStreams("p1", ("m2",), disassociate_time="2026-01-31T12:04:00Z")
    assert [p.id for p in merge(after, partial(participant_streams=(ended,))).senders_of("m2")] == ["p2"]


def test_hold_and_resume_as_call_flows_show_them(rfc):
    """A party on hold receives nothing, then everything again (RFC 8068 §3.3)."""
    ledger = Ledger()
    ledger.apply(metadata.read(rfc), rfc, 0)
    held = partial(
        participant_streams=(ParticipantStreams("p1", ("m1",)), ParticipantStreams("p2", (), ("m1",)))
    )
    ledger.apply(held, b"", 1)
    assert ledger.current is not None
    assert ledger.current.senders_of("m2") == ()
    ledger.apply(partial(participant_streams=(ParticipantStreams("p2", ("m2",), ("m1",)),)), b"", 2)
    assert [p.id for p in ledger.current.senders_of("m2")] == ["p2"]


def test_calls_merge_by_their_ids():
    before = Metadata(calls=(BroadWorksCall(call_id="1", user_id="u", recording_type="on"),))
    after = merge(
        before,
        partial(calls=(BroadWorksCall(call_id="1", recording_type="off"), BroadWorksCall(call_id="2"))),
    )
    assert [(c.call_id, c.user_id, c.recording_type) for c in after.calls] == [
        ("1", "u", "off"),
        ("2", None, None),
    ]


def test_the_ledger_keeps_every_document_and_announcement(rfc):
    ledger = Ledger()
    start, pause = Announcement("start", at="1"), Announcement("pause", at="2")
    ledger.apply(replace(metadata.read(rfc), announcements=(start,)), rfc, 10)
    ledger.apply(partial(announcements=(pause,)), b"<p/>", 20)
    ledger.apply(metadata.read(rfc), rfc, 30)
    assert [(r.received_ns, r.raw) for r in ledger.revisions] == [(10, rfc), (20, b"<p/>"), (30, rfc)]
    assert ledger.announcements == (start, pause)
    assert ledger.current == metadata.read(rfc)


def test_a_partial_first_is_taken_and_a_snapshot_wanted(rfc):
    ledger = Ledger()
    assert ledger.needs_snapshot
    odd = ledger.apply(partial(participants=(Participant("p9"),)), b"", 1)
    assert odd == (Remark("partial_before_complete"),)
    assert ledger.needs_snapshot
    assert ledger.current is not None
    assert ledger.current.participant("p9") is not None
    ledger.apply(metadata.read(rfc), rfc, 2)
    assert not ledger.needs_snapshot
    assert ledger.remarks == [Remark("partial_before_complete")]


def test_the_history_is_bounded(rfc):
    ledger, document = Ledger(), metadata.read(rfc)
    for moment in range(MAX_REVISIONS + 5):
        ledger.apply(document, rfc, moment)
    assert len(ledger.revisions) == MAX_REVISIONS
    assert ledger.remarks == [Remark("history_full")]


def test_the_history_is_bounded_in_bytes_and_the_state_goes_on():
    """A peer that repeats a large document for days cannot fill the memory; its latest word counts."""
    ledger = Ledger()
    large = b" " * 60_000
    for moment in range(200):
        ledger.apply(Metadata(sessions=(Session(f"s{moment}"),)), large, moment)
    assert sum(len(revision.raw) for revision in ledger.revisions) <= MAX_HISTORY_BYTES
    assert len(ledger.revisions) == MAX_HISTORY_BYTES // 60_000
    assert ledger.remarks == [Remark("history_full")]
    assert ledger.current is not None
    assert ledger.current.sessions == (Session("s199"),)


def test_labels_and_ids_are_cross_checked(rfc):
    document = metadata.read(rfc)
    assert cross_check(document, ("1", "2")) == ()
    assert cross_check(document, ("1", "1", "3")) == (
        Remark("duplicate_label", "1"),
        Remark("label_without_stream", "3"),
        Remark("stream_without_label", "2"),
    )
    broken = replace(
        document,
        streams=(MediaStream("m1", "sX", "1"), MediaStream("m9", None, "1")),
        participant_sessions=(ParticipantSession("pX", "sY"),),
        participant_streams=(ParticipantStreams("pZ", ("mX",), ("m1",)),),
    )
    assert cross_check(broken, ("1",)) == (
        Remark("duplicate_label", "1"),
        Remark("unknown_session", "sX"),
        Remark("unknown_session", "sY"),
        Remark("unknown_participant", "pX"),
        Remark("unknown_participant", "pZ"),
        Remark("unknown_stream", "mX"),
    )


few = st.sampled_from("abc")
updates = st.builds(
    Metadata,
    mode=st.sampled_from(DataMode),
    sessions=st.lists(st.builds(Session, few, start_time=st.none() | few), max_size=3).map(tuple),
    participants=st.lists(st.builds(Participant, few), max_size=3).map(tuple),
    streams=st.lists(st.builds(MediaStream, few, label=st.none() | few), max_size=3).map(tuple),
    participant_streams=st.lists(
        st.builds(ParticipantStreams, few, st.lists(few, max_size=2).map(tuple)), max_size=3
    ).map(tuple),
)


@given(st.lists(updates, max_size=6))
def test_property_ids_stay_unique_and_nothing_is_forgotten(documents):
    state = Metadata()
    for document in documents:
        before, state = state, merge(state, document)
        if document.mode is DataMode.PARTIAL:
            for name in ("sessions", "participants", "streams"):
                found = [item.id for item in getattr(state, name)]
                wanted = {item.id for item in (*getattr(before, name), *getattr(document, name))}
                assert set(found) == wanted
                if len({item.id for item in getattr(before, name)}) == len(getattr(before, name)):
                    assert len(found) == len(wanted)
            for association in document.participant_streams:
                assert association in state.participant_streams


@given(updates, updates)
def test_property_the_same_partial_twice_changes_nothing(state, update):
    partial_update = replace(update, mode=DataMode.PARTIAL)
    once = merge(state, partial_update)
    assert merge(once, partial_update) == once
