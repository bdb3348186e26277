"""When a user's call is recorded, paused, announced: events in, commands out (`webex.md` D1–D6, D10).

    control = RecordingControl(RecordingOptions.of(settings))
    control.connected(now, now_ns)                     # the call was answered
    control.press("pause", now, now_ns)                # a softkey, as `a=recordpref` (RFC 7866 §6.3)
    control.played(Prompt.STARTED, now, now_ns)        # a prompt is over
    control.fork_started(now, now_ns); control.fork_failed(now); control.ended(now, now_ns)
    control.handle_timeout(now, now_ns) at control.next_deadline()     # the repeat tone
    for command in control.take_commands(): …

One control per recorded user and call. Announcements are reported in the order of `siprec.md`: at the start
in the first document where they were played before the fork, else in an update after it; with a pause after
it, with a resume before it, with a stop before BYE. `PauseFork`, `ResumeFork` and `StopFork` carry theirs:
the recording client keeps that order.

Where the seeds are silent this is modelled: the start announcement is played before the fork unless
`fork_first`; the repeat tone rests while paused; nobody is left to hear a stop announcement at the end of the
call; the values of `StartDelays`.
"""

from dataclasses import dataclass
from enum import Enum

from gateway.directory.recording import PauseNotice, RecordingSettings
from siprec.phones.softkeys import SOFTKEYS, RecordingKeys, RecordStatus


class Prompt(Enum):
    """What is played to every party, by its name in the audio set."""

    STARTED = "recording-started"
    STOPPED = "recording-stopped"
    PAUSED = "recording-paused"
    RESUMED = "recording-resumed"
    BEEP = "beep"
    TONE = "tone"


@dataclass(frozen=True, slots=True)
class RecordingOptions:
    """What decides about one user's calls: the settings (D1–D6), and what is ours to choose.

    fork_first: record from the first moment and announce meanwhile. tones_recorded: beeps and repeat tones
    are in the recording too (announcements never are). beeps_reported: tell the provider of beeps as well; D4
    speaks of announcements only.
    """

    keys: RecordingKeys = RecordingKeys.NEVER
    record_voicemail: bool = False
    announce_start_stop: bool = False
    pause_notice: PauseNotice = PauseNotice.NONE
    repeat_tone_s: int | None = None
    fork_first: bool = False
    tones_recorded: bool = False
    beeps_reported: bool = False

    @classmethod
    def of(
        cls,
        settings: RecordingSettings,
        *,
        from_connect: bool = False,
        fork_first: bool = False,
        tones_recorded: bool = False,
        beeps_reported: bool = False,
    ) -> "RecordingOptions":
        """The options of stored settings. from_connect: On Demand as BroadWorks has it."""
        return cls(
            RecordingKeys.of(settings.mode, from_connect=from_connect),
            settings.record_voicemail,
            settings.announce_start_stop,
            settings.pause_notice,
            settings.repeat_tone_seconds if settings.repeat_tone else None,
            fork_first,
            tones_recorded,
            beeps_reported,
        )


@dataclass(frozen=True, slots=True)
class Told:
    """An announcement the provider is told of (D4). at_ns: world time at which it began."""

    event: str
    kind: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class Play:
    """Play to every party. forked: into the recording as well."""

    prompt: Prompt
    forked: bool = False


@dataclass(frozen=True, slots=True)
class StartFork:
    """Fork the call to the recorder."""

    told: Told | None = None


@dataclass(frozen=True, slots=True)
class PauseFork:
    """Pause, then tell."""

    told: Told | None = None


@dataclass(frozen=True, slots=True)
class ResumeFork:
    """Tell, then resume."""

    told: Told | None = None


@dataclass(frozen=True, slots=True)
class StopFork:
    """Tell, then end the recording session. kept: False where nobody pressed Record (BroadWorks)."""

    told: Told | None = None
    kept: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    """Tell of an announcement in an update of its own."""

    told: Told


@dataclass(frozen=True, slots=True)
class Show:
    """Tell the record-aware parties by `a=record` (D7)."""

    status: RecordStatus


Command = Play | StartFork | PauseFork | ResumeFork | StopFork | Report | Show


class RecordingState(Enum):
    """Where the recording of a call stands."""

    OFF = "off"
    ANNOUNCING = "announcing"
    STARTING = "starting"
    RECORDING = "recording"
    PAUSED = "paused"
    ENDED = "ended"


_FORKED = frozenset({RecordingState.STARTING, RecordingState.RECORDING, RecordingState.PAUSED})
_FROM_CONNECT = frozenset(
    {RecordingKeys.ALWAYS, RecordingKeys.ALWAYS_WITH_PAUSE, RecordingKeys.ON_DEMAND_FROM_CONNECT}
)


class RecordingControl:
    """The recording of one user's call. voicemail: a voice mailbox is the other party, or takes a message."""

    def __init__(self, options: RecordingOptions, *, voicemail: bool = False) -> None:
        barred = voicemail and not options.record_voicemail
        self.options = options
        self.keys = RecordingKeys.NEVER if barred else options.keys
        self.state = RecordingState.OFF
        self.kept = self.keys is not RecordingKeys.ON_DEMAND_FROM_CONNECT
        self._commands: list[Command] = []
        self._shown = RecordStatus.OFF
        self._start_told: Told | None = None
        self._tone_at: float | None = None

    # --- what happens --------------------------------------------------------------------------------

    def connected(self, now: float, now_ns: int) -> None:
        """The call was answered: the modes that record every call begin (D1)."""
        if self.state is RecordingState.OFF and self.keys in _FROM_CONNECT:
            self._begin(now_ns, announce=self.kept)

    def press(self, preference: str, now: float, now_ns: int) -> bool:
        """A key of the user, as `a=recordpref`: on, pause, off. False where no such key is shown (D8)."""
        shown = SOFTKEYS.get((self.keys, self._shown), ())
        if self.state is RecordingState.ENDED or preference not in {key.preference for key in shown}:
            return False
        if preference == "off":
            self._stop(now_ns)
        elif preference == "pause":
            self._pause(now_ns)
        elif self.state is RecordingState.PAUSED:
            self._resume(now, now_ns)
        elif self.state is RecordingState.OFF:
            self.kept = True
            self._begin(now_ns, announce=True)
        else:
            self._keep(now_ns)
        return True

    def played(self, prompt: Prompt, now: float, now_ns: int) -> None:
        """A prompt is over."""
        if prompt is Prompt.STARTED and self.state is RecordingState.ANNOUNCING:
            self.state = RecordingState.STARTING
            self._commands.append(StartFork(self._start_told))
            self._start_told = None

    def fork_started(self, now: float, now_ns: int) -> None:
        """A recorder records."""
        if self.state is not RecordingState.STARTING:
            return
        self.state = RecordingState.RECORDING
        if self._start_told is not None:
            self._commands.append(Report(self._start_told))
            self._start_told = None
        self._arm(now)
        self._show()

    def fork_failed(self, now: float) -> None:
        """No recorder takes the call, or the one that did is gone: the call goes on unrecorded."""
        if self.state in _FORKED:
            self.state = RecordingState.OFF
            self._tone_at = self._start_told = None
            self._show()

    def ended(self, now: float, now_ns: int) -> None:
        """The call is over, or the user has left it."""
        if self.state in _FORKED:
            self._commands.append(StopFork(kept=self.kept))
        self.state = RecordingState.ENDED
        self._tone_at = None

    # --- time ----------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When the repeat tone is due (D6)."""
        return self._tone_at

    def handle_timeout(self, now: float, now_ns: int) -> None:
        """Remind every party; a late call skips the tones that are past."""
        interval = self.options.repeat_tone_s
        if self._tone_at is None or interval is None or now < self._tone_at:
            return
        self._commands.append(Play(Prompt.TONE, self.options.tones_recorded))
        while self._tone_at <= now:
            self._tone_at += interval

    def take_commands(self) -> list[Command]:
        """What is to be done since the last call, in order."""
        commands, self._commands = self._commands, []
        return commands

    @property
    def status(self) -> RecordStatus:
        """What `a=record` says now."""
        return self._shown

    # --- decisions -----------------------------------------------------------------------------------

    def _begin(self, now_ns: int, *, announce: bool) -> None:
        announced = announce and self.options.announce_start_stop
        if announced:
            self._commands.append(Play(Prompt.STARTED))
            self._start_told = Told("start", "announcement", now_ns)
        if announced and not self.options.fork_first:
            self.state = RecordingState.ANNOUNCING
            return
        self.state = RecordingState.STARTING
        self._commands.append(StartFork())

    def _keep(self, now_ns: int) -> None:
        """Record was pressed in a call that is recorded from connect: it is kept, and now announced."""
        if self.kept:
            return
        self.kept = True
        if self.options.announce_start_stop:
            told = Told("start", "announcement", now_ns)
            self._commands.append(Play(Prompt.STARTED))
            if self.state is RecordingState.STARTING:
                self._start_told = told
            else:
                self._commands.append(Report(told))
        self._show()

    def _pause(self, now_ns: int) -> None:
        self.state = RecordingState.PAUSED
        self._tone_at = None
        self._commands.append(PauseFork(self._notify("pause", Prompt.PAUSED, now_ns)))
        self._show()

    def _resume(self, now: float, now_ns: int) -> None:
        self.state = RecordingState.RECORDING
        self._commands.append(ResumeFork(self._notify("resume", Prompt.RESUMED, now_ns)))
        self._arm(now)
        self._show()

    def _stop(self, now_ns: int) -> None:
        told = None
        if self.options.announce_start_stop:
            self._commands.append(Play(Prompt.STOPPED))
            told = Told("stop", "announcement", now_ns)
        self._commands.append(StopFork(told, self.kept))
        self.state = RecordingState.OFF
        self._tone_at = None
        self._show()

    def _notify(self, event: str, prompt: Prompt, now_ns: int) -> Told | None:
        """Play the notification of a pause or resume (D5); what the provider is told of it."""
        notice, options = self.options.pause_notice, self.options
        if notice is PauseNotice.ANNOUNCEMENT:
            self._commands.append(Play(prompt))
            return Told(event, "announcement", now_ns)
        if notice is PauseNotice.BEEP:
            self._commands.append(Play(Prompt.BEEP, options.tones_recorded))
            return Told(event, "beep", now_ns) if options.beeps_reported else None
        return None

    def _arm(self, now: float) -> None:
        interval = self.options.repeat_tone_s
        self._tone_at = None if interval is None else now + interval

    def _show(self) -> None:
        """Tell the phones where something changed; what is not kept yet is not shown."""
        status = RecordStatus.OFF
        if self.kept and self.state is RecordingState.RECORDING:
            status = RecordStatus.ON
        elif self.kept and self.state is RecordingState.PAUSED:
            status = RecordStatus.PAUSED
        if status is not self._shown:
            self._shown = status
            self._commands.append(Show(status))


@dataclass(frozen=True, slots=True)
class StartDelays:
    """Silence at the start of a call until audio passes (D10), in milliseconds; modelled values.

    The seed says that ICE and recording each add a small delay and that both together add a longer,
    noticeable one: `both_ms` is therefore more than their sum.
    """

    ice_ms: int = 120
    recording_ms: int = 160
    both_ms: int = 600

    def of(self, *, ice: bool, recorded: bool) -> int:
        """The delay of a call, in milliseconds."""
        if ice and recorded:
            return self.both_ms
        return self.ice_ms if ice else self.recording_ms if recorded else 0
