"""RFC 7865 documents, and the leniency vendors need."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprec import metadata
from siprec.metadata import (
    DataMode,
    Dialect,
    Extension,
    Group,
    MediaStream,
    Metadata,
    Name,
    NameId,
    NotMetadataError,
    Participant,
    ParticipantSession,
    ParticipantStreams,
    Reason,
    Remark,
    Session,
    SessionRecording,
    SnapshotRequest,
)

SPACE = b' xmlns="urn:ietf:params:xml:ns:recording:1"'


def test_every_object_and_association_is_read(rfc):
    document = metadata.read(rfc)
    assert (document.dialect, document.mode) == (Dialect.RFC7866, DataMode.COMPLETE)
    assert document.groups[0].associate_time == "2026-01-31T12:00:00Z"
    assert document.sessions[0].sip_session_ids[0].startswith("ab30317f")
    assert document.sessions[0].group_id == "g1"
    assert document.participants[0].name_ids == (
        NameId("sip:alice@example.com", (Name("Alice & Co", "en"),)),
    )
    assert [stream.label for stream in document.streams] == ["1", "2"]
    assert document.session_recordings[0].associate_time == "2026-01-31T12:00:01Z"
    assert document.participant_sessions[0].parameters == (("audio", "true"),)
    assert document.participant_streams[1] == ParticipantStreams("p2", ("m2",), ("m1",))
    assert document.remarks == ()


def test_questions_a_recorder_asks(rfc):
    document = metadata.read(rfc)
    stream = document.stream_labelled("2")
    assert stream is not None
    assert [p.aor for p in document.senders_of(stream.id)] == ["sip:bob@example.com"]
    assert [p.id for p in document.present] == ["p1", "p2"]
    assert document.stream_labelled("9") is None


def test_reading_what_was_written_gives_the_same(rfc):
    document = metadata.read(rfc)
    assert metadata.read(metadata.write(document)) == document


@pytest.mark.parametrize(
    "space",
    [b' xmlns="urn:ietf:params:xml:ns:recording"', b"", b' xmlns="urn:ietf:params:xml:ns:recording:1"'],
)
def test_namespaces_of_the_field(rfc, space):
    assert metadata.read(rfc.replace(SPACE, space)).streams == metadata.read(rfc).streams


def test_a_prefixed_namespace(rfc):
    prefixed = rfc.replace(b"<", b"<r:").replace(b"<r:/", b"</r:").replace(b"<r:?", b"<?")
    prefixed = prefixed.replace(SPACE, b' xmlns:r="urn:ietf:params:xml:ns:recording:1"')
    assert metadata.read(prefixed) == metadata.read(rfc)


def test_plain_id_attributes(rfc):
    plain = rfc
    for name in (b"group_id", b"participant_id"):
        plain = plain.replace(name + b"=", b"id=")
    plain = plain.replace(b'<session session_id="', b'<session id="').replace(b"stream_id=", b"id=")
    document = metadata.read(plain)
    assert [p.id for p in document.participants] == ["p1", "p2"]
    assert [s.id for s in document.streams] == ["m1", "m2"]
    assert document.participant_sessions[0].session_id == "s1"


def test_nested_associations_of_older_drafts():
    document = metadata.read(
        b'<recording><session id="s"/><participant id="p" session="s"><aor>sip:a@b</aor>'
        b"<send>m</send><recv>n</recv></participant></recording>"
    )
    assert document.participants[0].aor == "sip:a@b"
    assert document.participant_sessions == (ParticipantSession("p", "s"),)
    assert document.participant_streams == (ParticipantStreams("p", ("m",), ("n",)),)


def test_unknown_content_is_kept_where_it_stood():
    raw = (
        b'<recording xmlns="urn:ietf:params:xml:ns:recording:1" xmlns:v="urn:v">'
        b'<v:top a="1"><v:x>y</v:x></v:top>'
        b'<session session_id="s"><v:inner>z</v:inner></session>'
        b'<participant participant_id="p"><nameID aor="a"><v:nick>n</v:nick></nameID></participant>'
        b'<extensiondata id="e" parent="s"><v:call ref="7"/></extensiondata></recording>'
    )
    document = metadata.read(raw)
    assert document.sessions[0].extras == ('<inner xmlns="urn:v">z</inner>',)
    assert document.participants[0].name_ids[0].extras == ('<nick xmlns="urn:v">n</nick>',)
    assert document.extensions[0].xml == '<top xmlns="urn:v" a="1"><x>y</x></top>'
    again = metadata.read(metadata.write(document))
    assert again == document
    assert 'ref="7"' in again.extensions[1].xml


def test_elements_without_an_id_are_kept_with_a_remark():
    document = metadata.read(b"<recording><session/><participant/><stream/><group/></recording>")
    assert [r.subject for r in document.remarks] == ["session", "participant", "stream", "group"]
    assert len(document.extensions) == 4
    assert str(document.remarks[0]) == "not_understood: session"


def test_an_unknown_data_mode_counts_as_complete():
    document = metadata.read(b"<recording><datamode>whole</datamode></recording>")
    assert (document.mode, document.remarks) == (DataMode.COMPLETE, (Remark("unknown_data_mode", "whole"),))
    assert metadata.read(b"<recording><dataMode>Partial</dataMode></recording>").mode is DataMode.PARTIAL


def test_a_session_that_ended(rfc):
    ended = rfc.replace(
        b"</start-time>",
        b'</start-time><stop-time>2026-01-31T12:05:00Z</stop-time><reason protocol="SIP">cause=200</reason>',
    )
    session = metadata.read(ended).sessions[0]
    assert session.stop_time == "2026-01-31T12:05:00Z"
    assert session.reasons == (Reason("cause=200", "SIP"),)


@pytest.mark.parametrize("root", [b"<html/>", b'<recording xmlns="urn:x"/>', b"<recordings/>"])
def test_other_documents_are_refused(root):
    with pytest.raises(NotMetadataError, match="root element"):
        metadata.read(root)


def test_the_snapshot_request_round_trips():
    for request in (SnapshotRequest(), SnapshotRequest("lost <state>", "en"), SnapshotRequest("x")):
        assert metadata.read_snapshot_request(metadata.write_snapshot_request(request)) == request
    with pytest.raises(NotMetadataError):
        metadata.read_snapshot_request(b"<recording/>")


ids = st.text("abcdefgh0123456789=+/:-", min_size=1, max_size=12)
words = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufffe\uffff"),
    min_size=1,
    max_size=12,
).filter(lambda text: text == text.strip())
maybe = st.none() | words


def tuples(strategy: st.SearchStrategy) -> st.SearchStrategy:
    return st.lists(strategy, max_size=3).map(tuple)


documents = st.builds(
    Metadata,
    mode=st.sampled_from(DataMode),
    dialect=st.just(Dialect.RFC7866),
    recording=st.none(),
    groups=tuples(st.builds(Group, ids, maybe, maybe, st.none(), st.none(), st.just(()))),
    sessions=tuples(
        st.builds(
            Session,
            ids,
            maybe,
            tuples(words),
            tuples(st.builds(Reason, words, maybe)),
            maybe,
            maybe,
            st.just(()),
        )
    ),
    participants=tuples(
        st.builds(
            Participant,
            ids,
            tuples(st.builds(NameId, words, tuples(st.builds(Name, words, maybe)), st.just(()))),
            st.just(()),
        )
    ),
    streams=tuples(st.builds(MediaStream, ids, st.none() | ids, maybe, maybe, maybe, st.just(()))),
    session_recordings=tuples(st.builds(SessionRecording, ids, maybe, maybe, st.just(()))),
    participant_sessions=tuples(
        st.builds(ParticipantSession, ids, ids, maybe, maybe, tuples(st.tuples(words, words)), st.just(()))
    ),
    participant_streams=tuples(
        st.builds(ParticipantStreams, ids, tuples(ids), tuples(ids), maybe, maybe, st.just(()))
    ),
    calls=st.just(()),
    announcements=st.just(()),
    extensions=tuples(st.builds(lambda word: Extension(f'<x xmlns="urn:{word}"/>'), ids)),
    remarks=st.just(()),
)


@given(documents)
def test_property_documents_round_trip(document):
    assert metadata.read(metadata.write(document)) == document


@given(documents)
def test_property_the_other_dialect_keeps_who_sends_what(document):
    ids_once = {p.id: p for p in document.participants}
    document = replace(document, participants=tuple(ids_once.values()))
    other = metadata.read(metadata.write(document, Dialect.BROADWORKS))
    assert other.dialect is Dialect.BROADWORKS
    assert [s.label for s in other.streams] == [s.label for s in document.streams]
    assert [(p.id, [n.aor for n in p.name_ids]) for p in other.participants] == [
        (p.id, [n.aor for n in p.name_ids]) for p in document.participants
    ]
