"""What is told about a recording beside its audio: the JSON sidecar and the raw metadata history."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from siprec.metadata import Announcement, Metadata, Participant, Remark, Revision
from siprec.metadata.times import from_ns
from siprec.srs.files import SealedFile
from siprec.srs.timeline import TICKS_HZ, Timeline
from siprec.srs.track import TrackSummary

VERSION = 1
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who called the recorder, from the INVITE's From: name and user part."""

    name: str | None
    number: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFacts:
    """What is known of a recording when it ends. Times are world nanoseconds."""

    recording_id: str
    provider: str
    tenant: Mapping[str, str]
    dialect: str
    sip_call_id: str
    caller: Caller
    started_ns: int
    ended_ns: int
    duration_ms: int
    outcome: str
    timeline: Timeline
    tracks: Sequence[TrackSummary]
    metadata: Metadata | None
    warnings: Sequence[Remark]
    revisions: Sequence[Revision]


def write_sidecar(facts: RecordingFacts, files: Sequence[SealedFile]) -> Json:
    """Return the sidecar of a recording as JSON values."""
    return {
        "version": VERSION,
        "id": facts.recording_id,
        "provider": facts.provider,
        "tenant": dict(facts.tenant),
        "dialect": facts.dialect,
        "sipCallId": facts.sip_call_id,
        "caller": {"name": facts.caller.name, "number": facts.caller.number},
        "startedAt": from_ns(facts.started_ns),
        "endedAt": from_ns(facts.ended_ns),
        "durationMs": facts.duration_ms,
        "outcome": facts.outcome,
        "audio": [_audio(file, facts) for file in files],
        "streams": [_stream(track) for track in facts.tracks],
        "parties": _parties(facts.metadata),
        "call": _call(facts.metadata),
        "pauses": [{"atMs": _ms(p.at), "lengthMs": _ms(p.length)} for p in facts.timeline.pauses],
        "announcements": [
            {"atMs": _ms(mark.at), **_announcement(mark.what)}
            for mark in facts.timeline.marks
            if isinstance(mark.what, Announcement)
        ],
        "warnings": [{"code": remark.code, "subject": remark.subject} for remark in facts.warnings],
        "metadataRevisions": len(facts.revisions),
    }


def write_history(revisions: Sequence[Revision]) -> list[Json]:
    """Return every metadata document as it came, losslessly: text, or base64 where it is no UTF-8."""
    return [{"receivedAt": from_ns(revision.received_ns), **_raw(revision.raw)} for revision in revisions]


def _raw(raw: bytes) -> Json:
    try:
        return {"document": raw.decode()}
    except UnicodeDecodeError:
        return {"documentBase64": base64.b64encode(raw).decode()}


def _ms(ticks: int) -> int:
    return round(ticks * 1000 / TICKS_HZ)


def _audio(file: SealedFile, facts: RecordingFacts) -> Json:
    stem = file.name.partition(".")[0]
    track = next((t for t in facts.tracks if t.file is not None and t.file.partition(".")[0] == stem), None)
    return {
        "name": file.name,
        "kind": "stereo" if track is None else "party",
        "label": None if track is None else track.label,
        "codec": None if track is None else track.codec,
        "sampleRateHz": file.rate_hz,
        "channels": file.channels,
        "durationMs": file.duration_ms,
        "bytes": file.size_bytes,
        "sha256": file.sha256,
    }


def _stream(track: TrackSummary) -> Json:
    return {
        "index": track.index,
        "label": track.label,
        "codec": track.codec,
        "packets": track.packets,
        "lost": track.lost,
        "late": track.late,
        "duplicates": track.duplicates,
        "malformed": track.malformed,
        "undecodable": track.undecodable,
        "jitterMs": track.jitter_ms,
        "gaps": [{"startMs": _ms(g.start), "endMs": _ms(g.end), "packets": g.packets} for g in track.gaps],
    }


def _parties(metadata: Metadata | None) -> list[Json]:
    if metadata is None:
        return []
    labels: dict[str, list[str]] = {}
    for stream in metadata.streams:
        if stream.label is not None:
            for participant in metadata.senders_of(stream.id):
                labels.setdefault(participant.id, []).append(stream.label)
    return [_party(participant, labels.get(participant.id, [])) for participant in metadata.participants]


def _party(participant: Participant, labels: list[str]) -> Json:
    names = [name.value for identity in participant.name_ids for name in identity.names]
    return {"id": participant.id, "aor": participant.aor, "names": names, "labels": labels}


def _call(metadata: Metadata | None) -> Json | None:
    """The BroadWorks view of the call, where the metadata has one."""
    if metadata is None or not metadata.calls:
        return None
    call = metadata.calls[0]
    leg = call.leg
    return {
        "trackingId": call.ext_tracking_id,
        "callId": call.call_id,
        "recordingType": call.recording_type,
        "kind": None if leg is None else leg.kind,
        "callingPartyNumber": None if leg is None else leg.calling_party_number,
        "calledPartyNumber": None if leg is None else leg.called_party_number,
        "dialedDigits": None if leg is None else leg.dialed_digits,
    }


def _announcement(said: Announcement) -> Json:
    return {
        "event": said.event,
        "kind": said.kind,
        "played": said.played,
        "at": said.at,
        "call": said.call,
    }
