"""The recorded users of calls: their decisions carried out on sound, forks and phones, and logged."""

from collections.abc import Callable, Iterable

from siprec.callcontrol.call import MAILBOX, Call, Leg, RecordedUser, World
from siprec.callcontrol.recording import (
    Command,
    PauseFork,
    Play,
    Prompt,
    RecordingControl,
    RecordingState,
    Report,
    ResumeFork,
    Show,
    StartFork,
    StopFork,
    Told,
)
from siprec.callcontrol.subscribers import Subscriber
from siprec.phones.document import Party, RecordedCall
from siprec.phones.softkeys import RecordStatus

_PROMPTS = {prompt.value: prompt for prompt in Prompt}
_IDLE = (RecordingState.OFF, RecordingState.ENDED)


class RecordedUsers:
    """show: bring the phones of a call up to date. log: (call, what, who, detail)."""

    def __init__(
        self,
        world: World,
        show: Callable[[Call, float], None],
        log: Callable[[Call, str, str, str], None],
    ) -> None:
        self._world = world
        self._show = show
        self._log = log

    # --- who is in the call --------------------------------------------------------------------------

    def join(self, call: Call, leg: Leg, now: float, *, outgoing: bool, voicemail: bool) -> None:
        """A phone is in a call that talks."""
        if leg.user is None or not leg.user.records:
            return
        other = call.mailbox.name or call.mailbox.address if call.mailbox is not None else None
        party = Party(f"sip:{call.target}", other) if other is not None else self._partner(call, leg)
        self._start(call, leg.user, leg.id, party, now, outgoing=outgoing, voicemail=voicemail)

    def join_mailbox(self, call: Call, callee: Subscriber, caller: Leg, now: float) -> None:
        """The callee's mailbox takes a message (D2)."""
        if callee.records:
            self._start(call, callee, MAILBOX, caller.party, now, outgoing=False, voicemail=True)

    def _start(
        self,
        call: Call,
        user: Subscriber,
        leg_id: int,
        other: Party,
        now: float,
        *,
        outgoing: bool,
        voicemail: bool,
    ) -> None:
        control = RecordingControl(user.options, voicemail=voicemail)
        recorded = RecordedUser(user, leg_id, call, control, outgoing, other)
        call.recorded.append(recorded)
        control.connected(now, self._world.now_ns())
        self._carry_out(recorded, now)

    def _partner(self, call: Call, leg: Leg) -> Party:
        others = call.others(leg)
        return others[0].party if others else Party("sip:anonymous@anonymous.invalid")

    def leave(self, call: Call, leg: Leg, now: float) -> None:
        """A phone left: the recording of its user ends."""
        for recorded in [each for each in call.recorded if each.leg_id == leg.id]:
            self._finish(recorded, now)

    def move(self, leg: Leg, source: Call, target: Call) -> None:
        """A phone was joined to another call: its recording goes on there."""
        for recorded in [each for each in source.recorded if each.leg_id == leg.id]:
            source.recorded.remove(recorded)
            target.recorded.append(recorded)
            recorded.call = target

    def partners(self, call: Call) -> None:
        """Tell the recorders who the others are now: another one, or more of them, or fewer."""
        for recorded in call.recorded:
            others = [leg.party for leg in call.up if leg.id != recorded.leg_id]
            if not others:
                continue
            if recorded.other not in others:
                recorded.other = others[0]
                if recorded.fork is not None:
                    recorded.fork.transfer(recorded.other)
            joined = tuple(party for party in others if party != recorded.other)
            if joined != recorded.joined:
                recorded.joined = joined
                if recorded.fork is not None:
                    recorded.fork.conference(joined)

    def end(self, call: Call, now: float) -> None:
        """The call is over."""
        for recorded in list(call.recorded):
            self._finish(recorded, now)

    def _finish(self, recorded: RecordedUser, now: float) -> None:
        recorded.control.ended(now, self._world.now_ns())
        self._carry_out(recorded, now)
        recorded.call.recorded.remove(recorded)

    # --- what happens to it --------------------------------------------------------------------------

    def press(self, call: Call, address: str, preference: str, now: float) -> bool:
        """A softkey of a user."""
        for recorded in call.recorded:
            if recorded.user.address == address and recorded.control.press(
                preference, now, self._world.now_ns()
            ):
                self._log(call, "pressed", address, preference)
                self._carry_out(recorded, now)
                return True
        return False

    def played(self, call: Call, name: str, now: float) -> None:
        """A prompt is over."""
        prompt = _PROMPTS.get(name)
        for recorded in list(call.recorded) if prompt is not None else ():
            assert prompt is not None  # noqa: S101 - the loop is empty otherwise
            recorded.control.played(prompt, now, self._world.now_ns())
            self._carry_out(recorded, now)

    def held(self, call: Call, held: bool) -> None:
        """The call is on hold, or taken back."""
        for recorded in call.recorded:
            if recorded.fork is not None:
                recorded.fork.hold(held)

    def fork_started(self, recorded: RecordedUser, now: float) -> None:
        """A recorder records."""
        self._log(recorded.call, "recording", recorded.user.address, "started")
        recorded.control.fork_started(now, self._world.now_ns())
        self._carry_out(recorded, now)

    def fork_failed(self, recorded: RecordedUser, now: float) -> None:
        """No recorder takes the call, or the one that did is gone."""
        self._log(recorded.call, "recording", recorded.user.address, "failed")
        recorded.fork = None
        recorded.control.fork_failed(now)
        self._carry_out(recorded, now)

    def next_deadline(self, call: Call) -> float | None:
        """When a repeat tone is due."""
        times = [due for each in call.recorded if (due := each.control.next_deadline()) is not None]
        return min(times, default=None)

    def handle_timeout(self, call: Call, now: float) -> None:
        """Play the repeat tones that are due."""
        for recorded in list(call.recorded):
            recorded.control.handle_timeout(now, self._world.now_ns())
            self._carry_out(recorded, now)

    # --- what is to be seen --------------------------------------------------------------------------

    def status(self, leg: Leg) -> RecordStatus:
        """What `a=record` tells a phone: its user's own recording, else whether anyone records."""
        recorded = leg.call.recorded
        if leg.user is not None and leg.user.records:
            return _strongest(each.control.status for each in recorded if each.leg_id == leg.id)
        return _strongest(each.control.status for each in recorded)

    def starting(self, call: Call) -> bool:
        """Whether the call is recorded, or about to be (D10)."""
        return any(each.control.state not in _IDLE for each in call.recorded)

    # --- commands ------------------------------------------------------------------------------------

    def _carry_out(self, recorded: RecordedUser, now: float) -> None:
        for command in recorded.control.take_commands():
            self._do(recorded, command, now)

    def _do(self, recorded: RecordedUser, command: Command, now: float) -> None:
        call, fork, told = recorded.call, recorded.fork, getattr(command, "told", None)
        if isinstance(told, Told):
            self._log(call, "told", recorded.user.address, f"{told.event} {told.kind} {told.at_ns}")
        match command:
            case Play(prompt, forked):
                call.sound.play(prompt.value, forked=forked)
            case StartFork(said):
                recorded.fork = self._world.fork(recorded, self._described(recorded), said)
            case PauseFork(said) if fork is not None:
                fork.pause(said)
            case ResumeFork(said) if fork is not None:
                fork.resume(said)
            case Report(said) if fork is not None:
                fork.report(said)
            case StopFork(said, kept):
                self._log(call, "recording", recorded.user.address, "stopped" if kept else "discarded")
                recorded.fork = None
                if fork is not None:
                    fork.stop(said, kept)
            case Show(status):
                self._log(call, "record", recorded.user.address, status.value)
                self._show(call, now)

    def _described(self, recorded: RecordedUser) -> RecordedCall:
        call, user = recorded.call, recorded.user
        leg = next((leg for leg in call.legs if leg.id == recorded.leg_id), None)
        me = leg.party if leg is not None else Party(f"sip:{user.number or user.address}", user.name)
        others = [other for other in call.up if other.id != recorded.leg_id]
        on_demand = not user.options.keys.value.startswith("always")
        return RecordedCall(
            me,
            recorded.other,
            recorded.outgoing,
            user.tenant,
            call_id=f"callhalf-{call.id}:{recorded.leg_id}",
            tracking_id=f"{call.id}:{recorded.leg_id}",
            recording_type="demand" if on_demand else "on",
            pstn=any(other.user is None for other in others),
            joined=recorded.joined,
        )


def _strongest(statuses: Iterable[RecordStatus]) -> RecordStatus:
    found = set(statuses)
    return next((s for s in (RecordStatus.ON, RecordStatus.PAUSED) if s in found), RecordStatus.OFF)
