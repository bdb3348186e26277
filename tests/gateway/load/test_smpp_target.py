"""SMPP: texts of every kind, refusals by name, windows that fill, binds that break, hostile ESMEs."""

import pytest

from gateway.load.run import Run
from gateway.smpp.constants import CommandStatus
from gateway.smpp.errors import BindFailed
from gateway.smpp.segment import ESM_UDHI

URL = "smpp://guest:guest@127.0.0.1:{}"


async def loaded(load, smsc, **fields):
    async with load.serving(smsc) as server:
        return await Run(load.profile(URL.format(server.port), **fields)).run()


async def test_texts_arrive_as_often_as_asked_for(load):
    smsc = load.smsc()
    report = await loaded(load, smsc, budgets={"failed_ratio": 0, "offered_per_s": 80})
    assert report.tally.accepted == len(smsc.submits) == 50
    assert report.ok
    assert report.offered_per_s == pytest.approx(100, rel=0.15)
    assert report.tally.lateness.count == 50
    assert smsc.submits[0].source_addr.startswith("120256000")
    assert smsc.submits[0].registered_delivery == 1


async def test_refusals_are_called_by_their_names(load):
    statuses = [CommandStatus.RTHROTTLED, 0, CommandStatus.RMSGQFUL]
    smsc = load.smsc(lambda pdu: statuses[len(smsc.submits) % 3])
    report = await loaded(load, smsc, requests=30)
    assert report.tally.codes == {"ESME_RTHROTTLED": 10, "accepted": 10, "ESME_RMSGQFUL": 10}
    assert report.tally.refused == 20


async def test_a_long_text_is_one_request_of_several_pdus(load):
    smsc = load.smsc(lambda pdu: 0x58 if len(smsc.submits) == 6 else 0)
    senders = [{"name": "good", "segments": [3]}]
    report = await loaded(load, smsc, requests=4, senders=senders)
    assert len(smsc.submits) == 12
    assert all(pdu.esm_class & ESM_UDHI for pdu in smsc.submits)
    assert report.tally.codes == {"accepted": 3, "ESME_RTHROTTLED": 1}
    assert report.tally.by_sender["good"]["segments"] == 12


async def test_a_full_window_shows_as_waiting_not_as_lateness(load):
    smsc = load.smsc(lambda pdu: None)
    fields = {"requests": 200, "window": 4, "connections": 1, "timeout_s": 0.2}
    report = await loaded(load, smsc, arrivals={"rate": 1000}, **fields)
    assert len(smsc.submits) < 200  # the run ends long before fifty windows
    assert report.tally.failed == 200
    assert report.tally.waiting.maximum > 100_000
    assert not report.generator_was_the_limit


async def test_more_than_may_wait_is_not_sent_and_said(load):
    smsc = load.smsc(lambda pdu: None)
    fields = {"requests": 20, "window": 1, "connections": 1, "max_waiting": 5, "timeout_s": 0.2}
    report = await loaded(load, smsc, arrivals={"rate": 10_000}, **fields)
    assert report.tally.codes["not_sent"] == 14
    assert report.tally.failed == 20


async def test_a_bind_that_breaks_is_bound_again(load):
    def answer(pdu):
        if len(smsc.submits) == 5:
            smsc.connections[0].abort()
            return None
        return 0

    smsc = load.smsc(answer)
    report = await loaded(load, smsc, requests=60, connections=1, duration_s=2)
    assert len(smsc.connections) == 2
    assert report.tally.accepted >= 50
    assert report.tally.codes["failed"] >= 1
    assert "binds were lost 1 times" in report.notes


async def test_nobody_there_and_nobody_welcome(load):
    with pytest.raises(OSError, match=r"refused|Connect"):
        await Run(load.profile("smpp://guest:guest@127.0.0.1:1")).run()
    async with load.serving(load.smsc()) as server:
        with pytest.raises(BindFailed):
            await Run(load.profile(f"smpp://guest:wrong@127.0.0.1:{server.port}")).run()


@pytest.mark.parametrize(
    ("does", "codes"),
    [
        ("bad_credentials", {"ESME_RBINDFAIL"}),
        ("silent", {"closed", "held"}),
        ("slow_reader", {"held", "closed"}),
        ("malformed", {"closed", "ESME_RINVCMDLEN", "ESME_RINVCMDID", "ESME_RINVBNDSTS", "ESME_RSYSERR"}),
    ],
)
async def test_hostile_esmes_end_as_the_smsc_makes_them(load, does, codes):
    smsc = load.smsc()
    senders = [{"name": "good"}, {"name": "mallory", "does": does, "hold_s": 0.2}]
    report = await loaded(load, smsc, senders=senders, requests=40, budgets={"hostile_accepted_ratio": 0})
    assert report.tally.accepted == report.tally.offered > 10
    assert report.hostile.offered > 10
    assert set(report.hostile.codes) <= codes, report.hostile.codes
    assert report.ok
    assert report.tally.latency.count == report.tally.offered


async def test_hostile_texts_go_out_like_any_other(load):
    smsc = load.smsc()
    senders = [{"name": name, "does": name} for name in ("emoji", "mms", "international")]
    report = await loaded(load, smsc, senders=senders, requests=30)
    assert report.hostile.accepted == 30
    assert report.tally.offered == 0
    assert {pdu.data_coding for pdu in smsc.submits} == {0, 4, 8}
    assert any(pdu.destination_addr.startswith("4477") for pdu in smsc.submits)


async def test_a_limit_that_is_kept_and_one_that_is_not(load):
    limits = {"carrier": {"rate": {"segments": 20, "burst": 20}}}
    allowed = [0]

    def strict(pdu):
        allowed[0] += 1
        return 0 if allowed[0] <= 20 else CommandStatus.RTHROTTLED

    fields = {"limits": limits, "arrivals": {"rate": 400, "spacing": "even"}, "duration_s": 0.3}
    kept = await loaded(load, load.smsc(strict), **fields)
    assert kept.exit_code == 0
    assert kept.conformance[0].scope == "carrier"
    assert kept.scope_seconds["carrier"][0][1:3] == (120, 20)
    broken = await loaded(load, load.smsc(), **fields)
    assert broken.exit_code == 1
    assert "segments in" in broken.conformance[0].violations[0]


async def test_the_same_for_every_number(load):
    limits = {"number": {"rate": {"segments": 1, "burst": 1}}}
    fields = {"limits": limits, "senders": [{"name": "good", "numbers": 2}], "requests": 10}
    report = await loaded(load, load.smsc(), **fields)
    assert report.conformance[0].keys == 2
    assert len(report.conformance[0].violations) == 2
