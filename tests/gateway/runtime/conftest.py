"""A throw-away PostgreSQL cluster, and the database URLs the contract suite runs over."""

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


def _unprivileged() -> dict[str, int]:
    """PostgreSQL refuses to run as root: run it as somebody else then."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    entry = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return {"user": entry.pw_uid, "group": entry.pw_gid}


@pytest.fixture(scope="session")
def postgresql_cluster(tool: Callable[[str], str]) -> Iterator[str]:
    """A cluster on a Unix socket; the URL (without database name) of its superuser."""
    initdb, pg_ctl = tool("initdb"), tool("pg_ctl")
    identity = _unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    if identity:
        os.chown(folder, identity["user"], identity["group"])
    data = str(folder / "data")

    def run(*command: str) -> None:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, **identity)
        assert done.returncode == 0, done.stdout + done.stderr

    options = f"-k {folder} -c listen_addresses='' -c shared_buffers=16MB -c max_connections=60"
    try:
        run(initdb, "-D", data, "-U", "gateway", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C")
        run(pg_ctl, "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield f"postgresql://gateway@/{{name}}?host={folder}"
        finally:
            run(pg_ctl, "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgresql_url(postgresql_cluster: str) -> str:
    """A fresh, empty database in the cluster."""
    import psycopg

    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(postgresql_cluster.format(name="postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return postgresql_cluster.format(name=name)


@pytest.fixture(
    params=["sqlite", "memory", pytest.param("postgresql", marks=pytest.mark.system("initdb"))],
)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Every engine in turn."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgresql_url"))
    return "sqlite://" if request.param == "memory" else f"sqlite:///{tmp_path}/gateway.db"
