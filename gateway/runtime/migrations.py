"""Schema migrations: one Alembic branch per package, each with its own version table.

Branches are migrated one after the other, so that a service that runs alone makes only its own tables. The
stored revision is compared with the newest script by plain SQL first; Alembic is loaded only if they differ.

A package's scripts live in `<package>/migrations/versions/*.py` with `revision` and `down_revision`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from gateway.runtime.errors import DatabaseDriverMissing, DatabaseUnavailable, MigrationError
from gateway.runtime.private import make_private_file, make_private_folder

_REVISION = re.compile(r"^revision\b[^=\n]*=\s*[\"']([^\"']+)[\"']", re.MULTILINE)
_DOWN_REVISION = re.compile(r"^down_revision\b[^=\n]*=\s*[\"']([^\"']+)[\"']", re.MULTILINE)
_BRANCH_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
_LOCK_KEY = 0x534D5347  # PostgreSQL's advisory lock: two services that start together migrate in turn

_ALEMBIC = threading.Lock()  # its operations are proxies to one context of the whole process


@dataclass(frozen=True, slots=True)
class MigrationBranch:
    """The migrations of one package: `name` (lower-case word) and the folder of its revision scripts."""

    name: str
    versions: Path

    @classmethod
    def of(cls, package: str) -> MigrationBranch:
        """Return the branch of a package: `gateway.messages` → `gateway/messages/migrations/versions`."""
        folder = resources.files(package).joinpath("migrations", "versions")
        return cls(package.replace(".", "_"), Path(str(folder)))

    @property
    def version_table(self) -> str:
        """The table that holds this branch's revision."""
        return f"schema_version_{self.name}"

    def head(self) -> str | None:
        """Return the newest revision, None without scripts. Raises `MigrationError` if there are several."""
        revisions: set[str] = set()
        followed: set[str] = set()
        for script in sorted(self.versions.glob("*.py")):
            source = script.read_text(encoding="utf-8")
            revisions.update(_REVISION.findall(source))
            followed.update(_DOWN_REVISION.findall(source))
        heads = sorted(revisions - followed)
        if len(heads) > 1:
            raise MigrationError(f"branch {self.name} has several heads: {', '.join(heads)}")
        return heads[0] if heads else None


def migrate(url: str, branches: Sequence[MigrationBranch]) -> list[str]:
    """Bring each branch to its newest revision, in the order given. Blocks; run it before `Database.open`.

    Returns `branch:revision` for every branch that moved. Raises `MigrationError` (nothing of that branch's
    step is kept), `DatabaseUnavailable` and `DatabaseDriverMissing`.
    """
    engine = _engine(url)
    moved = []
    try:
        for branch in branches:
            if not _BRANCH_NAME.fullmatch(branch.name):
                raise MigrationError(f"{branch.name!r} is no branch name")
            head = branch.head()
            if head is not None and _stored(engine, branch) != head:
                with _ALEMBIC:
                    _upgrade(engine, branch)
                moved.append(f"{branch.name}:{head}")
    except SQLAlchemyError as error:
        raise DatabaseUnavailable(str(error.__cause__ or error)) from error
    finally:
        engine.dispose()
    return moved


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise DatabaseUnavailable("storage.database is not a URL such as sqlite:///gateway.db") from None
    if parsed.get_backend_name() == "postgresql":
        try:
            return sqlalchemy.create_engine(parsed.set(drivername="postgresql+psycopg"))
        except ImportError:
            raise DatabaseDriverMissing from None
    if parsed.database:
        try:
            path = Path(parsed.database).absolute()
            make_private_folder(path.parent)
            make_private_file(path)
        except OSError as error:
            raise DatabaseUnavailable(str(error)) from error
    engine = sqlalchemy.create_engine(parsed, connect_args={"timeout": 10.0})
    event.listen(engine, "connect", _leave_transactions_to_us)
    event.listen(engine, "begin", _begin_immediately)
    return engine


def _leave_transactions_to_us(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # sqlite3 would commit before each DDL statement


def _begin_immediately(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _stored(engine: Engine, branch: MigrationBranch) -> str | None:
    with engine.connect() as connection:
        if not sqlalchemy.inspect(connection).has_table(branch.version_table):
            return None
        row = connection.execute(text(f"SELECT version_num FROM {branch.version_table}")).first()  # noqa: S608
        return None if row is None else str(row[0])


@contextmanager
def _exclusive(engine: Engine) -> Iterator[Connection]:
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        yield connection


def _upgrade(engine: Engine, branch: MigrationBranch) -> None:
    from alembic.operations import Operations  # noqa: PLC0415 - 0.3 s that most starts do not need
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    scripts = ScriptDirectory(str(branch.versions.parent), version_locations=[str(branch.versions)])

    def steps(revision: Any, _context: Any) -> Any:
        return scripts._upgrade_revs("head", revision)

    try:
        with _exclusive(engine) as connection:
            context = MigrationContext.configure(
                connection,
                opts={"version_table": branch.version_table, "fn": steps, "transactional_ddl": True},
            )
            with Operations.context(context):
                context.run_migrations()
    except CommandError as error:
        raise MigrationError(f"{branch.name}: {error}") from error
    except SQLAlchemyError as error:
        raise MigrationError(f"{branch.name}: {error.__cause__ or error}") from error
