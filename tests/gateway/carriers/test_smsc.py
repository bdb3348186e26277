"""A whole carrier over real sockets; world time is moved by hand, so nothing here waits for a latency."""

import asyncio

import pytest

from gateway.carriers.errors import InboundInvalid, NobodyToDeliverTo, PortTaken
from gateway.carriers.faults import FaultSpec
from gateway.runtime.metrics import Metrics
from gateway.smpp.constants import CommandStatus, MessageState
from gateway.smpp.errors import BindFailed, RequestError, RequestTimedOut
from gateway.smpp.events import CloseReason
from gateway.smpp.fields import DistributionList, SmeAddress
from gateway.smpp.pdu import CancelSm, DataSm, QuerySm, ReplaceSm, SubmitMulti
from gateway.smpp.receipt import canonical_id, id_candidates, read_receipt
from gateway.smpp.segment import Concatenation, Reassembler, read_part, segment_text
from gateway.smpp.times import format_absolute, format_relative
from gateway.smpp.tlv import Tlv

SECOND = 1_000_000_000
HANDSETS = [
    {"numbers": ["+13105550120"], "state": "answers", "reply": "You wrote {text}", "reply_seconds": 1},
    {"numbers": ["+13105550121"], "state": "off"},
    {"numbers": ["+13105550122"], "state": "slow"},
    {"numbers": ["+13105550123"], "state": "silent"},
    {"numbers": ["+13105550124"], "state": "on"},
]


def receipt_of(pdu):
    return read_receipt(pdu.short_message, esm_class=pdu.esm_class, tlvs=pdu.tlvs)


# --- binds


@pytest.mark.parametrize("kind", ["trx", "tx", "rx"])
async def test_every_kind_of_bind(world, kind):
    carrier = await world.carrier()
    esme = await world.esme(carrier, kind)
    (bind,) = carrier.state().binds
    assert (bind.system_id, esme.connection.peer_system_id) == ("guest", "SMSC")
    await esme.connection.unbind()
    assert carrier.state().binds == ()


@pytest.mark.parametrize(
    ("system_id", "password", "status"),
    [("guest", "wrong", CommandStatus.RINVPASWD), ("nobody", "guest", CommandStatus.RINVSYSID)],
)
async def test_a_bind_is_refused(world, system_id, password, status):
    carrier = await world.carrier()
    with pytest.raises(BindFailed) as caught:
        await world.esme(carrier, system_id=system_id, password=password)
    assert caught.value.command_status == status
    assert carrier.state().binds == ()


async def test_no_more_binds_than_allowed(world, profile_of):
    account = {"system_id": "guest", "password": "guest", "max_binds": 1}
    carrier = await world.carrier(profile_of(accounts=[account]))
    first = await world.esme(carrier)
    with pytest.raises(BindFailed):
        await world.esme(carrier)
    await first.connection.unbind()
    await world.esme(carrier)


async def test_a_taken_port_names_its_setting(world):
    carrier = await world.carrier()
    with pytest.raises(PortTaken, match=r"carriers\.networks\.test\.port"):
        await world.carrier(port=carrier.port)


# --- receipts


async def test_a_text_and_its_receipt(world):
    carrier = await world.carrier()
    esme = await world.esme(carrier)
    response = await esme.submit(registered_delivery=1)
    assert response.command_status == 0
    world.clock.advance(0.999)
    assert await esme.quiet() == []
    world.clock.advance(0.001)
    (pdu,) = await esme.until(1)
    receipt = receipt_of(pdu)
    assert (receipt.message_id, receipt.state) == (response.message_id, MessageState.DELIVERED)
    assert (pdu.source_addr, pdu.destination_addr) == ("13105557000", "12025550190")
    assert receipt.done_ns - receipt.submitted_ns <= 60 * SECOND
    assert receipt.text == b"hello"


@pytest.mark.parametrize(
    ("flag", "destination", "comes"),
    [
        (0, "13105557000", False),
        (1, "13105557000", True),
        (2, "13105557000", False),
        (2, "13105550151", True),
        (1, "13105550151", True),
        (3, "13105557000", True),
        (3, "13105550151", False),
        (1, "13105550157", False),
    ],
)
async def test_registered_delivery_is_honoured(world, flag, destination, comes):
    carrier = await world.carrier()
    esme = await world.esme(carrier)
    await esme.submit(destination=destination, registered_delivery=flag)
    world.clock.advance(10)
    assert len(await esme.quiet()) == comes


async def test_intermediate_notifications(world):
    carrier = await world.carrier()
    esme = await world.esme(carrier)
    await esme.submit(registered_delivery=0x11)
    world.clock.advance(2)
    first, last = await esme.until(2)
    assert (first.esm_class, receipt_of(first).state) == (0x20, MessageState.ENROUTE)
    assert (last.esm_class, receipt_of(last).state) == (0x04, MessageState.DELIVERED)


async def test_acknowledgements_of_the_handset(world, profile_of):
    carrier = await world.carrier(profile_of(handsets=HANDSETS))
    esme = await world.esme(carrier)
    await esme.submit(destination="13105550120", registered_delivery=0x0C)
    world.clock.advance(1)
    assert [pdu.esm_class for pdu in await esme.until(2)] == [0x08, 0x10]


async def test_receipts_go_to_any_receiver_of_the_account(world):
    carrier = await world.carrier()
    sender = await world.esme(carrier, "tx")
    receiver = await world.esme(carrier, "rx")
    response = await sender.submit(registered_delivery=1)
    world.clock.advance(1)
    (pdu,) = await receiver.until(1)
    assert receipt_of(pdu).message_id == response.message_id


async def test_receipts_wait_for_a_receiver(world):
    carrier = await world.carrier()
    sender = await world.esme(carrier, "tx")
    ids = [(await sender.submit(registered_delivery=1)).message_id for _ in range(5)]
    world.clock.advance(5)
    assert carrier.state().waiting == 5
    receiver = await world.esme(carrier, "rx")
    assert [receipt_of(pdu).message_id for pdu in await receiver.until(5)] == ids
    await receiver.connection.unbind()
    assert carrier.state().waiting == 0
    assert carrier.state().delivered == 5


async def test_what_a_lost_receiver_left_unanswered_is_sent_again_in_order(world):
    carrier = await world.carrier()
    sender = await world.esme(carrier, "tx")
    deaf = await world.esme(carrier, "rx")
    deaf.connection.stop_reading()
    ids = [(await sender.submit(registered_delivery=1)).message_id for _ in range(20)]
    world.clock.advance(5)
    await sender.quiet()
    deaf.connection.abort()
    receiver = await world.esme(carrier, "rx")
    assert [receipt_of(pdu).message_id for pdu in await receiver.until(20)] == ids


async def test_a_receipt_refused_for_now_comes_again(world, monkeypatch):
    monkeypatch.setattr("gateway.carriers.mailbox._RETRY_S", 0.01)
    carrier = await world.carrier()
    esme = await world.esme(carrier)
    statuses = [CommandStatus.RX_T_APPN, CommandStatus.RMSGQFUL, 0]
    esme.answer = lambda pdu: statuses.pop(0)
    await esme.submit(registered_delivery=1)
    world.clock.advance(1)
    assert len({pdu.short_message for pdu in await esme.until(3)}) == 1
    await esme.quiet()
    assert carrier.state().delivered == 1


async def test_a_receipt_refused_for_good_is_dropped(world):
    carrier = await world.carrier()
    esme = await world.esme(carrier)
    esme.answer = lambda pdu: CommandStatus.RX_P_APPN
    await esme.submit(registered_delivery=1)
    world.clock.advance(1)
    await esme.until(1)
    await esme.quiet()
    assert (carrier.state().dropped, carrier.state().waiting) == (1, 0)


async def test_a_full_mailbox_loses_its_oldest(world, profile_of):
    carrier = await world.carrier(profile_of(queue_limit=3))
    sender = await world.esme(carrier, "tx")
    ids = [(await sender.submit(registered_delivery=1)).message_id for _ in range(5)]
    world.clock.advance(5)
    receiver = await world.esme(carrier, "rx")
    assert [receipt_of(pdu).message_id for pdu in await receiver.until(3)] == ids[2:]
    assert carrier.state().dropped == 2


@pytest.mark.parametrize("notation", ["decimal", "hex", "uuid"])
@pytest.mark.parametrize("receipt_id", ["same", "hex_of_decimal", "decimal_of_hex", "zero_padded", "upper"])
async def test_ids_are_found_whatever_the_notation(world, profile_of, notation, receipt_id):
    receipts = {"notation": {"id": receipt_id, "id_digits": 24, "where": "text", "date_digits": 14}}
    carrier = await world.carrier(profile_of(ids=notation, receipts=receipts))
    esme = await world.esme(carrier)
    kept = canonical_id((await esme.submit(registered_delivery=1)).message_id)
    world.clock.advance(1)
    (pdu,) = await esme.until(1)
    assert kept in id_candidates(receipt_of(pdu).message_id)


@pytest.mark.parametrize(("which", "numbers"), [("each", 3), ("first", 1), ("last", 1)])
async def test_receipts_of_a_multipart_text(world, profile_of, which, numbers):
    carrier = await world.carrier(profile_of(receipts={"segments": which}))
    esme = await world.esme(carrier)
    ids = []
    for segment in segment_text("x" * 400, 5):
        response = await esme.submit(
            segment.short_message, esm_class=segment.esm_class, registered_delivery=1
        )
        ids.append(response.message_id)
    world.clock.advance(1)
    found = [receipt_of(pdu).message_id for pdu in await esme.quiet()]
    assert found == {"each": ids, "first": ids[:1], "last": ids[-1:]}[which]
    assert len(found) == numbers


# --- times


async def test_validity_ends_a_slow_text(world, profile_of):
    carrier = await world.carrier(profile_of(handsets=HANDSETS))
    esme = await world.esme(carrier)
    response = await esme.submit(
        destination="13105550122", registered_delivery=1, validity_period=format_relative(5 * SECOND)
    )
    world.clock.advance(4.9)
    assert await esme.quiet() == []
    world.clock.advance(0.1)
    (pdu,) = await esme.until(1)
    assert receipt_of(pdu).state is MessageState.EXPIRED
    query = QuerySm(message_id=response.message_id, source_addr="12025550190")
    assert (await esme.connection.submit(query)).message_state == MessageState.EXPIRED


async def test_scheduled_delivery(world):
    carrier = await world.carrier()
    esme = await world.esme(carrier)
    at = format_absolute(world.clock.now_ns() + 3600 * SECOND, quarters=-28)
    await esme.submit(registered_delivery=1, schedule_delivery_time=at)
    world.clock.advance(3600)
    assert await esme.quiet() == []
    world.clock.advance(1.1)
    assert len(await esme.until(1)) == 1


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"schedule_delivery_time": "tomorrow"}, CommandStatus.RINVSCHED),
        ({"validity_period": "26023112000000+"}, CommandStatus.RINVEXPIRY),
        ({"validity_period": "200101000000000+"}, CommandStatus.RINVEXPIRY),
    ],
)
async def test_times_that_cannot_be(world, fields, status):
    carrier = await world.carrier()
    esme = await world.esme(carrier)
    assert (await esme.submit(**fields)).command_status == status


# --- query, cancel, replace


async def test_query(world):
    carrier = await world.carrier()
    esme = await world.esme(carrier)
    message_id = (await esme.submit()).message_id

    async def ask(**fields):
        fields = {"message_id": message_id, "source_addr": "12025550190"} | fields
        return await esme.connection.submit(QuerySm(**fields))

    assert ((await ask()).message_state, (await ask()).final_date) == (MessageState.ENROUTE, "")
    world.clock.advance(1)
    answer = await ask()
    assert answer.message_state == MessageState.DELIVERED
    assert answer.final_date == format_absolute(world.clock.now_ns())
    assert (await ask(message_id="1")).command_status == CommandStatus.RQUERYFAIL
    assert (await ask(source_addr="1")).command_status == CommandStatus.RQUERYFAIL


async def test_another_accounts_texts_are_out_of_reach(world, profile_of):
    accounts = [{"system_id": name, "password": "guest"} for name in ("guest", "other")]
    carrier = await world.carrier(profile_of(accounts=accounts))
    esme, other = await world.esme(carrier), await world.esme(carrier, system_id="other")
    message_id = (await esme.submit()).message_id
    query = QuerySm(message_id=message_id, source_addr="12025550190")
    assert (await other.connection.submit(query)).command_status == CommandStatus.RQUERYFAIL


async def test_cancel_one(world):
    carrier = await world.carrier()
    esme = await world.esme(carrier)
    message_id = (await esme.submit(registered_delivery=1)).message_id
    cancel = CancelSm(message_id=message_id, source_addr="12025550190", destination_addr="13105557000")
    assert (await esme.connection.submit(cancel)).command_status == 0
    (pdu,) = await esme.until(1)
    assert receipt_of(pdu).state is MessageState.DELETED
    world.clock.advance(5)
    assert await esme.quiet() == []
    assert (await esme.connection.submit(cancel)).command_status == CommandStatus.RCANCELFAIL


async def test_cancel_all_between_two(world):
    carrier = await world.carrier()
    esme = await world.esme(carrier)
    for destination in ("13105557000", "13105557000", "13105557001"):
        await esme.submit(destination=destination, registered_delivery=1)
    cancel = CancelSm(source_addr="12025550190", destination_addr="13105557000")
    assert (await esme.connection.submit(cancel)).command_status == 0
    world.clock.advance(5)
    states = [receipt_of(pdu).state for pdu in await esme.quiet()]
    assert sorted(states) == [MessageState.DELIVERED, MessageState.DELETED, MessageState.DELETED]


async def test_replace(world, profile_of):
    carrier = await world.carrier(profile_of(handsets=HANDSETS))
    esme = await world.esme(carrier)
    message_id = (await esme.submit(destination="13105550124")).message_id
    change = ReplaceSm(message_id=message_id, source_addr="12025550190", short_message=b"better")
    assert (await esme.connection.submit(change)).command_status == 0
    world.clock.advance(5)
    assert [one.text for one in carrier.handsets.inbox("+13105550124")] == ["better"]
    assert (await esme.connection.submit(change)).command_status == CommandStatus.RREPLACEFAIL


async def test_replace_if_present(world, profile_of):
    carrier = await world.carrier(profile_of(handsets=HANDSETS))
    esme = await world.esme(carrier)
    await esme.submit(b"old", "13105550124")
    await esme.submit(b"new", "13105550124", replace_if_present_flag=1)
    world.clock.advance(5)
    assert [one.text for one in carrier.handsets.inbox("+13105550124")] == ["new"]


# --- other operations


async def test_data_sm(world, profile_of):
    carrier = await world.carrier(profile_of(handsets=HANDSETS))
    esme = await world.esme(carrier)
    pdu = DataSm(
        source_addr="12025550190",
        source_addr_ton=1,
        destination_addr="13105550124",
        dest_addr_ton=1,
        registered_delivery=1,
        tlvs=(Tlv(0x0424, b"y" * 500),),
    )
    response = await esme.connection.submit(pdu)
    world.clock.advance(1)
    (receipt,) = await esme.until(1)
    assert receipt_of(receipt).message_id == response.message_id
    assert carrier.handsets.inbox("+13105550124")[0].text == "y" * 500


async def test_submit_multi(world):
    carrier = await world.carrier()
    esme = await world.esme(carrier)
    destinations = tuple(SmeAddress(1, 1, f"1310555{n}") for n in ("7000", "0161", "7001"))
    pdu = SubmitMulti(
        source_addr="12025550190",
        source_addr_ton=1,
        dest_addresses=destinations,
        registered_delivery=1,
        short_message=b"all",
    )
    response = await esme.connection.submit(pdu)
    assert [(one.address, one.error_status) for one in response.unsuccess_smes] == [
        ("13105550161", CommandStatus.RINVDSTADR)
    ]
    world.clock.advance(1)
    receipts = await esme.until(2)
    assert {receipt_of(one).message_id for one in receipts} == {response.message_id}
    assert {one.source_addr for one in receipts} == {"13105557000", "13105557001"}


@pytest.mark.parametrize("at", [0, 1, 2])
async def test_a_distribution_list_refuses_the_whole_before_anybody_gets_it(world, profile_of, at):
    carrier = await world.carrier(profile_of(handsets=HANDSETS))
    esme = await world.esme(carrier)
    destinations = [SmeAddress(1, 1, "13105557000"), SmeAddress(1, 1, "13105550124")]
    destinations.insert(at, DistributionList("friends"))
    pdu = SubmitMulti(
        source_addr="12025550190",
        source_addr_ton=1,
        dest_addresses=tuple(destinations),
        registered_delivery=1,
        short_message=b"all",
    )
    assert (await esme.connection.submit(pdu)).command_status == CommandStatus.RINVDLNAME
    world.clock.advance(3600)
    assert await esme.quiet() == []
    assert carrier.handsets.inbox("+13105550124") == []
    assert carrier.state().decisions == {}


@pytest.mark.parametrize("operation", ["submit_sm", "submit_multi"])
async def test_short_message_and_message_payload_exclude_each_other(world, profile_of, submit_of, operation):
    carrier = await world.carrier(profile_of(handsets=HANDSETS))
    esme = await world.esme(carrier)
    pdu = submit_of(b"short", "13105550124", registered_delivery=1, tlvs=(Tlv(0x0424, b"payload"),))
    if operation == "submit_multi":
        pdu = SubmitMulti(
            source_addr=pdu.source_addr,
            source_addr_ton=1,
            dest_addresses=(SmeAddress(1, 1, "13105550124"),),
            registered_delivery=1,
            short_message=b"short",
            tlvs=pdu.tlvs,
        )
    assert (await esme.connection.submit(pdu)).command_status == CommandStatus.ROPTPARNOTALLWD
    world.clock.advance(3600)
    assert await esme.quiet() == []
    assert carrier.handsets.inbox("+13105550124") == []


# --- handsets


async def test_a_handset_answers(world, profile_of):
    carrier = await world.carrier(profile_of(handsets=HANDSETS))
    esme = await world.esme(carrier)
    await esme.submit(b"Hi", "13105550120")
    world.clock.advance(2)
    (pdu,) = await esme.until(1)
    assert (pdu.source_addr, pdu.destination_addr, pdu.short_message) == (
        "13105550120",
        "12025550190",
        b"You wrote Hi",
    )
    assert (pdu.source_addr_ton, pdu.esm_class) == (1, 0)


@pytest.mark.parametrize("form", [Concatenation.UDH8, Concatenation.UDH16, Concatenation.SAR])
async def test_long_texts_both_ways(world, profile_of, form):
    carrier = await world.carrier(profile_of(handsets=HANDSETS, text={"inbound": form.value}))
    esme = await world.esme(carrier)
    text = "A rather long text. " * 12
    for segment in reversed(segment_text(text, 77, form)):
        await esme.submit(
            segment.short_message, "13105550120", esm_class=segment.esm_class, tlvs=segment.tlvs
        )
    world.clock.advance(2)
    assert carrier.handsets.inbox("+13105550120")[0].text == text
    reassembler = Reassembler()
    whole = None
    for pdu in await esme.until(2):
        part = read_part("1", "2", pdu.short_message, esm_class=pdu.esm_class, tlvs=pdu.tlvs)
        assert part.form is form
        whole = reassembler.add(part, 0) or whole
    assert whole.text() == ("You wrote " + text)[:300]


async def test_a_switched_off_handset(world, profile_of):
    carrier = await world.carrier(profile_of(handsets=HANDSETS))
    esme = await world.esme(carrier)
    await esme.submit(destination="13105550121", registered_delivery=1)
    world.clock.advance(6)
    (pdu,) = await esme.until(1)
    assert (receipt_of(pdu).state, receipt_of(pdu).error) == (MessageState.UNDELIVERABLE, "027")
    assert carrier.handsets.inbox("+13105550121") == []


async def test_slow_and_silent_handsets(world, profile_of):
    carrier = await world.carrier(profile_of(handsets=HANDSETS))
    esme = await world.esme(carrier)
    await esme.submit(destination="13105550122", registered_delivery=1)
    await esme.submit(destination="13105550123", registered_delivery=1)
    world.clock.advance(20)
    assert await esme.quiet() == []
    world.clock.advance(2)
    (pdu,) = await esme.until(1)
    assert pdu.source_addr == "13105550122"
    world.clock.advance(1000)
    assert await esme.quiet() == []
    assert len(carrier.handsets.inbox("+13105550123")) == 1


async def test_a_text_to_a_number_behind_another_account(world, profile_of):
    accounts = [
        {"system_id": "guest", "password": "guest"},
        {"system_id": "gateway", "password": "gw", "numbers": ["+12025550100"]},
    ]
    carrier = await world.carrier(profile_of(accounts=accounts))
    guest, gateway = await world.esme(carrier), await world.esme(carrier, system_id="gateway", password="gw")
    text = "Between two offices. " * 10
    for segment in segment_text(text, 3):
        await guest.submit(
            segment.short_message, "12025550100", esm_class=segment.esm_class, registered_delivery=1
        )
    world.clock.advance(1)
    parts = [
        read_part("1", "2", pdu.short_message, esm_class=pdu.esm_class) for pdu in await gateway.until(2)
    ]
    assert b"".join(part.body for part in parts) == text.encode()
    assert len(await guest.until(2)) == 2


# --- injected inbound texts


async def test_inbound_text_to_its_owner(world, profile_of):
    carrier = await world.carrier(
        profile_of(accounts=[{"system_id": "guest", "password": "guest", "numbers": ["+1202*"]}])
    )
    esme = await world.esme(carrier)
    assert carrier.inject("+13105550124", "+12025550100", "Grüße 日本") == 1
    (pdu,) = await esme.until(1)
    assert (pdu.data_coding, pdu.short_message.decode("utf-16-be")) == (8, "Grüße 日本")
    assert pdu.destination_addr == "12025550100"


async def test_inbound_mms(world):
    carrier = await world.carrier()
    esme = await world.esme(carrier)
    assert carrier.inject("+13105550124", "+12025550190", "", ["photo.jpg"]) == len(await esme.until(1))
    files = ["a.png", "https://example.org/" + "b" * 150]
    assert carrier.inject("+13105550124", "+12025550190", "look", files) == 3
    first, *second = await esme.until(3)
    assert len(second) == 2
    for pdu in (first, *second):
        part = read_part("1", "2", pdu.short_message, esm_class=pdu.esm_class, data_coding=pdu.data_coding)
        assert part.is_mms_notification


async def test_stop_within_an_mms_is_read_by_nobody_on_the_way(world, profile_of):
    spam = {"cause": "spam", "ratio": 0.1, "minimum": 1, "window_seconds": 86400}
    carrier = await world.carrier(
        profile_of(filters=[spam], refusals={"spam": {"at": "response", "status": 0x401}})
    )
    esme = await world.esme(carrier)
    assert [(await esme.submit()).command_status for _ in range(3)] == [0, 0, 0]
    carrier.inject("+13105550124", "+12025550190", "stop", ["photo.jpg"])
    assert (await esme.submit()).command_status == 0


async def test_inbound_to_nobody(world, profile_of):
    accounts = [{"system_id": name, "password": "guest"} for name in ("guest", "other")]
    carrier = await world.carrier(profile_of(accounts=accounts))
    with pytest.raises(NobodyToDeliverTo, match="numbers"):
        carrier.inject("+13105550124", "+14165550199", "hi")
    esme = await world.esme(carrier)  # the only one that listens
    carrier.inject("+13105550124", "+14165550199", "hi")
    assert (await esme.until(1))[0].short_message == b"hi"


@pytest.mark.parametrize(("source", "text"), [("+13105550124", "\ud800"), ("x" * 21, "hi")])
async def test_inbound_that_cannot_be_written(world, source, text):
    carrier = await world.carrier()
    with pytest.raises(InboundInvalid, match="cannot be written"):
        carrier.inject(source, "+12025550190", text)


async def test_stop_counts_against_a_sender(world, profile_of):
    spam = {"cause": "spam", "ratio": 0.1, "minimum": 2, "window_seconds": 86400}
    carrier = await world.carrier(
        profile_of(filters=[spam], refusals={"spam": {"at": "response", "status": 0x401}})
    )
    esme = await world.esme(carrier)
    assert [(await esme.submit()).command_status for _ in range(3)] == [0, 0, 0]
    carrier.inject("+13105550124", "+12025550190", " stop ")
    assert (await esme.submit()).command_status == 0x401


# --- refusals


async def test_a_refusal_in_the_receipt(world, profile_of):
    carrier = await world.carrier(
        profile_of(registration={"required": True}, refusals={"unregistered_number": {"error": 4476}})
    )
    esme = await world.esme(carrier)
    response = await esme.submit(registered_delivery=1)
    assert response.command_status == 0
    world.clock.advance(1)
    (pdu,) = await esme.until(1)
    receipt = receipt_of(pdu)
    assert (receipt.message_id, receipt.state, receipt.error) == (
        response.message_id,
        MessageState.REJECTED,
        "4476",
    )


async def test_a_refusal_in_the_response_and_the_metric(world, profile_of):
    metrics = Metrics(process=False)
    carrier = await world.carrier(
        profile_of(
            registration={"required": True},
            refusals={"unregistered_number": {"at": "response", "status": 0x401}},
        ),
        metrics=metrics,
    )
    esme = await world.esme(carrier)
    assert (await esme.submit()).command_status == 0x401
    counted = b'carrier_decisions_total{carrier="test",outcome="unregistered_number"} 1.0'
    assert counted in metrics.render()
    assert carrier.state().decisions == {"unregistered_number": 1}


async def test_capped_and_healthy_again(world, profile_of):
    carrier = await world.carrier(profile_of(refusals={"brand_day_cap": {"at": "response", "status": 0x58}}))
    esme = await world.esme(carrier)
    carrier.configure("capped")
    assert (await esme.submit()).command_status == 0x58
    carrier.configure("healthy")
    assert (await esme.submit()).command_status == 0


async def test_throttling(world):
    carrier = await world.carrier()
    esme = await world.esme(carrier)
    carrier.configure("throttling")
    statuses = [(await esme.submit()).command_status for _ in range(12)]
    assert statuses[:5] == [0] * 5
    assert CommandStatus.RTHROTTLED in statuses


async def test_behaviour_by_schedule(world, profile_of):
    schedule = [
        {"at_seconds": 60, "behaviour": "capped"},
        {"at_seconds": 120, "behaviour": "healthy", "faults": [{"kind": "status", "status": 0x14}]},
    ]
    carrier = await world.carrier(profile_of(schedule=schedule))
    assert carrier.state().behaviour == "healthy"
    world.clock.advance(60)
    assert carrier.state().behaviour == "capped"
    world.clock.advance(60)
    esme = await world.esme(carrier)
    assert (await esme.submit()).command_status == 0x14


# --- faults


async def faulty(world, kind, **more):
    carrier = await world.carrier()
    esme = await world.esme(carrier, response_s=0.2)
    carrier.configure("healthy", (FaultSpec(kind=kind, count=1, **more),))
    return carrier, esme


async def test_no_response(world):
    carrier, esme = await faulty(world, "no_response")
    with pytest.raises(RequestTimedOut):
        await esme.submit()
    assert (await esme.submit()).command_status == 0
    assert carrier.state().decisions == {"delivered": 2}


async def test_late_response(world):
    _, esme = await faulty(world, "late_response", delay_s=0.05)
    first, second = asyncio.ensure_future(esme.submit()), asyncio.ensure_future(esme.submit())
    done, _ = await asyncio.wait({first, second}, return_when=asyncio.FIRST_COMPLETED)
    assert done == {second}
    assert (await first).command_status == 0


@pytest.mark.parametrize("kind", ["disconnect", "torn_response", "bad_length"])
async def test_the_connection_ends(world, kind):
    carrier, esme = await faulty(world, kind)
    with pytest.raises(RequestError):
        await esme.submit()
    await esme.connection.wait_closed()
    carrier.configure("healthy")
    again = await world.esme(carrier)
    assert (await again.submit()).command_status == 0


async def test_half_open(world):
    _, esme = await faulty(world, "half_open")
    with pytest.raises(RequestTimedOut):
        await esme.submit()
    assert not esme.closed
    closed = await esme.connection.wait_closed()  # no sign of life when asked for one either
    assert closed.reason is CloseReason.ENQUIRE_LINK_TIMEOUT


async def test_healthy_again_is_felt_at_once_by_the_binds_a_dead_carrier_had_silenced(world):
    carrier = await world.carrier()
    esme = await world.esme(carrier)
    carrier.configure("dead")
    swallowed = asyncio.ensure_future(esme.submit())
    binding = asyncio.ensure_future(world.esme(carrier))
    async with asyncio.timeout(5):
        while len(carrier.silent) < 2:  # noqa: ASYNC110 - any state of the far side, turn by turn
            await asyncio.sleep(0)
    unread = asyncio.ensure_future(esme.submit())
    carrier.configure("dead", (FaultSpec(kind="lost"),))
    assert len(carrier.silent) == 2
    carrier.configure("healthy")
    assert (await unread).command_status == 0
    late = await binding
    assert (await late.submit(registered_delivery=1)).command_status == 0
    world.clock.advance(10)
    await late.until(1)
    assert not swallowed.done()
    assert not carrier.silent
    swallowed.cancel()
    assert (carrier.binds_of("guest"), len(world.esmes)) == (2, 2)


async def test_a_dead_carrier_does_not_wait_for_its_silent_binds_to_end(world):
    carrier = await world.carrier()
    esme = await world.esme(carrier)
    carrier.configure("dead")
    submit = asyncio.ensure_future(esme.submit())
    async with asyncio.timeout(5):
        while not carrier.silent:  # noqa: ASYNC110 - any state of the far side, turn by turn
            await asyncio.sleep(0)
    async with asyncio.timeout(30):
        await carrier.stop(wait_s=3600.0)
    with pytest.raises(RequestError):
        await submit
    assert not carrier.silent


async def test_unknown_command_and_wrong_sequence_disturb_nobody(world):
    carrier, esme = await faulty(world, "unknown_command")
    assert (await esme.submit()).command_status == 0
    carrier.configure("healthy", (FaultSpec(kind="wrong_sequence", count=1),))
    with pytest.raises(RequestTimedOut):
        await esme.submit()
    assert (await esme.submit()).command_status == 0


async def test_a_lost_text(world):
    carrier, esme = await faulty(world, "lost")
    assert (await esme.submit(registered_delivery=1)).command_status == 0
    world.clock.advance(100)
    assert await esme.quiet() == []
    assert carrier.state().waiting == 0


async def test_a_receipt_before_its_response(world):
    order = []
    _, esme = await faulty(world, "receipt_early")
    esme.answer = lambda pdu: order.append("receipt") or 0
    response = await esme.submit(registered_delivery=1)
    order.append("response")
    assert order == ["receipt", "response"]
    assert receipt_of(esme.received[0]).message_id == response.message_id
    world.clock.advance(10)
    assert len(await esme.quiet()) == 1


@pytest.mark.parametrize(
    ("kind", "count", "check"),
    [
        ("receipt_missing", 0, lambda pdu: True),
        ("receipt_duplicated", 2, lambda pdu: receipt_of(pdu).final),
        ("receipt_unknown_id", 1, lambda pdu: set(receipt_of(pdu).message_id) == {"9"}),
        ("receipt_text_only", 1, lambda pdu: pdu.tlvs == ()),
        ("receipt_tlvs_only", 1, lambda pdu: pdu.short_message == b"" and receipt_of(pdu).final),
        (
            "receipt_payload_only",
            1,
            lambda pdu: pdu.short_message == b"" and receipt_of(pdu).text == b"hello",
        ),
        ("receipt_non_ascii", 1, lambda pdu: receipt_of(pdu).warnings == ("text_not_ascii",)),
        ("receipt_null_counts", 1, lambda pdu: b"sub:null" in pdu.short_message),
        ("receipt_bad_state", 1, lambda pdu: receipt_of(pdu).warnings == ("state_disagrees",)),
    ],
)
async def test_receipts_gone_wrong(world, kind, count, check):
    _, esme = await faulty(world, kind)
    await esme.submit(registered_delivery=1)
    world.clock.advance(10)
    pdus = await esme.quiet()
    assert len(pdus) == count
    assert all(check(pdu) for pdu in pdus)


async def test_receipts_on_another_bind(world):
    carrier, esme = await faulty(world, "receipt_other_bind")
    other = await world.esme(carrier)
    await esme.submit(registered_delivery=1)
    world.clock.advance(1)
    assert len(await other.until(1)) == 1
    assert await esme.quiet() == []


@pytest.mark.parametrize("kind", ["bind_refused", "bind_unanswered"])
async def test_binds_gone_wrong(world, kind, profile_of):
    carrier = await world.carrier(profile_of(faults=[{"kind": kind, "status": 0x0D}]))
    with pytest.raises(BindFailed) as caught:
        await world.esme(carrier, response_s=0.1)
    assert caught.value.command_status == (0x0D if kind == "bind_refused" else 0)


# --- determinism, memory, durability


async def session_bytes(world, profile):
    carrier = await world.carrier(profile)
    esme = await world.esme(carrier)
    frames = []
    esme.connection.tap = lambda direction, frame, pdu, now: frames.append((direction, frame))
    for number in range(60):
        await esme.submit(f"text {number}".encode(), f"131055570{number:02}", registered_delivery=1)
        world.clock.advance(0.3)
        await esme.quiet()
    return frames


async def test_the_same_seed_and_input_give_the_same_bytes(world, another_world, profile_of):
    fields = {
        "outcomes": [{"weight": 3}, {"outcome": "undeliverable", "error": 9}, {"outcome": "no_receipt"}],
        "receipt_latency": {"kind": "lognormal", "seconds": 0.2, "spread": 1.0},
        "faults": [{"kind": "status", "rate": 0.1}, {"kind": "receipt_duplicated", "rate": 0.2}],
        "ids": "uuid",
    }
    first = await session_bytes(world, profile_of(**fields))
    async with another_world() as again:
        assert await session_bytes(again, profile_of(**fields)) == first
    async with another_world() as other:
        assert await session_bytes(other, profile_of(**fields, seed=2)) != first


async def test_the_log_of_texts_is_bounded(world, profile_of):
    carrier = await world.carrier(profile_of(kept_texts=10))
    esme = await world.esme(carrier)
    for _ in range(30):
        await esme.submit()
    assert len(carrier.texts) == 10
