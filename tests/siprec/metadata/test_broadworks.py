"""The BroadWorks dialect as public captures show it (`siprec.md`)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprec import metadata
from siprec.metadata import (
    Acd,
    BroadWorksCall,
    CallLeg,
    DataMode,
    Dialect,
    Extension,
    Metadata,
    ParticipantSession,
    ParticipantStreams,
    RecordingInfo,
    RedirectedCall,
    RedirectInfo,
)


def test_a_document_is_read_into_the_common_model(broadworks):
    document = metadata.read(broadworks)
    assert (document.dialect, document.mode) == (Dialect.BROADWORKS, DataMode.COMPLETE)
    assert document.recording == RecordingInfo("urn:uuid:r", "SRC", "selective")
    assert (document.groups[0].recording_id, document.groups[0].initiator) == (
        "urn:uuid:r",
        "sip:alice@example.com",
    )
    assert document.sessions[0].group_id == "urn:uuid:g"
    assert document.participant_sessions[0] == ParticipantSession("urn:uuid:p1", "urn:uuid:s")
    assert document.participant_streams[1] == ParticipantStreams("urn:uuid:p2", ("urn:uuid:m2",))
    assert [(s.label, s.mode) for s in document.streams] == [("1", "separate"), ("2", "separate")]
    assert document.participants[1].aor == "+12025550101"
    assert (document.extensions, document.remarks) == ((), ())


def test_the_extension_is_read_field_by_field(broadworks):
    (call,) = metadata.read(broadworks).calls
    assert call == BroadWorksCall(
        version="3.0",
        ext_tracking_id="152463:1",
        service_provider_id="Acme",
        group_id="Acme Dental",
        user_id="alice@example.com",
        call_id="callhalf-177:5",
        leg=CallLeg(
            "termCall",
            "sip:+12025550101@example.com",
            "sip:+12025550100@example.com",
            None,
            RedirectInfo("tel:1", "tel:2", "1"),
        ),
        recording_type="on",
        acd=Acd("q@example.com", "Queue", "700"),
        redirected=RedirectedCall("152464:1", "tel:3", "tel:4"),
        extension_id="urn:uuid:e",
        parent="urn:uuid:s",
    )
    assert call.tenant_key == ("Acme", "Acme Dental", "alice@example.com")


def test_it_is_written_byte_for_byte(broadworks):
    assert metadata.write(metadata.read(broadworks)) == broadworks


@pytest.mark.parametrize("version", ["1.0", "2.0", "3.0"])
def test_every_version(broadworks, version):
    raw = broadworks.replace(b'version="3.0"', f'version="{version}"'.encode())
    assert metadata.read(raw).calls[0].version == version
    assert metadata.write(metadata.read(raw)) == raw


def test_other_spellings_are_understood(broadworks):
    raw = broadworks.replace(b"Partynumber>", b"PartyNumber>")
    assert metadata.read(raw) == metadata.read(broadworks)
    for space in (b' xmlns="urn:ietf:params:xml:ns:siprec:1"', b""):
        raw = broadworks.replace(b' xmlns="urn:ietf:params:xml:ns:siprec"', space, 1)
        assert metadata.read(raw) == metadata.read(broadworks)


def test_what_a_later_version_adds_is_kept(broadworks):
    added = b"<recordingType>on</recordingType><new>x</new>"
    raw = broadworks.replace(b"<recordingType>on</recordingType>", added)
    raw = raw.replace(b"</extensiondata>", b'<more xmlns="urn:m"/></extensiondata>')
    document = metadata.read(raw)
    assert document.calls[0].extras == (
        '<new xmlns="http://schema.broadsoft.com/broadworksCallRecording">x</new>',
    )
    assert document.extensions == (Extension('<more xmlns="urn:m"/>', "urn:uuid:e", "urn:uuid:s"),)
    assert metadata.read(metadata.write(document)) == document


def test_a_call_without_anything_in_it():
    raw = (
        b"<recording_metadata><recording/><extensiondata><broadWorksRecordingMetadata>"
        b"<callType/></broadWorksRecordingMetadata></extensiondata></recording_metadata>"
    )
    document = metadata.read(raw)
    assert document.calls == (BroadWorksCall(version="1.0"),)
    assert document.calls[0].tenant_key == ("", "", "")
    assert [r.subject for r in document.remarks] == ["recording"]


def test_the_other_dialect_carries_the_call_along(broadworks):
    document = metadata.read(broadworks)
    other = metadata.read(metadata.write(document, Dialect.RFC7866))
    assert other.dialect is Dialect.RFC7866
    assert (other.calls, other.participant_streams) == (document.calls, document.participant_streams)


words = st.none() | st.text("abc 123@:<&", min_size=1, max_size=10).filter(lambda t: t == t.strip())
calls = st.builds(
    BroadWorksCall,
    st.sampled_from(["1.0", "2.0", "3.0"]),
    words,
    words,
    words,
    words,
    words,
    st.none()
    | st.builds(
        CallLeg,
        st.sampled_from(["origCall", "termCall"]),
        words,
        words,
        words,
        st.none() | st.builds(RedirectInfo, words, words, words),
    ),
    words,
    st.none() | st.builds(Acd, words, words, words),
    st.none() | st.builds(RedirectedCall, words, words, words),
    words,
    words,
    st.just(()),
)


@given(calls, st.sampled_from(Dialect))
def test_property_calls_round_trip_in_both_dialects(call, dialect):
    document = Metadata(dialect=dialect, calls=(call,))
    assert metadata.read(metadata.write(document)) == document
