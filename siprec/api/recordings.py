"""`/v1/recordings`: list, show, listen, outline, metadata, assign, delete; each by role (webex.md C4, C5)."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import hdrs, web

from gateway.runtime.errors import BlobError
from gateway.runtime.http.errors import ApiError
from gateway.runtime.http.paging import Paged
from gateway.runtime.http.routes import ApiRequest, Reply, Routes
from gateway.runtime.ids import decode_id
from siprec.api.archive import Archive, Audio
from siprec.api.library import Entry, Library, Wanted
from siprec.api.ranges import ByteRange, RangeNotSatisfiable, parse_range
from siprec.api.recording_models import (
    AssignIn,
    AudioQuery,
    MetadataQuery,
    PeaksOut,
    PeaksQuery,
    RecordingOut,
    RecordingQuery,
    RecordingStory,
)
from siprec.api.scope import find_person, not_found, require
from siprec.metadata import CONTENT_TYPE
from siprec.providers.access import check_access
from siprec.providers.desk import ProviderDesk
from siprec.providers.model import Action
from siprec.srs.store import RECORDING

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Paused = Callable[[], frozenset[int]]


def recording_routes(library: Library, archive: Archive, desk: ProviderDesk, paused: Paused) -> Routes:
    """The routes of recordings; `paused` tells which of those in progress are paused now."""
    routes = Routes(
        "Recordings", "What was recorded, filed with its provider; who may what is the provider's rule."
    )
    find = _Finder(library, desk)
    _add_reading(routes, find, library, paused)
    _add_listening(routes, find, archive)
    _add_changing(routes, find, archive, desk, paused)
    return routes


class _Finder:
    """Finds the recording of a request, and refuses what the caller may not do with it."""

    def __init__(self, library: Library, desk: ProviderDesk) -> None:
        self._library = library
        self._desk = desk

    async def __call__(self, request: ApiRequest, action: Action = Action.LIST) -> Entry:
        """The recording the path names; raises `ApiError` 404, or 403 with the rule's code."""
        try:
            recording_id = decode_id(request.params["id"])
        except ValueError:
            raise not_found("recording") from None
        entry = await self._library.get(request.principal, recording_id)
        if entry is None:
            raise not_found("recording")
        caller = self._desk.caller(request.principal)
        require(check_access(caller, entry.filing, self._desk.providers, action))
        return entry

    async def sealed(self, request: ApiRequest, action: Action) -> Entry:
        """As `__call__`, but for a recording that is complete; raises `ApiError` 409."""
        entry = await self(request, action)
        if entry.state == RECORDING:
            raise ApiError(409, "recording_in_progress", "the recording is not sealed yet: it is running")
        return entry


def _add_reading(routes: Routes, find: _Finder, library: Library, paused: Paused) -> None:
    @routes.get("/v1/recordings", query=RecordingQuery, returns=list[RecordingOut], paged=True, errors=(400,))
    async def listing(request: ApiRequest) -> Paged:
        """List recordings, newest first.

        A person sees that person's, a provider its own, administrators their organisation's. Of a product
        that is the user's alone (Dubber Go) others learn only that there is a recording (C4).
        """
        wanted = _wanted(request.query, request.page.cursor)
        found = await library.find(request.principal, wanted, request.page.max + 1)
        shown = found[: request.page.max]
        more = (shown[-1].row.id,) if len(found) > len(shown) else None
        now_paused = paused()
        return Paged([RecordingOut.of(entry, now_paused) for entry in shown], more)

    @routes.get("/v1/recordings/{id}", returns=RecordingStory, errors=(404,))
    async def show(request: ApiRequest) -> RecordingStory:
        """Show one recording; `details` only to who may see what it holds."""
        return RecordingStory.of(await find(request), paused())


def _wanted(query: RecordingQuery, cursor: Any) -> Wanted:
    values = query.model_dump(by_alias=False, exclude={"since", "until", "max", "cursor"})
    return Wanted(
        **values,
        since_ns=_to_ns(query.since),
        until_ns=_to_ns(query.until),
        before_id=cursor[0] if cursor and isinstance(cursor[0], int) else None,
    )


def _to_ns(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    past = moment - EPOCH
    return (past.days * 86_400 + past.seconds) * 1_000_000_000 + past.microseconds * 1_000


def _add_listening(routes: Routes, find: _Finder, archive: Archive) -> None:
    @routes.get(
        "/v1/recordings/{id}/audio",
        query=AudioQuery,
        returns=bytes,
        produces="audio/wav",
        errors=(403, 404, 409, 416),
    )
    async def audio(request: ApiRequest) -> web.StreamResponse:
        """Listen: the stereo file, or `party=1`, `party=2`, or a party by its label.

        A byte range may be asked for (RFC 9110 §14); `ETag` is the SHA-256 of the file.
        """
        entry = await find.sealed(request, Action.PLAY)
        return await _send(request, archive, _file(archive, entry, request.query.party))

    @routes.get("/v1/recordings/{id}/peaks", query=PeaksQuery, returns=PeaksOut, errors=(400, 403, 404, 409))
    async def peaks(request: ApiRequest) -> PeaksOut:
        """Give the waveform in at most `points` stretches, per channel."""
        query: PeaksQuery = request.query
        entry = await find.sealed(request, Action.PLAY)
        try:
            made = await archive.outline(_file(archive, entry, query.party), query.points)
        except BlobError:
            raise _gone() from None
        return PeaksOut(
            sample_rate_hz=made.sample_rate_hz,
            duration_ms=made.duration_ms,
            points=len(made.channels[0]),
            channels=[list(channel) for channel in made.channels],
        )

    @routes.get(
        "/v1/recordings/{id}/metadata",
        query=MetadataQuery,
        returns=dict[str, Any],
        errors=(403, 404, 409),
    )
    async def metadata(request: ApiRequest) -> Reply | dict[str, Any]:
        """Give the sidecar and every metadata document as it came; `revision=N` gives one as XML."""
        query: MetadataQuery = request.query
        entry = await find.sealed(request, Action.SHOW)
        try:
            history = await archive.history(entry.row, entry.filing)
        except BlobError:
            raise _gone() from None
        if query.revision is None:
            return {"recording": entry.row.document, "history": history}
        if query.revision >= len(history):
            raise not_found("revision")
        return Reply(_raw(history[query.revision]), content_type=CONTENT_TYPE)


def _raw(document: dict[str, Any]) -> bytes:
    if "documentBase64" in document:
        return base64.b64decode(document["documentBase64"])
    text: str = document["document"]
    return text.encode()


def _file(archive: Archive, entry: Entry, party: str) -> Audio:
    try:
        found = archive.audio(entry.row, entry.filing, party)
    except BlobError:
        raise _gone() from None
    if found is None:
        raise ApiError(404, "audio_not_found", "the recording has no such audio: stereo, or a party's label")
    return found


def _gone() -> ApiError:
    return ApiError(404, "audio_not_found", "the recording's files are not where they were stored")


async def _send(request: ApiRequest, archive: Archive, audio: Audio) -> web.StreamResponse:
    raw, etag = request.raw, f'"{audio.sha256}"'
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": etag,
        "Content-Type": audio.content_type,
        "Content-Disposition": f'inline; filename="{audio.name}"',
        "Cache-Control": "private, no-cache",
        "trackingid": request.tracking_id,
    }
    if etag in raw.headers.get(hdrs.IF_NONE_MATCH, ""):
        return web.Response(status=304, headers=headers)
    conditional = raw.headers.get(hdrs.IF_RANGE)
    wanted = raw.headers.get(hdrs.RANGE) if conditional in (None, etag) else None
    try:
        part = parse_range(wanted, audio.size_bytes)
    except RangeNotSatisfiable:
        unmet = {"Content-Range": f"bytes */{audio.size_bytes}"}
        raise ApiError(
            416, "range_not_satisfiable", "the range lies outside the audio", headers=unmet
        ) from None
    if part is not None:
        headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{audio.size_bytes}"
    return await _stream(raw, archive, audio, part, headers)


async def _stream(
    raw: web.Request, archive: Archive, audio: Audio, part: ByteRange | None, headers: dict[str, str]
) -> web.StreamResponse:
    start, end = part or (0, audio.size_bytes)
    response = web.StreamResponse(status=200 if part is None else 206, headers=headers)
    response.content_length = end - start
    if raw.method == hdrs.METH_HEAD:
        await response.prepare(raw)
        return response
    chunks = archive.read(audio, start, end)
    try:
        first = await anext(chunks, b"")
    except BlobError:
        raise _gone() from None
    await response.prepare(raw)
    await response.write(first)
    async for chunk in chunks:
        await response.write(chunk)
    await response.write_eof()
    return response


def _add_changing(
    routes: Routes, find: _Finder, archive: Archive, desk: ProviderDesk, paused: Paused
) -> None:
    @routes.post(
        "/v1/recordings/{id}/assign", body=AssignIn, returns=RecordingStory, errors=(400, 403, 404, 409)
    )
    async def assign(request: ApiRequest) -> RecordingStory:
        """Take a recording out of quarantine: it becomes the person's, and retention begins (C15)."""
        entry = await find(request, Action.ASSIGN)
        person = find_person(desk.directory, request.principal, request.body.person_id)
        reason = desk.tenants.owner_of(person).reason
        if reason:
            raise ApiError(409, reason, "no recording provider takes a recording of this person")
        filing = await desk.assign(entry.filing.recording_id, person)
        caller = desk.caller(request.principal)
        actions = frozenset(
            action for action in Action if check_access(caller, filing, desk.providers, action) is None
        )
        return RecordingStory.of(Entry(entry.row, filing, actions), paused())

    @routes.delete("/v1/recordings/{id}", status=204, errors=(403, 404, 409))
    async def delete(request: ApiRequest) -> None:
        """Delete a recording: audio, sidecar and row."""
        entry = await find.sealed(request, Action.DELETE)
        await desk.delete(entry.filing, archive.erase, f"deleted by {request.principal.role}")
