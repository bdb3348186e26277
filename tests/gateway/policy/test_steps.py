"""Many texts at once are judged as each would be alone, one after the other, and senders only once."""

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.directory.model import ClientKind
from gateway.policy import BlockedBy, Hop, Mode, Pipeline, normalise
from gateway.policy.filters import (
    Count,
    CountFilter,
    DomainFilter,
    FilterChain,
    OptOutRatioFilter,
    WordFilter,
)
from gateway.policy.pipeline import OF_THE_SENDER, OUTBOUND
from gateway.policy.rules import Revision

NOW = 1_800_000_000_000_000_000


def hops() -> tuple[Hop, ...]:
    """A hop with every kind of filter, and one behind it."""
    first = FilterChain(
        (
            WordFilter("fraud", ("gift card",)),
            DomainFilter("spam", ("bit.ly",)),
            CountFilter("spam", Count.SIMILAR, 2, 60),
            CountFilter("burst", Count.MESSAGES, 5, 60),
            CountFilter("volume", Count.RECIPIENTS, 2, 60),
            OptOutRatioFilter("spam", 0.4, 3),
        )
    )
    second = FilterChain((CountFilter("burst", Count.MESSAGES, 3, 60),))
    return Hop(BlockedBy.GATEWAY, first), Hop(BlockedBy.VENDOR, second)


BODIES = st.sampled_from(["Hello", "hello 1", "A gift card!", "bit.ly/x", "😀", "", "Your order", "x" * 40])
NUMBERS = st.sampled_from(["+12025550100", "+12025550101"])
HANDSETS = st.sampled_from(["+13105550120", "+13105550121", "+13105550122", "+442071838750", "+19005550100"])
MODES = st.dictionaries(
    st.sampled_from(["content_blocked", "spam_blocked", "emoji_not_supported", "destination_invalid"]),
    st.sampled_from(list(Mode)),
)
FACTS = st.fixed_dictionaries({}, optional={"opted_out": st.booleans(), "campaign": st.none()})


@given(st.lists(st.tuples(BODIES, NUMBERS, HANDSETS, FACTS), max_size=25), MODES, st.integers(0, 2))
def test_together_as_one_by_one(
    world: SimpleNamespace, texts: list[tuple[str, str, str, dict[str, Any]]], modes: Any, opt_outs: int
) -> None:
    together, single = (Pipeline(modes=modes, hops=hops()) for _ in range(2))
    for pipeline in (together, single):
        for _ in range(opt_outs):
            pipeline.record_opt_out("+12025550100", NOW)
    asked = [
        (world.text(body, to=to, source=source), world.snapshot(**facts)) for body, source, to, facts in texts
    ]
    notes: list[list[Any]] = [[] for _ in asked]
    verdicts = together.check_outbound_all(asked, NOW, notes)
    for place, (text, snapshot) in enumerate(asked):
        note: list[Any] = []
        assert verdicts[place] == single.check_outbound(text, snapshot, NOW, note)
        assert notes[place] == note


SPOILED = st.fixed_dictionaries(
    {},
    optional={
        "person": st.none(),
        "organization": st.none(),
        "location": st.none(),
        "number": st.none(),
        "campaign": st.none(),
        "spam_reported": st.booleans(),
        "carrier": st.sampled_from(["att", None]),
        "organization_registered": st.booleans(),
    },
)
CLAIMS = st.fixed_dictionaries(
    {},
    optional={
        "client": st.sampled_from(list(ClientKind)),
        "app_version": st.sampled_from([(42, 11), (45, 1)]),
        "has_media": st.booleans(),
        "segments": st.integers(1, 12),
    },
)


@given(SPOILED, CLAIMS, BODIES, HANDSETS, st.integers(0, NOW), st.sampled_from(list(Revision)))
def test_checks_of_the_sender_see_nothing_else(
    world: SimpleNamespace,
    facts: dict[str, Any],
    claims: dict[str, Any],
    body: str,
    to: str,
    at_ns: int,
    revision: Revision,
) -> None:
    snapshot = world.snapshot(**facts, terms=Pipeline(revision=revision).terms)
    client = {name: value for name, value in claims.items() if name in ("client", "app_version")}
    plain, other = world.text(**client), world.text(body, to=to, **claims)
    known = snapshot._replace(opted_out=True)
    for check in OF_THE_SENDER:
        assert check(plain, snapshot, NOW) == check(other, known, at_ns)


@given(
    st.lists(st.tuples(st.integers(0, 3), NUMBERS, CLAIMS), max_size=20),
    st.lists(SPOILED, min_size=4, max_size=4),
)
def test_who_has_passed_once_is_judged_as_ever(
    world: SimpleNamespace, asked: list[tuple[int, str, dict[str, Any]]], facts: list[dict[str, Any]]
) -> None:
    remembering = Pipeline(revision=Revision.T1)
    snapshots = [world.snapshot(**one, terms=remembering.terms) for one in facts]
    sources = {number: normalise(number) for number in ("+12025550100", "+12025550101")}
    for which, source, claims in asked:
        text = world.text(**claims)._replace(source=sources[source])
        fresh = Pipeline(revision=Revision.T1)
        for _ in range(2):
            verdict = remembering.check_outbound(text, snapshots[which], NOW)
            assert verdict == fresh.check_outbound(text, snapshots[which], NOW)


def test_every_check_of_the_sender_is_a_check() -> None:
    assert {check for _, check in OUTBOUND} > OF_THE_SENDER
