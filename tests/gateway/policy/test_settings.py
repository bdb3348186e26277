"""The section compiles to a pipeline, and its faults say what to do."""

from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.policy import BlockedBy, Mode, Revision, rules
from gateway.policy.filters import Count, CountFilter, DomainFilter, OptOutRatioFilter, WordFilter
from gateway.policy.optout import KeywordAction
from gateway.policy.settings import BusinessTextingSettings, FilterEntry


def test_defaults_are_the_newest_revision_enforced() -> None:
    pipeline = BusinessTextingSettings().pipeline()
    assert pipeline.revision is Revision.T4
    assert all(pipeline.mode(rule) is Mode.ENFORCE for rule in rules.OUTBOUND if rule.code != "desktop_only")
    assert pipeline.terms.minimum_app_version == (42, 12)
    assert pipeline.hops == ()


def test_hops_say_who_blocks(world: SimpleNamespace) -> None:
    settings = BusinessTextingSettings.model_validate(
        {
            "filters": {
                "gateway": [{"cause": "fraud", "words": ["scam"]}],
                "vendor": [{"cause": "burst", "messages": 1, "window_seconds": 60}],
            }
        }
    )
    pipeline = settings.pipeline()
    snapshot = world.snapshot(terms=pipeline.terms)
    verdicts = [pipeline.check_outbound(world.text(body), snapshot, 0) for body in ("scam", "a", "b")]
    assert [verdict and verdict.blocked_by for verdict in verdicts] == [
        BlockedBy.CISCO,
        None,
        BlockedBy.VENDOR,
    ]


@pytest.mark.parametrize(
    ("entry", "built"),
    [
        ({"words": ["a b"]}, WordFilter("x", ("a b",))),
        ({"domains": ["a.b"]}, DomainFilter("x", ("a.b",))),
        ({"messages": 5, "window_seconds": 9}, CountFilter("x", Count.MESSAGES, 5, 9)),
        ({"recipients": 5}, CountFilter("x", Count.RECIPIENTS, 5, 86_400)),
        ({"similar": 5}, CountFilter("x", Count.SIMILAR, 5, 86_400)),
        ({"opt_out_ratio": 0.1, "minimum": 3}, OptOutRatioFilter("x", 0.1, 3, 86_400)),
    ],
)
def test_filter_entries(entry: dict[str, Any], built: object) -> None:
    assert FilterEntry.model_validate({"cause": "x", **entry}).build() == built


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"revision": "T5"}, "'T1', 'T2', 'T3' or 'T4'"),
        ({"rules": {"mms_not_supported": "off"}}, "cannot be switched"),
        ({"rules": {"no_such_rule": "off"}}, "not known"),
        ({"rules": {"emoji_not_supported": "maybe"}}, "enforce"),
        ({"colour": 1}, "Extra inputs"),
        ({"filters": {"gateway": [{"cause": "x"}]}}, "give exactly one of"),
        ({"filters": {"gateway": [{"cause": "x", "words": ["a"], "messages": 1}]}}, "give exactly one of"),
        ({"opt_out": {"languages": ["cs"]}}, "no keywords for cs"),
        ({"minimum_app_version": 42.12}, "valid string"),
    ],
)
def test_faults(section: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        BusinessTextingSettings.model_validate(section)


def test_keyword_table_and_spam_block_follow_the_section() -> None:
    settings = BusinessTextingSettings.model_validate(
        {"opt_out": {"languages": ["fr"], "opt_in_words": ["OUI"]}, "spam_reports": {"threshold": 1}}
    )
    keyword = settings.opt_out.keyword_table().classify("oui")
    assert keyword is not None
    assert (keyword.action, keyword.language) == (KeywordAction.IN, "fr")
    assert settings.spam_block().threshold == 1


def test_territories_by_setting() -> None:
    assert not BusinessTextingSettings(us_territories="international").terms.territories_domestic
