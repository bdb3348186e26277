"""The recording half's life: crashes mended at start, taken ports named, running calls sealed."""

import asyncio
from pathlib import Path

import pytest

from gateway.runtime.errors import LifecycleError
from siprec.metadata import Dialect
from siprec.phones.document import Party, RecordedCall
from siprec.phones.forking import SourcePlan
from siprec.phones.src_aio import Fork, SimulatedSrc, SrcSettings
from siprec.providers.model import Filing, Owner, TenantKey
from siprec.providers.store import insert_filing
from siprec.service import QUARANTINE
from siprec.srs.errors import AddressUnusable
from siprec.srs.store import InsertRecording, RecordingFilter, SealRecording, Tenant
from siprec.standalone import Standalone, build, load_config

ALICE = Tenant("acme-sp", "acme-dental", "alice@acme-dental.example")


async def open_service(folder: Path, *overrides: str) -> Standalone:
    settings = [
        f"storage.folder={folder}",
        "http.port=0",
        "calling.port=0",
        "recording.sip.udp_port=0",
        "recording.sip.tcp_port=null",
        "recording.sip.tls=null",
        "recording.media.port_pairs=8",
        "recording.max_sessions=4",
        *overrides,
    ]
    service = await build(load_config("gateway.yaml", settings))
    await service.lifecycle.start()
    return service


async def fork_call(src: SimulatedSrc, service: Standalone) -> Fork:
    uri = f"sip:srs@127.0.0.1:{service.recording.server.listening[0].port}"
    call = RecordedCall(Party("sip:alice@acme.example"), Party("sip:bob@pstn.example"), tenant=tuple(ALICE))
    fork = src.fork(SourcePlan((uri,), Dialect.BROADWORKS), call)
    await fork.started()
    return fork


async def test_draining_seals_what_runs(tmp_path: Path) -> None:
    service = await open_service(tmp_path)
    async with await SimulatedSrc.open(SrcSettings(pairs=4)) as src:
        fork = await fork_call(src, service)
        async with asyncio.timeout(10):
            while any(stream.packets < 10 for stream in fork.streams):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await service.recording.drain(0.1)
        async with asyncio.timeout(5):
            await fork.ended()
        (row,) = await service.recording.store.find(RecordingFilter())
        filing = await service.recording.desk.filing(row.id)
        assert (row.state, filing.finished_ns is not None, filing.owner.person_id) == (
            "sealed",
            True,
            "alice",
        )
        assert filing.expires_ns is not None
    await service.close()


async def test_a_recording_without_filing_is_filed_at_the_next_start(tmp_path: Path) -> None:
    service = await open_service(tmp_path)
    row = InsertRecording(77, "dubber", *ALICE, "call-1", "broadworks", 1_000)
    await service.world.database.write(row)
    await service.close()
    service = await open_service(tmp_path)
    filing = await service.recording.desk.filing(77)
    assert (filing.owner.person_id, filing.finished_ns is not None) == ("alice", True)
    await service.close()


async def test_a_sealed_recording_whose_filing_was_not_finished_is_finished(tmp_path: Path) -> None:
    service = await open_service(tmp_path)
    database = service.world.database
    await database.write(InsertRecording(78, "dubber", *ALICE, "call-2", "broadworks", 1_000))
    owner = Owner("acme-dental", "alice", "dubber", "dubber_go")
    await database.write(insert_filing(Filing(78, TenantKey(*ALICE), owner, 1_000)))
    await service.close()
    service = await open_service(tmp_path)
    filing = await service.recording.desk.filing(78)
    assert filing.finished_ns is not None
    await database_has_no_open_filing(service)
    await service.close()


async def database_has_no_open_filing(service: Standalone) -> None:
    assert await service.recording.desk.store.unfinished() == []


async def test_a_filing_without_recording_is_dropped(tmp_path: Path) -> None:
    service = await open_service(tmp_path)
    owner = Owner("acme-dental", "alice", "dubber", "dubber_go")
    filing = Filing(79, TenantKey(*ALICE), owner, 1_000, 2_000, 3_000)
    await service.world.database.write(insert_filing(filing))
    await service.close()
    service = await open_service(tmp_path, "clock.mode=frozen", "clock.start=1970-01-02T00:00:00Z")
    assert await service.recording.desk.store.filing(79) is None
    await service.close()


async def test_a_taken_port_names_the_settings(tmp_path: Path) -> None:
    first = await open_service(tmp_path / "a")
    port = first.recording.server.listening[0].port
    with pytest.raises(LifecycleError) as caught:
        await open_service(tmp_path / "b", f"recording.sip.udp_port={port}")
    assert isinstance(caught.value.cause, AddressUnusable)
    assert str(caught.value) == (
        f"recording would not start: cannot listen for SIP on 127.0.0.1:{port} (the port is taken): "
        "stop what uses it or choose another with `--set recording.sip.udp_port=PORT`"
    )
    await first.close()


async def test_tenants_are_filed_by_provider(tmp_path: Path) -> None:
    service = await open_service(tmp_path)
    assert service.recording.provider_of(ALICE) == "dubber"
    assert service.recording.provider_of(ALICE._replace(external_identifier="dave@acme-dental.example")) == (
        "imagicle"
    )
    assert service.recording.provider_of(Tenant()) == QUARANTINE
    await service.close()


async def test_files_go_below_the_services_folder_unless_placed(tmp_path: Path) -> None:
    service = await open_service(tmp_path, f"recording.storage.url={tmp_path}/elsewhere")
    assert service.recording.settings.storage.spool == str(tmp_path / "spool")
    assert service.recording.settings.storage.url == f"{tmp_path}/elsewhere"
    await service.close()


async def test_what_is_kept_is_weighed_at_the_start_and_after_deletions(tmp_path: Path) -> None:
    service = await open_service(tmp_path)
    database = service.world.database
    await database.write(InsertRecording(80, "dubber", *ALICE, "call-3", "broadworks", 1_000))
    sealed = SealRecording(80, "sealed", "dubber", *ALICE, 1_000, 2_000, 1, 4_711, "bye received", "{}")
    await database.write(sealed)
    await service.close()
    service = await open_service(tmp_path)

    def stored(provider: str) -> float | None:
        labels = {"provider": provider}
        return service.world.metrics.registry.get_sample_value("siprec_recordings_stored_bytes", labels)

    assert (stored("dubber"), stored("imagicle")) == (4_711, 0)
    desk, archive = service.recording.desk, service.recording.archive
    await desk.delete(await desk.filing(80), archive.erase, "retention")
    await service.recording.settle()
    assert stored("dubber") == 0
    await service.close()
