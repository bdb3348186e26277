"""Migrations: each package by itself, whole steps only, nothing loaded when nothing is to do."""

import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy

from gateway.runtime.database import Database
from gateway.runtime.errors import DatabaseUnavailable, MigrationError
from gateway.runtime.migrations import MigrationBranch, migrate

SCRIPT = '''"""{revision}"""
import sqlalchemy as sa
from alembic import op

revision: str = "{revision}"
down_revision = {down}


def upgrade() -> None:
    {upgrade}
'''


def branch(folder: Path, name: str, *upgrades: str, several_heads: bool = False) -> MigrationBranch:
    versions = folder / name / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    for number, upgrade in enumerate(upgrades, 1):
        first = number == 1 or several_heads
        down = "None" if first else f'"{name}_{number - 1}"'
        text = SCRIPT.format(revision=f"{name}_{number}", down=down, upgrade=upgrade)
        (versions / f"{number}.py").write_text(text)
    return MigrationBranch(name, versions)


def create(table: str) -> str:
    return f'op.create_table("{table}", sa.Column("id", sa.BigInteger, primary_key=True))'


@pytest.fixture
def url(database_url: str, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/deep/er/x.db" if database_url == "sqlite://" else database_url


def tables(url: str) -> set[str]:
    engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    found = set(sqlalchemy.inspect(engine).get_table_names())
    engine.dispose()
    return found


def test_each_branch_is_brought_to_its_head(url: str, tmp_path: Path) -> None:
    texts = branch(tmp_path, "texts", create("messages"), create("segments"))
    calls = branch(tmp_path, "calls", create("recordings"))
    assert migrate(url, [texts, calls]) == ["texts:texts_2", "calls:calls_1"]
    assert tables(url) == {
        "messages",
        "segments",
        "recordings",
        "schema_version_texts",
        "schema_version_calls",
    }
    assert migrate(url, [texts, calls]) == []


def test_a_service_alone_makes_only_its_own(url: str, tmp_path: Path) -> None:
    calls = branch(tmp_path, "calls", create("recordings"))
    migrate(url, [calls])
    assert tables(url) == {"recordings", "schema_version_calls"}
    texts = branch(tmp_path, "texts", create("messages"))
    assert migrate(url, [texts]) == ["texts:texts_1"]
    assert migrate(url, [calls]) == []


def test_later_revisions_follow(url: str, tmp_path: Path) -> None:
    migrate(url, [branch(tmp_path, "texts", create("messages"))])
    both = branch(
        tmp_path, "texts", create("messages"), 'op.add_column("messages", sa.Column("state", sa.Text))'
    )
    assert migrate(url, [both]) == ["texts:texts_2"]


def test_a_failing_step_leaves_nothing(url: str, tmp_path: Path) -> None:
    broken = branch(tmp_path, "texts", f"{create('messages')}; op.execute('SELECT * FROM nowhere')")
    with pytest.raises(MigrationError, match=r"texts: .*nowhere"):
        migrate(url, [broken])
    assert "messages" not in tables(url)
    whole = branch(tmp_path, "texts", create("messages"))
    assert migrate(url, [whole]) == ["texts:texts_1"]


def test_several_heads_are_a_fault(tmp_path: Path) -> None:
    forked = branch(tmp_path, "texts", create("a"), create("b"), several_heads=True)
    with pytest.raises(MigrationError, match="several heads: texts_1, texts_2"):
        migrate(f"sqlite:///{tmp_path}/x.db", [forked])


def test_a_database_newer_than_the_program_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    migrate(url, [branch(tmp_path, "texts", create("a"), create("b"))])
    (tmp_path / "texts" / "versions" / "2.py").unlink()
    with pytest.raises(MigrationError, match="texts_2"):
        migrate(url, [branch(tmp_path, "texts", create("a"))])


def test_a_package_without_scripts_needs_nothing(tmp_path: Path) -> None:
    assert migrate(f"sqlite:///{tmp_path}/x.db", [branch(tmp_path, "none")]) == []


def test_a_name_that_is_no_word_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="no branch name"):
        migrate(f"sqlite:///{tmp_path}/x.db", [MigrationBranch("x; DROP", tmp_path)])


def test_an_unreachable_database_is_named(tmp_path: Path) -> None:
    texts = branch(tmp_path, "texts", create("a"))
    for url in ("nonsense", "sqlite:////proc/no/x.db", "postgresql://x@127.0.0.1:1/none"):
        with pytest.raises(DatabaseUnavailable):
            migrate(url, [texts])


def test_a_branch_is_found_by_its_package() -> None:
    found = MigrationBranch.of("gateway.messages")
    assert found.name == "gateway_messages"
    assert found.version_table == "schema_version_gateway_messages"
    assert found.versions.parts[-4:] == ("gateway", "messages", "migrations", "versions")


def test_two_services_that_start_together_migrate_in_turn(url: str, tmp_path: Path) -> None:
    branch(tmp_path, "texts", create("a"), create("b"))
    texts = MigrationBranch("texts", tmp_path / "texts" / "versions")
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        runs = [pool.apply_async(migrate, (url, [texts])) for _ in range(2)]
        for run in runs:
            run.get(60)
    assert {"a", "b"} <= tables(url)


def test_nothing_to_do_loads_no_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    migrate(url, [branch(tmp_path, "texts", create("a"))])
    program = (
        "import sys, pathlib\n"
        "from gateway.runtime.migrations import MigrationBranch, migrate\n"
        f"versions = pathlib.Path({str(tmp_path / 'texts' / 'versions')!r})\n"
        f"assert migrate({url!r}, [MigrationBranch('texts', versions)]) == []\n"
        "assert 'alembic' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


async def test_opening_may_migrate_first(database_url: str, tmp_path: Path) -> None:
    texts = branch(tmp_path, "texts", create("messages"))
    async with await Database.open(database_url, branches=[texts]) as database:
        assert await database.fetch(sqlalchemy.text("SELECT id FROM messages")) == []
    broken = branch(tmp_path, "broken", "op.execute('nonsense')")
    with pytest.raises(MigrationError):
        await Database.open(database_url, branches=[broken])
