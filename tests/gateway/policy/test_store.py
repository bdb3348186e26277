"""Opt-outs and spam blocks survive a restart as they stood."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.policy.abuse import SenderUnblocked, SpamBlock, SpamReport
from gateway.policy.optout import OptOut, OptOutList, OptOutScope, RecipientOptedIn, RecipientOptedOut
from gateway.policy.store import load_opt_outs, load_spam_block, metadata, opt_out_intent, spam_intent
from gateway.runtime.database import Database, MigrationBranch, migrate

TN, HANDSET = "+12025550100", "+13105550120"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path}/world.db"
    migrate(url, [MigrationBranch.of("gateway.policy")])
    opened = await Database.open(url)
    yield opened
    await opened.close()


async def test_opt_outs_stand_as_the_last_change_left_them(database: Database) -> None:
    by_number = OptOut(HANDSET, OptOutScope.NUMBER, TN, 7, "keyword")
    by_brand = OptOut(HANDSET, OptOutScope.BRAND, "b", 8, "administrator")
    await database.write(
        opt_out_intent(RecipientOptedOut(by_number), 7),
        opt_out_intent(RecipientOptedIn(by_number), 8),
        opt_out_intent(RecipientOptedOut(by_brand), 8),
        opt_out_intent(RecipientOptedOut(by_number), 9),
        opt_out_intent(RecipientOptedIn(by_brand), 10),
    )
    opt_outs = OptOutList()
    await load_opt_outs(database, opt_outs)
    assert list(opt_outs) == [by_number]


async def test_spam_blocks_stand(database: Database) -> None:
    for number, item in enumerate(
        [
            SpamReport(1, TN, "x", 1),
            SpamReport(2, TN, "y", 2),
            SenderUnblocked(TN),
            SpamReport(3, HANDSET, "x", 4),
        ]
    ):
        await database.write(spam_intent(item, number))
    block = SpamBlock(threshold=1)
    await load_spam_block(database, block)
    assert list(block) == [HANDSET]
    assert block.blocked_since_ns(HANDSET) == 4


def test_migrations_and_tables_agree(tmp_path: Path) -> None:
    migrated, created = f"sqlite:///{tmp_path}/migrated.db", f"sqlite:///{tmp_path}/created.db"
    migrate(migrated, [MigrationBranch.of("gateway.policy")])
    engine = sa.create_engine(created)
    metadata.create_all(engine)
    engine.dispose()
    assert columns(migrated) == columns(created)


def columns(url: str) -> dict[str, list[tuple[str, str, bool]]]:
    engine = sa.create_engine(url)
    try:
        inspector = sa.inspect(engine)
        return {
            table: [
                (column["name"], str(column["type"]), column["nullable"])
                for column in inspector.get_columns(table)
            ]
            for table in ("opt_out_changes", "spam_reports")
        }
    finally:
        engine.dispose()
