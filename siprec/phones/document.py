"""The metadata a recording client tells, in both dialects (RFC 7865, `siprec.md`).

A `CallDocument` knows the call as it is; each method gives the document for one change: complete at the
start, then partial updates (rfc7866), or complete ones again (broadworks, which knows nothing else).
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

from siprec.metadata import (
    Announcement,
    BroadWorksCall,
    CallLeg,
    DataMode,
    Dialect,
    Group,
    MediaStream,
    Metadata,
    Name,
    NameId,
    Participant,
    ParticipantSession,
    ParticipantStreams,
    RecordingInfo,
    Session,
    SessionRecording,
)
from siprec.metadata.times import from_ns


@dataclass(frozen=True, slots=True)
class Party:
    """Someone in the call. aor: a SIP or tel URI; opaque in the BroadWorks dialect."""

    aor: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """The call to be recorded, seen from the recorded user.

    tenant: service provider, external group, external identifier (`webex.md` C15). outgoing: the user called.
    joined: whoever else is in the call, a conference. mixed: both parties in one stream. version: of the
    BroadWorks extension.
    """

    user: Party
    other: Party
    outgoing: bool = True
    tenant: tuple[str, str, str] = ("", "", "")
    call_id: str = "callhalf-1:0"
    tracking_id: str = "1:1"
    recording_type: str = "on"
    mixed: bool = False
    pstn: bool = False
    version: str = "3.0"
    joined: tuple[Party, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the streams: the user's, the other party's."""
        return ("1",) if self.mixed else ("1", "2")


class CallDocument:
    """Ids and state of one call's metadata; `new_uuid` and moments in world time are arguments."""

    def __init__(
        self, dialect: Dialect, call: RecordedCall, new_uuid: Callable[[], UUID], now_ns: int
    ) -> None:
        self.dialect = dialect
        self.call = call
        self._new_uuid = new_uuid
        self._held = False
        self._renew(now_ns)

    def _renew(self, now_ns: int) -> None:
        self._started = from_ns(now_ns)
        self._recording, self._group, self._session, self._extension = (self._id() for _ in range(4))
        self._user, self._other = self._id(), self._id()
        self._streams = tuple(self._id() for _ in self.call.labels)
        self._more = {self._id(): party for party in self.call.joined}
        self._joined = dict.fromkeys((self._user, self._other, *self._more), self._started)

    def _id(self) -> str:
        """`urn:uuid:` in the BroadWorks dialect, base64 in RFC 7865 (§6.1)."""
        uuid = self._new_uuid()
        if self.dialect is Dialect.BROADWORKS:
            return f"urn:uuid:{uuid}"
        return base64.b64encode(uuid.bytes).decode()

    @property
    def parties(self) -> tuple[Party, Party]:
        """The recorded user and the other party."""
        return (self.call.user, self.call.other)

    def complete(self, announcements: tuple[Announcement, ...] = ()) -> Metadata:
        """The whole truth: the first document, and the answer to a snapshot request (RFC 7866 §8.1)."""
        broadworks = self.dialect is Dialect.BROADWORKS
        return Metadata(
            DataMode.COMPLETE,
            self.dialect,
            RecordingInfo(self._recording, "SRC", "selective") if broadworks else None,
            (self._group_object(),),
            (Session(self._session, self._group, start_time=self._started),),
            tuple(self._participant(*pair) for pair in self._people()),
            self._stream_objects(),
            () if broadworks else (SessionRecording(self._session, self._started),),
            tuple(self._membership(participant_id) for participant_id, _ in self._people()),
            self._associations(),
            (self._broadworks_call(),) if broadworks else (),
            self._said(announcements),
        )

    def announced(self, *announcements: Announcement) -> Metadata:
        """An update that only reports announcements (`webex.md` D4)."""
        if self.dialect is Dialect.BROADWORKS:
            return self.complete(announcements)
        return Metadata(DataMode.PARTIAL, self.dialect, announcements=self._said(announcements))

    def held(self, held: bool) -> Metadata:
        """The user put the other party on hold, or took it back: who sends, who receives (RFC 8068 §3.3)."""
        self._held = held
        if self.dialect is Dialect.BROADWORKS:
            return self.complete()
        return Metadata(DataMode.PARTIAL, self.dialect, participant_streams=self._associations())

    def transferred(self, other: Party, now_ns: int) -> Metadata:
        """Another party takes the place of the present one.

        broadworks: a complete document with all-new ids; rfc7866: one leaves, one joins.
        """
        left, self.call = self._other, replace(self.call, other=other)
        self._held = False
        if self.dialect is Dialect.BROADWORKS:
            self._renew(now_ns)
            return self.complete()
        moment = from_ns(now_ns)
        self._other = self._id()
        self._joined[self._other] = moment
        ended = replace(self._membership(left), disassociate_time=moment)
        gone = ParticipantStreams(left, (self._streams[-1],), (self._streams[0],), disassociate_time=moment)
        return Metadata(
            DataMode.PARTIAL,
            self.dialect,
            participants=(self._participant(self._other, other),),
            participant_sessions=(ended, self._membership(self._other)),
            participant_streams=(gone, *self._associations()),
        )

    def conference(self, joined: tuple[Party, ...], now_ns: int) -> Metadata:
        """Whoever is in the call besides user and other party: all of them speak in the second stream."""
        moment = from_ns(now_ns)
        left = {each: party for each, party in self._more.items() if party not in joined}
        new = {self._id(): party for party in joined if party not in self._more.values()}
        ended = [replace(self._membership(each), disassociate_time=moment) for each in left]
        gone = [
            ParticipantStreams(each, (self._streams[-1],), (self._streams[0],), disassociate_time=moment)
            for each in left
        ]
        self._more = {each: p for each, p in self._more.items() if each not in left} | new
        self._joined |= dict.fromkeys(new, moment)
        self.call = replace(self.call, joined=joined)
        if self.dialect is Dialect.BROADWORKS:
            return self.complete()
        return Metadata(
            DataMode.PARTIAL,
            self.dialect,
            participants=tuple(self._participant(*pair) for pair in new.items()),
            participant_sessions=(*ended, *(self._membership(each) for each in new)),
            participant_streams=(*gone, *self._associations()),
        )

    def _people(self) -> tuple[tuple[str, Party], ...]:
        return ((self._user, self.call.user), (self._other, self.call.other), *self._more.items())

    def _group_object(self) -> Group:
        if self.dialect is Dialect.BROADWORKS:
            initiator = self.call.user if self.call.outgoing else self.call.other
            return Group(self._group, recording_id=self._recording, initiator=initiator.aor)
        return Group(self._group, associate_time=self._started)

    def _participant(self, participant_id: str, party: Party) -> Participant:
        named = party.name is not None and self.dialect is Dialect.RFC7866
        names = (Name(party.name),) if named and party.name else ()
        return Participant(participant_id, (NameId(party.aor, names),))

    def _membership(self, participant_id: str) -> ParticipantSession:
        joined = self._joined.get(participant_id) if self.dialect is Dialect.RFC7866 else None
        return ParticipantSession(participant_id, self._session, joined)

    def _stream_objects(self) -> tuple[MediaStream, ...]:
        mode = None
        if self.dialect is Dialect.BROADWORKS:
            mode = "mixed" if self.call.mixed else "separate"
        return tuple(
            MediaStream(stream_id, self._session, label, mode=mode)
            for stream_id, label in zip(self._streams, self.call.labels, strict=True)
        )

    def _associations(self) -> tuple[ParticipantStreams, ...]:
        first, last = self._streams[0], self._streams[-1]
        if self.dialect is Dialect.BROADWORKS:
            others = tuple(ParticipantStreams(each, (last,)) for each in (self._other, *self._more))
            return (ParticipantStreams(self._user, (first,)), *others)
        if self._held:
            return tuple(ParticipantStreams(each) for each in (self._user, self._other, *self._more))
        return (
            ParticipantStreams(self._user, (first,), (last,)),
            *(ParticipantStreams(each, (last,), (first,)) for each in (self._other, *self._more)),
        )

    def _said(self, announcements: tuple[Announcement, ...]) -> tuple[Announcement, ...]:
        call = "pstn" if self.call.pstn else "internal"
        return tuple(
            replace(a, call=a.call or call, parent=self._session, extension_id=self._extension)
            for a in announcements
        )

    def _broadworks_call(self) -> BroadWorksCall:
        call = self.call
        calling, called = (call.user, call.other) if call.outgoing else (call.other, call.user)
        leg = CallLeg(
            "origCall" if call.outgoing else "termCall",
            calling.aor,
            called.aor,
            called.aor if call.outgoing else None,
        )
        provider, group, user = (text or None for text in call.tenant)
        return BroadWorksCall(
            call.version,
            call.tracking_id,
            provider,
            group,
            user,
            call.call_id,
            leg,
            call.recording_type,
            extension_id=self._extension,
            parent=self._session,
        )


def announcement(event: str, now_ns: int, kind: str = "announcement", played: bool = True) -> Announcement:
    """An announcement reported at a moment of world time."""
    return Announcement(event, kind, played, from_ns(now_ns))
