"""How documents add up, and what is odd about the sum (RFC 7865 §5.1, RFC 7866 §8.2).

ledger = Ledger()
ledger.apply(metadata.read(body), body, now_ns)    # complete replaces, partial merges by id
ledger.current, ledger.revisions, ledger.announcements, ledger.needs_snapshot
cross_check(ledger.current, offer.labels)          # remarks for the recording's warnings
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from siprec.metadata.model import (
    Announcement,
    DataMode,
    Metadata,
    ParticipantStreams,
    Remark,
)

MAX_REVISIONS = 1_000
MAX_HISTORY_BYTES = 4_194_304
MAX_OBJECTS = 4_096

T = TypeVar("T")


def merge(current: Metadata, update: Metadata) -> Metadata:
    """The state after `update`: a complete document replaces, a partial one merges by id.

    A field the partial leaves out stays; a `disassociate-time` ends an association, which is kept with its
    end; a participantstreamassoc replaces that participant's whole set.
    """
    if update.mode is DataMode.COMPLETE:
        return update
    return replace(
        current,
        recording=_overlay(current.recording, update.recording) if update.recording else current.recording,
        groups=_by_key(current.groups, update.groups, lambda group: group.id),
        sessions=_by_key(current.sessions, update.sessions, lambda session: session.id),
        participants=_by_key(current.participants, update.participants, lambda participant: participant.id),
        streams=_by_key(current.streams, update.streams, lambda stream: stream.id),
        session_recordings=_by_key(
            current.session_recordings, update.session_recordings, lambda association: association.session_id
        ),
        participant_sessions=_by_key(
            current.participant_sessions,
            update.participant_sessions,
            lambda association: (association.participant_id, association.session_id),
        ),
        participant_streams=_stream_sets(current.participant_streams, update.participant_streams),
        calls=_by_key(current.calls, update.calls, lambda call: (call.call_id, call.parent)),
        announcements=_appended(current.announcements, update.announcements),
        extensions=_appended(current.extensions, update.extensions),
        remarks=update.remarks,
    )


def _by_key(old: tuple[T, ...], new: tuple[T, ...], key: Callable[[T], object]) -> tuple[T, ...]:
    if not new:
        return old
    merged = {key(item): item for item in old}
    for item in new:
        known = merged.get(key(item))
        merged[key(item)] = item if known is None else _overlay(known, item)
    return tuple(merged.values())[-MAX_OBJECTS:]


def _overlay(old: Any, new: T) -> T:
    """`new`, with the fields it leaves out taken from `old`."""
    if old is None:
        return new
    kept: dict[str, Any] = {}
    for field in fields(new):  # type: ignore[arg-type]
        if getattr(new, field.name) in (None, ()):
            kept[field.name] = getattr(old, field.name)
    return replace(new, **kept)  # type: ignore[type-var]


def _stream_sets(
    old: tuple[ParticipantStreams, ...], new: tuple[ParticipantStreams, ...]
) -> tuple[ParticipantStreams, ...]:
    replaced = {association.participant_id for association in new}
    return (*(a for a in old if a.participant_id not in replaced), *new)[-MAX_OBJECTS:]


def _appended(old: tuple[T, ...], new: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys((*old, *new)))[-MAX_OBJECTS:]


@dataclass(frozen=True, slots=True)
class Revision:
    """One document as it arrived: when (world time), and its bytes."""

    received_ns: int
    raw: bytes


class Ledger:
    """All metadata of one recording session: the sum so far, and the history as long as it is kept.

    `needs_snapshot` says that no complete document has come yet: an SRS may ask for one (RFC 7866 §8.1).
    """

    def __init__(self) -> None:
        self.current: Metadata | None = None
        self.revisions: list[Revision] = []
        self.announcements: tuple[Announcement, ...] = ()
        self.remarks: list[Remark] = []
        self.needs_snapshot = True
        self._history_bytes = 0

    def apply(self, document: Metadata, raw: bytes, now_ns: int) -> tuple[Remark, ...]:
        """Add a document; returns what was odd about it. Announcements of all documents are kept."""
        odd = list(document.remarks)
        if document.mode is DataMode.PARTIAL and self.needs_snapshot:
            odd.append(Remark("partial_before_complete"))
        if document.mode is DataMode.COMPLETE:
            self.needs_snapshot = False
        self.current = document if self.current is None else merge(self.current, document)
        self.announcements = _appended(self.announcements, document.announcements)
        if len(self.revisions) < MAX_REVISIONS and self._history_bytes + len(raw) <= MAX_HISTORY_BYTES:
            self._history_bytes += len(raw)
            self.revisions.append(Revision(now_ns, raw))
        elif Remark("history_full") not in self.remarks:
            odd.append(Remark("history_full"))
        self.remarks.extend(odd[: MAX_OBJECTS - len(self.remarks)])
        return tuple(odd)


def cross_check(metadata: Metadata, labels: Sequence[str]) -> tuple[Remark, ...]:
    """Compare the metadata with the labels of the SDP, and its ids with each other.

    Codes: duplicate_label, label_without_stream (SDP names it, metadata does not), stream_without_label
    (the reverse), unknown_session, unknown_participant, unknown_stream.
    """
    odd: list[Remark] = []
    stated = [stream.label for stream in metadata.streams if stream.label is not None]
    odd.extend(Remark("duplicate_label", label) for label in _twice(labels))
    odd.extend(Remark("duplicate_label", label) for label in _twice(stated))
    odd.extend(Remark("label_without_stream", label) for label in labels if label not in stated)
    odd.extend(Remark("stream_without_label", label) for label in stated if label not in labels)
    sessions = {session.id for session in metadata.sessions}
    participants = {participant.id for participant in metadata.participants}
    streams = {stream.id for stream in metadata.streams}
    for stream in metadata.streams:
        if stream.session_id is not None and stream.session_id not in sessions:
            odd.append(Remark("unknown_session", stream.session_id))
    for membership in metadata.participant_sessions:
        if membership.session_id not in sessions:
            odd.append(Remark("unknown_session", membership.session_id))
        if membership.participant_id not in participants:
            odd.append(Remark("unknown_participant", membership.participant_id))
    for association in metadata.participant_streams:
        if association.participant_id not in participants:
            odd.append(Remark("unknown_participant", association.participant_id))
        used = (*association.send, *association.receive)
        odd.extend(Remark("unknown_stream", stream_id) for stream_id in used if stream_id not in streams)
    return tuple(dict.fromkeys(odd))


def _twice(items: Sequence[str]) -> list[str]:
    return [item for item in dict.fromkeys(items) if items.count(item) > 1]
