"""tshark and our reader see the same PDUs in mixed traffic of third-party clients; such captures replay."""

import asyncio
import random
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import smpp34
import smpplib.client
import smpplib.consts
import smpplib.exceptions

from gateway.replay.formats import open_trace
from gateway.replay.options import ReplayOptions
from gateway.replay.pcap import Endpoint, PcapWriter
from gateway.replay.run import Replay
from gateway.replay.trace import ConversationOpened, PartUnreadable, PduCaptured
from gateway.smpp import pdu as p
from gateway.smpp.aio import connect
from gateway.smpp.pdu import encode
from gateway.smpp.segment import segment_text
from gateway.testing.captures import START_NS, pcap_file, pcapng_section
from gateway.testing.carriers import running_carrier

ADDRESSES = {"source_addr": "12025550190", "source_addr_ton": 1, "source_addr_npi": 1,
             "dest_addr_ton": 1, "dest_addr_npi": 1}  # fmt: skip
TEXTS = ("short", "A text that is long enough for two. " * 6, "日本語 " * 30, "€ and ~ [brackets]")


class Wiretap:
    """A TCP relay that writes what goes through it as packets: octets as they really came, in any pieces."""

    def __init__(self, upstream: int, first_client: int) -> None:
        self.packets: list[tuple[int, bytes]] = []
        self._upstream = upstream
        self._client = first_client
        self._server: asyncio.Server | None = None
        self._relays: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Wiretap":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await asyncio.gather(*self._relays, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._relays.add(task)
        self._client += 1
        flow = PcapWriter(_Packets(self.packets)).flow(  # type: ignore[arg-type]
            Endpoint("127.0.0.1", self._client), Endpoint("127.0.0.1", 31_337), self._now()
        )
        above = await asyncio.open_connection("127.0.0.1", self._upstream)
        await asyncio.gather(
            self._pump(reader, above[1], flow, True), self._pump(above[0], writer, flow, False)
        )
        flow.close(self._now())

    async def _pump(self, reader: Any, writer: Any, flow: Any, from_client: bool) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(700):
                flow.write(data, self._now(), from_client=from_client)
                with suppress(ConnectionError):  # a side that has gone is still listened to
                    writer.write(data)
                    await writer.drain()
        writer.close()

    def _now(self) -> int:
        return START_NS + int(asyncio.get_running_loop().time() * 1e9) % 10**12


class _Packets:
    """A stream for `PcapWriter` that keeps each packet."""

    def __init__(self, packets: list[tuple[int, bytes]]) -> None:
        self._packets = packets

    def write(self, data: bytes) -> None:
        if len(data) == 24 and data[:4] == b"\x4d\x3c\xb2\xa1":
            return
        seconds, nanoseconds = (int.from_bytes(data[at : at + 4], "little") for at in (0, 4))
        self._packets.append((seconds * 10**9 + nanoseconds, data[16:]))


def smpplib_client(port: int, count: int) -> None:
    """The blocking client, on a thread of its own."""
    client = smpplib.client.Client("127.0.0.1", port, allow_unknown_opt_params=True)
    client.set_message_received_handler(lambda pdu: None)
    client.set_message_sent_handler(lambda pdu: None)
    client.connect()
    client.bind_transceiver(system_id="guest", password="guest")
    for number in range(count):
        destination = f"1310556{number:04}"
        client.send_message(
            source_addr_ton=1,
            source_addr="12025550191",
            dest_addr_ton=1,
            destination_addr=destination,
            short_message=b"from smpplib %d" % number,
            registered_delivery=True,
        )
        client.read_once()
    client.unbind()
    client.disconnect()


async def smpp34_client(port: int, count: int) -> None:
    """The client in Rust, fifty texts at a time; without receipts, which it refuses malformed when busy."""
    owner = smpp34.Client(
        host="127.0.0.1", port=port, system_id="guest", password="guest", bind_type="TX", window_size=50
    )
    smsc = await owner.connect()
    for begin in range(0, count, 50):
        texts = [
            smsc.submit_sm(
                f"1310558{number:04}",
                f"from smpp34 {number}".encode(),
                source_addr="12025550192",
                source_addr_ton=1,
                source_addr_npi=1,
                dest_addr_ton=1,
                dest_addr_npi=1,
                registered_delivery=0,
            )
            for number in range(begin, min(count, begin + 50))
        ]
        await asyncio.gather(*texts)
    await smsc.unbind()
    await owner.stop()


async def own_client(port: int, count: int) -> None:
    """Our own session, with long and wide texts, queries and cancels."""
    bind = p.BindTransceiver(system_id="guest", password="guest", interface_version=0x34)
    esme = await connect("127.0.0.1", port, bind=bind)
    for number in range(count):
        destination = {"destination_addr": f"1310557{number:04}"}
        for part in segment_text(TEXTS[number % len(TEXTS)], number):
            submit = p.SubmitSm(
                **ADDRESSES,
                **destination,
                registered_delivery=number % 2,
                esm_class=part.esm_class,
                data_coding=part.data_coding,
                short_message=part.short_message,
            )
            answer: Any = await esme.submit(submit)
        if number % 10 == 0:
            await esme.submit(p.QuerySm(message_id=answer.message_id, source_addr="12025550190"))
            await esme.submit(p.CancelSm(message_id="0", source_addr="12025550190"))
    await esme.unbind()


async def mixed_traffic(count: int) -> list[tuple[int, bytes]]:
    """Packets of third-party and own clients talking to a carrier at once, in the order they were seen."""
    async with running_carrier("tmobile", receipt_latency={"seconds": 0.02}, digits={}) as carrier:
        async with Wiretap(carrier.port, 40_000) as tap:
            done = asyncio.Event()
            loop = asyncio.get_running_loop()

            def blocking() -> None:
                try:
                    smpplib_client(tap.port, count)
                finally:
                    loop.call_soon_threadsafe(done.set)

            threading.Thread(target=blocking, daemon=True).start()
            await asyncio.gather(smpp34_client(tap.port, 2 * count), own_client(tap.port, count))
            async with asyncio.timeout(60):
                await done.wait()
            await asyncio.sleep(0.1)  # the last octets of the thread's unbind go through the relay
        return tap.packets


async def tshark_pdus(tshark: str, path: Path) -> list[tuple[str, ...]]:
    """(command_id, sequence, status of responses, length) of every PDU, as tshark lists them."""
    fields = ("smpp.command_id", "smpp.sequence_number", "smpp.command_length")
    command = [tshark, "-r", str(path), "-d", "tcp.port==31337,smpp", "-Y", "smpp", "-T", "fields"]
    command += [part for field in fields for part in ("-e", field)]
    command += ["-o", "tcp.reassemble_out_of_order:TRUE"]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    found = []
    for line in out.decode().splitlines():
        columns = [column.split(",") for column in line.split("\t")]
        found += [tuple(int(value, 0) for value in pdu) for pdu in zip(*columns, strict=True)]
    return found  # type: ignore[return-value]


def our_pdus(path: Path) -> tuple[list[tuple[int, ...]], list[PartUnreadable]]:
    with open_trace(path) as opened:
        events = list(opened.trace)
    seen = [
        (int(e.pdu.command_id), e.pdu.sequence_number, len(encode(e.pdu)))
        for e in events
        if isinstance(e, PduCaptured)
    ]
    assert any(isinstance(e, ConversationOpened) for e in events)
    return seen, [e for e in events if isinstance(e, PartUnreadable)]


def disturbed(packets: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """The same packets with some repeated and neighbours swapped, as networks do."""
    chance = random.Random(7)
    out = list(packets)
    for _ in range(len(out) // 20):
        index = chance.randrange(len(out))
        out.insert(min(len(out), index + chance.randrange(1, 6)), out[index])
    return out


@pytest.mark.system("tshark")
@pytest.mark.parametrize(
    ("form", "count", "least"),
    [
        ("pcap", 60, 500),
        ("pcapng", 60, 500),
        ("repeated", 60, 500),
        pytest.param("pcap", 2_400, 20_000, marks=pytest.mark.slow),
    ],
)
async def test_tshark_agrees_on_every_pdu(form, count, least, tmp_path, tool):
    packets = await mixed_traffic(count)
    path = tmp_path / "mixed"
    if form == "pcapng":
        path.write_bytes(
            pcapng_section([(0, *packet) for packet in packets], links=("ethernet",), resolution=9)
        )
    else:
        path.write_bytes(pcap_file(disturbed(packets) if form == "repeated" else packets, link="sll"))
    seen, unreadable = our_pdus(path)
    theirs = await tshark_pdus(tool("tshark"), path)
    assert not unreadable
    assert len(seen) >= least
    assert sorted(seen) == sorted(theirs)
    if form != "repeated":
        assert seen == theirs


async def test_a_capture_of_third_parties_replays_without_hand_work(tmp_path):
    packets = await mixed_traffic(40)
    path = tmp_path / "mixed.pcap"
    path.write_bytes(pcap_file(packets))
    options = ReplayOptions(path, speed=None, world="auto")
    first, second = await Replay(options).run(), await Replay(options).run()
    assert first.role == "esme"
    assert first.summary.messages > 100
    assert first.summary.unanswered == 0
    assert first.to_json() == second.to_json()
