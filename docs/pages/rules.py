"""`rules.md`: every rule, and which revision of the product's description states it."""

from collections.abc import Iterator
from itertools import groupby

from docs.pages.markdown import code, page, table
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
    return page("Rules", INTRODUCTION, _tables(), _causes())


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
    ]
