"""What the rules said of a text: kept with it in a few bytes, shown as a list with every rule.

Kept is what the list cannot be worked out from later: the revision and modes in force at that moment, and
what rules in shadow mode would have refused. A rule that was enforced and did not refuse has let it pass.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gateway.messages.model import Direction, Message, Segment
from gateway.policy import pipeline as policy
from gateway.policy import rules
from gateway.policy.pipeline import Judgement, Pipeline
from gateway.policy.rules import Revision, in_force
from gateway.policy.verdict import Mode, Rule, Verdict

PASSED, REFUSED, SHADOWED, NOT_JUDGED, OFF = "passed", "refused", "shadowed", "notJudged", "off"


class VerdictLog:
    """Writes what `messages.verdicts` holds; texts that no shadow fell on share one constant."""

    def __init__(self, pipeline: Pipeline) -> None:
        modes = {code: mode.value for code, mode in pipeline.modes.items() if mode is not Mode.ENFORCE}
        self._head = {"revision": pipeline.revision.value} | ({"modes": modes} if modes else {})
        self._usual = json.dumps(self._head)

    def document(self, shadowed: Sequence[Verdict] | None) -> str:
        """The JSON to keep with a text."""
        if not shadowed:
            return self._usual
        told = [
            {"code": one.code, "description": one.description, "blockedBy": one.blocked_by.value}
            for one in shadowed
        ]
        return json.dumps({**self._head, "shadowed": told})


def verdicts_of(message: Message, segments: Iterable[Segment] = ()) -> list[dict[str, Any]]:
    """Every rule in the order it is judged, and what became of the text there; the carrier comes last."""
    kept: dict[str, Any] = json.loads(message.verdicts) if message.verdicts else {}
    revision = Revision(kept.get("revision", Revision.T4.value))
    modes: Mapping[str, str] = kept.get("modes", {})
    shadowed = {entry["code"]: entry for entry in kept.get("shadowed", ())}
    verdicts, judged = [], True
    for rule in _rules_of(message.direction):
        mode = modes.get(rule.code, "enforce") if rule.switchable else "enforce"
        if not in_force(rule, revision):
            mode = Mode.OFF.value
        verdict = _entry(rule, mode, PASSED if judged else NOT_JUDGED)
        if mode == Mode.OFF.value:
            verdict["outcome"] = OFF
        elif rule.code in shadowed and judged:
            verdict |= {**shadowed[rule.code], "outcome": SHADOWED}
        elif message.code == rule.code and message.blocked_by != "carrier":
            verdict["outcome"], judged = REFUSED, False
        verdicts.append(verdict)
    if message.blocked_by == "carrier":
        verdicts.append(_by_carrier(message, segments))
    return verdicts


def explained(judgement: Judgement) -> dict[str, Any]:
    """What one rule says of a text that nobody sends."""
    verdict = judgement.verdict
    document = _entry(judgement.rule, judgement.mode.value, PASSED)
    if verdict is not None:
        enforced = judgement.mode is Mode.ENFORCE
        document |= {
            "outcome": REFUSED if enforced else SHADOWED if judgement.mode is Mode.SHADOW else OFF,
            "description": verdict.description,
            "blockedBy": verdict.blocked_by.value,
            "httpStatus": verdict.http_status,
        }
    elif judgement.mode is Mode.OFF:
        document["outcome"] = OFF
    return document


def _rules_of(direction: Direction) -> tuple[Rule, ...]:
    if direction is Direction.INBOUND:
        return tuple(rule for rule, _ in policy.INBOUND)
    return (*(rule for rule, _ in policy.OUTBOUND), rules.CONTENT_BLOCKED, *rules.THROTTLES)


def _entry(rule: Rule, mode: str, outcome: str) -> dict[str, Any]:
    return {
        "code": rule.code,
        "facts": list(rule.facts),
        "mode": mode,
        "outcome": outcome,
        "blockedBy": rule.blocked_by.value,
        "description": rule.description,
    }


def _by_carrier(message: Message, segments: Iterable[Segment]) -> dict[str, Any]:
    errors = sorted({one.receipt_error for one in segments if one.receipt_error})
    told = f", told in the receipt as {', '.join(errors)}" if errors else ", told in the response"
    return {
        "code": message.code,
        "facts": ["B5"],
        "mode": "enforce",
        "outcome": REFUSED,
        "blockedBy": "carrier",
        "description": f"Refused by the carrier {message.carrier}{told}.",
    }
