"""The rules of business texting: who may text whom what, judged purely from a text and a snapshot of facts.

`pipeline` runs the checks of `entitlement`, `registration`, `content` and the hops' `filters` in order;
`rules` is the one table of all codes; `numbers` tells telephone numbers apart; `optout` and `abuse` keep the
state that recipients cause.
"""

from gateway.policy.numbers import NumberInfo, NumberKind, normalise
from gateway.policy.pipeline import Hop, Judgement, Pipeline
from gateway.policy.rules import RULES, Revision
from gateway.policy.snapshot import PolicyTerms, Snapshot, Text
from gateway.policy.verdict import BlockedBy, Direction, Mode, Rule, Verdict

__all__ = [
    "RULES",
    "BlockedBy",
    "Direction",
    "Hop",
    "Judgement",
    "Mode",
    "NumberInfo",
    "NumberKind",
    "Pipeline",
    "PolicyTerms",
    "Revision",
    "Rule",
    "Snapshot",
    "Text",
    "Verdict",
    "normalise",
]
