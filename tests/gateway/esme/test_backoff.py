"""Waits between attempts."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.esme.backoff import Backoff
from gateway.esme.settings import BackoffSettings


def test_waits_double_up_to_the_ceiling_and_start_over_after_success() -> None:
    backoff = Backoff(BackoffSettings(min_s=1, max_s=10, jitter=0), random.Random(1))
    assert [backoff.next_wait_s() for _ in range(6)] == [1, 2, 4, 8, 10, 10]
    assert backoff.failures == 6
    backoff.reset()
    assert backoff.next_wait_s() == 1


@given(st.integers(0, 2**32), st.floats(0.01, 5), st.floats(5, 100), st.floats(0, 1), st.integers(1, 100))
def test_jitter_stays_within_its_share(
    seed: int, least: float, most: float, jitter: float, failures: int
) -> None:
    backoff = Backoff(BackoffSettings(min_s=least, max_s=most, jitter=jitter), random.Random(seed))
    for number in range(failures):
        plain = min(most, least * 2.0**number)
        wait = backoff.next_wait_s()
        assert plain * (1 - jitter) - 1e-9 <= wait <= min(most, plain * (1 + jitter)) + 1e-9


def test_a_seed_repeats_its_waits() -> None:
    waits = [[Backoff(BackoffSettings(), random.Random(7)).next_wait_s() for _ in range(3)] for _ in range(2)]
    assert waits[0] == waits[1]


def test_the_ceiling_is_not_below_the_floor() -> None:
    with pytest.raises(ValidationError, match="max_s must not be below min_s"):
        BackoffSettings(min_s=5, max_s=1)
