"""One recording session, keyed by its SIP dialog: what comes in decides what is done (RFC 7866 §7, §8).

    session = RecordingSession(profile, session_id) for command in session.invited(intake, now_ns): …      #
    TakePorts → session.ports_taken(locals_, now_ns) session.acknowledged(now); session.reoffered(intake,
    now_ns, offer_wanted=…); session.informed(intake, now_ns) session.media_silent(seconds);
    session.handle_timeout(now); session.ended(reason)

A transfer may replace every id in the metadata: the recording goes on, for it belongs to the dialog. A
session whose streams are all gone stays (a persistent recording session); streams that come back begin a new
recording.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from siprec import metadata, sdp
from siprec.metadata import Announcement, Dialect, Ledger, Remark, SnapshotRequest
from siprec.sdp import Direction, Local, Refusal, SessionDescription, Stream
from siprec.srs.commands import (
    Answer,
    CloseStream,
    Command,
    FinishRecording,
    HangUp,
    MarkAnnouncement,
    OpenStream,
    PauseRecording,
    RequestSnapshot,
    ResumeRecording,
    StartRecording,
    TakePorts,
    UpdateMetadata,
    UpdateStream,
)
from siprec.srs.errors import SessionStateError
from siprec.srs.intake import Intake, admit
from siprec.srs.settings import RecordingProfile

LATE_METADATA_S = 5.0
"""How long an rfc7866 peer may take for its first snapshot before we ask."""
MAX_WARNINGS = 200


class SessionState(Enum):
    """The life of a recording session."""

    NEW = "new"
    TAKING_PORTS = "taking ports"
    ACTIVE = "active"
    ENDED = "ended"


@dataclass(slots=True)
class _Slot:
    """An m-line that is received."""

    stream: Stream
    local: Local


@dataclass(frozen=True, slots=True)
class _Offer:
    """An offer whose ports are being taken."""

    intake: Intake
    streams: tuple[Stream, ...]
    initial: bool


class RecordingSession:
    """The state of one recording session. `session_id` is the number in the `o=` lines we write."""

    def __init__(self, profile: RecordingProfile, session_id: int) -> None:
        self.profile = profile
        self.state = SessionState.NEW
        self.dialect = Dialect.BROADWORKS
        self.ledger = Ledger()
        self.warnings: dict[Remark, None] = {}
        self.recording = False
        """Whether a recording is in progress."""
        self.paused = False
        self._session_id = session_id
        self._slots: dict[int, _Slot] = {}
        self._offer: _Offer | None = None
        self._last_offer: SessionDescription | None = None
        self._last_answer: SessionDescription | None = None
        self._own_offer: SessionDescription | None = None
        """What a peer's INVITE without SDP was answered with, until its ACK answers it."""
        self._snapshot_asked = False
        self._snapshot_due: float | None = None

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The streams being received, in the order of their m-lines."""
        return tuple(self._slots[index].stream for index in sorted(self._slots))

    @property
    def answer_sdp(self) -> SessionDescription | None:
        """The description we answered last."""
        return self._last_answer

    # ------------------------------------------------------------------ what comes in

    def invited(self, intake: Intake, now_ns: int) -> list[Command]:
        """Take the INVITE that opens the session."""
        if self.state is not SessionState.NEW:
            raise SessionStateError("opening", self.state.value)
        refused = admit(intake, self.profile)
        if refused is not None:
            self.state = SessionState.ENDED
            return [Answer(refused.status, refused.reason, refused.headers)]
        self.dialect = intake.dialect
        return self._study(intake, now_ns, initial=True)

    def reoffered(self, intake: Intake, now_ns: int, *, offer_wanted: bool) -> list[Command]:
        """Take a re-INVITE or UPDATE. `offer_wanted`: an INVITE without SDP wants an offer (RFC 3261 §14)."""
        self._must_be_active("a new offer")
        if intake.description is not None:
            return self._study(intake, now_ns, initial=False)
        commands = list(self._learn(intake, now_ns))
        if offer_wanted and self._last_answer is not None:
            self._last_answer = self._own_offer = self._everything_wanted(self._last_answer)
            commands.append(Answer(200, body=self._last_answer.encode(), content_type=sdp.CONTENT_TYPE))
        else:
            commands += [Answer(200), *self._ask_if_needed()]
        return commands

    def informed(self, intake: Intake, now_ns: int) -> list[Command]:
        """Take an INFO: metadata and announcements count wherever they come."""
        self._must_be_active("an INFO")
        return [*self._learn(intake, now_ns), Answer(200), *self._ask_if_needed()]

    def ports_taken(self, locals_: Mapping[int, Local], now_ns: int) -> list[Command]:
        """Go on with an offer now that every stream of `TakePorts` has its port, by index of its m-line."""
        offer = self._offer
        if offer is None:
            raise SessionStateError("taking ports", self.state.value)
        return self._conclude(offer, locals_, now_ns)

    def ports_refused(self, retry_after_s: int) -> list[Command]:
        """Refuse the offer for want of ports; a session that was active goes on as it was."""
        offer, self._offer = self._offer, None
        initial = offer is None or offer.initial
        self.state = SessionState.ENDED if initial else SessionState.ACTIVE
        headers = (("retry-after", str(retry_after_s)),)
        return [Answer(503, "Service Unavailable (no media port is free)", headers)]

    def acknowledged(self, now: float, answer: SessionDescription | None = None) -> list[Command]:
        """Take the ACK of an INVITE: from now on we may ask for a snapshot.

        `answer` is the SDP in it, the peer's answer where its INVITE had none and ours was the offer.
        """
        offered, self._own_offer = self._own_offer, None
        if self._wants_first_snapshot():
            self._snapshot_due = now + LATE_METADATA_S
        changes = self._take_answer(offered, answer) if offered is not None and answer is not None else ()
        return [*changes, *self._ask_if_needed()]

    def next_deadline(self) -> float | None:
        """Return when the peer is asked for its missing metadata, None where that is not due."""
        return self._snapshot_due

    def handle_timeout(self, now: float) -> list[Command]:
        """Ask for metadata that has not come."""
        if self._snapshot_due is None or now < self._snapshot_due:
            return []
        self._snapshot_due = None
        return list(self._ask("no metadata has come")) if self._wants_first_snapshot() else []

    def media_silent(self, seconds: float) -> list[Command]:
        """Take the news that no packet has come for so long."""
        self._warn(Remark("media_timeout", f"{seconds:.0f} s"))
        if self.profile.media_timeout_action == "warn":
            return []
        return [HangUp("media timeout")]

    def ended(self, reason: str) -> list[Command]:
        """Take the end of the dialog."""
        if self.state is SessionState.ENDED:
            return []
        self.state = SessionState.ENDED
        self._offer = None
        commands: list[Command] = [CloseStream(index) for index in sorted(self._slots)]
        self._slots.clear()
        if self.recording:
            self.recording = False
            commands.append(FinishRecording(reason))
        return commands

    # ------------------------------------------------------------------ offers

    def _must_be_active(self, action: str) -> None:
        if self.state is not SessionState.ACTIVE:
            raise SessionStateError(action, self.state.value)

    def _study(self, intake: Intake, now_ns: int, *, initial: bool) -> list[Command]:
        description = intake.description
        streams = () if description is None else self._negotiated(description)
        refusals = [stream.refusal for stream in streams]
        if refusals and None not in refusals and set(refusals) != {Refusal.OFFERED_REFUSED}:
            self.state = SessionState.ENDED if initial else SessionState.ACTIVE
            return [_not_acceptable(refusals)]
        wanting = tuple(s for s in streams if s.accepted and s.index not in self._slots)
        offer = _Offer(intake, streams, initial)
        if not wanting:
            return self._conclude(offer, {}, now_ns)
        self._offer = offer
        self.state = SessionState.TAKING_PORTS
        return [TakePorts(wanting)]

    def _negotiated(self, description: SessionDescription) -> tuple[Stream, ...]:
        profile = self.profile
        return sdp.negotiate(
            description,
            codecs=profile.codecs,
            prefer=profile.codec_preference,
            srtp=profile.srtp,
            max_streams=profile.max_streams,
        )

    def _conclude(self, offer: _Offer, locals_: Mapping[int, Local], now_ns: int) -> list[Command]:
        self._offer = None
        self.state = SessionState.ACTIVE
        changes = list(self._change_slots(offer.streams, locals_))
        commands: list[Command] = []
        if self._slots and not self.recording:
            self.recording = True
            commands.append(StartRecording())
        commands += changes
        commands += self._learn(offer.intake, now_ns)
        commands += self._settle_pause()
        commands += self._finish_without_streams()
        commands.append(self._answer(offer))
        self._check_labels(offer.intake.description)
        return commands

    def _everything_wanted(self, description: SessionDescription) -> SessionDescription:
        """Our offer where the peer asks for one: whatever is paused may go on (RFC 3261 §14.2)."""
        media = tuple(
            medium.with_direction(Direction.RECVONLY)
            if not medium.is_refused and medium.own_direction is not Direction.RECVONLY
            else medium
            for medium in description.media
        )
        return sdp.with_next_version(description, replace(description, media=media))

    def _take_answer(self, offered: SessionDescription, answer: SessionDescription) -> Iterator[Command]:
        """Take the peer's answer to our offer; one of another shape changes nothing (RFC 3264 §6)."""
        if len(answer.media) != len(offered.media):
            self._warn(Remark("answer_of_another_shape", f"{len(offered.media)} and {len(answer.media)}"))
            return
        streams = tuple(stream for stream in self._negotiated(answer) if stream.index in self._slots)
        yield from self._change_slots(streams, {})
        yield from self._settle_pause()
        yield from self._finish_without_streams()

    def _finish_without_streams(self) -> Iterator[Command]:
        if self.recording and not self._slots:
            self.recording = self.paused = False
            yield FinishRecording("streams removed")

    def _change_slots(self, streams: Sequence[Stream], locals_: Mapping[int, Local]) -> Iterator[Command]:
        for stream in streams:
            slot = self._slots.get(stream.index)
            if stream.accepted and slot is None:
                self._slots[stream.index] = _Slot(stream, locals_[stream.index])
                yield OpenStream(stream)
            elif stream.accepted and slot is not None and slot.stream != stream:
                slot.stream = stream
                yield UpdateStream(stream)
        kept = {stream.index for stream in streams if stream.accepted}
        for index in sorted(self._slots.keys() - kept):
            del self._slots[index]
            yield CloseStream(index)

    def _settle_pause(self) -> Iterator[Command]:
        """Pause when every stream is paused, resume when one is not: `sendonly` alone is no hold."""
        paused = bool(self._slots) and all(slot.stream.paused for slot in self._slots.values())
        if paused != self.paused and self._slots:
            self.paused = paused
            yield PauseRecording() if paused else ResumeRecording()

    def _answer(self, offer: _Offer) -> Answer:
        description = offer.intake.description
        if description is None:
            # An INVITE without SDP: our offer has no m-line yet, the peer adds its streams when it has some.
            description = SessionDescription(())
        locals_ = [self._slots[s.index].local if s.index in self._slots else None for s in offer.streams]
        answer = sdp.answer(description, offer.streams, locals_, session_id=self._session_id)
        if self._last_offer is not None and offer.intake.description is not None:
            for fault in sdp.reoffer_faults(self._last_offer, offer.intake.description):
                self._warn(Remark("offer_changed_shape", fault))
        self._last_offer = offer.intake.description or self._last_offer
        self._last_answer = sdp.with_next_version(self._last_answer, answer)
        return Answer(200, body=self._last_answer.encode(), content_type=sdp.CONTENT_TYPE)

    # ------------------------------------------------------------------ metadata

    def _learn(self, intake: Intake, now_ns: int) -> Iterator[Command]:
        for remark in intake.remarks:
            self._warn(remark)
        document, raw = intake.document, intake.raw_metadata
        if document is None or raw is None:
            return
        known = set(self.ledger.announcements)
        for remark in self.ledger.apply(document, raw, now_ns):
            self._warn(remark)
        self.dialect = document.dialect
        self._snapshot_due = None
        current = self.ledger.current
        if current is not None:
            yield UpdateMetadata(current, raw)
        if intake.description is None:
            self._check_labels(self._last_offer)
        yield from (MarkAnnouncement(said) for said in _fresh(document.announcements, known))

    def _check_labels(self, description: SessionDescription | None) -> None:
        if self.ledger.current is None or description is None:
            return
        for remark in metadata.cross_check(self.ledger.current, description.labels):
            self._warn(remark)

    def _warn(self, remark: Remark) -> None:
        if len(self.warnings) < MAX_WARNINGS:
            self.warnings[remark] = None

    def _wants_first_snapshot(self) -> bool:
        asked_or_off = self._snapshot_asked or not self.profile.request_snapshot
        return self.dialect is Dialect.RFC7866 and not asked_or_off and not self.ledger.revisions

    def _ask_if_needed(self) -> Iterator[Command]:
        """Ask once where the metadata began with a change; never a BroadWorks peer (`siprec.md`)."""
        if self.ledger.revisions and self.ledger.needs_snapshot:
            yield from self._ask("a partial update came first")

    def _ask(self, reason: str) -> Iterator[Command]:
        if self._snapshot_asked or not self.profile.request_snapshot or self.dialect is not Dialect.RFC7866:
            return
        self._snapshot_asked = True
        body = metadata.write_snapshot_request(SnapshotRequest(reason))
        yield RequestSnapshot(metadata.SNAPSHOT_REQUEST_TYPE, body)


def _fresh(said: Sequence[Announcement], known: set[Announcement]) -> Iterator[Announcement]:
    """A complete document repeats what was said before; each announcement is marked once."""
    return (announcement for announcement in said if announcement not in known)


def _not_acceptable(refusals: Sequence[Refusal | None]) -> Answer:
    reasons = "; ".join(dict.fromkeys(refusal.value for refusal in refusals if refusal is not None))
    return Answer(488, None, (("warning", f'304 siprec "{reasons}"'),))
