"""Ctrl-C ends every command that runs long: no traceback, nothing left behind, the exit code it promises."""

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0
FREE = [
    word
    for setting in (
        *("http.port=0", "carriers.port=0", "recording.sip.udp_port=0", "recording.sip.tcp_port=0"),
        *("recording.sip.tls=null", "recording.media.port_pairs=8", "recording.max_sessions=4"),
        *("calling.enabled=false", "log.format=console"),
    )
    for word in ("--set", setting)
]
Began = tuple[asyncio.subprocess.Process, "Output"]


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """A suite run in the background ignores Ctrl-C, and so would all that it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Output:
    """What a process prints, as it comes."""

    def __init__(self, stream: asyncio.StreamReader) -> None:
        self._stream = stream
        self.text = ""

    async def until(self, pattern: str) -> re.Match[str]:
        """Read on until the pattern is found."""
        async with asyncio.timeout(PATIENCE_S):
            while (found := re.search(pattern, self.text)) is None:
                piece = await self._stream.read(4096)
                assert piece, f"it ended without {pattern!r}:\n{self.text}"
                self.text += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", piece.decode())
        return found

    async def rest(self) -> str:
        async with asyncio.timeout(PATIENCE_S):
            self.text += (await self._stream.read()).decode()
        return self.text


@asynccontextmanager
async def command(folder: Path, program: str, *words: str) -> AsyncIterator[Began]:
    """A command of ours in a folder of its own, ended whatever happens."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"{program}.cli", *words),
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        yield process, Output(process.stdout)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def interrupted(began: Began, number: int = signal.SIGINT) -> tuple[int, str]:
    """(exit code, everything printed) after Ctrl-C."""
    process, output = began
    process.send_signal(number)
    text = await output.rest()
    async with asyncio.timeout(PATIENCE_S):
        code = await process.wait()
    assert "Traceback" not in text, text
    assert "never awaited" not in text, text
    return code, text


SERVICES = {
    "run": ("gateway", ["run", *FREE], "listening"),
    "carriers": ("gateway", ["carriers", *FREE], "Ctrl-C ends it"),
    "demo": ("gateway", ["demo", *FREE], "Ctrl-C ends it"),
    "siprec serve": ("siprec", ["serve", *FREE], "listening"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_drains_and_ends_well(name: str, tmp_path: Path):
    program, words, ready = SERVICES[name]
    async with command(tmp_path, program, *words) as began:
        await began[1].until(ready)
        assert (await interrupted(began))[0] == 0


@pytest.mark.slow
async def test_sigterm_is_the_same(tmp_path: Path):
    async with command(tmp_path, "gateway", "carriers", *FREE) as began:
        await began[1].until("Ctrl-C ends it")
        assert (await interrupted(began, signal.SIGTERM))[0] == 0


@pytest.mark.slow
async def test_a_tour_cut_short_says_so_by_its_code(tmp_path: Path):
    async with command(tmp_path, "gateway", "demo", "--once", *FREE, "--set", "log.level=info") as began:
        await began[1].until(r"\bready\b")
        assert (await interrupted(began))[0] == 130
    assert await asyncio.to_thread(os.listdir, tmp_path) == []


async def hold(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take a connection and say nothing, until it is closed."""
    with closing(writer):
        await asyncio.sleep(PATIENCE_S)


@pytest.fixture
async def silent() -> AsyncIterator[int]:
    """The port of somebody who listens and never answers."""
    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def connected(port: int, process: asyncio.subprocess.Process) -> None:
    """Wait until the process has a connection to this port, as the kernel tells."""
    wanted = f"0100007F:{port:04X} "
    table = Path(f"/proc/{process.pid}/net/tcp")
    async with asyncio.timeout(PATIENCE_S):
        while not any(
            line.split()[2] + " " == wanted
            for line in (await asyncio.to_thread(table.read_text)).splitlines()[1:]
            if line.split()[3] == "01"
        ):
            assert process.returncode is None
            await asyncio.sleep(0.05)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("gateway", ["send", "--from", "+12025550100", "--to", "+13105550150", "Hi", "--url"]),
        ("gateway", ["record", "x.pcap", "--url"]),
        ("siprec", ["recordings", "list", "--url"]),
    ],
    ids=["send", "record", "recordings"],
)
async def test_waiting_for_an_answer_ends_at_once(
    tmp_path: Path, silent: int, program: str, words: list[str]
):
    async with command(tmp_path, program, *words, f"http://127.0.0.1:{silent}") as began:
        await connected(silent, began[0])
        assert (await interrupted(began))[0] == 130


@pytest.mark.slow
async def test_a_recorded_call_is_hung_up(tmp_path: Path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.setblocking(False)
        to = f"sip:srs@127.0.0.1:{deaf.getsockname()[1]}"
        async with command(tmp_path, "siprec", "call", "--to", to) as began:
            async with asyncio.timeout(PATIENCE_S):
                invite = await asyncio.get_running_loop().sock_recv(deaf, 65_535)
            assert invite.startswith(b"INVITE ")
            assert (await interrupted(began))[0] == 130


@pytest.mark.slow
async def test_a_replay_ends_with_its_report(tmp_path: Path, recorded: Path):
    words = ["replay", str(recorded), "--as", "carrier", "--listen", "127.0.0.1:0"]
    async with command(tmp_path, "gateway", *words) as began:
        await began[1].until(r"(?i)listen|wait")
        code, text = await interrupted(began)
    assert code in (1, 130), text


@pytest.fixture
async def recorded(tmp_path: Path, start: Callable[..., Awaitable]) -> Path:
    """A small capture of our own."""
    from gateway.demo.client import ApiClient

    service = await start(parts=("texting", "carriers"))
    file = tmp_path / "small.pcap"
    async with ApiClient(service.http.url, "demo-admin") as client:
        _, capture = await client.post("/v1/captures", {"format": "pcap", "maskText": False, "maxFiles": 10})
        _, text = await client.post(
            "/v1/messages", {"from": "+12025550100", "to": "+13105550150", "text": "Hi"}
        )
        await client.follow(text["id"], 10)
        path = f"/v1/captures/{capture['id']}"
        _, capture = await client.post(f"{path}/stop")
        _, data = await client.fetch(f"{path}/files/{capture['files'][0]}")
    file.write_bytes(data)
    return file


@pytest.mark.slow
async def test_a_load_ends_with_what_it_has_seen(tmp_path: Path):
    # Far longer than the interrupt takes to come: one that meets the end of a process is nobody's to answer.
    words = ["load", "limiter", "--target", "limiter:", "--duration", "5000", "--rate", "100"]
    async with command(tmp_path, "gateway", *words) as began:
        await began[1].until(r"\S")
        code, text = await interrupted(began)
    assert code in (0, 1, 130), text
