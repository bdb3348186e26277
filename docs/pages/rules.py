"""`rules.md`: every rule, and which revision of the product's description states it."""

import json
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from docs.pages.markdown import code, page, table
from gateway.policy.decisions import ADMINISTRATION, CARRIERS, INBOUND, OUTBOUND, SHARED
from gateway.policy.decisions.model import NO_LIMITS, TEXT, CarrierCase, Change, Request, TextCase
from gateway.policy.filters import CAUSES
from gateway.policy.rules import RULES, Revision, in_force
from gateway.policy.verdict import Direction, Rule

INTRODUCTION = """\
Every reason for which the gateway refuses, with its stable code. `gateway rules` prints the same table,
`--json` and `GET /v1/rules` give it to programs.

- **Facts** name what a rule stands on: A and B are numbered statements of the Webex help article
  *Business Texting*.
- **By** says who refuses (`blockedBy` in an answer): `gateway` is a rule of the product; `cisco` and
  `vendor` decide at their discretion; `carrier` is said by a carrier.
- **Modes**: a rule enforces unless `business_texting.rules` sets its code to `shadow` (counted in
  `gateway_messages_shadowed_total`, never refused) or `off`. Rules *always on* cannot be switched.
  A limit in `shadow` watches what enforcing it would do: it counts the texts that it would have let pass,
  so that `used` never exceeds its cap, however many are sent.
- **Revisions** T1 to T4 are the editions of the article, oldest first; `business_texting.revision`
  chooses, T4 unless told otherwise.

Outbound text rules are judged in the order of the table, and the first refusal stops. `limits` come
last."""

TITLES = {
    Direction.OUTBOUND: "Outbound texts",
    Direction.INBOUND: "Inbound texts",
    Direction.ADMINISTRATIVE: "Administration",
}
NOTES = {
    Direction.OUTBOUND: "",
    Direction.INBOUND: "An inbound text that a rule refuses is stored with its code, counted and shown, and "
    "answered `ESME_ROK`: the carrier did its part.",
    Direction.ADMINISTRATIVE: "What an administrator's action is answered with.",
}


def render() -> str:
    """The page."""
    return page("Rules", INTRODUCTION, _tables(), _causes(), _decisions())


def _tables() -> Iterator[str]:
    for direction, rules in groupby(RULES, key=lambda rule: rule.direction):
        yield from (f"## {TITLES[direction]}", "")
        if NOTES[direction]:
            yield from (NOTES[direction], "")
        yield from table(
            ("Code", "Facts", "HTTP", "By", "Revisions", "What it says"), (_row(rule) for rule in rules)
        )


def _row(rule: Rule) -> tuple[str, ...]:
    fixed = "" if rule.switchable or rule.direction is Direction.ADMINISTRATIVE else " *Always on.*"
    return (
        code(rule.code),
        " ".join(rule.facts),
        str(rule.http_status or ""),
        rule.blocked_by.value,
        _revisions(rule),
        rule.description + fixed,
    )


def _revisions(rule: Rule) -> str:
    stating = [revision.value for revision in Revision if in_force(rule, revision)]
    return "all" if len(stating) == len(Revision) else " ".join(stating)


def _causes() -> list[str]:
    causes = ", ".join(code(cause) for cause in CAUSES)
    return [
        "## Causes of `content_blocked` and `spam_blocked`",
        "",
        f"The article names {causes}, *among others*: a filter under `business_texting.filters` may name its "
        "own. The thresholds in the demo world are modelled; none is published.",
        "",
    ]


DECISIONS = """\
What each rule refuses, and what it lets pass. Every row is also a test: the settings are made, the requests
sent over HTTP, and status, code, description, `blockedBy`, metric and, where a carrier refuses, its receipt
are looked at; one rule alone refuses, as `explain` says, and the last text of the row is delivered. People,
numbers and tokens are those of the demo world; where a row names no token it is `demo-admin`."""

LONGEST_TEXT = 40
DEMO_ADMIN = "demo-admin"
"""Whose token every request carries that does not say another."""


def _decisions() -> Iterator[str]:
    yield from ("## Decisions", "", *DECISIONS.split("\n"), "")
    yield from (
        f"A text is {_json(TEXT)} but for what a row says. Rows without settings of their own share:",
        "",
    )
    yield from (*(f"- {code(setting)}" for setting in SHARED), "")
    yield from ("### Outbound texts are refused", "")
    yield from table(
        ("Code", "What is shown", "World", "Refused", "Passes"),
        ((code(case.code), case.shows, _world(case), _refused(case), _passes(case)) for case in OUTBOUND),
    )
    yield from ("### Inbound texts are kept with their code", "")
    yield from table(
        ("Code", "What is shown", "World", "From", "Text", "State"),
        (
            (
                code(case.code),
                case.shows,
                _changes(case.changes),
                code(case.source),
                " ".join(filter(None, (case.text, *map(code, case.files)))),
                case.state,
            )
            for case in INBOUND
        ),
    )
    yield from ("### Administrators are told", "")
    yield from table(
        ("Code", "What is shown", "Settings", "Requests"),
        (
            (
                code(case.code),
                case.shows,
                _settings(case.settings),
                "; ".join(_request(request) for request in case.requests),
            )
            for case in ADMINISTRATION
        ),
    )
    yield from ("### Carriers refuse by their own truth", "")
    yield from table(
        ("Event", "What is shown", "World", "Refused", "Told", "Passes"),
        (
            (
                code(case.event),
                case.shows,
                "; ".join(filter(None, (_settings(case.settings), *map(_request, case.changes)))),
                _after(case.before, _json({"to": case.to, **case.refused})),
                f"{case.carrier}, in the {case.at}: {code(case.error)}",
                _carrier_passes(case),
            )
            for case in CARRIERS
        ),
    )


def _world(case: TextCase) -> str:
    return "; ".join(filter(None, (_settings(case.settings), _changes(case.changes))))


def _settings(settings: tuple[str, ...]) -> str:
    """Settings as code; that nobody's own limits are in force is said once, the pace of the clock never."""
    limitless = set(NO_LIMITS) <= set(settings)
    told = [
        code(setting)
        for setting in settings
        if not setting.startswith("clock.") and not (limitless and setting in NO_LIMITS)
    ]
    return " ".join(["no other limits:" if told else "no limits", *told] if limitless else told)


def _changes(changes: tuple[Change, ...]) -> str:
    return "; ".join(_request(change.do) for change in changes)


def _refused(case: TextCase) -> str:
    by = "" if case.blocked_by == "gateway" else f", by {case.blocked_by}"
    told = f"{case.status} “{case.says}”{by}"
    if case.retry_after is not None:
        told += f", retry after {case.retry_after:,} s"
    return f"{_after(len(case.before), _json(case.refused))} → {told}"


def _after(count: int, text: str) -> str:
    return f"after {count} that pass: {text}" if count else text


def _passes(case: TextCase) -> str:
    text = _json(case.passes) if case.passes else "the text" if case.refused else "the same"
    return f"{text}, {case.later_s:,} s later" if case.later_s else text


def _carrier_passes(case: CarrierCase) -> str:
    if case.later_s:
        return f"the same, {case.later_s:,} s later"
    return _json(case.passes) if case.passes else "the text" if "text" in case.refused else ""


def _request(request: Request) -> str:
    body = f" {json.dumps(dict(request.body), ensure_ascii=False)}" if request.body else ""
    text = code(f"{request.method} {request.path.removeprefix('/v1')}{body}")
    answer = " ".join(filter(None, (str(request.status), code(request.code))))
    as_whom = "" if request.token == DEMO_ADMIN else f" as {code(request.token)}"
    return f"{text}{as_whom} → {answer}"


def _json(text: Mapping[str, Any]) -> str:
    if not text:
        return "the text"
    shown = {name: _short(value) for name, value in text.items()}
    return code(json.dumps(shown, ensure_ascii=False))


def _short(value: Any) -> Any:
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return f"{value[:3]}… ({len(value):,} characters)"
    return value
