"""Starts Jasmin with its RabbitMQ and Redis, bound to a given SMSC: a peer of the whole-gateway benchmark.

Jasmin comes from the package index into a virtual environment of its own (`make jasmin`), its servers from Debian
(`rabbitmq-server`, `redis-server`). All three run here on loopback, on free ports, with their files in a folder that is
thrown away; no service of the machine is touched.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from gateway.runtime.ports import free_ports
from loadtests.kannel import PATHS, wait_for_port

HOME = Path(os.environ.get("JASMIN_HOME", Path(__file__).resolve().parent.parent / ".cache" / "jasmin"))
RABBITMQ = "/usr/lib/rabbitmq/bin/rabbitmq-server"
START_S = 60
SAID_S = 2.0

CONFIG = """\
[amqp-broker]
port={amqp_port}
spec={spec}
log_level=WARNING
[redis-client]
port={redis_port}
log_level=WARNING
[http-api]
bind=127.0.0.1
port={http_port}
access_log=/dev/null
log_level=WARNING
billing_feature=False
[jcli]
bind=127.0.0.1
port={console_port}
authentication=False
[client-management]
bind=127.0.0.1
port={management_port}
[router]
bind=127.0.0.1
port={router_port}
[smpp-server]
bind=127.0.0.1
port={smpp_port}
[sm-listener]
log_level=WARNING
"""

SETUP = """\
smppccm -a
cid sink
host 127.0.0.1
port {smsc_port}
username guest
password guest
submit_throughput 0
logfile {folder}/sink.log
loglevel 40
ok
smppccm -1 sink
group -a
gid bench
ok
user -a
username bench
password bench
gid bench
uid bench
ok
mtrouter -a
type defaultroute
connector smppc(sink)
rate 0.00
ok
"""


def missing() -> list[str]:
    """What has to be installed first; empty where Jasmin can run."""
    wanted = {
        "jasmin (make jasmin)": (HOME / "bin" / "jasmind.py").exists(),
        "rabbitmq-server (Debian)": Path(RABBITMQ).exists(),
        "redis-server (Debian)": shutil.which("redis-server", path=PATHS) is not None,
    }
    return [name for name, there in wanted.items() if not there]


@contextlib.contextmanager
def process(command: Sequence[str], folder: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A child in a process group of its own, ended with everything it started."""
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    child: subprocess.Popen[bytes] = subprocess.Popen(
        command, cwd=folder, env={**os.environ, **environment}, start_new_session=True, **quiet
    )  # type: ignore[call-overload]
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


@contextlib.contextmanager
def running(folder: Path, smsc_port: int) -> Iterator[int]:
    """Jasmin bound to the SMSC on `smsc_port`; yields its HTTP port. Raises FileNotFoundError where it is missing."""
    if found := missing():
        raise FileNotFoundError(f"not installed: {', '.join(found)}")
    names = ("amqp", "redis", "http", "console", "management", "router", "smpp", "epmd", "dist")
    ports = dict(zip((f"{name}_port" for name in names), free_ports(len(names)), strict=True))
    broker = {
        "HOME": str(folder),
        "RABBITMQ_NODENAME": f"bench{ports['amqp_port']}@localhost",
        "RABBITMQ_NODE_PORT": str(ports["amqp_port"]),
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_DIST_PORT": str(ports["dist_port"]),
        "RABBITMQ_MNESIA_BASE": str(folder / "rabbitmq"),
        "RABBITMQ_LOG_BASE": str(folder / "rabbitmq"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "ERL_EPMD_PORT": str(ports["epmd_port"]),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
    }
    redis = shutil.which("redis-server", path=PATHS) or "redis-server"
    store = ("--port", str(ports["redis_port"]), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder))
    names_daemon = {"ERL_EPMD_PORT": broker["ERL_EPMD_PORT"]}
    with (
        _ended_with(
            ["epmd", "-kill"], **names_daemon
        ),  # it leaves the process group of the broker that starts it
        process([RABBITMQ], folder, **broker) as first,
        process([redis, *store], folder) as second,
    ):
        wait_for_port(ports["amqp_port"], START_S, first)
        wait_for_port(ports["redis_port"], START_S, second)
        with _daemon(folder, ports):
            _say(ports["console_port"], SETUP.format(smsc_port=smsc_port, folder=folder))
            yield ports["http_port"]


@contextlib.contextmanager
def _ended_with(command: Sequence[str], **environment: str) -> Iterator[None]:
    """Run a command at the end, whatever it says."""
    try:
        yield
    finally:
        subprocess.run(command, env={**os.environ, **environment}, capture_output=True, check=False)


@contextlib.contextmanager
def _daemon(folder: Path, ports: dict[str, int]) -> Iterator[None]:
    spec = next(HOME.glob("lib/python*/site-packages/txamqp/specs/standard/amqp0-9-1.stripped.xml"))
    for name in ("log", "etc/store", "etc/resource"):
        (folder / name).mkdir(parents=True)
    config = folder / "jasmin.cfg"
    config.write_text(CONFIG.format(spec=spec, **ports))
    places = {"ROOT_PATH": str(folder), "LOG_PATH": str(folder / "log"), "CONFIG_PATH": str(folder / "etc")}
    program = [str(HOME / "bin" / "python"), str(HOME / "bin" / "jasmind.py"), "-c", str(config)]
    with process(program, folder, **places) as child:
        wait_for_port(ports["console_port"], START_S, child)
        wait_for_port(ports["http_port"], START_S, child)
        yield


def _say(port: int, lines: str) -> None:
    """Type lines into Jasmin's console, each after the prompt has come back."""
    with socket.create_connection(("127.0.0.1", port), timeout=0.2) as console:
        _heard(console, b"jcli :")
        for line in lines.splitlines():
            console.sendall(line.encode() + b"\r\n")
            _heard(console, b"> ", b"jcli : ")
        time.sleep(1.0)  # the connector binds


def _heard(console: socket.socket, *prompts: bytes) -> None:
    heard, deadline = b"", time.monotonic() + SAID_S
    while time.monotonic() < deadline and not heard.endswith(prompts):
        with contextlib.suppress(TimeoutError):
            heard += console.recv(4096)
            continue
        if heard:
            return  # it has fallen silent
