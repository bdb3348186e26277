"""Token buckets per source: fair, refilling, bounded."""

from hypothesis import given
from hypothesis import strategies as st

from siprec.sip.limits import SourceLimiter


def test_a_burst_then_the_rate() -> None:
    limiter = SourceLimiter(rate=2, burst=4)
    assert [limiter.allows("a", 0.0) for _ in range(5)] == [True] * 4 + [False]
    assert [limiter.allows("a", 1.0) for _ in range(3)] == [True, True, False]
    assert limiter.allows("b", 1.0)


def test_zero_is_no_limit() -> None:
    limiter = SourceLimiter(rate=0, burst=0)
    assert all(limiter.allows("a", 0.0) for _ in range(1000))
    assert len(limiter) == 0


def test_sources_are_bounded() -> None:
    limiter = SourceLimiter(rate=1, burst=1, max_sources=100)
    for number in range(10_000):
        limiter.allows(f"source-{number}", 0.0)
    assert len(limiter) == 100


@given(st.lists(st.floats(0, 5), min_size=1, max_size=200), st.integers(1, 10), st.integers(1, 10))
def test_never_more_than_burst_plus_rate(gaps: list[float], rate: int, burst: int) -> None:
    limiter, now, allowed = SourceLimiter(rate, burst), 0.0, 0
    for gap in gaps:
        now += gap
        allowed += limiter.allows("a", now)
        assert allowed <= burst + rate * now + 1e-6
