"""Starts Kannel (Debian package) with a file store, bound to a given SMSC: the peer of the whole-gateway benchmark."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.runtime.ports import free_ports

PATHS = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])

CONFIG = """\
group = core
admin-port = {admin_port}
admin-password = bench
smsbox-port = {box_port}
box-allow-ip = "127.0.0.1"
admin-allow-ip = "127.0.0.1"
log-level = 3
log-file = "{folder}/bearerbox.log"
store-type = file
store-location = "{folder}/store.log"
dlr-storage = internal

group = smsc
smsc = smpp
smsc-id = sink
host = 127.0.0.1
port = {smsc_port}
transceiver-mode = true
smsc-username = guest
smsc-password = guest
system-type = bench
max-pending-submits = 100
source-addr-ton = 1
source-addr-npi = 1
dest-addr-ton = 1
dest-addr-npi = 1

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = {box_port}
sendsms-port = {http_port}
log-level = 3
log-file = "{folder}/smsbox.log"

group = sendsms-user
username = bench
password = bench
max-messages = 10
"""


@dataclass(frozen=True)
class Kannel:
    """A running Kannel: where it takes texts."""

    http_port: int


def binaries() -> tuple[str, str] | None:
    """Paths of bearerbox and smsbox, or None where Kannel is not installed."""
    found = shutil.which("bearerbox", path=PATHS), shutil.which("smsbox", path=PATHS)
    return (found[0], found[1]) if found[0] and found[1] else None


def wait_for_port(port: int, timeout_s: float, process: subprocess.Popen[bytes] | None = None) -> None:
    """Return when something listens on the loopback port; TimeoutError otherwise."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode} before listening on {port}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def running(folder: Path, smsc_port: int) -> Iterator[Kannel]:
    """Kannel bound to the SMSC on `smsc_port`, its files in `folder`; stopped on leaving."""
    paths = binaries()
    if paths is None:
        raise FileNotFoundError("Kannel is not installed: run `make system-deps`")
    admin_port, box_port, http_port = free_ports(3)
    config = folder / "kannel.conf"
    config.write_text(
        CONFIG.format(
            admin_port=admin_port, box_port=box_port, http_port=http_port, smsc_port=smsc_port, folder=folder
        )
    )
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    bearerbox = subprocess.Popen([paths[0], str(config)], **quiet)  # type: ignore[call-overload]
    try:
        wait_for_port(box_port, 15, bearerbox)
        smsbox = subprocess.Popen([paths[1], str(config)], **quiet)  # type: ignore[call-overload]
        try:
            wait_for_port(http_port, 15, smsbox)
            yield Kannel(http_port)
        finally:
            _stop(smsbox)
    finally:
        _stop(bearerbox)
