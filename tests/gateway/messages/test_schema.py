"""The migrations make exactly the tables that the code speaks of, on either engine."""

from pathlib import Path

import sqlalchemy as sa

from gateway.messages.tables import metadata
from gateway.runtime.database import MigrationBranch, migrate


def described(url: str) -> dict[str, object]:
    engine = sa.create_engine(url)
    try:
        inspector = sa.inspect(engine)
        return {
            table: (
                [
                    (column["name"], str(column["type"]), column["nullable"])
                    for column in inspector.get_columns(table)
                ],
                sorted(str(index["column_names"]) for index in inspector.get_indexes(table)),
                inspector.get_pk_constraint(table)["constrained_columns"],
            )
            for table in sorted(inspector.get_table_names())
            if not table.startswith("schema_version")
        }
    finally:
        engine.dispose()


def test_migrations_and_tables_agree(tmp_path: Path) -> None:
    migrated, created = f"sqlite:///{tmp_path}/migrated.db", f"sqlite:///{tmp_path}/created.db"
    assert migrate(migrated, [MigrationBranch.of("gateway.messages")]) == ["gateway_messages:0002"]
    assert migrate(migrated, [MigrationBranch.of("gateway.messages")]) == []
    engine = sa.create_engine(created)
    metadata.create_all(engine)
    engine.dispose()
    assert described(migrated) == described(created)
