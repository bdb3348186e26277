"""Rows of recordings: begun, sealed, found, filed anew, deleted; the schema the migration makes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import inspect

from gateway.runtime.database import Database, MigrationBranch
from siprec.srs.errors import RecordingNotFoundError
from siprec.srs.store import (
    TEXT_LETTERS,
    InsertRecording,
    RecordingFilter,
    RecordingStore,
    SealRecording,
    Tenant,
    recordings,
    shortened,
)

ACME = Tenant("acme", "sales", "alice")


@pytest.fixture
async def store(tmp_path: Path):  # type: ignore[no-untyped-def]
    branches = [MigrationBranch.of("siprec.srs")]
    async with await Database.open(f"sqlite:///{tmp_path / 'a.db'}", branches=branches) as database:
        made = RecordingStore(database)
        made.database = database  # type: ignore[attr-defined]
        yield made


def begun(number: int, provider: str = "dubber", tenant: Tenant = ACME) -> InsertRecording:
    return InsertRecording(number, provider, *tenant, f"call-{number}", "broadworks", number * 1000)


def sealed(
    number: int, state: str = "sealed", provider: str = "dubber", tenant: Tenant = ACME
) -> SealRecording:
    return SealRecording(
        number,
        state,
        provider,
        *tenant,
        number * 1000,
        number * 1000 + 5,
        5000,
        80_044,
        "bye received",
        '{"version": 1}',
    )


async def test_begun_and_sealed_in_one_batch(store: RecordingStore) -> None:
    store.begin(begun(1))
    await store.seal(sealed(1))
    row = await store.get(1)
    assert (row.state, row.duration_ms, row.tenant, row.document) == ("sealed", 5000, ACME, {"version": 1})


async def test_a_running_recording_has_no_document(store: RecordingStore) -> None:
    store.begin(begun(1))
    await store.database.flush()  # type: ignore[attr-defined]
    row = await store.get(1)
    assert (row.state, row.ended_ns, row.document) == ("recording", None, None)


async def test_unknown_recordings(store: RecordingStore) -> None:
    with pytest.raises(RecordingNotFoundError, match="no recording 9"):
        await store.get(9)


async def test_filters_and_paging(store: RecordingStore) -> None:
    other = Tenant("other", "", "")
    for number in range(1, 11):
        tenant = ACME if number % 2 else other
        store.begin(begun(number, "dubber" if number <= 5 else "imagicle", tenant))
    await store.seal(sealed(3))

    async def ids(limit: int = 100, **wanted: object) -> list[int]:
        return [row.id for row in await store.find(RecordingFilter(**wanted), limit)]  # type: ignore[arg-type]

    assert await ids() == list(range(10, 0, -1))
    assert await ids(provider="imagicle") == [10, 9, 8, 7, 6]
    assert await ids(tenant=other) == [10, 8, 6, 4, 2]
    assert await ids(state="sealed") == [3]
    assert await ids(since_ns=4000, until_ns=6000) == [5, 4]
    assert await ids(limit=3, before_id=8) == [7, 6, 5]
    assert await ids(provider="dubber", tenant=other) == [4, 2]


async def test_filing_and_deleting(store: RecordingStore) -> None:
    store.begin(begun(1, "quarantine", Tenant()))
    await store.file(1, "dubber", ACME)
    assert (await store.get(1)).tenant == ACME
    await store.delete(1)
    with pytest.raises(RecordingNotFoundError):
        await store.get(1)


async def test_the_migration_makes_the_table_the_code_knows(store: RecordingStore) -> None:
    def describe(connection):  # type: ignore[no-untyped-def]
        inspector = inspect(connection)
        return (
            {c["name"]: c["nullable"] for c in inspector.get_columns("recordings")},
            {i["name"] for i in inspector.get_indexes("recordings")},
        )

    columns, indexes = await store.database.read(describe)  # type: ignore[attr-defined]
    assert columns == {column.name: column.nullable for column in recordings.columns}
    assert indexes == {index.name for index in recordings.indexes}


@given(
    st.text(
        alphabet=st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("\udc80\udcff\0")),
        max_size=400,
    )
)
def test_any_text_of_a_peer_fits_a_column(text: str) -> None:
    """Bytes that are no UTF-8 arrive as lone surrogates, which no database takes; PostgreSQL takes no NUL."""
    kept = shortened(text)
    assert len(kept) <= TEXT_LETTERS
    assert "\0" not in kept
    if "\0" not in text and text.isprintable() and len(text) <= TEXT_LETTERS:
        assert kept == text
    kept.encode()
