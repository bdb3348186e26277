"""Whole replays: against a mock carrier, player against player, stop and resume, golden, the command."""

import asyncio
import json
from dataclasses import replace

import pytest
from aiohttp import web

from gateway.replay.errors import (
    CheckpointInvalid,
    FormatUnknown,
    NothingToReplay,
    TargetInvalid,
    WorldInvalid,
)
from gateway.replay.formats import open_trace
from gateway.replay.options import ReplayOptions
from gateway.replay.pace import parse_speed
from gateway.replay.run import Replay
from gateway.replay.story import read_receipt_of
from gateway.replay.trace import PduCaptured
from gateway.smpp import pdu as p
from gateway.smpp.aio import SmppHandler, connect
from gateway.smpp.constants import MessageState
from gateway.smpp.pdu import encode, response_to
from gateway.testing.captures import conversation, pcap_file
from gateway.testing.carriers import running_carrier

ALL_DELIVERED = ((0, MessageState.DELIVERED),)


@pytest.fixture
def capture(tmp_path, make_capture):
    return make_capture(tmp_path, 30, outcomes=ALL_DELIVERED, long=True)


async def test_a_discrete_replay_is_the_same_every_time_and_differs_by_seed(capture):
    options = ReplayOptions(capture, "esme", speed=None, world="auto")
    first, second = await Replay(options).run(), await Replay(options).run()
    assert first.passed
    assert first.summary.messages == 45
    assert first.to_json() == second.to_json()
    third = await Replay(replace(options, seed=2)).run()
    assert third.to_json() != first.to_json()


async def test_decisions_are_a_function_of_captured_time(tmp_path, make_capture):
    """The same capture at 300 times its speed and at maximum: a carrier's limits see the same."""
    capture = make_capture(tmp_path, 60, step_s=0.02, outcomes=ALL_DELIVERED, inbound=False)
    options = ReplayOptions(capture, "esme", world="auto", carrier="att", grace_s=120)
    fast = await Replay(replace(options, speed=None)).run()
    paced = await Replay(replace(options, speed=60.0)).run()
    assert fast.summary.refused == paced.summary.refused
    assert fast.summary.receipts == paced.summary.receipts
    assert fast.summary.accepted == paced.summary.accepted == 60


async def test_without_a_world_strangers_are_refused_and_the_report_says_so(capture):
    report = await Replay(ReplayOptions(capture, "esme", speed=None)).run()
    assert not report.passed
    assert report.summary.different == report.summary.messages


async def test_player_against_player_agree_on_everything(tmp_path, make_capture):
    capture = make_capture(tmp_path, 40, long=True)
    listening = asyncio.Event()
    carrier = Replay(
        ReplayOptions(capture, "carrier", listen="127.0.0.1:0", speed=None, idle_s=5),
        on_begin=lambda progress: listening.set(),
    )
    serving = asyncio.ensure_future(carrier.run())
    await listening.wait()
    target = f"smpp://me:secret@{carrier.progress.listening}"
    esme = await Replay(ReplayOptions(capture, "esme", target=target, speed=None, grace_s=5)).run()
    served = await serving
    assert esme.passed, esme.summary.differences[:5]
    assert served.passed, served.summary.differences[:5]
    assert esme.inbound == esme.recorded_inbound == 14
    assert served.unexpected == 0
    assert esme.summary.refused["ESME_RTHROTTLED"] > 0


async def test_against_a_real_socket_and_a_wrong_password(capture):
    async with running_carrier("tmobile", receipt_latency={"seconds": 0.01}, digits={}) as carrier:
        port = carrier.port
        good = ReplayOptions(
            capture, "esme", target=f"smpp://guest:guest@127.0.0.1:{port}", speed=None, grace_s=3
        )
        report = await Replay(good).run()
        assert report.summary.messages == 45
        assert report.summary.unanswered == 0
        from gateway.smpp.errors import BindFailed

        with pytest.raises(BindFailed):
            await Replay(replace(good, target=f"smpp://guest:no@127.0.0.1:{port}")).run()


async def test_golden_files_are_written_and_agree_with_the_next_run(capture, tmp_path):
    golden = tmp_path / "golden.jsonl"
    options = ReplayOptions(capture, "esme", speed=None, world="auto", carrier="att", expect=golden)
    await Replay(replace(options, update=True)).run()
    lines = golden.read_text().splitlines()
    assert len(lines) == 46
    again = await Replay(options).run()
    assert (again.against, again.passed) == ("golden", True)
    changed = [line.replace('"DELIVRD"', '"UNDELIV"') if i == 4 else line for i, line in enumerate(lines)]
    golden.write_text("\n".join(changed))
    failed = await Replay(options).run()
    assert [one["what"] for one in failed.summary.differences] == ["receipt"]


async def test_pseudonyms_and_a_worlds_numbers(capture, tmp_path):
    plain = ReplayOptions(capture, "esme", speed=None, world="auto")
    assert (await Replay(replace(plain, pseudonyms=True)).run()).passed
    world = tmp_path / "world.yaml"
    world.write_text("directory: {organizations: {a: {numbers: {'+12025550190': {}, '+12025550191': {}}}}}")
    assert (await Replay(replace(plain, world=str(world))).run()).summary.messages == 45
    world.write_text("directory: {}")
    with pytest.raises(WorldInvalid):
        await Replay(replace(plain, world=str(world))).run()


async def test_stopped_and_taken_up_again_it_is_as_if_it_had_never_stopped(capture, tmp_path):
    checkpoint = tmp_path / "stopped"
    options = ReplayOptions(capture, "esme", speed=None, world="auto", checkpoint=checkpoint)
    replay = Replay(options)

    async def stop_halfway():
        while replay.progress.sent() < 20:  # noqa: ASYNC110 - nobody else may see it at exactly twenty
            await asyncio.sleep(0)
        replay.stop()

    stopping = asyncio.ensure_future(stop_halfway())
    stopped = await replay.run()
    await stopping
    assert stopped.stopped
    assert 20 <= stopped.summary.messages < 45
    resumed = await Replay(options).run()
    assert resumed.summary.messages == 45
    assert resumed.passed
    assert not checkpoint.exists()


async def test_stopped_while_it_waits_for_receipts_it_goes_on_waiting(tmp_path, make_capture):
    """Everything is sent, nothing delivered: the next run binds, and receipts find their texts."""
    capture, checkpoint = (
        make_capture(tmp_path, 6, outcomes=ALL_DELIVERED, inbound=False),
        tmp_path / "stopped",
    )
    async with running_carrier("verizon", registered=True, receipt_latency={"seconds": 1.5}) as carrier:
        target = f"smpp://guest:guest@127.0.0.1:{carrier.port}"
        options = ReplayOptions(capture, "esme", target=target, speed=None, checkpoint=checkpoint, grace_s=20)
        replay = Replay(options)
        running = asyncio.ensure_future(replay.run())
        while carrier.decisions.total() < 6:  # noqa: ASYNC110 - the carrier tells nobody
            await asyncio.sleep(0.01)
        replay.stop()
        stopped = await asyncio.wait_for(running, 5)
        assert (stopped.stopped, stopped.summary.messages) == (True, 0)
        kept = json.loads(checkpoint.read_text())["so_far"]["opened"]
        assert len(kept) == 6
        assert all(each["id"] and each["status"] == 0 for each in kept.values())
        resumed = await asyncio.wait_for(Replay(options).run(), 20)
        assert carrier.decisions.total() == 6
    assert (resumed.passed, resumed.summary.messages, resumed.stopped) == (True, 6, False)
    assert resumed.summary.receipts == {"DELIVRD": 6}
    assert not checkpoint.exists()


class Phone(SmppHandler):
    """An ESME that keeps what it is sent."""

    def __init__(self):
        self.received = []

    def on_request(self, connection, pdu):
        self.received.append(pdu)
        return response_to(pdu)


async def submit_all(where, submits, phone):
    """Bind, submit one after the other; the message ids."""
    host, _, port = where.rpartition(":")
    bind = p.BindTransceiver(system_id="me", password="x", interface_version=0x34)
    link = await connect(host, int(port), bind=bind, handler=phone)
    answers = [await link.submit(submit) for submit in submits]
    return link, [answer.message_id for answer in answers if not answer.command_status]


async def test_a_carrier_stopped_and_taken_up_again_does_everything_once(tmp_path, make_capture):
    capture, checkpoint = make_capture(tmp_path, 20, long=True), tmp_path / "stopped"
    with open_trace(capture) as opened:
        captured = [event.pdu for event in opened.trace if isinstance(event, PduCaptured)]
    submits = [pdu for pdu in captured if isinstance(pdu, p.SubmitSm)]
    phone, ids, reports = Phone(), [], []
    options = ReplayOptions(
        capture, "carrier", listen="127.0.0.1:0", speed=None, idle_s=20, checkpoint=checkpoint
    )
    for part in (submits[:9], submits[9:20], submits[20:]):
        listening = asyncio.Event()
        replay = Replay(options, on_begin=lambda progress, begun=listening: begun.set())
        serving = asyncio.ensure_future(replay.run())
        await asyncio.wait({serving, asyncio.ensure_future(listening.wait())}, return_when="FIRST_COMPLETED")
        link, given = await submit_all(replay.progress.listening, part, phone)
        ids += given
        if part[-1] is not submits[-1]:
            replay.stop()
        reports.append(await asyncio.wait_for(serving, 30))
        await link.wait_closed()
    assert [report.stopped for report in reports] == [True, True, False]
    assert not checkpoint.exists()
    last = reports[-1]
    assert last.passed, last.summary.differences[:5]
    assert last.unexpected == 0
    recorded = [pdu for pdu in captured if isinstance(pdu, p.DeliverSm)]
    assert last.summary.messages == len(submits) + len(recorded)
    receipts = [found.message_id for found in map(read_receipt_of, phone.received) if found is not None]
    assert sorted(receipts) == sorted(ids)
    assert len(set(ids)) == len(ids)
    assert len(phone.received) == len(recorded)


class FakeGateway:
    """Takes texts; says that they were delivered once `delivering`."""

    def __init__(self):
        self.texts, self.delivering, self.on_text = [], False, lambda count: None

    async def post(self, request):
        self.texts.append((await request.json())["text"])
        self.on_text(len(self.texts))
        return web.json_response({"id": str(len(self.texts))}, status=202)

    async def get(self, request):
        return web.json_response({"state": "delivered" if self.delivering else "submitted"})

    async def health(self, request):
        return web.Response()

    def app(self):
        app = web.Application()
        app.router.add_get("/healthz", self.health)
        app.router.add_post("/v1/messages", self.post)
        app.router.add_get("/v1/messages/{id}", self.get)
        return app


async def test_users_stopped_and_taken_up_again_write_every_text_once(tmp_path, make_capture, aiohttp_server):
    """Parts of different long texts lie between each other, so texts become whole in another order."""
    capture = make_capture(tmp_path, 24, outcomes=ALL_DELIVERED, long=True, inbound=False, mixed=True)
    gateway = FakeGateway()
    server = await aiohttp_server(gateway.app())
    options = ReplayOptions(
        capture,
        "users",
        target=f"http://127.0.0.1:{server.port}",
        speed=50.0,
        checkpoint=tmp_path / "stopped",
    )
    replay = Replay(options)
    gateway.on_text = lambda count: replay.stop() if count in (5, 6) else None
    assert (await asyncio.wait_for(replay.run(), 30)).stopped
    assert len(gateway.texts) >= 5
    gateway.delivering = True
    report = await asyncio.wait_for(Replay(replace(options, speed=None)).run(), 30)
    assert len(gateway.texts) == len(set(gateway.texts)) == 24
    assert (report.passed, report.summary.messages) == (True, 24)
    assert report.summary.receipts == {"DELIVRD": 24}


async def test_taken_up_at_a_speed_it_does_not_wait_for_what_was_sent(tmp_path, make_capture):
    capture, checkpoint = (
        make_capture(tmp_path, 40, step_s=10.0, outcomes=ALL_DELIVERED),
        tmp_path / "stopped",
    )
    options = ReplayOptions(capture, "esme", speed=None, world="auto", checkpoint=checkpoint)
    replay = Replay(options)

    async def stop_late():
        while replay.progress.sent() < 39:  # noqa: ASYNC110 - nobody else may see it
            await asyncio.sleep(0)
        replay.stop()

    stopping = asyncio.ensure_future(stop_late())
    await replay.run()
    await stopping
    paced = replace(options, speed=20.0, grace_s=1.0)
    resumed = await asyncio.wait_for(Replay(paced).run(), 20)
    assert resumed.summary.messages == 40


async def test_a_checkpoint_of_something_else_is_refused(capture, tmp_path):
    checkpoint = tmp_path / "stopped"
    for content in ('{"of": {}, "last": 1, "summary": {}}', "x", "[]"):
        checkpoint.write_text(content)
        with pytest.raises(CheckpointInvalid):
            await Replay(ReplayOptions(capture, "esme", speed=None, checkpoint=checkpoint)).run()


async def test_what_cannot_be_used_is_refused(capture, tmp_path):
    nothing = tmp_path / "bind.pcap"
    nothing.write_bytes(pcap_file(conversation([(True, encode(p.BindTransceiver(), 1))])))
    with pytest.raises(NothingToReplay):
        await Replay(ReplayOptions(nothing, "esme", speed=None)).run()
    for target in ("http://x", "smpp://", "smpp://host:99999", "nonsense"):
        with pytest.raises(TargetInvalid):
            await Replay(ReplayOptions(capture, "esme", target=target, speed=None)).run()
    for listen in ("0.0.0.0:0", "nowhere", "127.0.0.1:x"):
        with pytest.raises(TargetInvalid):
            await Replay(ReplayOptions(capture, "carrier", listen=listen)).run()
    (tmp_path / "x").write_text("hello")
    with pytest.raises(FormatUnknown):
        await Replay(ReplayOptions(tmp_path / "x")).run()


async def test_a_carrier_with_an_account_refuses_others(tmp_path, make_capture):
    capture = make_capture(tmp_path, 1, inbound=False)
    listening = asyncio.Event()
    carrier = Replay(
        ReplayOptions(capture, "carrier", listen="127.0.0.1:0", account="me:secret", speed=None, idle_s=0.5),
        on_begin=lambda progress: listening.set(),
    )
    serving = asyncio.ensure_future(carrier.run())
    await listening.wait()
    where = carrier.progress.listening
    from gateway.smpp.errors import BindFailed

    for wrong in ("me:guess", "you:secret"):
        with pytest.raises(BindFailed):
            await Replay(ReplayOptions(capture, "esme", target=f"smpp://{wrong}@{where}", speed=None)).run()
    right = ReplayOptions(capture, "esme", target=f"smpp://me:secret@{where}", speed=None, grace_s=1)
    assert (await Replay(right).run()).passed
    assert (await serving).passed


def test_speeds():
    assert [parse_speed(text) for text in ("max", "1", "0.5")] == [None, 1.0, 0.5]
    for text in ("0", "-1", "nan", "fast", "1e9"):
        with pytest.raises(ValueError, match=r".*"):
            parse_speed(text)
