"""What the machine is like: versions, open files, receive buffers, disk, clock."""

import ctypes
import importlib.metadata
import os
import platform
import resource
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway import __version__
from gateway.doctor.findings import Finding, fault, ok, warning

OLDEST_SQLITE = (3, 35, 0)
PLENTY_BYTES = 2 << 30
RMEM_MAX = Path("/proc/sys/net/core/rmem_max")
CAP_ZONE = "America/Los_Angeles"
"""T-Mobile's day begins and ends there."""
_STA_UNSYNC = 0x0040
_BUILT_S = 1_760_000_000.0
"""October 2025: no clock that is right shows less."""


def versions() -> Iterator[Finding]:
    """The program, and what it stands on."""
    yield ok(
        "versions",
        f"sms-siprec-gateway {__version__}, Python {platform.python_version()}, {_uvloop()}, "
        f"SQLite {sqlite3.sqlite_version}, {platform.system()} {platform.release()}, {os.cpu_count()} cores",
    )
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        yield warning(
            "versions",
            f"SQLite {sqlite3.sqlite_version} is old",
            "use a Python with SQLite 3.35 or newer, or PostgreSQL (`storage.database`)",
        )


def _uvloop() -> str:
    try:
        return f"uvloop {importlib.metadata.version('uvloop')}"
    except importlib.metadata.PackageNotFoundError:
        return "no uvloop"


def open_files(least: int, wanted: int, limits: tuple[int, int] | None = None) -> Finding:
    """Whether file descriptors suffice: `least` to start, `wanted` for everything at once.

    `limits` are the process' soft and hard limit unless given.
    """
    soft, hard = limits or resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return ok("open files", f"{_limit(soft)} allowed, {wanted:,} wanted at most")
    advice = f"`ulimit -n {wanted}` before the start, or LimitNOFILE={wanted} in the systemd unit"
    if hard not in (resource.RLIM_INFINITY,) and hard < wanted:
        advice += f"; the hard limit is {hard:,}, which only root can raise"
    if soft < least:
        return fault("open files", f"{_limit(soft)} allowed, {least:,} needed to start", advice)
    return warning("open files", f"{_limit(soft)} allowed, {wanted:,} wanted when everything is full", advice)


def _limit(count: int) -> str:
    return "any number" if count == resource.RLIM_INFINITY else f"{count:,}"


def receive_buffers(wanted_bytes: int, setting: Path = RMEM_MAX) -> Finding:
    """Whether the kernel grants the receive buffers that UDP sockets ask for."""
    try:
        granted = int(setting.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return ok("receive buffers", "this system does not say how large they may be")
    if granted >= wanted_bytes:
        return ok("receive buffers", f"{granted:,} bytes allowed, {wanted_bytes:,} wanted")
    return warning(
        "receive buffers",
        f"{granted:,} bytes allowed, {wanted_bytes:,} wanted: bursts of packets may be lost",
        f"`sysctl -w net.core.rmem_max={wanted_bytes}`, and the same in /etc/sysctl.d to keep it",
    )


def disk(folder: Path, least_bytes: int) -> Finding:
    """Whether there is room below `folder`, or where it will be made."""
    place = existing(folder)
    free = shutil.disk_usage(place).free
    told = f"{free / (1 << 30):,.1f} GiB free at {place}"
    if free < least_bytes:
        needed = f"{least_bytes / (1 << 30):,.1f} GiB"
        return fault("disk", f"{told}, {needed} needed", "free space, or put `storage.folder` elsewhere")
    if free < max(PLENTY_BYTES, 2 * least_bytes):
        return warning("disk", told, "a day of recordings may fill it; shorten retention or make room")
    return ok("disk", told)


def existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    place = folder.absolute()
    while not place.is_dir() and place != place.parent:
        place = place.parent
    return place


def clock(now_s: float | None = None, synchronised: bool | None = None) -> Iterator[Finding]:
    """Whether the machine's clock can be trusted, and knows the time zone of daily caps.

    `now_s` and `synchronised` are asked of the machine unless given.
    """
    now_s = time.time() if now_s is None else now_s
    synchronised = kernel_synchronised() if synchronised is None else synchronised
    shown = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now_s))
    if now_s < _BUILT_S:
        yield fault("clock", f"it shows {shown}", "set it: caps, receipts and retention go by it")
    elif synchronised is False:
        yield warning(
            "clock",
            f"{shown}, and nothing keeps it right",
            "run chrony or systemd-timesyncd: daily caps end at midnight in Los Angeles",
        )
    else:
        yield ok("clock", shown + (", synchronised" if synchronised else ""))
    try:
        ZoneInfo(CAP_ZONE)
    except ZoneInfoNotFoundError:
        yield fault("clock", f"the time zone {CAP_ZONE} is unknown", "`pip install tzdata`")


class _Timex(ctypes.Structure):
    """The head of Linux' `struct timex`; the rest is room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def kernel_synchronised() -> bool | None:
    """Ask the kernel whether somebody keeps its clock right (adjtimex); None where it does not say."""
    if sys.platform != "linux":
        return None
    try:
        timex = _Timex()
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else not timex.status & _STA_UNSYNC
