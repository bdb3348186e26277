"""The recording client as a machine, against a recorder on a virtual network."""

import pytest

from siprec import metadata, sdp
from siprec.metadata import DataMode, Dialect, SnapshotRequest
from siprec.phones.document import RecordedCall, announcement
from siprec.phones.forking import (
    BROADWORKS_METHODS,
    ChangeRefused,
    ForkChanged,
    ForkEnded,
    ForkFailed,
    ForkStarted,
    ServerFailed,
    SnapshotRequested,
    SourcePlan,
)
from siprec.phones.src import SourceSession, SourceState
from siprec.sip.dialog import Dialog

from .conftest import ALICE, BOB, CALL, CAROL

BOTH = pytest.mark.parametrize("dialect", Dialect)


def started(stage, *args, **kwargs):
    ready = stage(*args, **kwargs)
    ready.session.start(ready.network.now, 0)
    ready.run()
    assert ready.of(ForkStarted), ready.events
    return ready


# --- the INVITE ---------------------------------------------------------------------------------------


def test_the_invite_of_the_standards(stage):
    s = started(stage)
    (heard,) = s.recorder.heard
    headers = heard.request.headers
    assert headers.get("require") == "siprec"
    assert ";+sip.src" in headers.get("contact")
    assert headers.get("from").startswith('"Alice" <sip:+12025550100@example.com>')
    assert "application/rs-metadata-request" in headers.get("accept")
    parts = [
        p.content_type
        for p in __import__("siprec.multipart", fromlist=["x"]).split(
            headers.get("content-type"), heard.request.body
        )
    ]
    assert parts == ["application/sdp", "application/rs-metadata+xml"]
    assert heard.offer.labels == ("1", "2")
    assert [heard.offer.direction_of(i).value for i in range(2)] == ["sendonly"] * 2
    (document,) = heard.documents
    assert (document.dialect, document.mode) == (Dialect.RFC7866, DataMode.COMPLETE)
    assert metadata.cross_check(document, heard.offer.labels) == ()
    assert [p.aor for p in document.participants] == [ALICE.aor, BOB.aor]
    assert [p.name_ids[0].names[0].value for p in document.participants[:1]] == ["Alice"]


def test_the_invite_of_broadworks(stage):
    s = started(stage, Dialect.BROADWORKS)
    (heard,) = s.recorder.heard
    request, headers = heard.request, heard.request.headers
    assert headers.get("require") is None
    assert (headers.get("supported"), headers.get("recv-info")) == ("", "")
    assert headers.get("contact").endswith(";src")
    assert set(headers.values("allow")) == set(BROADWORKS_METHODS)
    assert "UPDATE" not in headers.values("allow")
    assert 1_002_000_000 < request.cseq.number < 1_004_000_000
    assert headers.get("x-broadworks-correlation-info")
    assert headers.get("session-id").endswith(";remote=" + "0" * 32)
    assert headers.get("content-type") == "multipart/mixed;boundary=UniqueBroadWorksBoundary"
    assert b"\r\nContent-Type:application/rs-metadata+xml\r\n" in request.body
    assert request.body.index(b"rs-metadata+xml") < request.body.index(b"application/sdp")
    (document,) = heard.documents
    assert document.calls[0].tenant_key == CALL.tenant
    assert document.calls[0].leg.kind == "origCall"
    assert metadata.cross_check(document, heard.offer.labels) == ()
    assert heard.offer.origin.username == "BroadWorks"


def test_an_incoming_call_names_the_caller(stage):
    s = started(stage, Dialect.BROADWORKS, call=RecordedCall(ALICE, BOB, outgoing=False))
    (heard,) = s.recorder.heard
    assert heard.request.headers.get("from").startswith(f"<{BOB.aor}>")
    assert heard.documents[0].calls[0].leg.kind == "termCall"


@BOTH
def test_a_mixed_stream(stage, dialect):
    s = started(stage, dialect, call=RecordedCall(ALICE, BOB, mixed=True))
    (document,) = s.recorder.heard[0].documents
    assert len(document.streams) == 1
    assert {p.id for p in document.senders_of(document.streams[0].id)} == {
        p.id for p in document.participants
    }


@BOTH
def test_the_answer_says_where_to_send(stage, dialect):
    s = started(stage, dialect)
    (event,) = s.of(ForkStarted)
    assert [(a.label, a.codec.name, a.remote) for a in event.streams] == [
        ("1", "PCMU", ("192.0.2.1", 40_000)),
        ("2", "PCMU", ("192.0.2.1", 40_002)),
    ]
    assert s.session.state is SourceState.RECORDING


def test_keys_are_offered_and_taken(stage):
    s = started(stage, srtp=True)
    assert s.recorder.heard[0].offer.media[0].protocol == "RTP/SAVP"
    (event,) = s.of(ForkStarted)
    assert all(a.crypto is not None and len(a.crypto.key) == 30 for a in event.streams)


# --- failover -----------------------------------------------------------------------------------------


def test_a_server_that_is_full_hands_over_to_the_next(stage):
    s = stage(servers=3)
    s.recorders[0].statuses, s.recorders[1].statuses = [503], [500]
    s.session.start(0.0, 0)
    s.run()
    assert [(e.server, e.status) for e in s.of(ServerFailed)] == [
        ("sip:srs@192.0.2.1:5060", 503),
        ("sip:srs@192.0.2.2:5060", 500),
    ]
    assert s.of(ForkStarted)[0].server == "sip:srs@192.0.2.3:5060"
    assert len(s.recorders[2].heard) == 1


def test_silence_hands_over_after_the_time_allowed(stage):
    s = stage(servers=2, invite_timeout_s=3.0)
    s.recorders[0].silent = True
    s.session.start(0.0, 0)
    s.run(2.9)
    assert not s.events
    s.run(1.0)
    assert [type(e) for e in s.events] == [ServerFailed, ForkStarted]
    s.run(120)
    assert s.session.state is SourceState.RECORDING


def test_a_refusal_that_no_other_server_would_change_is_final(stage):
    s = stage(servers=2)
    s.recorders[0].statuses = [403]
    s.session.start(0.0, 0)
    s.run()
    assert [type(e) for e in s.events] == [ServerFailed, ForkFailed]
    assert s.recorders[1].heard == []
    assert s.session.state is SourceState.ENDED


def test_no_server_at_all(stage):
    s = stage(servers=2)
    s.recorders[0].statuses = s.recorders[1].statuses = [503]
    s.recorders[1].statuses = [503]
    s.session.start(0.0, 0)
    s.run()
    assert s.of(ForkFailed) == [ForkFailed(503, "Service Unavailable")]


def test_an_answer_without_a_stream_is_no_recording(stage):
    s = stage(servers=2)
    s.recorders[0].codecs = ("opus",)
    s.session.start(0.0, 0)
    s.run()
    assert s.of(ServerFailed)[0].status == 488
    assert s.recorders[0].ended == 1


def test_a_session_lost_under_way_is_set_up_at_the_next_server(stage):
    s = started(stage, servers=2)
    s.recorders[0].statuses = [481]
    s.session.pause(s.network.now)
    s.run()
    assert [e.server for e in s.of(ForkStarted)] == ["sip:srs@192.0.2.1:5060", "sip:srs@192.0.2.2:5060"]
    assert s.recorders[1].heard[0].documents[0].mode is DataMode.COMPLETE
    s.session.stop(s.network.now)
    s.run()
    assert s.of(ForkEnded) == [ForkEnded(by_us=True)]


def test_a_plan_needs_a_server_and_a_stream_per_label(stage):
    s = stage()
    with pytest.raises(ValueError, match="server"):
        SourceSession(SourcePlan(()), CALL, s.session._endpoint, {}, [], None, None)  # type: ignore[arg-type]


# --- pause and resume ---------------------------------------------------------------------------------


@BOTH
def test_pause_and_resume(stage, dialect):
    s = started(stage, dialect)
    s.session.pause(s.network.now)
    s.run()
    s.session.resume(s.network.now)
    s.run()
    _, paused, resumed = s.recorder.heard
    assert [h.method for h in s.recorder.heard] == ["INVITE"] * 3
    assert paused.offer.is_paused(0)
    assert paused.offer.is_paused(1)
    assert not resumed.offer.is_paused(0)
    if dialect is Dialect.BROADWORKS:
        assert paused.offer.address_of(0) == "0.0.0.0"
        assert paused.offer.direction_of(0) is sdp.Direction.SENDONLY
    else:
        assert paused.offer.direction_of(0) is sdp.Direction.INACTIVE
    assert paused.documents == resumed.documents == []
    assert [int(h.offer.origin.version) for h in s.recorder.heard] == [1, 2, 3]
    assert [(e.change, e.paused, e.streams[0].active) for e in s.of(ForkChanged)] == [
        ("pause", True, False),
        ("resume", False, True),
    ]


def test_a_pause_before_the_answer_is_sent_after_it(stage):
    s = stage()
    s.session.start(0.0, 0)
    s.session.pause(0.0)
    s.run()
    assert [h.offer.is_paused(0) for h in s.recorder.heard] == [False, True]


def test_a_refused_pause_leaves_the_recording_running(stage):
    s = started(stage)
    s.recorder.statuses = [488]
    s.session.pause(s.network.now)
    s.run()
    assert s.of(ChangeRefused) == [ChangeRefused("pause", 488)]
    assert not s.session.paused


def test_glare_is_tried_again(stage):
    s = started(stage)
    s.recorder.statuses = [491]
    s.session.pause(s.network.now)
    s.run(2.0)
    assert s.of(ForkChanged) == []
    s.run(3.0)
    assert [e.change for e in s.of(ForkChanged)] == ["pause"]
    assert s.session.paused


# --- announcements, in their order on the wire --------------------------------------------------------


@BOTH
def test_announcements_in_order(stage, dialect):
    s = stage(dialect)
    s.session.start(0.0, 0, announcement("start", 0))
    s.run()
    s.session.pause(s.network.now, announcement("pause", 1))
    s.run()
    s.session.resume(s.network.now, announcement("resume", 2))
    s.run()
    s.session.stop(s.network.now, announcement("stop", 3))
    s.run()
    story = [
        (
            h.method,
            h.offer is not None and h.offer.is_paused(0),
            [a.event for d in h.documents for a in d.announcements],
        )
        for h in s.recorder.heard
    ]
    update = "INVITE" if dialect is Dialect.BROADWORKS else "UPDATE"
    carried = dialect is Dialect.BROADWORKS
    assert story == [
        ("INVITE", False, ["start"]),
        ("INVITE", True, []),
        (update, carried, ["pause"]),
        (update, carried, ["resume"]),
        ("INVITE", False, []),
        (update, False, ["stop"]),
    ]
    assert s.of(ForkEnded) == [ForkEnded(by_us=True)]
    assert s.recorder.ended == 1
    said = s.recorder.ledger.announcements
    assert [a.event for a in said] == ["start", "pause", "resume", "stop"]
    assert {a.call for a in said} == {"internal"}


def test_without_update_an_announcement_goes_by_reinvite(stage):
    s = started(stage, methods=("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO"))
    s.session.announce(announcement("start", 0), s.network.now)
    s.run()
    assert [(h.method, h.offer is not None) for h in s.recorder.heard] == [("INVITE", True)] * 2


# --- hold and transfer --------------------------------------------------------------------------------


def test_hold_and_back_in_the_standards_dialect(stage):
    s = started(stage)
    stream = s.recorder.ledger.current.streams[0]
    s.session.hold(True, s.network.now)
    s.run()
    assert s.recorder.ledger.current.senders_of(stream.id) == ()
    s.session.hold(False, s.network.now)
    s.run()
    assert [p.aor for p in s.recorder.ledger.current.senders_of(stream.id)] == [ALICE.aor]


def test_a_transfer_in_the_standards_dialect_is_partial(stage):
    s = started(stage)
    s.session.transfer(CAROL, s.network.now, 60_000_000_000)
    s.run()
    heard = s.recorder.heard[-1]
    assert (heard.method, heard.documents[0].mode) == ("INVITE", DataMode.PARTIAL)
    state = s.recorder.ledger.current
    assert [p.aor for p in state.present] == [ALICE.aor, CAROL.aor]
    assert [p.aor for p in state.participants] == [ALICE.aor, BOB.aor, CAROL.aor]
    assert [p.aor for p in state.senders_of(state.streams[1].id)] == [CAROL.aor]
    assert metadata.cross_check(state, ("1", "2")) == ()


def test_a_transfer_in_the_broadworks_dialect_is_complete_with_new_ids(stage):
    s = started(stage, Dialect.BROADWORKS)
    s.session.transfer(CAROL, s.network.now, 60_000_000_000)
    s.run()
    first, second = (h.documents[0] for h in s.recorder.heard)
    assert second.mode is DataMode.COMPLETE
    ids = [
        {
            first_or.id
            for kind in ("sessions", "participants", "streams", "groups")
            for first_or in getattr(d, kind)
        }
        for d in (first, second)
    ]
    assert not ids[0] & ids[1]
    assert [p.aor for p in second.participants] == [ALICE.aor, CAROL.aor]
    assert second.calls[0].tenant_key == CALL.tenant


# --- what the server asks -----------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
def test_a_snapshot_request_is_answered_with_everything(stage, method):
    s = started(stage)
    (dialog,) = [d for d in s.recorder.dialogs if isinstance(d, Dialog)]
    s.recorder.node.endpoint.send(
        dialog,
        method,
        body=metadata.write_snapshot_request(SnapshotRequest("lost state")),
        content_type=metadata.SNAPSHOT_REQUEST_TYPE,
        now=s.network.now,
    )
    s.run()
    assert s.of(SnapshotRequested) == [SnapshotRequested("lost state")]
    assert s.recorder.heard[-1].documents[0].mode is DataMode.COMPLETE


def test_info_is_accepted_and_a_reinvite_answered(stage):
    s = started(stage)
    (dialog,) = [d for d in s.recorder.dialogs if isinstance(d, Dialog)]
    endpoint = s.recorder.node.endpoint
    transactions = [
        endpoint.send(dialog, method, now=s.network.now) for method in ("INFO", "OPTIONS", "INVITE")
    ]
    s.run()
    assert [t.final_status for t in transactions] == [200, 200, 200]
    assert s.session.state is SourceState.RECORDING


def test_the_server_may_end_it(stage):
    s = started(stage)
    (dialog,) = [d for d in s.recorder.dialogs if isinstance(d, Dialog)]
    s.recorder.node.endpoint.bye(dialog, now=s.network.now)
    s.run()
    assert s.of(ForkEnded) == [ForkEnded(by_us=False)]
    s.session.pause(s.network.now)
    s.session.stop(s.network.now)
    s.run()
    assert len(s.recorder.heard) == 1


# --- ending -------------------------------------------------------------------------------------------


def test_changes_wait_for_each_other_and_the_end_waits_for_all(stage):
    s = started(stage)
    now = s.network.now
    s.session.pause(now, announcement("pause", 0))
    s.session.resume(now, announcement("resume", 0))
    s.session.transfer(CAROL, now, 0)
    s.session.stop(now, announcement("stop", 0))
    s.session.pause(now)
    s.run(5)
    assert [h.method for h in s.recorder.heard] == [
        "INVITE",
        "INVITE",
        "UPDATE",
        "UPDATE",
        "INVITE",
        "INVITE",
        "UPDATE",
    ]
    assert (s.recorder.ended, s.of(ForkEnded)) == (1, [ForkEnded(by_us=True)])


def test_stopping_before_the_answer_cancels(stage):
    s = stage()
    s.session.start(0.0, 0)
    s.session.stop(0.0)
    s.run(40)
    assert s.of(ForkEnded) == [ForkEnded(by_us=True)]
    assert s.network.now == 40
    assert s.recorder.node.endpoint.dialogs == []
    assert s.session.next_deadline() is None


@BOTH
def test_loss_and_duplicates_leave_one_recording(stage, dialect):
    s = stage(dialect, invite_timeout_s=30.0)
    s.network.weather.loss, s.network.weather.duplicate = 0.25, 0.25
    s.session.start(0.0, 0)
    s.run(60)
    s.session.pause(s.network.now)
    s.run(60)
    s.session.stop(s.network.now)
    s.run(60)
    assert len({h.request.call_id for h in s.recorder.heard}) == 1
    assert len(s.recorder.heard) == 2
    assert s.recorder.ended == 1
