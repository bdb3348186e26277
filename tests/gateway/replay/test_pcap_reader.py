"""Captures in: every container, link layer and byte order; SMPP on any port; TCP as bad as it gets."""

import io
import random
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.replay.network import Unreadable, tcp_segment
from gateway.replay.packets import MAX_PACKET_BYTES, Packet, read_packets
from gateway.replay.pcap import Endpoint
from gateway.replay.pcap_reader import PcapReader
from gateway.replay.trace import (
    ConversationClosed,
    ConversationOpened,
    PartUnreadable,
    PduCaptured,
    Position,
    Side,
)
from gateway.smpp import pdu as p
from gateway.smpp.pdu import decode, encode
from gateway.testing.captures import (
    LINKS,
    SECOND_NS,
    START_NS,
    conversation,
    pcap_file,
    pcapng_section,
)
from gateway.testing.smpp import pdus

SUBMIT = p.SubmitSm(source_addr="12025550100", destination_addr="13105550120", short_message=b"hello")
TALK = [
    (True, encode(p.BindTransceiver(system_id="guest", interface_version=0x34), 1)),
    (False, encode(p.BindTransceiverResp(system_id="carrier"), 1)),
    (True, encode(SUBMIT, 2) + encode(SUBMIT, 3) + encode(p.EnquireLink(), 4)),
    (False, encode(p.SubmitSmResp(message_id="a"), 2) + encode(p.SubmitSmResp(command_status=0x58), 3)),
    (False, encode(p.EnquireLinkResp(), 4)),
    (False, encode(p.DeliverSm(esm_class=4, short_message=b"id:a stat:DELIVRD"), 1)),
    (True, encode(p.DeliverSmResp(), 1)),
    (True, encode(p.Unbind(), 5)),
    (False, encode(p.UnbindResp(), 5)),
]
SIDES = ["ESME", "SMSC", "ESME", "ESME", "ESME", "SMSC", "SMSC", "SMSC", "SMSC", "ESME", "ESME", "SMSC"]


def read(data):
    return list(PcapReader(io.BytesIO(data)).read())


def pdus_of(events):
    return [event for event in events if isinstance(event, PduCaptured)]


def unreadable(events):
    return [event for event in events if isinstance(event, PartUnreadable)]


@pytest.mark.parametrize("nanoseconds", [True, False])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("hosts", [("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2")])
def test_every_container_and_link_layer(link, order, nanoseconds, hosts):
    client, server = Endpoint(hosts[0], 40_000), Endpoint(hosts[1], 31_337)
    packets = conversation(TALK, client=client, server=server)
    events = read(pcap_file(packets, link=link, order=order, nanoseconds=nanoseconds))
    assert not unreadable(events)
    assert isinstance(events[0], ConversationOpened)
    assert "31337" in events[0].name
    assert isinstance(events[-1], ConversationClosed)
    seen = pdus_of(events)
    assert [event.sender.name for event in seen] == SIDES
    assert [event.at_ns for event in seen][:4] == [START_NS + n * SECOND_NS for n in (1, 2, 3, 3)]
    assert seen[2].pdu == decode(encode(SUBMIT, 2))


@pytest.mark.parametrize("resolution", [None, 3, 6, 9])
@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_sections_interfaces_and_resolutions(order, resolution):
    first = conversation(TALK)
    second = conversation(TALK, client=Endpoint("10.9.0.1", 1), server=Endpoint("10.9.0.2", 2))
    both = sorted(
        [(0, *packet) for packet in first] + [(1, *packet) for packet in second], key=lambda x: x[1]
    )
    data = pcapng_section(both, links=("ethernet", "sll2"), order=order, resolution=resolution)
    third = conversation(TALK, client=Endpoint("10.9.0.5", 1), server=Endpoint("10.9.0.6", 2))
    data += pcapng_section([(0, *one) for one in third], links=("null",), order="<" if order == ">" else ">")
    events = read(data)
    assert not unreadable(events)
    assert {event.conversation for event in pdus_of(events)} == {1, 2, 3}
    for number in (1, 2, 3):
        mine = [event for event in pdus_of(events) if event.conversation == number]
        assert [event.sender.name for event in mine] == SIDES
        assert mine[0].at_ns == START_NS + SECOND_NS


def test_other_protocols_are_passed_over():
    talk = conversation(TALK)
    http = conversation(
        [
            (True, b"GET / HTTP/1.1\r\nHost: example\r\n\r\n" * 50),
            (False, b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 9000),
        ],
        server=Endpoint("10.0.0.2", 2775),
        client=Endpoint("10.0.0.3", 5),
    )
    late_tls = conversation(
        [(True, bytes(random.Random(1).randbytes(1_400))) for _ in range(200)],
        server=Endpoint("10.0.0.2", 443),
        handshake=False,
    )
    udp = (START_NS, bytes.fromhex("4500001c000000004011000001020304050607080035003500080000"))
    events = read(pcap_file([udp, *http, *late_tls, *talk]))
    assert not unreadable(events)
    assert len(pdus_of(events)) == len(SIDES)


@pytest.mark.parametrize("cut", [0, 1, 7, 15, 16, 40, 59])
def test_a_capture_that_begins_mid_stream(cut):
    """The first PDU is torn; nobody saw a handshake or a bind."""
    stream = b"".join(data for side, data in TALK[2:] if side) * 3
    other = b"".join(data for side, data in TALK[2:] if not side) * 3
    packets = conversation([(True, stream[cut:]), (False, other)], handshake=False)
    events = read(pcap_file(packets))
    whole = 5 * 3 - (1 if cut else 0)
    assert len([event for event in pdus_of(events) if event.sender is Side.ESME]) == whole
    assert len([event for event in pdus_of(events) if event.sender is Side.SMSC]) == 5 * 3
    assert len(unreadable(events)) == (1 if cut else 0)


def test_who_opened_the_connection_decides_where_nothing_else_does():
    packets = conversation([(True, encode(p.EnquireLink(), 1)), (False, encode(p.EnquireLinkResp(), 1))])
    assert [event.sender for event in pdus_of(read(pcap_file(packets)))] == [Side.ESME, Side.SMSC]


def test_an_smsc_that_connects_and_an_esme_that_answers_keep_their_sides():
    """outbind: the SMSC opens the connection."""
    script = [(True, encode(p.EnquireLink(), 9)), (True, encode(p.Outbind(system_id="smsc"), 1))]
    script += [(False, encode(p.BindReceiver(system_id="guest"), 1))]
    seen = pdus_of(read(pcap_file(conversation(script))))
    assert [event.sender for event in seen] == [Side.SMSC, Side.SMSC, Side.ESME]


def test_lost_packets_cost_only_what_was_in_them():
    script = [(True, encode(SUBMIT, number)) for number in range(1, 41)]
    packets = conversation(script)
    events = read(pcap_file(packets[:13] + packets[15:]))
    assert [event.pdu.sequence_number for event in pdus_of(events)] == [
        number for number in range(1, 41) if number not in (11, 12)
    ]
    [gap] = unreadable(events)
    assert f"{2 * len(encode(SUBMIT, 1))} octets were not captured" in gap.reason


def test_a_snap_length_tears_only_the_pdu_it_cuts():
    packets = conversation([(True, encode(SUBMIT, number)) for number in (1, 2, 3)])
    data = bytearray(pcap_file(packets))
    at = 24 + sum(16 + len(packet) for _, packet in packets[:4])
    size = len(packets[4][1])
    data[at + 8 : at + 12] = (size - 10).to_bytes(4, "little")
    del data[at + 16 + size - 10 : at + 16 + size]
    events = read(bytes(data))
    assert [event.pdu.sequence_number for event in pdus_of(events)] == [1, 3]
    assert "10 octets were not captured" in unreadable(events)[0].reason


def test_ports_used_again_are_another_conversation():
    packets = conversation(TALK, ends=False)
    again = [
        (at, move_sequence(packet, 77_000)) for at, packet in conversation(TALK, start_ns=START_NS + 10**11)
    ]
    events = read(pcap_file(packets + again))
    assert [event.conversation for event in pdus_of(events)] == [1] * 12 + [2] * 12


def move_sequence(packet, by):
    """The packet with both its TCP numbers moved (checksums are not looked at)."""
    out = bytearray(packet)
    for at in (24, 28):
        out[at : at + 4] = ((int.from_bytes(out[at : at + 4], "big") + by) % 2**32).to_bytes(4, "big")
    return bytes(out)


@settings(max_examples=60)
@given(st.data())
def test_reassembly_of_any_segmentation_order_and_repetition(data):
    """Any PDUs, cut anywhere, wrapped round 2^32, repeated, overlapping, and locally out of order."""
    sent = data.draw(st.lists(pdus(), min_size=1, max_size=6))
    stream = b"".join(encode(pdu, number) for number, pdu in enumerate(sent, 1))
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(stream) - 1)), max_size=12)))
    parts = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True) if a < b]
    packets = conversation([(True, part) for part in parts])
    body = packets[3:-3]
    for _ in range(data.draw(st.integers(0, 4))):
        index = data.draw(st.integers(0, len(body) - 1))
        body.insert(data.draw(st.integers(index, len(body))), body[index])
    for _ in range(data.draw(st.integers(0, 4))):
        index = data.draw(st.integers(0, len(body) - 1))
        other = min(len(body) - 1, index + data.draw(st.integers(0, 3)))
        body[index], body[other] = body[other], body[index]
    by = data.draw(st.sampled_from([0, 2**32 - 1_050, 2**31 - 1_000]))
    everything = [(at, move_sequence(packet, by)) for at, packet in packets[:3] + body + packets[-3:]]
    events = read(pcap_file(everything))
    assert not unreadable(events)
    assert [encode(event.pdu) for event in pdus_of(events)] == [
        encode(pdu, number) for number, pdu in enumerate(sent, 1)
    ]


@settings(max_examples=150)
@given(st.data())
def test_damaged_files_raise_nothing_and_positions_lie_inside(data):
    packets = conversation(TALK)
    make = data.draw(
        st.sampled_from(
            [
                lambda: pcap_file(packets, link="ethernet"),
                lambda: pcapng_section([(0, *packet) for packet in packets], links=("sll",)),
            ]
        )
    )
    content = bytearray(make())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(4, len(content)))
        content[at : at + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=5))
    for event in read(bytes(content)):
        if isinstance(event, PartUnreadable):
            assert 0 <= event.position.octet <= len(content)


@given(
    st.binary(max_size=400), st.sampled_from([b"", *map(bytes, (b"\xd4\xc3\xb2\xa1", b"\x0a\x0d\x0d\x0a"))])
)
def test_noise_is_reported(noise, magic):
    events = read(magic + noise)
    assert all(isinstance(event, PartUnreadable) for event in events)


@given(st.binary(max_size=120), st.sampled_from([*LINKS.values(), 12, 14, 228, 229, 9_999]))
def test_any_packet_is_a_segment_nothing_or_unreadable(data, link):
    packet = Packet(0, link, data, len(data), Position("packet", 1, 0))
    with suppress(Unreadable):
        segment = tcp_segment(packet)
        assert segment is None or len(segment.data) <= len(data)


def test_a_damaged_record_does_not_cost_the_rest():
    packets = conversation([(True, encode(SUBMIT, number)) for number in range(1, 30)])
    content = bytearray(pcap_file(packets))
    at = 24 + sum(16 + len(packet) for _, packet in packets[:10])
    content[at + 8 : at + 12] = (MAX_PACKET_BYTES * 8).to_bytes(4, "little")
    events = read(bytes(content))
    numbers = [event.pdu.sequence_number for event in pdus_of(events)]
    assert numbers == [number for number in range(1, 30) if number != 8]
    assert unreadable(events)[0].position == Position("packet", 11, at)


def test_a_damaged_block_does_not_cost_the_rest():
    packets = conversation([(True, encode(SUBMIT, number)) for number in range(1, 30)])
    content = bytearray(pcapng_section([(0, *packet) for packet in packets]))
    blocks = [at for at in range(0, len(content), 4) if content[at : at + 4] == b"\6\0\0\0"]
    at = blocks[10]
    content[at + 4 : at + 8] = b"\xff\xff\xff\x7f"
    numbers = [event.pdu.sequence_number for event in pdus_of(read(bytes(content)))]
    assert numbers == [number for number in range(1, 30) if number != 8]


def test_memory_does_not_grow_with_the_capture():
    """A packet is forgotten before the next thousand are read."""
    import tracemalloc

    def stream(count):
        packets = conversation([(True, encode(SUBMIT, n) * 10) for n in range(1, count)], step_ns=1)
        return io.BytesIO(pcap_file(packets))

    peaks = []
    for count in (200, 2_000):
        source = stream(count)
        tracemalloc.start()
        seen = sum(1 for event in PcapReader(source).read() if isinstance(event, PduCaptured))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert seen == (count - 1) * 10
    assert peaks[1] < peaks[0] * 2 + 1_500_000


def test_every_packet_has_its_place():
    packets = [
        one for one in read_packets(io.BytesIO(pcap_file(conversation(TALK)))) if isinstance(one, Packet)
    ]
    assert [packet.position.number for packet in packets] == list(range(1, len(packets) + 1))
    assert packets[0].position.octet == 24
