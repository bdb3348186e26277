"""Documents of both dialects."""

import pytest

RFC = b"""<?xml version="1.0" encoding="UTF-8"?>
<recording xmlns="urn:ietf:params:xml:ns:recording:1">
 <datamode>complete</datamode>
 <group group_id="g1"><associate-time>2026-01-31T12:00:00Z</associate-time></group>
 <session session_id="s1">
  <sipSessionID>ab30317f1a784dc48ff824d0d3715d86;remote=47755a9de7794ba387653f2099600ef2</sipSessionID>
  <group-ref>g1</group-ref>
  <start-time>2026-01-31T12:00:00Z</start-time>
 </session>
 <participant participant_id="p1">
  <nameID aor="sip:alice@example.com"><name xml:lang="en">Alice &amp; Co</name></nameID>
 </participant>
 <participant participant_id="p2"><nameID aor="sip:bob@example.com"/></participant>
 <stream stream_id="m1" session_id="s1"><label>1</label></stream>
 <stream stream_id="m2" session_id="s1"><label>2</label></stream>
 <sessionrecordingassoc session_id="s1">
  <associate-time>2026-01-31T12:00:01Z</associate-time>
 </sessionrecordingassoc>
 <participantsessionassoc participant_id="p1" session_id="s1">
  <associate-time>2026-01-31T12:00:00Z</associate-time><param pname="audio" pval="true"/>
 </participantsessionassoc>
 <participantsessionassoc participant_id="p2" session_id="s1">
  <associate-time>2026-01-31T12:00:00Z</associate-time>
 </participantsessionassoc>
 <participantstreamassoc participant_id="p1"><send>m1</send><recv>m2</recv></participantstreamassoc>
 <participantstreamassoc participant_id="p2"><send>m2</send><recv>m1</recv></participantstreamassoc>
</recording>
"""

BROADWORKS = (
    b'<?xml version="1.0" encoding="UTF-8"?><recording_metadata xmlns="urn:ietf:params:xml:ns:siprec">'
    b"<dataMode>complete</dataMode>"
    b'<recording id="urn:uuid:r"><requestor>SRC</requestor><type>selective</type></recording>'
    b'<group id="urn:uuid:g" recording="urn:uuid:r"><initiator>sip:alice@example.com</initiator></group>'
    b'<session id="urn:uuid:s" group="urn:uuid:g">'
    b"<start-time>2026-01-31T07:00:00-05:00</start-time></session>"
    b'<participant id="urn:uuid:p1" session="urn:uuid:s"><aor>sip:alice@example.com</aor>'
    b"<send><id>urn:uuid:m1</id></send></participant>"
    b'<participant id="urn:uuid:p2" session="urn:uuid:s"><aor>+12025550101</aor>'
    b"<send><id>urn:uuid:m2</id></send></participant>"
    b'<stream id="urn:uuid:m1" session="urn:uuid:s"><label>1</label><mode>separate</mode></stream>'
    b'<stream id="urn:uuid:m2" session="urn:uuid:s"><label>2</label><mode>separate</mode></stream>'
    b'<extensiondata id="urn:uuid:e" parent="urn:uuid:s">'
    b'<broadWorksRecordingMetadata xmlns="http://schema.broadsoft.com/broadworksCallRecording" version="3.0">'
    b"<extTrackingID>152463:1</extTrackingID><serviceProviderID>Acme</serviceProviderID>"
    b"<groupID>Acme Dental</groupID><userID>alice@example.com</userID><callID>callhalf-177:5</callID>"
    b"<callType><termCall><callingPartyNumber>sip:+12025550101@example.com</callingPartyNumber>"
    b"<calledPartyNumber>sip:+12025550100@example.com</calledPartyNumber>"
    b"<redirectInfo><lastRedirectNumber>tel:1</lastRedirectNumber><origCalledNumber>tel:2</origCalledNumber>"
    b"<numOfRedirections>1</numOfRedirections></redirectInfo></termCall></callType>"
    b"<recordingType>on</recordingType>"
    b"<acd><acdUserId>q@example.com</acdUserId><acdName>Queue</acdName><acdNumber>700</acdNumber></acd>"
    b"<redirectedCall><newExtTrackingID>152464:1</newExtTrackingID>"
    b"<redirectedFromPartyNumber>tel:3</redirectedFromPartyNumber>"
    b"<redirectedToPartynumber>tel:4</redirectedToPartynumber></redirectedCall>"
    b"</broadWorksRecordingMetadata></extensiondata></recording_metadata>"
)


@pytest.fixture
def rfc() -> bytes:
    return RFC


@pytest.fixture
def broadworks() -> bytes:
    return BROADWORKS
