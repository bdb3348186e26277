"""Noise and near misses raise MetadataError or nothing; what is read can be written and read again."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from siprec import metadata
from siprec.metadata import Dialect, Ledger, MetadataError, cross_check

RFC = (
    b'<recording xmlns="urn:ietf:params:xml:ns:recording:1" xmlns:v="urn:v"><datamode>partial</datamode>'
    b'<group group_id="g"/><session session_id="s"><group-ref>g</group-ref><v:x v:y="1">z</v:x></session>'
    b'<participant participant_id="p"><nameID aor="a"><name xml:lang="en">N</name></nameID></participant>'
    b'<stream stream_id="m" session_id="s"><label>1</label></stream>'
    b'<participantsessionassoc participant_id="p" session_id="s"/>'
    b'<participantstreamassoc participant_id="p"><send>m</send></participantstreamassoc></recording>'
)
BROADWORKS = (
    b'<recording_metadata xmlns="urn:ietf:params:xml:ns:siprec"><dataMode>complete</dataMode>'
    b'<recording id="r"/><session id="s"/><participant id="p" session="s"><aor>a</aor>'
    b"<send><id>m</id></send></participant><stream id='m' session='s'><label>1</label></stream>"
    b"<extensiondata id='e' parent='s'><broadWorksRecordingMetadata version='1.0'><callType><origCall>"
    b"<dialedDigits>1</dialedDigits></origCall></callType></broadWorksRecordingMetadata>"
    b"<announcement xmlns='urn:sms-siprec-gateway:announcement:1' event='start'/></extensiondata>"
    b"</recording_metadata>"
)


def use(body: bytes) -> None:
    try:
        document = metadata.read(body)
    except MetadataError:
        return
    for dialect in Dialect:
        metadata.read(metadata.write(document, dialect))
    ledger = Ledger()
    ledger.apply(document, body, 0)
    ledger.apply(document, body, 1)
    assert ledger.current is not None
    cross_check(ledger.current, ("1",))
    assert set(ledger.current.present) <= set(ledger.current.participants)


@given(st.binary(max_size=300))
def test_noise(body):
    use(body)
    use(b"<recording>" + body + b"</recording>")


@given(st.sampled_from([RFC, BROADWORKS]), st.data())
def test_near_misses(good, data):
    body = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        match data.draw(st.integers(0, 2)):
            case 0:
                body[at] = data.draw(st.integers(32, 126))
            case 1:
                del body[at : at + data.draw(st.integers(1, 9))]
            case _:
                body[at:at] = data.draw(
                    st.sampled_from([b"<a/>", b" id='x'", b"&lt;", b"<!--", b"<!DOCTYPE", b"x"])
                )
        body = body or bytearray(b"<")
    use(bytes(body))


elements = st.recursive(
    st.sampled_from(["", "text", "<send>m</send>", "<label>1</label>", "<id>x</id>", "<aor>a</aor>"]),
    lambda inner: st.builds(
        lambda name, attribute, children: f"<{name} {attribute}>{''.join(children)}</{name}>",
        st.sampled_from(
            [
                "session",
                "participant",
                "stream",
                "group",
                "extensiondata",
                "participantstreamassoc",
                "nameID",
                "broadWorksRecordingMetadata",
                "callType",
                "origCall",
                "other",
                "reason",
            ]
        ),
        st.sampled_from(["", 'id="1"', 'session_id="2" participant_id="3"', 'xmlns="urn:o"', 'aor="a"']),
        st.lists(inner, max_size=3),
    ),
    max_leaves=20,
)


@given(st.lists(elements, max_size=5), st.sampled_from(["recording", "recording_metadata"]))
def test_elements_in_any_place(children, root):
    use(f"<{root}>{''.join(children)}</{root}>".encode())


@given(st.binary(max_size=200))
def test_snapshot_requests(body):
    for raw in (body, b"<requestsnapshot>" + body + b"</requestsnapshot>"):
        with contextlib.suppress(MetadataError):
            metadata.read_snapshot_request(raw)
