"""`/v1/scenarios` and `/v1/scenarioRuns`: the library over HTTP, played and followed."""

from functools import lru_cache
from typing import Any, Literal

from pydantic import Field

from gateway.runtime.http.errors import ApiError
from gateway.runtime.http.models import ApiModel
from gateway.runtime.http.paging import Paged
from gateway.runtime.http.routes import ApiRequest, Routes
from gateway.runtime.http.wire import format_ns
from gateway.runtime.ids import decode_id, encode_id
from siprec.api.call_models import Icon, LogOut, PhoneState
from siprec.api.scope import ADMINISTRATORS, not_found
from siprec.callcontrol.keys import offered
from siprec.callcontrol.telephony import phone_state
from siprec.calling.runs import ScenarioRun, ScenarioRuns, TooManyRunsError
from siprec.phones.phone import Phone
from siprec.phones.scenario import Scenario, load_scenario, names


class PartyOut(ApiModel):
    """Somebody who plays in a scenario."""

    name: str
    phone: Literal["mpp", "app", "outside"]
    number: str
    recording_mode: str


class ScenarioOut(ApiModel):
    """A scenario of the library."""

    name: str
    title: str
    facts: list[str]
    parties: list[PartyOut]
    script: list[str]
    seconds: float = Field(description="How long its waits are together, about.")


class ScenarioRunIn(ApiModel):
    """Which scenario to play."""

    scenario: str = Field(min_length=1, max_length=64, description="Name, as `GET /v1/scenarios` has it.")


class RunPhoneOut(ApiModel):
    """A phone of a scenario under way: what it shows now."""

    name: str
    kind: Literal["mpp", "app", "outside"]
    state: PhoneState
    icon: Icon
    softkeys: list[str]


class CheckOut(ApiModel):
    """One expectation, and whether it was met."""

    what: str
    ok: bool
    found: str


class ScenarioRunOut(ApiModel):
    """A scenario under way or over: progress, phones, then checks and log. `step`: steps done."""

    id: str
    scenario: str
    title: str
    state: Literal["running", "passed", "failed", "cancelled"]
    step: int
    steps: list[str]
    started_at: str
    ended_at: str | None
    phones: list[RunPhoneOut]
    checks: list[CheckOut]
    unchecked: list[str]
    log: list[LogOut]
    error: str


def run_routes(runs: ScenarioRuns) -> Routes:
    """The routes of scenarios."""
    routes = Routes("Scenarios", "Recorded calls that play by a script, with everything that must be true.")
    _add_library(routes)
    _add_runs(routes, runs)
    return routes


@lru_cache(maxsize=1)
def _library() -> dict[str, Scenario]:
    return {name: load_scenario(name) for name in names()}


def _add_library(routes: Routes) -> None:
    @routes.get("/v1/scenarios", returns=list[ScenarioOut], paged=True)
    async def scenarios(request: ApiRequest) -> Paged:
        """List the library of scenarios."""
        del request
        return Paged([_scenario(name, each) for name, each in _library().items()])

    @routes.get("/v1/scenarios/{name}", returns=ScenarioOut, errors=(404,))
    async def scenario(request: ApiRequest) -> ScenarioOut:
        """Show a scenario."""
        name = request.params["name"]
        if name not in _library():
            raise not_found("scenario")
        return _scenario(name, _library()[name])


def _add_runs(routes: Routes, runs: ScenarioRuns) -> None:
    def find(request: ApiRequest) -> ScenarioRun:
        try:
            run = runs.run(decode_id(request.params["id"]))
        except ValueError:
            run = None
        if run is None:
            raise not_found("run")
        return run

    @routes.get("/v1/scenarioRuns", returns=list[ScenarioRunOut], roles=ADMINISTRATORS, paged=True)
    async def list_runs(request: ApiRequest) -> Paged:
        """List the scenarios being played, and the last ones that are over, newest first."""
        del request
        return Paged([_run(run) for run in runs.runs])

    @routes.post(
        "/v1/scenarioRuns",
        body=ScenarioRunIn,
        returns=ScenarioRunOut,
        status=202,
        roles=ADMINISTRATORS,
        errors=(400, 404, 409),
    )
    async def start(request: ApiRequest) -> ScenarioRunOut:
        """Play a scenario, in a small world of its own: phones, call control, recorder, providers, clock.

        Nothing of it is kept but the report. `GET /v1/scenarioRuns/{id}` and the stream
        (`scenario.progressed`) follow it.
        """
        name = request.body.scenario
        if name not in _library():
            raise not_found("scenario")
        try:
            return _run(runs.start_run(name, _library()[name]))
        except TooManyRunsError as error:
            raise ApiError(409, "too_many_runs", str(error), retry_after_s=5) from None

    @routes.get("/v1/scenarioRuns/{id}", returns=ScenarioRunOut, roles=ADMINISTRATORS, errors=(404,))
    async def run(request: ApiRequest) -> ScenarioRunOut:
        """Show a run: where it is, what its phones show, and what came of it."""
        return _run(find(request))

    @routes.delete("/v1/scenarioRuns/{id}", status=204, roles=ADMINISTRATORS, errors=(404,))
    async def cancel(request: ApiRequest) -> None:
        """End a run before its time."""
        await runs.cancel(find(request))


def _scenario(name: str, scenario: Scenario) -> ScenarioOut:
    parties = [
        PartyOut(name=party, phone=each.phone, number=each.number, recording_mode=each.recording.mode.value)
        for party, each in scenario.parties.items()
    ]
    waits = sum(float(step.whom) for step in scenario.steps if step.what == "wait")
    return ScenarioOut(
        name=name,
        title=scenario.title,
        facts=list(scenario.facts),
        parties=parties,
        script=list(scenario.script),
        seconds=round(waits, 1),
    )


def _run(run: ScenarioRun) -> ScenarioRunOut:
    report = run.report
    checks: list[Any] = report.checks if report is not None else []
    phones = run.stage.phones if run.stage is not None else {}
    return ScenarioRunOut(
        id=encode_id(run.id),
        scenario=run.name,
        title=run.scenario.title,
        state=run.state,
        step=run.step,
        steps=list(run.scenario.script),
        started_at=format_ns(run.started_ns),
        ended_at=None if run.ended_ns is None else format_ns(run.ended_ns),
        phones=[_phone(name, phone) for name, phone in phones.items()],
        checks=[CheckOut(what=each.what, ok=each.ok, found=each.found) for each in checks],
        unchecked=report.unchecked if report is not None else [],
        log=[LogOut.of(line) for line in (report.log if report is not None else [])],
        error=run.error,
    )


def _phone(name: str, phone: Phone) -> RunPhoneOut:
    call = phone.calls[-1] if phone.calls else None
    return RunPhoneOut(
        name=name,
        kind=phone.settings.kind,
        state=phone_state(call) if call is not None else "idle",
        icon=call.display.icon.value if call is not None else "none",
        softkeys=list(offered(call)) if call is not None else [],
    )
