"""Sealed recordings on disk or in a bucket: audio, sidecar and metadata history."""

import asyncio
import io
import json
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from gateway.runtime.blobs import Blobs, FolderBlobs
from siprec.api.peaks import Outline, outline
from siprec.srs.errors import RecordingNotFoundError
from siprec.srs.sealing import HISTORY
from siprec.srs.store import RecordingRow, RecordingStore

CONTENT_TYPES = {"wav": "audio/wav", "flac": "audio/flac", "opus": "audio/ogg", "ogg": "audio/ogg"}
KEPT_OUTLINES = 64


@dataclass(frozen=True, slots=True)
class Audio:
    """One audio file of a recording."""

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
    """Reads and erases what was sealed."""

    def __init__(self, store: RecordingStore, blobs: Blobs) -> None:
        self.store = store
        self._blobs = blobs
        self._outlines: OrderedDict[tuple[str, int], Outline] = OrderedDict()

    def audio(self, row: RecordingRow, part: str) -> Audio | None:
        """A recording's file: `stereo`, or a party by number (from 1) or by label; None if there is none.

        Without a stereo file, `stereo` is the first party's.
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
        return Audio(key, found["name"], found["bytes"], found["sha256"], found["durationMs"])

    def read(self, audio: Audio, start: int, end: int) -> AsyncIterator[bytes]:
        """Stream the bytes from `start` up to, without, `end`. Raises `BlobError`."""
        return self._blobs.read(audio.key, start, end)

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
        if isinstance(self._blobs, FolderBlobs):
            await self._blobs.info(audio.key)
            return self._blobs.path(audio.key)
        return io.BytesIO(await self._blobs.get(audio.key))

    async def history(self, row: RecordingRow) -> list[dict[str, Any]]:
        """Every metadata document as it came, oldest first. Raises `BlobError`."""
        key = (row.document or {}).get("storageKey")
        if key is None or row.state != "sealed":
            return []
        found: list[dict[str, Any]] = json.loads(await self._blobs.get(f"{key}/{HISTORY}"))
        return found

    async def erase(self, recording_id: int) -> None:
        """Delete a recording's audio, sidecar and row; one that is gone already is no error."""
        try:
            row = await self.store.get(recording_id)
        except RecordingNotFoundError:
            return
        key = (row.document or {}).get("storageKey")
        if key is not None:
            for blob in await self._blobs.list(f"{key}/"):
                await self._blobs.delete(blob.key)
        await self.store.delete(recording_id)
