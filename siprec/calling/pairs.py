"""Many pairs of phones that talk at once, each call recorded: how many the machine carries without loss.

    outcome = await drive(50, 60.0)                        # next to a `siprec serve` of its own
    outcome = await drive(50, 60.0, recorders=("sip:srs@192.0.2.1",))
    outcome.ok, outcome.lost, outcome.kernel_drops

Every packet goes through phones, call control, mixer and fork, as in any other call. Lost is what a receiver
misses in a sequence; kernel drops are what sockets of ours, and of the recorder's, had no room for.
"""

import asyncio
import json
import os
import resource
import secrets
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gateway.runtime.interrupts import INTERRUPTS
from gateway.runtime.ports import free_ports
from siprec.callcontrol.media import CallMedia
from siprec.callcontrol.recording import RecordingOptions
from siprec.callcontrol.server import CallControlServer
from siprec.callcontrol.settings import CallingSettings
from siprec.callcontrol.subscribers import Subscriber
from siprec.phones.audio import TONES_HZ
from siprec.phones.phone import Phone, PhoneSettings
from siprec.phones.phone_call import CallFailedError, PhoneCall
from siprec.phones.softkeys import RecordingKeys
from siprec.phones.voice import Voice
from siprec.rtp.aio import Pacer

STARTS_WITHIN_S = 30.0
SETTLES_S = 1.0
"""From the last call until counting begins."""
GAP_S = 0.02
"""Calls begin this far apart."""
DESCRIPTORS_PER_PAIR = 20
PACKETS_PER_S = 4 * 50
"""What is heard of a pair: each phone by the call control, and the call control by each phone."""
PACKETS_AT_THE_EDGE = 4
"""One of each stream may fall on either side of the moment at which counting begins or ends."""
LEAST_PACE = 0.99


@dataclass(slots=True)
class Outcome:
    """How the pairs did. Packets and losses are those of the talk itself, calls' beginnings left out."""

    pairs: int
    seconds: float
    connected: int = 0
    recorded: int = 0
    packets: int = 0
    lost: int = 0
    kernel_drops: int = 0
    cpu_seconds: float = 0.0
    recorder: dict[str, float] = field(default_factory=dict)
    """Counters of the recorder where it is ours: packets by outcome."""

    @property
    def pace(self) -> float:
        """Packets heard, of those that were due: below one where the machine cannot keep up with speaking."""
        edge = self.pairs * PACKETS_AT_THE_EDGE
        return (self.packets + edge) / max(1.0, self.pairs * self.seconds * PACKETS_PER_S)

    @property
    def ok(self) -> bool:
        """Whether every call was made, recorded and spoken at its pace, and nothing was lost."""
        complete = self.connected == self.recorded == self.pairs and self.pace >= LEAST_PACE
        recorder_lost = self.recorder.get("lost", 0.0) + self.recorder.get("late", 0.0)
        return complete and not self.lost and not self.kernel_drops and not recorder_lost

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {"ok": self.ok, "pace": round(self.pace, 4), **asdict(self)}

    def __str__(self) -> str:
        recorder = ", ".join(f"{count:.0f} {name}" for name, count in self.recorder.items())
        return (
            f"{self.connected} of {self.pairs} pairs talked for {self.seconds:g} s, "
            f"{self.recorded} were recorded\n"
            f"{self.packets} packets heard ({min(self.pace, 1.0):.1%} of those due), {self.lost} lost, "
            f"{self.kernel_drops} dropped by the kernel, "
            f"{self.cpu_seconds / max(self.seconds, 0.001):.0%} of a core"
            + (f"\nthe recorder: {recorder}" if recorder else "")
        )


async def drive(
    pairs: int,
    seconds: float,
    *,
    recorders: tuple[str, ...] = (),
    dialect: str = "broadworks",
    host: str = "127.0.0.1",
) -> Outcome:
    """Let pairs talk; without recorders a `siprec serve` is started.

    Raises OSError or PortsUnavailableError.
    """
    _allow_files(pairs * DESCRIPTORS_PER_PAIR + 256)
    outcome = Outcome(pairs, seconds)
    async with AsyncExitStack() as stack:
        own: _Recorder | None = None
        if not recorders:
            own = await stack.enter_async_context(_own_recorder(pairs, host))
            recorders = (own.uri,)
        names = [f"caller-{number}" for number in range(pairs)] + [f"other-{n}" for n in range(pairs)]
        calling = await stack.enter_async_context(
            await CallControlServer.open(
                _settings(names, recorders, dialect, host), {name: _subscriber(name) for name in names}
            )
        )
        pacer = Pacer(asyncio.get_running_loop())
        stack.callback(pacer.close)
        phones = {}
        for number, name in enumerate(names):
            settings = _phone(name, number, calling)
            phones[name] = await stack.enter_async_context(await Phone.open(settings, pacer=pacer))
            await phones[name].register()
        calls = await _connect(phones, pairs, outcome)
        await asyncio.sleep(SETTLES_S)
        before, cpu_s = _heard(phones, calling), _cpu_s()
        await asyncio.sleep(seconds)
        after = _heard(phones, calling)
        outcome.cpu_seconds = round(_cpu_s() - cpu_s, 2)
        outcome.packets, outcome.lost = after[0] - before[0], after[1] - before[1]
        outcome.kernel_drops = _kernel_drops(os.getpid()) + (_kernel_drops(own.pid) if own else 0)
        outcome.recorded = calling.forks.started - calling.forks.failed
        await asyncio.gather(*(call.hang_up() for call in calls))
        await calling.idle()
        if own is not None:
            outcome.recorder = await own.packets()
    return outcome


def _settings(names: list[str], recorders: tuple[str, ...], dialect: str, host: str) -> CallingSettings:
    return CallingSettings(
        host=host,
        port=0,
        port_pairs=max(len(names) + 8, 16),
        recorders=recorders,
        dialect="rfc7866" if dialect == "rfc7866" else "broadworks",
        codecs=("PCMU",),
        fork_codecs=("PCMU",),
        passwords={name: secrets.token_hex(8) for name in names},
    )


def _subscriber(name: str) -> Subscriber:
    keys = RecordingKeys.ALWAYS if name.startswith("caller") else RecordingKeys.NEVER
    tenant = ("acme-sp", "acme-dental", "alice@acme-dental.example")
    return Subscriber(name, options=RecordingOptions(keys), tenant=tenant)


def _phone(name: str, number: int, calling: CallControlServer) -> PhoneSettings:
    return PhoneSettings(
        name,
        calling.uri,
        calling.settings.passwords[name],
        host=calling.settings.host,
        codecs=("PCMU",),
        tone_hz=TONES_HZ[number % len(TONES_HZ)],
        listen=False,
        lines=1,
    )


async def _connect(phones: dict[str, Phone], pairs: int, outcome: Outcome) -> list[PhoneCall]:
    calls = []
    for number in range(pairs):
        calls.append(phones[f"caller-{number}"].call(f"other-{number}"))
        await asyncio.sleep(GAP_S)
    for call in calls:
        with suppress(CallFailedError, TimeoutError):
            async with asyncio.timeout(STARTS_WITHIN_S):
                await call.connected()
                outcome.connected += 1
    return calls


def _heard(phones: dict[str, Phone], calling: CallControlServer) -> tuple[int, int]:
    """Packets received and missed so far, by phones and by the call control."""
    voices = list(_voices(phones, calling))
    return sum(voice.received for voice in voices), sum(voice.lost + voice.dropped for voice in voices)


def _voices(phones: dict[str, Phone], calling: CallControlServer) -> Iterator[Voice]:
    for phone in phones.values():
        for call in phone.calls:
            yield call.voice
    for each in calling.control.calls:
        if isinstance(each.media, CallMedia):
            yield from each.media.voices


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _allow_files(wanted: int) -> None:
    """Raise the limit of open files as far as this process may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, limit), hard))


def _kernel_drops(pid: int) -> int:
    """Datagrams the kernel had no room for, on the UDP sockets a process has open (Linux; else 0)."""
    inodes = set()
    try:
        lines = Path("/proc/net/udp").read_text(encoding="ascii").splitlines()[1:]
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with suppress(FileNotFoundError):  # closed since it was listed
                inodes.add(os.readlink(f"/proc/{pid}/fd/{fd}").removeprefix("socket:[").rstrip("]"))
    except OSError:
        return 0
    rows = (line.split() for line in lines)
    return sum(int(row[12]) for row in rows if row[9] in inodes)


# ── a recorder of our own, in a process of its own ────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Recorder:
    uri: str
    url: str
    pid: int

    async def packets(self) -> dict[str, float]:
        """RTP packets by outcome, once every recording is sealed."""
        deadline = asyncio.get_running_loop().time() + STARTS_WITHIN_S
        while asyncio.get_running_loop().time() < deadline:
            samples = await asyncio.to_thread(self._metrics)
            if not sum(count for name, count in samples if name.startswith("siprec_sessions_active")):
                break
            await asyncio.sleep(0.2)
        prefix = 'siprec_rtp_packets_total{outcome="'
        return {name[len(prefix) : -2]: count for name, count in samples if name.startswith(prefix)}

    def _metrics(self) -> list[tuple[str, float]]:
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as answer:  # noqa: S310 - ours
            lines = answer.read().decode().splitlines()
        pairs = (line.rpartition(" ")[::2] for line in lines if not line.startswith("#"))
        return [(name, float(value)) for name, value in pairs]


@asynccontextmanager
async def _own_recorder(pairs: int, host: str) -> AsyncIterator[_Recorder]:
    [http], [sip] = free_ports(1), free_ports(1, host)
    with INTERRUPTS.temporary_folder("siprec-pairs-") as folder:
        settings: dict[str, Any] = {
            "storage.folder": json.dumps(str(folder)),
            "http.port": http,
            "log.level": "error",
            "calling.enabled": "false",
            "recording.sip.host": host,
            "recording.sip.udp_port": sip,
            "recording.sip.tcp_port": "null",
            "recording.sip.tls": "null",
            "recording.media.port_pairs": 2 * pairs + 8,
            "recording.max_sessions": pairs + 2,
        }
        command = [sys.executable, "-m", "siprec.cli", "serve"]
        for name, value in settings.items():
            command += ["--set", f"{name}={value}"]
        process = await asyncio.create_subprocess_exec(*command)
        try:
            recorder = _Recorder(f"sip:srs@{host}:{sip}", f"http://127.0.0.1:{http}", process.pid)
            await _until_ready(recorder, process)
            yield recorder
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


async def _until_ready(recorder: _Recorder, process: asyncio.subprocess.Process) -> None:
    deadline = asyncio.get_running_loop().time() + STARTS_WITHIN_S
    while asyncio.get_running_loop().time() < deadline and process.returncode is None:
        with suppress(OSError):
            await asyncio.to_thread(urllib.request.urlopen, f"{recorder.url}/readyz", None, 2)
            return
        await asyncio.sleep(0.1)
    raise OSError("the recorder did not start")
