"""Keywords in three languages, one confirmation, and a list that agrees with a plain set."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.optout import (
    KEYWORDS,
    REPLIES,
    Keyword,
    KeywordAction,
    KeywordTable,
    OptOut,
    OptOutList,
    OptOutScope,
    RecipientOptedIn,
    RecipientOptedOut,
    apply_keyword,
    scope_key,
)

TN, HANDSET = "+12025550100", "+13105550120"
OUT, IN, HELP = KeywordAction.OUT, KeywordAction.IN, KeywordAction.HELP
TABLE = KeywordTable()


@pytest.mark.parametrize(
    ("body", "keyword"),
    [
        ("STOP", Keyword(OUT, "en")),
        (" stop \n", Keyword(OUT, "en")),
        ("StopAll", Keyword(OUT, "en")),
        ("unsubscribe", Keyword(OUT, "en")),
        ("Opt Out", Keyword(OUT, "en")),
        ("OPTOUT", Keyword(OUT, "en")),
        ("revoke", Keyword(OUT, "en")),
        ("START", Keyword(IN, "en")),
        ("unstop", Keyword(IN, "en")),
        ("help", Keyword(HELP, "en")),
        ("info", Keyword(HELP, "en")),
        ("arret", Keyword(OUT, "fr")),
        ("ARRÊT", Keyword(OUT, "fr")),
        ("arre\u0302t", Keyword(OUT, "fr")),
        ("aide", Keyword(HELP, "fr")),
        ("Alto", Keyword(OUT, "es")),
        ("ayuda", Keyword(HELP, "es")),
        ("STOP PLEASE", None),
        ("STOP.", None),
        ("don't stop", None),
        ("YES", None),
        ("", None),
        ("s" * 1000, None),
    ],
)
def test_keywords_are_the_whole_message(body: str, keyword: Keyword | None) -> None:
    assert TABLE.classify(body) == keyword


def test_languages_and_further_words_are_configured() -> None:
    table = KeywordTable(["en"], {IN: ("YES",)})
    assert table.classify("yes") == Keyword(IN, "en")
    assert table.classify("arret") is None
    with pytest.raises(KeyError):
        KeywordTable(["xx"])


def test_every_language_has_every_action_and_reply() -> None:
    assert set(KEYWORDS) == set(REPLIES)
    for language in KEYWORDS:
        assert set(KEYWORDS[language]) == set(REPLIES[language]) == set(KeywordAction)
        assert all("{name}" in reply for reply in REPLIES[language].values())


def act(opt_outs: OptOutList, body: str, now_ns: int = 7) -> tuple[object, str | None]:
    keyword = TABLE.classify(body)
    assert keyword is not None
    return tuple(  # type: ignore[return-value]
        apply_keyword(
            opt_outs,
            keyword,
            recipient=HANDSET,
            scope=OptOutScope.NUMBER,
            scope_key=TN,
            business_identity="Acme Dental",
            now_ns=now_ns,
        )
    )


def test_stop_is_confirmed_once() -> None:
    opt_outs = OptOutList()
    entry = OptOut(HANDSET, OptOutScope.NUMBER, TN, 7, "keyword")
    change, reply = act(opt_outs, "STOP")
    assert change == RecipientOptedOut(entry)
    assert reply is not None
    assert reply.startswith("Acme Dental")
    assert act(opt_outs, "stop", 9) == (None, None)
    assert opt_outs.find(HANDSET, TN) == entry


def test_start_ends_it() -> None:
    opt_outs = OptOutList()
    act(opt_outs, "ARRET")
    change, reply = act(opt_outs, "DEBUT")
    assert isinstance(change, RecipientOptedIn)
    assert reply is not None
    assert "abonné" in reply
    assert not opt_outs.contains(HANDSET, TN)
    assert act(opt_outs, "START") == (None, None)


def test_help_changes_nothing_and_is_always_answered() -> None:
    opt_outs = OptOutList()
    for _ in range(2):
        change, reply = act(opt_outs, "AYUDA")
        assert change is None
        assert reply is not None
        assert "ALTO" in reply


@pytest.mark.parametrize(
    ("scope", "campaign", "brand", "expected"),
    [
        (OptOutScope.NUMBER, "C", "B", (OptOutScope.NUMBER, TN)),
        (OptOutScope.CAMPAIGN, "C", "B", (OptOutScope.CAMPAIGN, "C")),
        (OptOutScope.BRAND, "C", "B", (OptOutScope.BRAND, "B")),
        (OptOutScope.CAMPAIGN, None, None, (OptOutScope.NUMBER, TN)),
        (OptOutScope.BRAND, None, None, (OptOutScope.NUMBER, TN)),
    ],
)
def test_reach_of_a_stop(
    scope: OptOutScope, campaign: str | None, brand: str | None, expected: tuple[OptOutScope, str]
) -> None:
    assert scope_key(scope, number=TN, campaign_id=campaign, brand_id=brand) == expected


def test_any_of_several_reaches() -> None:
    opt_outs = OptOutList([OptOut(HANDSET, OptOutScope.BRAND, "B", 0, "administrator")])
    assert opt_outs.contains_any(HANDSET, [TN, None, "B"])
    assert not opt_outs.contains_any(HANDSET, [TN, None, "C"])
    assert not opt_outs.contains_any(TN, ["B"])
    (entry,) = opt_outs
    assert opt_outs.after(entry.since_ns - 1, HANDSET, [TN, None, "B"])
    assert not opt_outs.after(entry.since_ns, HANDSET, ["B"])
    assert not opt_outs.after(0, HANDSET, [TN, None])


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("ab"), st.sampled_from("xy"))))
def test_the_list_agrees_with_a_set(steps: list[tuple[bool, str, str]]) -> None:
    opt_outs, model = OptOutList(), set()
    for add, recipient, key in steps:
        known = (recipient, key) in model
        if add:
            change = opt_outs.add(OptOut(recipient, OptOutScope.NUMBER, key, 0, "keyword"))
            assert (change is None) is known
            model.add((recipient, key))
        else:
            assert (opt_outs.remove(recipient, key) is None) is not known
            model.discard((recipient, key))
        assert {(entry.recipient, entry.scope_key) for entry in opt_outs} == model
        assert len(opt_outs) == len(model)
