"""A small world of senders and limits for the throttle's tests."""

from zoneinfo import ZoneInfo

import pytest

from gateway.throttle.limiter import Limiter
from gateway.throttle.limits import ScopeLimit
from gateway.throttle.scopes import Scope
from gateway.throttle.windows import Calendar, Period

NOON_NS = 1_790_000_000 * 1_000_000_000
"""2026-09-21T14:13:20Z."""


@pytest.fixture
def now_ns() -> int:
    return NOON_NS


@pytest.fixture
def pacific() -> Calendar:
    return Calendar(Period.DAY, ZoneInfo("America/Los_Angeles"))


@pytest.fixture
def limiter_of():
    """Make a limiter from scope names: `limiter_of(number=ScopeLimit(rate=...))`."""

    def make(**limits: ScopeLimit) -> Limiter:
        return Limiter({Scope[name.upper()]: limit for name, limit in limits.items()}, shards=4)

    return make
