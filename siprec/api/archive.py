"""Sealed recordings on disk or in a bucket: audio, sidecar and metadata history."""

import asyncio
import io
import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from gateway.runtime.blobs import Blobs, FolderBlobs
from gateway.runtime.errors import BlobError
from siprec.api.peaks import Outline, outline
from siprec.providers.model import Filing
from siprec.srs.errors import RecordingNotFoundError
from siprec.srs.sealing import HISTORY
from siprec.srs.store import RecordingRow, RecordingStore

CONTENT_TYPES = {"wav": "audio/wav", "flac": "audio/flac", "opus": "audio/ogg", "ogg": "audio/ogg"}
KEPT_OUTLINES = 64


@dataclass(frozen=True, slots=True)
class Audio:
    """One audio file of a recording."""

    blobs: Blobs
    key: str
    name: str
    size_bytes: int
    sha256: str
    duration_ms: int

    @property
    def content_type(self) -> str:
        """Its media type."""
        return CONTENT_TYPES.get(self.name.rpartition(".")[2], "application/octet-stream")


class Archive:
    """Reads, moves and erases what was sealed.

    `blobs` is the providers' cloud, `places` are customers' own (webex.md C6, C7), by name.
    """

    def __init__(
        self, store: RecordingStore, blobs: Blobs, places: Mapping[str, Blobs] | None = None
    ) -> None:
        self.store = store
        self._places: dict[str | None, Blobs] = {None: blobs}
        self._places.update(places or {})
        self._outlines: OrderedDict[tuple[str, int], Outline] = OrderedDict()

    def _at(self, filing: Filing) -> Blobs:
        """Where a recording's files are; raises `BlobError` where the place is no longer configured."""
        found = self._places.get(filing.storage)
        if found is None:
            raise BlobError(filing.storage or "", "recording.storages no longer names this place")
        return found

    def audio(self, row: RecordingRow, filing: Filing, part: str) -> Audio | None:
        """A recording's file: `stereo`, or a party by number (from 1) or by label; None if there is none.

        Without a stereo file, `stereo` is the first party's. Raises `BlobError`.
        """
        document = row.document or {}
        files: list[dict[str, Any]] = document.get("audio", [])
        parties = [file for file in files if file["kind"] == "party"]
        if part == "stereo":
            found = next((file for file in files if file["kind"] == "stereo"), None)
            found = found or next(iter(parties), None)
        elif part.isdigit() and 1 <= int(part) <= len(parties):
            found = parties[int(part) - 1]
        else:
            found = next((file for file in parties if file["label"] == part), None)
        if found is None:
            return None
        key = f"{document['storageKey']}/{found['name']}"
        return Audio(
            self._at(filing), key, found["name"], found["bytes"], found["sha256"], found["durationMs"]
        )

    def read(self, audio: Audio, start: int, end: int) -> AsyncIterator[bytes]:
        """Stream the bytes from `start` up to, without, `end`. Raises `BlobError`."""
        return audio.blobs.read(audio.key, start, end)

    async def outline(self, audio: Audio, points: int) -> Outline:
        """A file's waveform in at most `points` stretches. Raises `BlobError`."""
        known = self._outlines.get((audio.sha256, points))
        if known is not None:
            self._outlines.move_to_end((audio.sha256, points))
            return known
        made = await asyncio.to_thread(outline, await self._source(audio), points)
        self._outlines[audio.sha256, points] = made
        while len(self._outlines) > KEPT_OUTLINES:
            self._outlines.popitem(last=False)
        return made

    async def _source(self, audio: Audio) -> Path | BinaryIO:
        if isinstance(audio.blobs, FolderBlobs):
            await audio.blobs.info(audio.key)
            return audio.blobs.path(audio.key)
        return io.BytesIO(await audio.blobs.get(audio.key))

    async def history(self, row: RecordingRow, filing: Filing) -> list[dict[str, Any]]:
        """Every metadata document as it came, oldest first. Raises `BlobError`."""
        key = (row.document or {}).get("storageKey")
        if key is None or row.state != "sealed":
            return []
        found: list[dict[str, Any]] = json.loads(await self._at(filing).get(f"{key}/{HISTORY}"))
        return found

    async def copy(self, filing: Filing, storage: str | None) -> bool:
        """Copy a recording's files to another place; False where it has none. Raises `BlobError`."""
        key = await self._key(filing.recording_id)
        if key is None:
            return False
        source, target = self._at(filing), self._at(replace(filing, storage=storage))
        for blob in await source.list(f"{key}/"):
            await target.put(blob.key, await source.get(blob.key))
        return True

    async def clear(self, filing: Filing) -> None:
        """Delete a recording's files where `filing` says they are."""
        key = await self._key(filing.recording_id)
        if key is not None:
            blobs = self._at(filing)
            for blob in await blobs.list(f"{key}/"):
                await blobs.delete(blob.key)

    async def _key(self, recording_id: int) -> str | None:
        try:
            row = await self.store.get(recording_id)
        except RecordingNotFoundError:
            return None
        found: str | None = (row.document or {}).get("storageKey")
        return found

    async def close(self) -> None:
        """Let go of every place."""
        for blobs in self._places.values():
            await blobs.close()

    async def erase(self, filing: Filing) -> None:
        """Delete a recording's audio, sidecar and row; one that is gone already is no error."""
        await self.clear(filing)
        await self.store.delete(filing.recording_id)
