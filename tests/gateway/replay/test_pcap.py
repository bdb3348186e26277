import io
import struct

from hypothesis import given
from hypothesis import strategies as st

from gateway.replay.pcap import Endpoint, PcapWriter

CLIENT, SERVER = Endpoint("127.0.0.1", 40_000), Endpoint("127.0.0.1", 2775)
AT = 1_790_000_000_123_456_789


def packets_of(data):
    """(time in ns, packet) of every record after the file header."""
    assert struct.unpack_from("<IHHiIII", data) == (0xA1B23C4D, 2, 4, 0, 0, 262_144, 101)
    position, found = 24, []
    while position < len(data):
        seconds, nanoseconds, kept, original = struct.unpack_from("<IIII", data, position)
        assert kept == original
        found.append((seconds * 10**9 + nanoseconds, data[position + 16 : position + 16 + kept]))
        position += 16 + kept
    return found


def ones_complement_sum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def tcp_of(packet):
    """(source port, sequence, acknowledged, flags, data), after checking both checksums."""
    if packet[0] >> 4 == 4:
        assert ones_complement_sum(packet[:20]) == 0xFFFF
        assert struct.unpack_from(">H", packet, 2)[0] == len(packet)
        addresses, segment = packet[12:20], packet[20:]
    else:
        addresses, segment = packet[8:40], packet[40:]
        assert struct.unpack_from(">H", packet, 4)[0] == len(segment)
    pseudo = addresses + struct.pack(">II", len(segment), 6)
    assert ones_complement_sum(pseudo + segment) == 0xFFFF
    port, _, sequence, acknowledged, _, flags = struct.unpack_from(">HHIIBB", segment)
    return port, sequence, acknowledged, flags, segment[20:]


def written(exchange, client=CLIENT, server=SERVER):
    stream = io.BytesIO()
    writer = PcapWriter(stream)
    flow = writer.flow(client, server, AT)
    for from_client, data in exchange:
        flow.write(data, AT, from_client=from_client)
    flow.close(AT + 1)
    found = packets_of(stream.getvalue())
    assert writer.packets == len(found)
    return found


exchanges = st.lists(st.tuples(st.booleans(), st.binary(max_size=4_000)), max_size=6)


@given(exchanges, st.booleans())
def test_a_conversation_reads_back(exchange, ipv6):
    ends = (Endpoint("::1", 40_000), Endpoint("fe80::1%eth0", 2775)) if ipv6 else (CLIENT, SERVER)
    packets = [tcp_of(packet) for _, packet in written(exchange, *ends)]
    for side, port in ((True, 40_000), (False, 2775)):
        sent = b"".join(data for source, *_, data in packets if source == port)
        assert sent == b"".join(data for from_client, data in exchange if from_client is side)


@given(exchanges)
def test_sequence_numbers_follow_on(exchange):
    following: dict[int, int] = {}
    for _, packet in written(exchange):
        port, sequence, acknowledged, flags, data = tcp_of(packet)
        assert sequence == following.get(port, sequence)
        following[port] = sequence + len(data) + bool(flags & 0x03)
        other = 2775 if port == 40_000 else 40_000
        assert not flags & 0x10 or acknowledged == following[other]


def test_handshake_times_and_end():
    packets = written([(True, b"x")])
    assert [tcp_of(packet)[3] for _, packet in packets] == [0x02, 0x12, 0x10, 0x18, 0x11, 0x11, 0x10]
    assert [at for at, _ in packets] == [AT] * 4 + [AT + 1] * 3


def test_packets_fit_an_ethernet():
    assert max(len(packet) for _, packet in written([(False, b"z" * 70_000)])) <= 1_500
