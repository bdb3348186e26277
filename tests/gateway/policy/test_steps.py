"""Many texts at once are judged as each would be alone, one after the other."""

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.policy import BlockedBy, Hop, Mode, Pipeline
from gateway.policy.filters import (
    Count,
    CountFilter,
    DomainFilter,
    FilterChain,
    OptOutRatioFilter,
    WordFilter,
)

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
