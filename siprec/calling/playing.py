"""Plays a scenario with real phones and a real call control, then checks what it can.

    report = await play(load_scenario("pause-announcement"))            # with a recorder of our own
    report = await play(scenario, recorders=("sip:srs@192.0.2.1",))     # with anyone's: recordings unchecked
    report.ok, report.checks, report.log

Parties speak a tone each, so that a spectrum tells who is in a recording; prompts are found by correlation.
"""

import asyncio
import secrets
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from siprec.callcontrol.call import Happened
from siprec.callcontrol.prompts import PromptSet
from siprec.callcontrol.recording import RecordingOptions
from siprec.callcontrol.server import CallControlServer
from siprec.callcontrol.settings import CallingSettings
from siprec.callcontrol.subscribers import Subscriber
from siprec.calling.own_recorder import OwnRecorder, Recorded
from siprec.metadata.times import from_ns
from siprec.phones.hearing import Samples, hears_prompt, hears_tone
from siprec.phones.impairment import Weather
from siprec.phones.phone import Phone, PhoneSettings
from siprec.phones.phone_call import CallFailedError, CallState, PhoneCall
from siprec.phones.scenario import ExpectedRecording, PartyModel, Scenario, Step
from siprec.phones.softkeys import RecordingKeys, Softkey

VOICES_HZ = (440, 590, 790, 1_210, 1_620, 2_160)
"""A tone per party, none near the beep (1,000) or the repeat tone (1,400)."""
CONNECT_TIMEOUT_S = 30.0
FINISH_TIMEOUT_S = 15.0
DEAD_PORT = 9
RECORDER_TIMEOUT_S = 0.5
"""Patience with a recorder that does not answer, where a scenario has one."""


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation, and whether it was met."""

    what: str
    ok: bool
    found: str = ""


@dataclass(slots=True)
class Report:
    """What a played scenario came to. unchecked: what could not be looked at from here."""

    title: str
    checks: list[Check] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    log: list[Happened] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether everything that was checked is as expected."""
        return all(check.ok for check in self.checks)

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "scenario": self.title,
            "ok": self.ok,
            "checks": [{"what": c.what, "ok": c.ok, "found": c.found} for c in self.checks],
            "unchecked": self.unchecked,
            "log": [
                {"atNs": line.at_ns, "what": line.what, "who": line.who, "detail": line.detail}
                for line in self.log
            ],
        }


async def play(scenario: Scenario, *, recorders: tuple[str, ...] = (), host: str = "127.0.0.1") -> Report:
    """Play a scenario. recorders: SIP URIs of someone's recorders; without any, one of ours is started.

    Raises OSError or PortsUnavailableError where the machine has no room; a step that fails is in the report.
    """
    async with AsyncExitStack() as stack:
        own: OwnRecorder | None = None
        if not recorders:
            own = await stack.enter_async_context(await OwnRecorder.open(host))
            recorders = (own.uri,)
        calling = await stack.enter_async_context(
            await CallControlServer.open(_settings(scenario, recorders, host), _subscribers(scenario))
        )
        _impair(calling, scenario)
        stage = _Stage(scenario, calling)
        for number, name in enumerate(scenario.parties):
            stage.phones[name] = await stack.enter_async_context(
                await Phone.open(_phone(scenario, name, number, calling))
            )
        return await stage.run(own)


def _settings(scenario: Scenario, recorders: tuple[str, ...], host: str) -> CallingSettings:
    dead = tuple(f"sip:srs@{host}:{DEAD_PORT}" for _ in range(scenario.network.dead_recorders))
    return CallingSettings(
        host=host,
        port=0,
        port_pairs=16,
        recorders=(*dead, *recorders),
        recorder_timeout_seconds=RECORDER_TIMEOUT_S if dead else 4.0,
        dialect=scenario.network.dialect,
        ring_seconds=scenario.options.ring_seconds,
        passwords={name: secrets.token_hex(8) for name in _users(scenario)},
    )


def _impair(calling: CallControlServer, scenario: Scenario) -> None:
    network = scenario.network
    calling.forks.weather = Weather(loss=network.loss, reorder=network.reorder)


def _users(scenario: Scenario) -> dict[str, PartyModel]:
    return {name: party for name, party in scenario.parties.items() if party.phone != "outside"}


def _options(scenario: Scenario, party: PartyModel) -> RecordingOptions:
    choices = scenario.options
    return RecordingOptions.of(
        party.recording.settings(),
        from_connect=choices.on_demand == "from_connect",
        fork_first=choices.fork_first,
        tones_recorded=choices.tones_recorded,
        beeps_reported=choices.beeps_reported,
    )


def _subscribers(scenario: Scenario) -> dict[str, Subscriber]:
    return {
        name: Subscriber(
            name,
            name.title(),
            party.number,
            _options(scenario, party),
            ("acme-sp", "acme-dental", f"{name}@acme-dental.example"),
            party.mailbox,
            party.ice,
        )
        for name, party in _users(scenario).items()
    }


def _phone(scenario: Scenario, name: str, number: int, calling: CallControlServer) -> PhoneSettings:
    party = scenario.parties[name]
    tone_hz = VOICES_HZ[number % len(VOICES_HZ)]
    settings = PhoneSettings(
        party.number if party.phone == "outside" else name,
        calling.uri,
        calling.settings.passwords.get(name),
        party.phone,
        _options(scenario, party).keys if party.phone != "outside" else RecordingKeys.NEVER,
        host=calling.settings.host,
        tone_hz=tone_hz,
    )
    return settings if party.answers else replace(settings, answer_after_s=None)


class _Stage:
    """The phones of a scenario and the calls at each, oldest first."""

    def __init__(self, scenario: Scenario, calling: CallControlServer) -> None:
        self.scenario = scenario
        self.calling = calling
        self.phones: dict[str, Phone] = {}
        self.calls: dict[str, list[PhoneCall]] = {name: [] for name in scenario.parties}
        self.report = Report(scenario.title)
        self._collectors: list[asyncio.Task[None]] = []

    async def run(self, own: OwnRecorder | None) -> Report:
        """Register, play the script, check."""
        for name, phone in self.phones.items():
            self._collectors.append(asyncio.create_task(self._collect(name, phone)))
            if phone.settings.kind == "outside":
                self.calling.route(phone.settings.user, phone.uri)
            else:
                await phone.register()
        try:
            await self._script()
            await self._finish()
        finally:
            for task in self._collectors:
                task.cancel()
        control = self.calling.control
        self.report.log = [line for call in (*control.finished, *control.calls) for line in call.log]
        self._check_phones()
        await self._check_recordings(own)
        return self.report

    async def _collect(self, name: str, phone: Phone) -> None:
        while True:
            self.calls[name].append(await phone.incoming())

    async def _script(self) -> None:
        for step in self.scenario.steps:
            try:
                async with asyncio.timeout(
                    CONNECT_TIMEOUT_S + float(step.whom if step.what == "wait" else 0)
                ):
                    await self._do(step)
            except (CallFailedError, TimeoutError, LookupError) as error:
                self._note(str(step), False, str(error) or type(error).__name__)
                return

    async def _finish(self) -> None:
        """Hang up what still talks, and let recordings end."""
        for calls in self.calls.values():
            for call in calls:
                if call.state is not CallState.ENDED:
                    await call.hang_up()
        async with asyncio.timeout(FINISH_TIMEOUT_S):
            await self.calling.idle()

    async def _do(self, step: Step) -> None:
        match step.what:
            case "wait":
                await asyncio.sleep(float(step.whom))
            case "calls" | "consults":
                await self._call(step)
            case "answers" | "rejects":
                call = await self._ringing(step.who)
                if step.what == "answers":
                    call.answer()
                    await call.connected()
                else:
                    call.reject()
            case "presses":
                pressed = await self._talking(step.who).press(Softkey(step.whom))
                self._note(str(step), pressed, "" if pressed else "the phone shows no such key")
            case "holds":
                await self._talking(step.who).hold()
            case "takes back":
                await self._talking(step.who).unhold()
            case "transfers to":
                self._went(step, await self._talking(step.who).transfer(self._address(step.whom)))
            case "connects" | "joins":
                first, second = self._two(step.who)
                went = await (first.transfer_to(second) if step.what == "connects" else first.join(second))
                self._went(step, went)
            case "hangs up":
                await self._talking(step.who).hang_up()

    async def _call(self, step: Step) -> None:
        call = self.phones[step.who].call(self._address(step.whom))
        self.calls[step.who].append(call)
        party = self.scenario.parties[step.whom]
        if party.answers or party.mailbox:
            await call.connected()

    def _went(self, step: Step, status: int) -> None:
        self._note(str(step), status == 200, str(status))

    def _address(self, name: str) -> str:
        return self.scenario.parties[name].number

    async def _ringing(self, name: str) -> PhoneCall:
        while True:
            for call in self.calls[name]:
                if call.state is CallState.RINGING:
                    return call
            await asyncio.sleep(0.02)

    def _talking(self, name: str) -> PhoneCall:
        for call in reversed(self.calls[name]):
            if call.state is CallState.TALKING:
                return call
        raise LookupError(f"{name} is in no call")

    def _two(self, name: str) -> tuple[PhoneCall, PhoneCall]:
        talking = [call for call in self.calls[name] if call.state is CallState.TALKING]
        if len(talking) != 2:
            raise LookupError(f"{name} has {len(talking)} calls, not two")
        return talking[0], talking[1]

    def _note(self, what: str, ok: bool, found: str = "") -> None:
        self.report.checks.append(Check(what, ok, found))

    # --- what must be true ---------------------------------------------------------------------------

    def _check_phones(self) -> None:
        expect, prompts = self.scenario.expect, PromptSet.load()
        for wanted, table in ((True, expect.heard), (False, expect.unheard)):
            for name, sounds in table.items():
                heard = [call.heard for call in self.calls[name]]
                for sound in sounds:
                    found = any(self._hears(samples, sound, prompts) for samples in heard)
                    verb = "hears" if wanted else "does not hear"
                    self._note(f"{name} {verb} {sound}", found is wanted)
        for name, icons in expect.icons.items():
            shown = [display.icon.value for call in self.calls[name][:1] for display in call.shown]
            changes = [icon for at, icon in enumerate(shown) if not at or shown[at - 1] != icon]
            self._note(f"{name} shows {', '.join(icons)}", changes == list(icons), ", ".join(changes))
        for name, number in expect.messages.items():
            found_messages = sum(message.mailbox == name for message in self.calling.messages)
            self._note(f"{number} messages for {name}", found_messages == number, str(found_messages))

    def _hears(self, samples: Samples, sound: str, prompts: Mapping[str, Samples]) -> bool:
        if sound in self.phones:
            return hears_tone(samples, self.phones[sound].settings.tone_hz)
        return hears_prompt(samples, prompts[sound])

    async def _check_recordings(self, own: OwnRecorder | None) -> None:
        wanted = self.scenario.expect.recordings
        forks = self.calling.forks
        self._note(f"{len(wanted)} recording sessions", forks.started == len(wanted), str(forks.started))
        discarded = sum(not recording.kept for recording in wanted)
        self._note(f"{discarded} not kept", forks.discarded == discarded, str(forks.discarded))
        if own is None:
            self.report.unchecked.append("what is in the recordings: the recorder is not ours")
            return
        recorded = await own.recordings(len(wanted))
        if len(recorded) != len(wanted):
            self._note(f"{len(wanted)} recordings", False, str(len(recorded)))
            return
        for expected, found in zip(wanted, recorded, strict=True):
            self._check_recording(expected, found)

    def _check_recording(self, expected: ExpectedRecording, found: Recorded) -> None:
        who, prompts = f"the recording of {expected.of}", PromptSet.load()
        if self.scenario.network.dialect == "broadworks":
            identifier = f"{expected.of}@acme-dental.example"
            self._note(f"{who} is under its tenant key", found.identifier == identifier, found.identifier)
        if expected.seconds is not None:
            least, most = expected.seconds
            self._note(
                f"{who} lasts {least:g} to {most:g} s",
                least <= found.seconds <= most,
                f"{found.seconds:.2f} s",
            )
        streams = zip(("first", "second"), (expected.own, expected.others), found.streams, strict=False)
        for place, voices, samples in streams:
            for voice in voices:
                self._note(f"{voice} is in the {place} stream of {who}", self._hears(samples, voice, prompts))
        both = np.concatenate(found.streams) if found.streams else np.zeros(0, dtype=np.int16)
        for sound in expected.contains:
            self._note(f"{sound} is in {who}", self._hears(both, sound, prompts))
        for sound in expected.lacks:
            self._note(f"{sound} is not in {who}", not self._hears(both, sound, prompts))
        self._note(
            f"{who} is paused {expected.pauses} times", found.pauses == expected.pauses, str(found.pauses)
        )
        self._note(
            f"{who} tells of {', '.join(expected.announcements) or 'no announcement'}",
            found.announcements == expected.announcements,
            ", ".join(found.announcements),
        )
        self._check_times(expected, found)

    def _check_times(self, expected: ExpectedRecording, found: Recorded) -> None:
        """The metadata names each announcement at the moment the call control logged (D4)."""
        logged = [
            from_ns(int(line.detail.split()[-1]))
            for line in self.report.log
            if line.what == "told" and line.who == expected.of
        ]
        for at in found.announced_at:
            self._note(f"the announcement of {at} is in the call control's log", at in logged)
