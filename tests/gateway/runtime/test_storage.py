"""Opening what a service keeps things in: claimed for the parts that run, given back at the end."""

import sys
from pathlib import Path

import pytest

from gateway.runtime.claims import Claims, holder
from gateway.runtime.commands import NOT_AS_EXPECTED, Known, exit_code, sentence
from gateway.runtime.database import Database, DatabaseBusy
from gateway.runtime.errors import DatabaseDriverMissing, DatabaseUnavailable, StorageInUse
from gateway.runtime.metrics import Metrics
from gateway.runtime.settings import StorageSettings
from gateway.runtime.storage import claimed_paths, open_storage

PACKAGES = ("gateway.directory",)


async def opened(settings: StorageSettings, *parts: str) -> Database:
    return await open_storage(settings, dict.fromkeys(parts, PACKAGES), metrics=Metrics(process=False))


async def test_a_second_service_is_refused_until_the_first_has_closed(tmp_path: Path) -> None:
    settings = StorageSettings(folder=tmp_path / "data")
    first = await opened(settings, "texting", "recording")
    with pytest.raises(StorageInUse, match="runs recording on this folder already"):
        await opened(settings, "recording")
    await first.close()
    await (await opened(settings, "recording")).close()


async def test_texting_and_recording_may_share_a_folder(tmp_path: Path) -> None:
    settings = StorageSettings(folder=tmp_path)
    texting = await opened(settings, "texting")
    recording = await opened(settings, "recording")
    await texting.close()
    await recording.close()


async def test_one_file_from_two_folders_is_one_place(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    first = await opened(StorageSettings(folder=tmp_path / "a", database=url), "texting")
    with pytest.raises(StorageInUse):
        await opened(StorageSettings(folder=tmp_path / "b", database=url), "texting")
    await first.close()
    assert holder(tmp_path / "b" / "texting.lock") is None


async def test_parts_without_tables_claim_nothing(tmp_path: Path) -> None:
    settings = StorageSettings(folder=tmp_path / "data")
    database = await open_storage(settings, {"carriers": ()}, metrics=Metrics(process=False))
    await database.close()
    assert not (tmp_path / "data").exists()


async def test_what_cannot_be_opened_is_given_back(tmp_path: Path) -> None:
    settings = StorageSettings(folder=tmp_path, database="nonsense")
    with pytest.raises(DatabaseUnavailable):
        await opened(settings, "texting")
    Claims.take(claimed_paths(settings, "texting"), "texting").release()


@pytest.mark.system("initdb")
async def test_a_server_is_claimed_by_its_session(postgresql_url: str, tmp_path: Path) -> None:
    first = await opened(StorageSettings(folder=tmp_path / "a", database=postgresql_url), "texting")
    elsewhere = StorageSettings(folder=tmp_path / "b", database=postgresql_url)
    with pytest.raises(DatabaseBusy, match="a gateway that runs texting works on it"):
        await opened(elsewhere, "texting")
    await (await opened(elsewhere, "recording")).close()
    await first.close()
    await (await opened(elsewhere, "texting")).close()


async def test_postgresql_without_its_driver_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    settings = StorageSettings(folder=tmp_path, database="postgresql://x@127.0.0.1:9/none")
    with pytest.raises(DatabaseDriverMissing) as caught:
        await opened(settings, "texting")
    told = sentence(caught.value)
    assert "`pip install 'sms-siprec-gateway[postgresql]'`" in told
    assert "\n" not in told
    assert exit_code(caught.value, Known()) == NOT_AS_EXPECTED
    with pytest.raises(DatabaseDriverMissing):
        await Database.open(settings.url, metrics=Metrics(process=False))
    Claims.take(claimed_paths(settings, "texting"), "texting").release()
