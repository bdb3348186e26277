"""Plays a scenario with real phones and a real call control, then checks what it can.

    report = await play(load_scenario("pause-announcement"))            # with a recorder of our own
    report = await play(scenario, recorders=("sip:srs@192.0.2.1",))     # with anyone's: recordings unchecked
    report.ok, report.checks, report.log

Parties speak a tone each, so that a spectrum tells who is in a recording; prompts are found by correlation.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack

from gateway.directory.recording import RecordingMode
from gateway.runtime.http.errors import ApiError
from siprec.callcontrol.server import CallControlServer
from siprec.calling import cast
from siprec.calling.checking import Checker
from siprec.calling.own_recorder import OwnRecorder, providers_of_ours
from siprec.calling.report import Report
from siprec.phones.document import RecordedCall
from siprec.phones.impairment import Weather
from siprec.phones.phone import Phone
from siprec.phones.phone_call import CallFailedError, CallState, PhoneCall
from siprec.phones.scenario import WORLD_STEPS, Scenario, Step
from siprec.phones.softkeys import Softkey

CONNECT_TIMEOUT_S = 30.0
FINISH_TIMEOUT_S = 15.0


async def play(
    scenario: Scenario,
    *,
    recorders: tuple[str, ...] = (),
    host: str = "127.0.0.1",
    watch: Callable[["Stage"], None] | None = None,
) -> Report:
    """Play a scenario. recorders: SIP URIs of someone's recorders; without any, one of ours is started.

    watch: told of the stage at every step and whenever a phone shows something else. Raises OSError or
    PortsUnavailableError where the machine has no room; a step that fails is in the report.
    """
    providers = await asyncio.to_thread(providers_of_ours)
    directory = cast.directory_of(scenario, providers.providers)
    subscribers = cast.subscribers_of(scenario, directory)
    async with AsyncExitStack() as stack:
        own: OwnRecorder | None = None
        if not recorders:
            own = await stack.enter_async_context(await OwnRecorder.open(directory, host, providers))
            recorders = (own.uri,)
        settings = cast.settings_of(scenario, recorders, host)
        now_ns = own.clock.now_ns if own is not None else time.time_ns
        calling = await stack.enter_async_context(
            await CallControlServer.open(settings, subscribers, numbers=subscribers.numbers, now_ns=now_ns)
        )
        network = scenario.network
        calling.forks.weather = Weather(loss=network.loss, reorder=network.reorder)
        if own is not None:
            calling.forks.on_discarded = _discarding(own)
        stage = Stage(scenario, calling, own, watch)
        for name in scenario.parties:
            phone = cast.phone_of(scenario, name, calling.uri, settings, subscribers)
            stage.phones[name] = await stack.enter_async_context(await Phone.open(phone))
        return await stage.run()


def _discarding(own: OwnRecorder) -> Callable[[RecordedCall, str], None]:
    def discard(_call: RecordedCall, sip_call_id: str) -> None:
        own.service.discard(sip_call_id)

    return discard


class Stage:
    """The phones of a scenario under way, and the calls at each, oldest first. step: how many are done."""

    def __init__(
        self,
        scenario: Scenario,
        calling: CallControlServer,
        own: OwnRecorder | None,
        watch: Callable[["Stage"], None] | None = None,
    ) -> None:
        self.scenario = scenario
        self.calling = calling
        self.phones: dict[str, Phone] = {}
        self.calls: dict[str, list[PhoneCall]] = {name: [] for name in scenario.parties}
        self.report = Report(scenario.title)
        self.step = 0
        self._own = own
        self._watch = watch or (lambda _stage: None)
        self._collectors: list[asyncio.Task[None]] = []

    async def run(self) -> Report:
        """Register, play the script, check."""
        for name, phone in self.phones.items():
            phone.on_change = lambda _call: self._watch(self)
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
        tones = {name: phone.settings.tone_hz for name, phone in self.phones.items()}
        checker = Checker(self.scenario, self.report, self.calling, tones, self.calls)
        checker.phones()
        await checker.recordings(self._own)
        return self.report

    async def _collect(self, name: str, phone: Phone) -> None:
        while True:
            self.calls[name].append(await phone.incoming())

    async def _script(self) -> None:
        for number, step in enumerate(self.scenario.steps):
            self.step = number
            self._watch(self)
            try:
                async with asyncio.timeout(
                    CONNECT_TIMEOUT_S + float(step.whom if step.what == "wait" else 0)
                ):
                    await (self._turn(step) if step.what in WORLD_STEPS else self._do(step))
            except (CallFailedError, TimeoutError, LookupError, ApiError) as error:
                self.report.note(str(step), False, str(error) or type(error).__name__)
                return
        self.step = len(self.scenario.steps)
        self._watch(self)

    async def _finish(self) -> None:
        """Hang up what still talks, and let recordings end."""
        for calls in self.calls.values():
            for call in calls:
                if call.state is not CallState.ENDED:
                    await call.hang_up()
        async with asyncio.timeout(FINISH_TIMEOUT_S):
            await self.calling.idle()

    # ── calls ─────────────────────────────────────────────────────────────────────────────────────

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
                self.report.note(str(step), pressed, "" if pressed else "the phone shows no such key")
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
        self.report.note(str(step), status == 200, str(status))

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

    # ── the world around ──────────────────────────────────────────────────────────────────────────

    async def _turn(self, step: Step) -> None:
        """A step about providers and time: everything recorded so far is sealed first."""
        if self._own is None:
            raise LookupError("only with a recorder of our own: leave --to out")
        own = self._own
        await self.calling.idle()
        await own.recordings(self.calling.forks.started)
        match step.what:
            case "pass":
                await own.pass_days(int(step.whom))
            case "restarts":
                await own.restart()
            case "chooses":
                await own.choose_provider(cast.ORGANIZATION, step.whom)
            case "is set to":
                await own.set_mode(step.who, RecordingMode(step.whom))
            case "gets":
                await own.give_product(step.who, step.whom)
            case "has":
                kept = await own.kept_for(cast.identifier(step.who))
                self.report.note(str(step), kept == int(step.whom), str(kept))
        for name in cast.users(self.scenario):
            keys = cast.subscribers_of(self.scenario, own.directory)[name].options.keys
            self.phones[name].set_keys(keys)
