"""The players' promises: order, windows, causality; nothing about time but captured time."""

import io

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from gateway.replay.carrier_player import CarrierPlayer
from gateway.replay.compare import SECOND_NS, Ledger
from gateway.replay.pcap import Endpoint
from gateway.replay.pcap_reader import PcapReader
from gateway.replay.player import CloseLink, EsmePlayer, OpenLink, SendRequest, SentSoFar
from gateway.replay.story import Correlator
from gateway.smpp import pdu as p
from gateway.smpp.constants import MessageState
from gateway.smpp.pdu import encode
from gateway.smpp.receipt import read_receipt, write_receipt
from gateway.testing.captures import START_NS, conversation, pcap_file

SUBMIT = {"source_addr": "12025550100", "registered_delivery": 1}


def steps(script, step_s=1.0):
    return steps_of(conversation(script, step_ns=int(step_s * SECOND_NS)))


def two_talks():
    """Eight submits, by turns of two ESMEs."""
    clients = (Endpoint("10.0.0.1", 40_000), Endpoint("10.0.0.3", 40_000))
    packets = [packet for each in clients for packet in conversation(submits(4), client=each)]
    return steps_of(sorted(packets))


def as_read_from_a_file(so_far):
    form = TypeAdapter(type(so_far))
    return form.validate_json(form.dump_json(so_far))


def steps_of(packets):
    data = pcap_file(packets)
    return Correlator().steps(PcapReader(io.BytesIO(data)).read())


def submits(count):
    script = [(True, encode(p.BindTransmitter(system_id="a"), 1))]
    for number in range(1, count + 1):
        pdu = p.SubmitSm(**SUBMIT, destination_addr=f"1310555{number:04}", short_message=b"text %d" % number)
        script.append((True, encode(pdu, number + 1)))
    return script


def receipt(message_id, destination):
    written = write_receipt(message_id, MessageState.DELIVERED, submitted_ns=START_NS, done_ns=START_NS)
    return p.DeliverSm(source_addr=destination, destination_addr="12025550100", esm_class=written.esm_class,
                       short_message=written.short_message, tlvs=written.tlvs)  # fmt: skip


def ledger():
    results = []
    return Ledger(results.append), results


def numbers(commands):
    return [command.number for command in commands if isinstance(command, SendRequest)]


# --- as the ESME --------------------------------------------------------------------------------------------


def test_requests_are_due_when_they_were_captured():
    player = EsmePlayer(steps(submits(4)), ledger()[0])
    assert player.next_due_ns() == START_NS + SECOND_NS
    [bind] = player.due(START_NS + SECOND_NS)
    assert bind == OpenLink(1, int(p.BindTransmitter.command_id))
    assert player.due(START_NS + SECOND_NS) == []
    assert numbers(player.due(START_NS + 2 * SECOND_NS)) == [1]
    assert numbers(player.due(START_NS + 4 * SECOND_NS)) == [2, 3]
    assert player.next_due_ns() == START_NS + 5 * SECOND_NS
    rest = player.due(None)
    assert numbers(rest) == [4]
    assert isinstance(rest[-1], CloseLink)
    assert player.exhausted


@given(st.integers(1, 5), st.data())
def test_the_window_is_kept_and_so_is_the_order(window, data):
    player = EsmePlayer(steps(submits(12)), ledger()[0], window=window)
    sent, outstanding = [], []
    while not player.exhausted or outstanding:
        fresh = numbers(player.due(None))
        sent += fresh
        outstanding += fresh
        assert len(outstanding) <= window
        answered = outstanding.pop(data.draw(st.integers(0, len(outstanding) - 1)))
        player.answered(answered, 0, f"id{answered}", 0)
    assert sent == list(range(1, 13))


def test_a_query_waits_for_the_id_it_asks_about():
    script = submits(1)
    script += [
        (False, encode(p.SubmitSmResp(message_id="old"), 2)),
        (True, encode(p.QuerySm(message_id="old", source_addr="12025550100"), 3)),
    ]
    player = EsmePlayer(steps(script), ledger()[0])
    assert numbers(player.due(None)) == [1]
    player.answered(1, 0, "new", 0)
    [query] = [command for command in player.due(None) if isinstance(command, SendRequest)]
    assert query.pdu.message_id == "new"


def test_receipts_find_their_message_in_any_notation_and_before_the_answer():
    book, results = ledger()
    script = submits(2)
    for number in (2, 3):
        script += [(False, encode(p.SubmitSmResp(message_id=f"o{number}"), number))]
        script += [(False, encode(receipt(f"o{number}", f"1310555{number - 1:04}"), number))]
    player = EsmePlayer(steps(script), book)
    player.due(None)
    player.received(receipt("4F", "x"), START_NS + 9 * SECOND_NS)
    player.answered(1, 0, "79", START_NS + 9 * SECOND_NS)
    player.answered(2, 0, "7", START_NS + 9 * SECOND_NS)
    assert [result.number for result in results] == [1]
    player.received(receipt("0007", "x"), START_NS + 10 * SECOND_NS)
    assert [(result.number, result.actual.receipt) for result in results] == [(1, "DELIVRD"), (2, "DELIVRD")]
    assert not any(result.differences for result in results)


def test_what_was_sent_before_a_stop_is_not_sent_again():
    player = EsmePlayer(steps(submits(5)), ledger()[0], earlier=SentSoFar(3))
    assert numbers(player.due(None)) == [4, 5]
    assert player.stopped(wait_on=True).taken == 5


@settings(max_examples=30)
@given(st.lists(st.sampled_from(("answer", "stop")), max_size=24))
def test_stopped_wherever_it_is_an_esme_sends_everything_once(script):
    """Two conversations with a window of one: a stop finds one of them far ahead of the other."""
    book, results = ledger()
    earlier, sent, outstanding = None, [], []
    player = EsmePlayer(two_talks(), book, window=1)
    for what in (*script, *["answer"] * 30):
        for command in player.due(None):
            if isinstance(command, SendRequest):
                sent.append(command.number)
                outstanding.append(command.number)
        if what == "answer" and outstanding:
            number = outstanding.pop()  # the latest: the other conversation falls behind
            player.answered(number, 0, f"id{number}", START_NS)
        elif what == "stop":
            outstanding.clear()
            earlier = as_read_from_a_file(player.stopped(wait_on=True))
            book = Ledger(results.append)
            player = EsmePlayer(two_talks(), book, window=1, earlier=earlier)
    player.finish()
    assert sorted(sent) == list(range(1, 9))
    assert sorted(result.number for result in results) == list(range(1, 9))


def test_reading_stops_while_much_waits():
    player = EsmePlayer(steps(submits(11_000), step_s=0.001), ledger()[0], window=1)
    assert numbers(player.due(None)) == [1]
    assert not player.exhausted
    assert player.captured_ns < START_NS + 10_100 * SECOND_NS // 1_000


# --- as the carrier -----------------------------------------------------------------------------------------


def recorded(count, *, inbound=()):
    """Submits answered after a second, receipts two seconds later; inbound texts after those submits."""
    script = [(True, encode(p.BindTransceiver(system_id="a"), 1))]
    for number in range(1, count + 1):
        destination = f"1310555{number:04}"
        pdu = p.SubmitSm(**SUBMIT, destination_addr=destination, short_message=b"text %d" % number)
        script.append((True, encode(pdu, number + 1)))
        status = 0x58 if number % 3 == 0 else 0
        answer = p.SubmitSmResp(message_id="" if status else f"old{number}", command_status=status)
        script.append((False, encode(answer, number + 1)))
        if not status:
            script.append((False, encode(receipt(f"old{number}", destination), 100 + number)))
        if number in inbound:
            reply = p.DeliverSm(source_addr=destination, destination_addr="12025550100", short_message=b"yes")
            script.append((False, encode(reply, 200 + number)))
    return script


def again(number, **changes):
    fields = {**SUBMIT, "destination_addr": f"1310555{number:04}", "short_message": b"text %d" % number}
    return p.SubmitSm(**{**fields, **changes}, sequence_number=900 + number)


def test_a_submit_is_answered_as_it_was_and_its_receipt_follows():
    book, results = ledger()
    player = CarrierPlayer(steps(recorded(3)), book)
    now = START_NS + 100 * SECOND_NS
    reply = player.submitted(again(1, source_addr_ton=5), now)
    assert (reply.number, reply.after_ns, reply.response.command_status) == (1, SECOND_NS, 0)
    assert reply.response.sequence_number == 901
    assert player.next_due_ns() == now + 2 * SECOND_NS
    assert player.due(now + SECOND_NS) == []
    [deliver] = player.due(now + 2 * SECOND_NS)
    read = read_receipt(deliver.pdu.short_message, tlvs=deliver.pdu.tlvs)
    assert read.message_id == reply.response.message_id != "old1"
    refused = player.submitted(again(3), now)
    assert (refused.response.command_status, refused.response.message_id) == (0x58, "")
    assert player.missing == 1
    player.finish()
    assert {r.number: [what for what, *_ in r.differences] for r in results if r.differences} == {
        3: ["unanswered"]
    }


def test_what_was_never_recorded_is_accepted_and_counted():
    player = CarrierPlayer(steps(recorded(1)), ledger()[0])
    reply = player.submitted(again(1, short_message=b"something else"), 0)
    assert (reply.number, reply.response.command_status, player.unexpected) == (0, 0, 1)


@settings(max_examples=40)
@given(st.permutations(range(1, 8)), st.sets(st.integers(1, 7)))
def test_a_receipt_never_goes_before_its_submit_nor_a_reply_before_what_it_answers(order, inbound):
    player = CarrierPlayer(steps(recorded(7, inbound=inbound)), ledger()[0])
    ids, seen = {}, set()
    assert player.due(None) == []
    for now, number in enumerate(order):
        reply = player.submitted(again(number), now)
        seen.add(number)
        ids[reply.response.message_id] = number
        for deliver in player.due(None):
            pdu = player.sending(deliver, now)
            if deliver.about:
                read = read_receipt(pdu.short_message, tlvs=pdu.tlvs)
                assert ids[read.message_id] in seen
            else:
                assert int(pdu.source_addr[-4:]) in seen
    assert player.exhausted
    assert player.delivered == len([n for n in order if n % 3]) + len(inbound)


def test_inbound_texts_come_when_they_were_captured():
    script = [(False, encode(p.DeliverSm(source_addr="1", destination_addr="2", short_message=b"%d" % n), n))
              for n in range(1, 4)]  # fmt: skip
    player = CarrierPlayer(steps(script), ledger()[0])
    assert player.start_ns == START_NS + SECOND_NS
    assert [d.pdu.short_message for d in player.due(START_NS + 2 * SECOND_NS)] == [b"1", b"2"]
    assert player.next_due_ns() == START_NS + 3 * SECOND_NS


def test_long_texts_match_whatever_their_reference():
    def part(reference, number):
        body = bytes((5, 0, 3, reference, 2, number)) + b"part %d" % number
        return p.SubmitSm(**SUBMIT, destination_addr="13105550001", esm_class=0x40, short_message=body)

    script = [(True, encode(part(7, 1), 1) + encode(part(7, 2), 2))]
    player = CarrierPlayer(steps(script), ledger()[0])
    assert [player.submitted(part(99, number), 0).number for number in (2, 1)] == [2, 1]


def part_of_a_reply(number):
    body = bytes((5, 0, 3, 77, 2, number)) + b"part %d" % number
    return p.DeliverSm(
        source_addr="13105550001", destination_addr="12025550100", esm_class=0x40, short_message=body
    )


@settings(max_examples=30)
@given(st.permutations(range(1, 8)), st.lists(st.sampled_from(("submit", "send", "stop")), max_size=24))
def test_stopped_wherever_it_is_a_carrier_does_everything_once(order, script):
    """Every submit is known, every receipt is about its own, nothing is sent twice or left out."""
    talk = recorded(7, inbound={2, 5})
    talk += [(False, encode(part_of_a_reply(1), 301)), (False, encode(part_of_a_reply(2), 302))]
    book, results = ledger()
    player = CarrierPlayer(steps(talk), book)
    asked, sent, ids, handed, references = list(order), [], {}, [], set()
    for now, what in enumerate((*script, *["submit", "send"] * 20)):
        if what == "submit" and asked:
            reply = player.submitted(again(asked.pop()), now)
            ids[reply.response.message_id] = reply.number
        elif what == "send":
            handed += player.due(None)
            for deliver in handed[:1]:
                handed.remove(deliver)
                sent.append(deliver.number)
                pdu = player.sending(deliver, now)
                if pdu.esm_class & 0x40:
                    references.add(pdu.short_message[3])
                elif deliver.about:
                    assert ids[read_receipt(pdu.short_message, tlvs=pdu.tlvs).message_id] == deliver.about
                player.answered(deliver.number, 0, now)
        elif what == "stop":
            handed.clear()
            earlier = as_read_from_a_file(player.stopped(now))
            assert earlier.matched == len(order) - len(asked)
            book = Ledger(results.append)
            player = CarrierPlayer(steps(talk), book, earlier=earlier)
            assert player.start_ns >= now
    assert player.exhausted
    player.finish()
    assert len(ids) == 5 + 1  # refusals have no id
    assert len(references) == 1
    assert (player.matched, player.unexpected, player.delivered) == (7, 0, 5 + 2 + 2)
    assert len(sent) == len(set(sent)) == player.delivered
    assert len({result.number for result in results}) == len(results) == 7 + player.delivered


def test_a_text_sent_and_never_answered_is_settled_and_not_sent_again():
    book, results = ledger()
    player = CarrierPlayer(steps(recorded(1)), book)
    player.submitted(again(1), 0)
    [deliver] = player.due(None)
    player.sending(deliver, 0)
    earlier = as_read_from_a_file(player.stopped(5))
    assert [(result.number, result.actual.status) for result in results] == [(1, 0), (2, None)]
    resumed = CarrierPlayer(steps(recorded(1)), ledger()[0], earlier=earlier)
    assert resumed.due(None) == []
    assert resumed.exhausted
