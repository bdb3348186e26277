"""`recording-rules.md`: what is recorded and why, from the decision table; every refusal, from the rules."""

import json
from collections.abc import Iterator

from docs.pages.markdown import code, page, table
from siprec.calling.decisions import ACCOUNTS, CALLS, Case, Decision, Request
from siprec.providers.rules import RULES

INTRODUCTION = """\
The facts of call recording (C: providers and accounts, D: behaviour during a call), each with what shows it
and what its opposite shows. Every row is also a test: the settings are made over the API, the call is made
by simulated phones through the call control, and recorder, phones and providers are looked at afterwards.

Settings are requests to the [HTTP API](api.md); people, organisations and tokens are those of the demo
world, *bolt* is a second customer. What is modelled rather than published is marked so."""


def render() -> str:
    """The page."""
    return page(
        "Recording rules",
        INTRODUCTION,
        _decisions("Providers and accounts", ACCOUNTS),
        _decisions("During a call", CALLS),
        _refusals(),
    )


def _decisions(title: str, decisions: tuple[Decision, ...]) -> Iterator[str]:
    yield from (f"## {title}", "")
    for decision in decisions:
        yield from (f"### {decision.fact}", "", decision.statement, "")
        rows = [("shown", case) for case in decision.shown]
        rows += [("opposite", case) for case in decision.opposite]
        yield from table(
            ("", "What happens", "Settings", "Recordings"),
            ((kind, case.says, _settings(case), str(case.expect["recordings"])) for kind, case in rows),
        )


def _settings(case: Case) -> str:
    """The requests before the call and after it, and the configuration they need."""
    parts = [_request(request) for request in case.requests]
    parts += [f"after the call {_request(request)}" for request in case.after]
    parts += [f"{case.days} days later"] if case.days else []
    parts += [code(override) for override in case.overrides]
    return "; ".join(parts)


def _request(request: Request) -> str:
    path = request.path.removeprefix("/v1")
    text = code(f"{request.method} {path} {json.dumps(dict(request.body), ensure_ascii=False)}")
    return f"{text} → {request.status} {code(request.code)}" if request.code else text


def _refusals() -> Iterator[str]:
    yield from ("## Refusals", "", "What an illegal change, or a forbidden look, is answered.", "")
    yield from table(
        ("Code", "Facts", "HTTP", "What it says"),
        (
            (code(rule.code), " ".join(rule.facts), str(rule.http_status), rule.description)
            for rule in RULES.values()
        ),
    )
