"""Limits set by hand lie over settings and terms, field by field, and are there again after a restart."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.messages.limits import DEFAULT, LimitChange, StandingLimits
from gateway.runtime.database import Database, MigrationBranch
from gateway.throttle.limiter import Limiter
from gateway.throttle.limits import MINUTE_NS, SECOND_NS, Overflow, RateLimit, ScopeLimit
from gateway.throttle.scopes import Scope
from gateway.throttle.settings import LimitsSettings
from gateway.throttle.store import LocalStore

KEY = "acme@tmobile"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    branches = [MigrationBranch.of("gateway.throttle")]
    opened = await Database.open(f"sqlite:///{tmp_path}/world.db", branches=branches)
    yield opened
    await opened.close()


def derive(scope: Scope, key: str) -> ScopeLimit | None:
    settings = LimitsSettings()
    return settings.brand_day_limit(2_000) if scope is Scope.BRAND_DAY else None


def standing(database: Database) -> tuple[Limiter, StandingLimits]:
    limiter = Limiter(LimitsSettings().defaults(), derive)
    return limiter, StandingLimits(limiter, LocalStore(database, limiter))


async def test_a_change_names_only_what_it_changes(database: Database) -> None:
    limiter, limits = standing(database)
    await limits.change(Scope.BRAND_DAY, KEY, LimitChange(window={"cap": 5}))
    window = limiter.limit_of(Scope.BRAND_DAY, KEY).window
    assert window is not None
    assert (window.cap, str(window.calendar.zone), window.overflow) == (
        5,
        "America/Los_Angeles",
        Overflow.REJECT,
    )
    await limits.change(Scope.BRAND_DAY, KEY, LimitChange(window={"overflow": "defer"}))
    window = limiter.limit_of(Scope.BRAND_DAY, KEY).window
    assert window is not None
    assert (window.cap, window.overflow) == (5, Overflow.DEFER)
    other = limiter.limit_of(Scope.BRAND_DAY, "other@tmobile").window
    assert other is not None
    assert other.cap == 2_000

    again, restored = standing(database)
    await restored.restore()
    assert again.limit_of(Scope.BRAND_DAY, KEY) == limiter.limit_of(Scope.BRAND_DAY, KEY)
    assert await restored.reset(Scope.BRAND_DAY, KEY)
    assert not await restored.reset(Scope.BRAND_DAY, KEY)
    window = again.limit_of(Scope.BRAND_DAY, KEY).window
    assert window is not None
    assert window.cap == 2_000


async def test_a_scopes_default_changes_and_returns(database: Database) -> None:
    limiter, limits = standing(database)
    configured = limiter.defaults[Scope.PERSON]
    await limits.change(Scope.PERSON, DEFAULT, LimitChange(rate={"segments": 7}))
    assert limiter.defaults[Scope.PERSON].rate == RateLimit(7, MINUTE_NS, 20)
    await limits.change(Scope.PERSON, DEFAULT, LimitChange(rate=None))
    assert limiter.defaults[Scope.PERSON].rate is None
    assert limits.is_set(Scope.PERSON, DEFAULT)
    await limits.reset(Scope.PERSON, DEFAULT)
    assert limiter.defaults[Scope.PERSON] == configured


async def test_a_rate_of_an_odd_period_keeps_its_pace(database: Database) -> None:
    odd = ScopeLimit(rate=RateLimit(2_500, 1_000 * SECOND_NS, 25))
    limiter = Limiter({Scope.CARRIER: odd})
    limits = StandingLimits(limiter, LocalStore(database, limiter))
    await limits.change(Scope.CARRIER, "att", LimitChange(rate={"burst": 30}))
    assert limiter.limit_of(Scope.CARRIER, "att").rate == RateLimit(9_000, 3_600 * SECOND_NS, 30)


@pytest.mark.parametrize(
    "change", [{"rate": {"segments": 0}}, {"window": {"cap": 1, "zone": "Mars"}}, {"rate": {"colour": "red"}}]
)
async def test_nonsense_changes_nothing(database: Database, change: dict[str, dict[str, object]]) -> None:
    limiter, limits = standing(database)
    before = limiter.limit_of(Scope.NUMBER, "+12025550100")
    with pytest.raises(ValueError, match=r"segments|zone|Mars|colour"):
        await limits.change(Scope.NUMBER, "+12025550100", LimitChange(**change))
    assert limiter.limit_of(Scope.NUMBER, "+12025550100") == before
    assert not limits.is_set(Scope.NUMBER, "+12025550100")
    again, restored = standing(database)
    await restored.restore()
    assert not again.overrides
