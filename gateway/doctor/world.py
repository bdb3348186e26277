"""What a configuration wants of the machine: packages, ports, a database, tokens nobody can guess."""

import contextlib
import errno
import importlib.util
import socket
import sqlite3
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from gateway.doctor.findings import Finding, fault, ok, warning
from gateway.doctor.machine import existing
from gateway.runtime.claims import holder
from gateway.runtime.config import LoadedConfig
from gateway.runtime.http.settings import HttpSettings
from gateway.runtime.settings import StorageSettings
from gateway.runtime.storage import claimed_paths
from gateway.runtime.tracing import TracingSettings, TracingUnavailable
from gateway.settings import Networks
from siprec.rtp.aio.pool import RECEIVE_BUFFER_BYTES
from siprec.settings import RecordingSettings

PROBE_S = 1.0
CONNECT_S = 5
SLOW_COMMIT_S = 0.05
COMMITS = 10
FILES_OF_THE_PROCESS = 256
FIRST_PUBLIC_PORT = 1024


class Wanted(NamedTuple):
    """A port of the configuration: the setting that names it, and where it would listen."""

    setting: str
    host: str
    port: int
    datagram: bool = False


def ports_of(config: LoadedConfig) -> list[Wanted]:
    """Every port that a service of this configuration listens on; port 0 (any) is left out."""
    http = config.section("http", HttpSettings)
    wanted = [Wanted("http.port", http.host, http.port)]
    if "carriers" in config.sections:
        networks = config.section("carriers", Networks)
        wanted += [
            Wanted(f"carriers.networks.{name}.port", networks.host, port)
            for name, port in networks.ports().items()
            if networks.networks[name].enabled
        ]
    if "recording" in config.sections:
        wanted += _sip_ports(config.section("recording", RecordingSettings))
    if "calling" in config.sections:
        calling = config.section("calling")
        if calling.enabled:
            wanted += [
                Wanted("calling.port", calling.host, calling.port, datagram) for datagram in (True, False)
            ]
    return [each for each in wanted if each.port]


def _sip_ports(recording: RecordingSettings) -> Iterator[Wanted]:
    sip = recording.sip
    if sip.udp_port is not None:
        yield Wanted("recording.sip.udp_port", sip.host, sip.udp_port, datagram=True)
    if sip.tcp_port is not None:
        yield Wanted("recording.sip.tcp_port", sip.host, sip.tcp_port)
    if sip.tls is not None:
        yield Wanted("recording.sip.tls.port", sip.host, sip.tls.port)


def ports(wanted: Sequence[Wanted], running: bool) -> Iterator[Finding]:
    """Whether each port is free; `running`: a gateway of ours already listens there, so taken is well."""
    taken = 0
    faulty: set[str] = set()
    for each in wanted:
        try:
            _try_port(each)
        except OSError as error:
            if running and error.errno == errno.EADDRINUSE:
                taken += 1
            elif each.setting not in faulty:  # once for UDP and TCP of one setting
                faulty.add(each.setting)
                yield _unusable(each, error)
    if taken:
        yield ok("ports", f"a gateway runs here already and holds {taken} of {len(wanted)}")
    elif not faulty:
        shown = ", ".join(str(port) for port in sorted({each.port for each in wanted}))
        yield ok("ports", f"free: {shown}" if shown else "any that are free")


def _try_port(wanted: Wanted) -> None:
    kind = socket.SOCK_DGRAM if wanted.datagram else socket.SOCK_STREAM
    family, _, _, _, address = socket.getaddrinfo(wanted.host, wanted.port, type=kind)[0]
    with socket.socket(family, kind) as probe:
        if not wanted.datagram:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)


def _unusable(wanted: Wanted, error: OSError) -> Finding:
    where = f"{'UDP' if wanted.datagram else 'TCP'} {wanted.host}:{wanted.port}"
    other = f"choose another with `--set {wanted.setting}=PORT`"
    if error.errno == errno.EADDRINUSE:
        return fault("ports", f"{where} is taken", f"stop what uses it, or {other}")
    if error.errno in (errno.EACCES, errno.EPERM) and wanted.port < FIRST_PUBLIC_PORT:
        return fault("ports", f"{where} is for root alone", other)
    host = wanted.setting.partition(".")[0]
    return fault(
        "ports", f"{where}: {error.strerror or error}", f"the host under `{host}` is not of this machine"
    )


def is_running(http: HttpSettings) -> bool:
    """Whether a gateway of ours answers where this configuration would listen."""
    scheme = "https" if http.tls_certificate else "http"
    if scheme == "https" or not http.port:
        return False
    host = "127.0.0.1" if http.host in ("0.0.0.0", "::") else http.host  # noqa: S104 - compared, not bound
    try:
        with urllib.request.urlopen(f"http://{host}:{http.port}/healthz", timeout=PROBE_S) as answer:
            return answer.headers.get("trackingid") is not None
    except (OSError, ValueError):
        return False


def descriptors(config: LoadedConfig) -> tuple[int, int]:
    """File descriptors: how many it takes to start, and how many with everything full."""
    least = FILES_OF_THE_PROCESS
    wanted = least + config.section("http", HttpSettings).max_connections
    if "recording" in config.sections:
        recording = config.section("recording", RecordingSettings)
        least += 2 * recording.media.port_pairs
        wanted += 2 * recording.media.port_pairs + 3 * recording.max_sessions
    return least, wanted


def receive_buffer_bytes(config: LoadedConfig) -> int:
    """The largest receive buffer that a socket of this configuration asks for; 0 for none."""
    if "recording" not in config.sections:
        return 0
    return max(config.section("recording", RecordingSettings).sip.receive_buffer_bytes, RECEIVE_BUFFER_BYTES)


def packages(config: LoadedConfig) -> Iterator[Finding]:
    """Whether the extras that this configuration needs are installed."""
    url = config.section("storage", StorageSettings).url
    if url.startswith("postgresql") and _absent("psycopg"):
        yield fault(
            "packages",
            "storage.database is PostgreSQL, whose driver is not installed",
            _install("postgresql"),
        )
    if (
        config.section("tracing", TracingSettings).enabled
        and importlib.util.find_spec("opentelemetry") is None
    ):
        told, _, advice = str(TracingUnavailable()).partition(": ")
        yield fault("packages", told, advice)
    if "recording" in config.sections:
        recording = config.section("recording", RecordingSettings)
        if "opus" in (*recording.profile.codecs, recording.profile.audio_format) and _absent("av"):
            yield fault("packages", "recording.profile names opus, which is not installed", _install("opus"))
        if recording.storage.url.startswith("s3:") and _absent("boto3"):
            yield fault("packages", "recordings go to S3, whose client is not installed", _install("s3"))


def _absent(package: str) -> bool:
    return importlib.util.find_spec(package) is None


def _install(extra: str) -> str:
    return f"`pip install 'sms-siprec-gateway[{extra}]'`"


def safety(http: HttpSettings) -> Iterator[Finding]:
    """Whether somebody else could come in."""
    if http.is_loopback:
        yield ok("safety", f"the API listens on {http.host}: this machine only")
        return
    known = [
        one.name for one in http.tokens if one.token and one.token.get_secret_value().startswith("demo-")
    ]
    if known:
        yield warning(
            "safety",
            f"the API listens on {http.host} with tokens that stand in the manual: {', '.join(known)}",
            "give `http.tokens` of your own, as `sha256` or from the environment: `token: ${NAME}`",
        )
    if http.tls_certificate is None:
        yield warning(
            "safety",
            f"the API listens on {http.host} without TLS: tokens and texts can be read on the way",
            "set `http.tls_certificate` and `http.tls_key`, or put a proxy with TLS before it",
        )
    if not known and http.tls_certificate:
        yield ok("safety", f"the API listens on {http.host} with TLS and tokens of its own")


def occupied(storage: StorageSettings, parts: Iterable[str], running: bool) -> Iterator[Finding]:
    """Whether another process works on the storage folder; `running`: it is the gateway that answers here."""
    for part in parts:
        for path in () if running else claimed_paths(storage, part):
            process = holder(path)
            if process is not None:
                told = f"{path.parent}: process {process or '?'} runs {part} on this folder"
                yield fault("database", told, "stop it, or give this gateway a `storage.folder` of its own")


def database(storage: StorageSettings, running: bool) -> Iterator[Finding]:
    """Whether the database can be written, and how long a commit takes."""
    try:
        url = make_url(storage.url)
    except ArgumentError:
        yield fault("database", "storage.database is not a URL", "such as `sqlite:///data/gateway.db`")
        return
    if url.get_backend_name() == "postgresql":
        yield _postgresql(storage.url)
    elif url.get_backend_name() == "sqlite":
        yield _sqlite(Path(url.database or ":memory:"), running)
    else:
        yield fault("database", f"{url.drivername} is not supported", "use sqlite:// or postgresql://")


def _sqlite(path: Path, running: bool) -> Finding:
    folder = existing(path.parent)
    try:
        with tempfile.TemporaryDirectory(prefix=".gateway-doctor-", dir=folder) as trial:
            took_s = _commit_seconds(Path(trial) / "trial.db")
        if path.exists() and not running:
            _lock(path)
    except (OSError, sqlite3.Error) as error:
        told = getattr(error, "strerror", None) or str(error)
        if "locked" in told:
            return fault(
                "database",
                f"{path} is held by another process",
                "stop it, or give this gateway a `storage.folder` of its own",
            )
        return fault(
            "database", f"{folder} cannot be written: {told}", "set `storage.folder` to a folder of yours"
        )
    told = f"SQLite at {path}, a commit takes {took_s * 1000:.1f} ms"
    if took_s > SLOW_COMMIT_S:
        return warning("database", told, "put `storage.folder` on a local disk; each text waits for a commit")
    return ok("database", told)


def _commit_seconds(path: Path) -> float:
    """How long a durable commit takes there, the middle one of a few. Raises `sqlite3.Error`."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        if mode != "wal":
            raise sqlite3.OperationalError(f"no write-ahead log there, only journal mode {mode}")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE trial (value INTEGER)")
        took = []
        for value in range(COMMITS):
            began = time.perf_counter()
            connection.execute("INSERT INTO trial VALUES (?)", (value,))
            took.append(time.perf_counter() - began)
    return sorted(took)[COMMITS // 2]


def _lock(path: Path) -> None:
    """Take and give back the write lock of a database that is there. Raises `sqlite3.Error`."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=PROBE_S)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")


def _postgresql(url: str) -> Finding:
    try:
        import psycopg  # noqa: PLC0415 - an extra
    except ImportError:
        return fault(
            "database",
            "the driver of PostgreSQL is missing",
            _install("postgresql"),
        )
    shown = make_url(url).render_as_string(hide_password=True)
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        with psycopg.connect(plain, connect_timeout=CONNECT_S) as connection:
            connection.execute("CREATE TEMPORARY TABLE gateway_doctor (value INTEGER)")
            began = time.perf_counter()
            connection.execute("INSERT INTO gateway_doctor VALUES (1)")
            connection.commit()
            took_s = time.perf_counter() - began
            version = connection.info.server_version // 10_000
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        return fault("database", f"{shown}: {reason}", "check `storage.database`, the server and its rights")
    told = f"PostgreSQL {version} at {shown}, a commit takes {took_s * 1000:.1f} ms"
    if took_s > SLOW_COMMIT_S:
        return warning("database", told, "bring the server nearer; each text waits for a commit")
    return ok("database", told)
