"""What the rules said of a text is kept in a few bytes and shown rule by rule."""

import json
from typing import Any

from gateway.messages.model import Direction, Message, Segment, State
from gateway.messages.verdicts import VerdictLog, explained, verdicts_of
from gateway.policy import rules
from gateway.policy.pipeline import Judgement, Pipeline
from gateway.policy.rules import Revision
from gateway.policy.verdict import BlockedBy, Mode, Verdict

EMOJI = "emoji_not_supported"


def message(direction: Direction = Direction.OUTBOUND, **more: Any) -> Message:
    head = (1, direction, State.ACCEPTED, "+12025550100", "+13105550125", "Hi", "gsm7", 1, "tmobile")
    return Message(*head, 0, 0, 0, 0, **more)


def outcomes(shown: Message, *segments: Segment) -> dict[str, str]:
    return {verdict["code"]: verdict["outcome"] for verdict in verdicts_of(shown, segments)}


def test_texts_without_a_shadow_share_one_constant() -> None:
    log = VerdictLog(Pipeline())
    assert log.document(None) is log.document([])
    assert json.loads(log.document(None)) == {"revision": "T4"}


def test_a_text_that_passed_has_a_verdict_of_every_rule_in_order() -> None:
    shown = verdicts_of(message(verdicts=VerdictLog(Pipeline()).document(None)))
    listed = [rule.code for rule in (*rules.OUTBOUND, *rules.THROTTLES)]
    assert sorted(verdict["code"] for verdict in shown) == sorted(listed)
    assert {verdict["code"] for verdict in shown if verdict["outcome"] == "off"} == {"desktop_only"}
    assert {verdict["outcome"] for verdict in shown} == {"passed", "off"}


def test_modes_and_revision_of_the_moment_are_what_counts() -> None:
    pipeline = Pipeline(revision=Revision.T1, modes={EMOJI: Mode.SHADOW, "app_too_old": Mode.OFF})
    kept = VerdictLog(pipeline).document([Verdict(rules.EMOJI_NOT_SUPPORTED, "one")])
    found = outcomes(message(verdicts=kept))
    assert found[EMOJI] == "shadowed"
    assert found["app_too_old"] == found["addon_missing"] == "off"
    assert found["desktop_only"] == "passed"


def test_after_a_refusal_nothing_is_judged() -> None:
    refused = message(Direction.INBOUND, code=EMOJI, blocked_by="gateway")
    assert outcomes(refused) == {
        "malformed": "passed",
        "mms_not_supported": "passed",
        "international_not_supported": "passed",
        EMOJI: "refused",
        "recipient_unknown": "notJudged",
        "recipient_texting_disabled": "notJudged",
    }


def test_a_carriers_refusal_comes_last_with_its_code() -> None:
    refused = message(code="carrier_30034", blocked_by="carrier")
    receipt = Segment(1, 0, "tmobile", "7", 1, 0, 0, 0, "REJECTD", "30034")
    last = verdicts_of(refused, [receipt])[-1]
    assert (last["code"], last["blockedBy"], last["outcome"]) == ("carrier_30034", "carrier", "refused")
    assert "30034" in last["description"]
    assert "in the response" in verdicts_of(refused)[-1]["description"]


def test_explain_says_who_would_refuse_and_whether_it_would_count() -> None:
    verdict = Verdict(rules.SPAM_BLOCKED, "spam: a listed link", "spam", BlockedBy.VENDOR)
    for mode, outcome in ((Mode.ENFORCE, "refused"), (Mode.SHADOW, "shadowed"), (Mode.OFF, "off")):
        told = explained(Judgement(rules.SPAM_BLOCKED, mode, verdict))
        assert (told["outcome"], told["blockedBy"], told["mode"]) == (outcome, "vendor", mode.value)
    assert explained(Judgement(rules.SPAM_BLOCKED, Mode.ENFORCE, None))["outcome"] == "passed"
