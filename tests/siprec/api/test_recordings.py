"""Recordings over the API, each made by a real call to the recorder."""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from siprec.metadata import Dialect
from siprec.phones.audio import tone_of
from siprec.providers.events import RecordingDeleted, RecordingFinished, RecordingPaused

DAY_S = 86_400

ReadAudio = Callable[[bytes], tuple[Any, int]]
CAROL, DAVE, BOB = (f"{name}@acme-dental.example" for name in ("carol", "dave", "bob"))


def loudest_hz(samples: np.ndarray, rate_hz: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate_hz / len(samples))


async def test_a_call_is_listed_shown_and_heard_by_its_user_c4(world: Any, read_audio: ReadAudio) -> None:
    recording_id = await world.record()
    (listed,) = (await world.get("/v1/recordings", "demo-alice")).items
    assert listed["id"] == recording_id
    assert (listed["provider"], listed["product"], listed["personId"]) == ("dubber", "dubber_go", "alice")
    assert (listed["state"], listed["quarantined"]) == ("sealed", False)
    assert listed["expiresAt"] == "2026-01-31T00:00:00.000Z"
    assert listed["allowed"] == ["delete", "list", "play", "show"]
    shown = (await world.get(f"/v1/recordings/{recording_id}", "demo-alice")).json
    kinds = [(file["kind"], file["label"]) for file in shown["details"]["audio"]]
    assert sorted(kinds, key=str) == [("party", "1"), ("party", "2"), ("stereo", None)]
    for party in ("1", "2"):
        answer = await world.get(f"/v1/recordings/{recording_id}/audio?party={party}", "demo-alice")
        assert (answer.status, answer.headers["Content-Type"]) == (200, "audio/wav")
        samples, rate_hz = read_audio(answer.body)
        assert abs(loudest_hz(samples[:, 0], rate_hz) - tone_of(7, int(party) - 1)) < 10
        assert answer.headers["ETag"].strip('"') == hashlib.sha256(answer.body).hexdigest()
    stereo, rate_hz = read_audio((await world.get(f"/v1/recordings/{recording_id}/audio", "demo-alice")).body)
    for channel in (0, 1):
        assert abs(loudest_hz(stereo[:, channel], rate_hz) - tone_of(7, channel)) < 10


async def test_a_private_recording_is_known_to_administrators_and_refused_c4(world: Any) -> None:
    recording_id = await world.record()
    for token in ("demo-admin", "demo-partner", "demo-dubber-admin"):
        (listed,) = (await world.get("/v1/recordings", token)).items
        assert listed["allowed"] == ["list"]
        shown = await world.get(f"/v1/recordings/{recording_id}", token)
        assert (shown.status, shown.json["details"]) == (200, None)
        for path in ("/audio", "/peaks", "/metadata"):
            refused = await world.get(f"/v1/recordings/{recording_id}{path}", token)
            assert (refused.status, refused.code) == (403, "recording_private")
        assert (await world.delete(f"/v1/recordings/{recording_id}", token)).code == "recording_private"
    for token in ("demo-bob", "demo-imagicle", "bolt-admin"):
        assert (await world.get("/v1/recordings", token)).items == []
        assert (await world.get(f"/v1/recordings/{recording_id}/audio", token)).status == 404


async def test_a_paid_recording_is_seen_by_administrators_and_managed_by_dubbers_c5(
    world: Any,
) -> None:
    recording_id = await world.record(CAROL)
    path = f"/v1/recordings/{recording_id}"
    assert (await world.get(f"{path}/audio")).status == 200
    assert (await world.delete(path)).code == "recording_not_yours"
    assert (await world.get(f"{path}/audio", "demo-partner")).code == "recording_not_yours"
    assert (await world.get(path)).json["expiresAt"] is None
    assert (await world.delete(path, "demo-dubber-admin")).status == 204
    assert (await world.get(path)).status == 404


async def test_another_providers_recordings_are_its_own_c6(world: Any) -> None:
    recording_id = await world.record(DAVE)
    (listed,) = (await world.get("/v1/recordings", "demo-imagicle")).items
    assert (listed["id"], listed["provider"]) == (recording_id, "imagicle")
    path = f"/v1/recordings/{recording_id}"
    assert (await world.get(f"{path}/audio", "demo-imagicle")).status == 200
    assert (await world.get(path, "demo-dubber-admin")).status == 404
    assert (await world.get("/v1/recordings", "demo-callcabinet")).items == []


async def test_listings_filter_and_page(world: Any) -> None:
    first = await world.record()
    world.clock.advance(DAY_S)
    second = await world.record(CAROL)
    world.clock.advance(DAY_S)
    third = await world.record(DAVE)

    async def ids(query: str) -> list[str]:
        return [item["id"] for item in (await world.get(f"/v1/recordings?{query}")).items]

    assert await ids("") == [third, second, first]
    assert await ids("provider=dubber") == [second, first]
    assert await ids("product=dubber_go") == [first]
    assert await ids("personId=carol") == [second]
    assert await ids("externalGroup=acme-dental&externalIdentifier=dave@acme-dental.example") == [third]
    assert await ids("from=2026-01-02T00:00:00Z&to=2026-01-03T00:00:00Z") == [second]
    assert await ids("state=sealed&max=1") == [third]
    assert await ids("state=recording") == []
    assert await ids("quarantined=true") == []
    page = await world.get("/v1/recordings?max=2")
    assert [item["id"] for item in page.items] == [third, second]
    target = page.headers["Link"].partition(">")[0].lstrip("<")
    rest = await world.get(target[target.index("/v1/") :])
    assert [item["id"] for item in rest.items] == [first]
    assert "Link" not in rest.headers
    assert (await world.get("/v1/recordings?from=yesterday")).status == 400


async def test_audio_is_sought_by_byte_ranges(world: Any) -> None:
    path = f"/v1/recordings/{await world.record()}/audio"
    whole = await world.get(path, "demo-alice")
    assert whole.headers["Accept-Ranges"] == "bytes"
    size = len(whole.body)

    async def part(header: str, **more: str) -> tuple[int, bytes, str | None]:
        answer = await world.get(path, "demo-alice", headers={"Range": header, **more})
        return answer.status, answer.body, answer.headers.get("Content-Range")

    assert await part("bytes=0-43") == (206, whole.body[:44], f"bytes 0-43/{size}")
    assert await part("bytes=100-") == (206, whole.body[100:], f"bytes 100-{size - 1}/{size}")
    assert await part("bytes=-7") == (206, whole.body[-7:], f"bytes {size - 7}-{size - 1}/{size}")
    status, _, unmet = await part(f"bytes={size}-")
    assert (status, unmet) == (416, f"bytes */{size}")
    assert (await part("bytes=0-1", **{"If-Range": '"another"'}))[0] == 200
    assert (await part("bytes=0-1", **{"If-Range": whole.headers["ETag"]}))[0] == 206
    head = await world.call("HEAD", path, "demo-alice")
    assert (head.status, head.headers["Content-Length"], head.body) == (200, str(size), b"")
    unchanged = await world.get(path, "demo-alice", headers={"If-None-Match": whole.headers["ETag"]})
    assert (unchanged.status, unchanged.body) == (304, b"")
    assert (await world.get(f"{path}?party=9", "demo-alice")).code == "audio_not_found"


async def test_the_waveform_shows_both_channels(world: Any) -> None:
    path = f"/v1/recordings/{await world.record()}/peaks"
    made = (await world.get(f"{path}?points=20", "demo-alice")).json
    assert (made["points"], len(made["channels"])) == (20, 2)
    assert all(0.2 < max(channel) <= 1 for channel in made["channels"])
    party = (await world.get(f"{path}?points=20&party=1", "demo-alice")).json
    assert len(party["channels"]) == 1
    assert (await world.get(f"{path}?points=0", "demo-alice")).status == 400


async def test_metadata_is_kept_as_it_came(world: Any) -> None:
    path = f"/v1/recordings/{await world.record()}/metadata"
    told = (await world.get(path, "demo-alice")).json
    assert told["recording"]["tenant"]["externalIdentifier"] == "alice@acme-dental.example"
    assert len(told["history"]) >= 1
    raw = await world.get(f"{path}?revision=0", "demo-alice")
    assert raw.headers["Content-Type"].startswith("application/rs-metadata+xml")
    assert raw.body.decode() == told["history"][0]["document"]
    assert b"broadWorksRecordingMetadata" in raw.body
    assert (await world.get(f"{path}?revision=99", "demo-alice")).status == 404


async def test_a_recording_in_progress_is_listed_but_not_yet_heard(world: Any) -> None:
    fork = await world.begin()
    await world.service.world.database.flush()
    async with world.service.world.bus.subscribe(RecordingPaused) as paused:
        (listed,) = (await world.get("/v1/recordings?state=recording", "demo-alice")).items
        assert (listed["state"], listed["paused"], listed["expiresAt"]) == ("recording", False, None)
        assert (await world.get("/v1/recordings?state=sealed", "demo-alice")).items == []
        path = f"/v1/recordings/{listed['id']}"
        assert (await world.get(f"{path}/audio", "demo-alice")).code == "recording_in_progress"
        assert (await world.delete(path, "demo-alice")).code == "recording_in_progress"
        fork.pause()
        await anext(paused)
    (listed,) = (await world.get("/v1/recordings", "demo-alice")).items
    assert listed["paused"]
    await fork.stop()


async def test_a_user_deletes_the_users_own_recording_c4(world: Any) -> None:
    recording_id = await world.record()
    async with world.service.world.bus.subscribe(RecordingDeleted) as deleted:
        assert (await world.delete(f"/v1/recordings/{recording_id}", "demo-alice")).status == 204
        event = await anext(deleted)
    assert event.as_payload()["recordingId"] == recording_id
    assert (await world.get("/v1/recordings", "demo-alice")).items == []
    root = world.service.world.folder / "recordings"
    assert [path for path in root.rglob("*") if path.is_file()] == []


async def test_thirty_days_later_a_go_recording_is_gone_with_its_files_c4(world: Any) -> None:
    go, paid = await world.record(), await world.record(CAROL)
    async with world.service.world.bus.subscribe(RecordingDeleted) as deleted:
        world.clock.advance(30 * DAY_S)
        event = await anext(deleted)
    assert (event.as_payload()["recordingId"], event.reason) == (go, "retention")
    assert [item["id"] for item in (await world.get("/v1/recordings")).items] == [paid]
    names = {path.name for path in (world.service.world.folder / "recordings").rglob("*.json")}
    assert names == {"recording.json", "metadata.json"}
    metrics = (await world.get("/metrics")).body.decode()
    assert 'siprec_recordings_deleted_total{reason="retention"} 1.0' in metrics


async def test_retention_is_taken_up_after_a_restart_c4(open_world: Any) -> None:
    async with open_world() as world:
        await world.record()
        kept = await world.record(CAROL)
    async with open_world("clock.start=2026-03-01T00:00:00Z") as world:
        async with world.service.world.bus.subscribe(RecordingDeleted) as deleted:
            world.clock.advance(2)
            if len((await world.get("/v1/recordings")).items) == 2:
                await anext(deleted)
        assert [item["id"] for item in (await world.get("/v1/recordings")).items] == [kept]


async def test_an_unknown_tenant_is_quarantined_visible_and_assignable_c15(world: Any) -> None:
    stranger = await world.record("nobody@acme-dental.example")
    foreign = await world.record("who", ("elsewhere", "unknown"))
    (listed,) = (await world.get("/v1/recordings?quarantined=true")).items
    assert (listed["id"], listed["quarantineReason"]) == (stranger, "user_unknown")
    everything = (await world.get("/v1/recordings?quarantined=true", "demo-partner")).items
    assert {item["id"]: item["quarantineReason"] for item in everything} == {
        stranger: "user_unknown",
        foreign: "tenant_unknown",
    }
    path = f"/v1/recordings/{stranger}"
    assert (await world.get(f"{path}/audio")).status == 200
    assert (await world.post(f"{path}/assign", {"personId": "alice"}, "demo-alice")).status == 404
    assert (await world.post(f"{path}/assign", {"personId": "nobody"})).status == 404
    assigned = await world.post(f"{path}/assign", {"personId": "alice"})
    assert (assigned.status, assigned.json["personId"]) == (200, "alice")
    assert assigned.json["allowed"] == ["list"]
    (own,) = (await world.get("/v1/recordings", "demo-alice")).items
    assert own["expiresAt"] == "2026-01-31T00:00:00.000Z"
    assert (await world.get(f"{path}/audio")).code == "recording_private"


async def test_a_stranger_without_any_tenant_is_recorded_too(world: Any) -> None:
    async with world.service.world.bus.subscribe(RecordingFinished) as finished:
        fork = await world.begin("", ("", ""), Dialect.RFC7866)
        await world.heard(fork, 0.1)
        await fork.stop()
        await anext(finished)
    (listed,) = (await world.get("/v1/recordings", "demo-partner")).items
    assert (listed["quarantineReason"], listed["dialect"]) == ("tenant_missing", "rfc7866")


async def test_ids_that_are_none_are_not_found(world: Any) -> None:
    for each in ("x", "0000000000000", "zzzzzzzzzzzzz"):
        assert (await world.get(f"/v1/recordings/{each}")).status == 404


async def test_the_stream_tells_a_user_of_the_users_recordings_only(world: Any) -> None:
    heard: dict[str, list[str]] = {}
    streams = {}
    for token in ("demo-alice", "demo-bob"):
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{world.service.http.url}/v1/stream?events=recording.*"
        streams[token] = await world.http.get(url, headers=headers)
    recording_id = await world.record()
    await world.record(DAVE)
    for token, response in streams.items():
        text = ""
        while "recording.finished" not in text and token == "demo-alice":
            text += (await response.content.readany()).decode()
        heard[token] = [line for line in text.splitlines() if line.startswith("event: ")]
        assert token != "demo-alice" or recording_id in text
        response.close()
    assert heard == {"demo-alice": ["event: recording.started", "event: recording.finished"], "demo-bob": []}
