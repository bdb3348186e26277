"""Filters find what their data says, count in windows, forget, and stay bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.filters import (
    NANOSECONDS,
    Count,
    CountFilter,
    DomainFilter,
    Filter,
    FilterChain,
    OptOutRatioFilter,
    WindowCounter,
    WordFilter,
    fold,
)

A, B = "+12025550100", "+13105550120"


def causes(chain: FilterChain, *bodies: str, seconds: int = 0) -> list[str | None]:
    hits = [chain.judge(A, B, body, seconds * NANOSECONDS) for body in bodies]
    return [hit and hit.cause for hit in hits]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("Verify your account now", True),
        ("please VERIFY,  your\naccount!", True),
        ("verify your accounts", False),
        ("verify my account, or your account", False),
        ("Buy a gun", True),
        ("begun", False),
        ("g1un 2", True),
        ("Émigré: café", True),
        ("cafés", False),
    ],
)
def test_words_are_found_whole(body: str, found: bool) -> None:
    chain = FilterChain([WordFilter("fraud", ("verify your account", "GUN", "café"))])
    assert causes(chain, body) == ["fraud" if found else None]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("see https://bit.ly/x", True),
        ("BIT.LY/x", True),
        ("at bit.ly.", True),
        ("www.bit.ly/a", True),
        ("rabbit.ly", False),
        ("bit.lyon.com", False),
        ("bit.ly.example.com", False),
        ("bit ly", False),
    ],
)
def test_domains_are_found_as_hosts(body: str, found: bool) -> None:
    assert causes(FilterChain([DomainFilter("spam", ("Bit.ly",))]), body) == ["spam" if found else None]


def test_similar_texts_are_alike_but_for_digits_case_and_punctuation() -> None:
    chain = FilterChain([CountFilter("spam", Count.SIMILAR, 2, 300)])
    assert causes(chain, "Pay 10 now!", "pay 20 NOW", "pay... now", "another", "Pay 30 now") == [
        None,
        None,
        "spam",
        None,
        "spam",
    ]


def test_windows_begin_with_the_first_event_and_end() -> None:
    chain = FilterChain([CountFilter("burst", Count.MESSAGES, 2, 10)])
    assert causes(chain, "a", "b", seconds=5) == [None, None]
    assert causes(chain, "c", seconds=14) == ["burst"]
    assert causes(chain, "d", seconds=15) == [None]


def test_recipients_are_different_destinations() -> None:
    chain = FilterChain([CountFilter("volume", Count.RECIPIENTS, 2, 86_400)])
    hits = [chain.judge(A, to, "x", 0) for to in ("1", "2", "1", "2", "3", "1")]
    assert [hit is not None for hit in hits] == [False, False, False, False, True, True]
    assert chain.judge(B, "9", "x", 0) is None


def test_opt_out_ratio_waits_for_its_minimum() -> None:
    chain = FilterChain([OptOutRatioFilter("spam", 0.1, 10)])
    chain.record_opt_out(A, 0)
    chain.record_opt_out(A, 0)
    assert causes(chain, *["x"] * 10) == [None] * 9 + ["spam"]
    assert causes(chain, *["x"] * 10)[-1] is None


def test_the_first_filter_names_the_cause_but_all_count() -> None:
    chain = FilterChain([WordFilter("fraud", ("scam",)), CountFilter("burst", Count.MESSAGES, 1, 60)])
    assert causes(chain, "scam", "hello") == ["fraud", "burst"]


def test_peek_counts_nothing() -> None:
    chain = FilterChain(
        [CountFilter("burst", Count.MESSAGES, 1, 60), CountFilter("v", Count.RECIPIENTS, 1, 60)]
    )
    for _ in range(5):
        assert chain.peek(A, B, "x", 0) is None
    assert chain.judge(A, B, "x", 0) is None
    hit = chain.peek(A, B, "x", 0)
    assert hit is not None
    assert hit.cause == "burst"


@pytest.mark.parametrize(
    ("item", "busy"),
    [(None, False), (WordFilter("x", ("a",)), True), (DomainFilter("x", ("a.b",)), True)],
)
def test_an_empty_chain_is_false(item: Filter | None, busy: bool) -> None:
    assert bool(FilterChain([item] if item else [])) is busy


def test_counters_are_bounded_and_forget_the_oldest() -> None:
    counter = WindowCounter(60, capacity=3)
    for key in "abcd":
        counter.add(key, 0)
    assert len(counter) == 3
    assert [counter.count(key, 0) for key in "abcd"] == [0, 1, 1, 1]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 40)), max_size=60), st.integers(1, 20))
def test_counter_agrees_with_a_list_of_events(steps: list[tuple[str, int]], window: int) -> None:
    counter, now = WindowCounter(window), 0
    started: dict[str, list[int]] = {}
    for key, gap in steps:
        now += gap * NANOSECONDS
        events = started.get(key, [])
        if events and now - events[0] >= window * NANOSECONDS:
            events = []
        started[key] = [*events, now]
        assert counter.add(key, now) == len(started[key])


@given(st.text())
def test_folding_is_the_same_for_any_case_and_digits(body: str) -> None:
    assert fold(body) == fold(f" {body}.. 12")


@given(st.text(st.characters(codec="ascii")))
def test_the_ascii_fast_path_folds_as_the_slow_one(body: str) -> None:
    assert [*fold(body), "é".encode()] == fold(f"{body} é")


@given(st.text())
def test_any_text_is_judged(body: str) -> None:
    chain = FilterChain(
        [WordFilter("a", ("one two",)), DomainFilter("b", ("x.y",)), CountFilter("c", Count.SIMILAR, 9, 9)]
    )
    assert chain.judge(A, B, body, 0) is None or "one" in body.lower() or "x.y" in body.lower()


class Lists:
    """The counting filters as plain lists of what happened since each window began."""

    def __init__(self) -> None:
        self.windows: dict[object, list[tuple[int, object]]] = {}

    def window(self, key: object, seconds: int, now: int) -> list[tuple[int, object]]:
        events = self.windows.setdefault(key, [])
        if events and now - events[0][0] >= seconds:
            events.clear()
        return events

    def over(self, filters: list[CountFilter], text: tuple[str, str, str], now: int) -> bool:
        source, destination, body = text
        over = False
        for item in filters:
            if item.count is Count.SIMILAR:
                events = self.window((item, source, body), item.window_seconds, now)
                events.append((now, body))
            elif item.count is Count.RECIPIENTS:
                events = self.window((item, source), item.window_seconds, now)
                pair = self.window((item, source, destination), item.window_seconds, now)
                if not pair:
                    events.append((now, destination))
                pair.append((now, destination))
            else:
                events = self.window((item, source), item.window_seconds, now)
                events.append((now, body))
            over = over or len(events) > item.limit
        return over


TEXTS = st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.sampled_from(["one", "two words"]))


@given(
    st.lists(
        st.builds(
            CountFilter, st.just("c"), st.sampled_from(Count), st.integers(1, 4), st.sampled_from([2, 5, 9])
        ),
        min_size=1,
        max_size=4,
        unique=True,
    ),
    st.lists(st.tuples(TEXTS, st.integers(0, 4)), max_size=40),
)
def test_chains_agree_with_lists_of_events_and_a_look_with_what_follows(
    filters: list[CountFilter], steps: list[tuple[tuple[str, str, str], int]]
) -> None:
    chain, lists, now = FilterChain(filters), Lists(), 0
    for text, gap in steps:
        now += gap
        looked = chain.peek(*text, now * NANOSECONDS)
        judged = chain.judge(*text, now * NANOSECONDS)
        assert (judged is not None) is lists.over(filters, text, now)
        assert looked == judged


COUNTING = st.builds(
    CountFilter, st.just("c"), st.sampled_from(Count), st.integers(1, 4), st.sampled_from([2, 5, 9])
)
RATIO = st.builds(OptOutRatioFilter, st.just("r"), st.just(0.4), st.integers(1, 3), st.sampled_from([2, 5]))


@given(
    st.lists(st.one_of(COUNTING, RATIO), min_size=1, max_size=4, unique=True),
    st.lists(st.tuples(TEXTS, st.integers(0, 4), st.booleans(), st.booleans()), max_size=40),
)
def test_a_text_taken_back_is_as_if_it_had_never_come(
    filters: list[Filter], steps: list[tuple[tuple[str, str, str], int, bool, bool]]
) -> None:
    chain, without, now_ns = FilterChain(filters), FilterChain(filters), 0
    for text, gap, refused_afterwards, stops in steps:
        now_ns += gap * NANOSECONDS
        hit = chain.judge(*text, now_ns)
        if hit is None and refused_afterwards:
            assert without.peek(*text, now_ns) is None
            chain.take_back(*text, now_ns)
        else:
            assert without.judge(*text, now_ns) == hit
        if stops:
            chain.record_opt_out(text[0], now_ns)
            without.record_opt_out(text[0], now_ns)


def test_a_look_makes_nobody_a_sender_and_the_oldest_sender_makes_room() -> None:
    chain = FilterChain([CountFilter("c", Count.MESSAGES, 1, 60)], capacity=2)
    for _ in range(3):
        assert chain.peek("a", B, "x", 0) is None
    senders = ["a", "b", "c", "b", "a"]  # c is the third: a is forgotten
    assert [chain.judge(sender, B, "x", 0) is not None for sender in senders] == [
        False,
        False,
        False,
        True,
        False,
    ]
