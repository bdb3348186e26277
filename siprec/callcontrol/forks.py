"""Live forks: a recorded user's leg tapped and sent to a recorder by the simulated recording client."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from siprec.callcontrol.call import RecordedUser
from siprec.callcontrol.media import CallMedia
from siprec.callcontrol.recording import Told
from siprec.metadata import Announcement
from siprec.phones.document import Party, RecordedCall, announcement
from siprec.phones.forking import SourcePlan
from siprec.phones.impairment import Weather
from siprec.phones.src_aio import Fork, ForkFailedError, SimulatedSrc
from siprec.phones.voice import LiveVoices
from siprec.rtp.errors import PortsUnavailableError


def reported(told: Told | None) -> Announcement | None:
    """What the provider is told, as metadata."""
    return None if told is None else announcement(told.event, told.at_ns, told.kind)


class LiveFork:
    """One recording session (`siprec.callcontrol.call.Fork`)."""

    def __init__(self, forks: "Forks", user: RecordedUser, voices: LiveVoices, source: Fork | None) -> None:
        self.user = user
        self.voices = voices
        self.source = source
        self.stopping = False
        self.kept = True
        self._forks = forks

    def pause(self, told: Told | None) -> None:
        """Pause, then tell."""
        if self.source is not None:
            self.source.pause(reported(told))

    def resume(self, told: Told | None) -> None:
        """Tell, then resume."""
        if self.source is not None:
            self.source.resume(reported(told))

    def report(self, told: Told) -> None:
        """Tell."""
        said = reported(told)
        if self.source is not None and said is not None:
            self.source.announce(said)

    def hold(self, held: bool) -> None:
        """The call is on hold, or taken back."""
        if self.source is not None:
            self.source.hold(held)

    def transfer(self, other: Party) -> None:
        """Another party took the other's place."""
        if self.source is not None:
            self.source.transfer(other)

    def conference(self, joined: tuple[Party, ...]) -> None:
        """These are in the call as well."""
        if self.source is not None:
            self.source.conference(joined)

    def stop(self, told: Told | None, kept: bool) -> None:
        """Tell, then end."""
        self.stopping, self.kept = True, kept
        self._forks.stop(self, told)


class Forks:
    """Every recording session of a call control.

    discarded, on_discarded: recordings nobody asked to keep (BroadWorks' On Demand); who keeps recordings
    deletes them.
    """

    def __init__(
        self,
        src: SimulatedSrc,
        plan: SourcePlan,
        on_started: Callable[[RecordedUser], None],
        on_failed: Callable[[RecordedUser], None],
    ) -> None:
        self.plan = plan
        self.started = 0
        self.failed = 0
        self.discarded = 0
        self.last_failure = ""
        """Why the last session that no recorder took was not taken."""
        self.weather: Weather | None = None
        """What the network does to the forks' packets."""
        self.on_discarded: Callable[[RecordedCall, str], None] | None = None
        """Told the call, and the Call-ID of its recording session."""
        self._src = src
        self._on_started = on_started
        self._on_failed = on_failed
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, user: RecordedUser, call: RecordedCall, told: Told | None) -> LiveFork:
        """Tap the user's leg and send it to the first recorder that takes it."""
        voices = LiveVoices()
        try:
            source = self._src.fork(
                self.plan, call, speech=voices, weather=self.weather, announcement=reported(told)
            )
        except PortsUnavailableError:
            source = None
        fork = LiveFork(self, user, voices, source)
        media = user.call.media
        if isinstance(media, CallMedia):
            media.tap(user.leg_id, voices)
        self._spawn(self._follow(fork))
        return fork

    def stop(self, fork: LiveFork, told: Told | None) -> None:
        """End a session in the background."""
        if fork.source is not None:
            self._spawn(fork.source.stop(reported(told)))

    async def idle(self) -> None:
        """Wait until no session is under way."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self, fork: LiveFork) -> None:
        """Report how a session begins, and that it ended before its time."""
        source, user = fork.source, fork.user
        try:
            if source is not None:
                await source.started()
                self.started += 1
                if not fork.stopping:
                    self._on_started(user)
                await source.ended()
        except ForkFailedError as error:
            self.last_failure = str(error)
        media = user.call.media
        if isinstance(media, CallMedia):
            media.untap(user.leg_id, fork.voices)
        if source is not None and fork.stopping and not fork.kept:
            self.discarded += 1
            if self.on_discarded is not None:
                self.on_discarded(source.session.call, source.session.sip_call_id)
        if not fork.stopping:
            self.failed += 1
            self._on_failed(user)
