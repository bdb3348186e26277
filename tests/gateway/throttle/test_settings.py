"""The section `limits:`, and each row of the carriers' tables kept by what it makes."""

from bisect import bisect_right
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from gateway.load.judge import Admitted, rate_excess
from gateway.throttle.limiter import Granted, Limiter
from gateway.throttle.limits import (
    MINUTE_NS,
    SECOND_NS,
    Overflow,
    RateLimit,
    WindowLimit,
    default_burst,
    per_minute,
)
from gateway.throttle.scopes import DECISIONS, Scope, ScopeKeys
from gateway.throttle.settings import LimitsSettings, RateSettings, WindowSettings
from gateway.throttle.usage import Cursor, listing, usage
from gateway.throttle.windows import Calendar, Period

CARRIERS = Path(__file__).parents[3] / "config" / "carriers"
KEYS = ScopeKeys.of(number="+12025550100", campaign="c1", brand="b1", carrier="att")


def numbers_in(document: object, wanted: str) -> set[int]:
    """Every number below a key whose name holds `wanted`, anywhere in a document."""
    found: set[int] = set()
    if isinstance(document, dict):
        for name, value in document.items():
            if wanted in str(name) and isinstance(value, int) and not isinstance(value, bool):
                found.add(value)
            elif wanted in str(name) and isinstance(value, dict):
                found |= {one for one in value.values() if isinstance(one, int)}
            found |= numbers_in(value, wanted)
    elif isinstance(document, list):
        for value in document:
            found |= numbers_in(value, wanted)
    return found


@pytest.mark.parametrize("cap", [2, 15, 60, 75, 240, 2400, 4500, 9000])
def test_a_cap_per_minute_is_kept_in_every_minute(cap, now_ns):
    """AT&T's classes (10dlc.md): burst and a minute of rate together never exceed the cap."""
    rate = LimitsSettings().campaign_limit(cap).rate
    assert rate.burst + MINUTE_NS // rate.step_ns <= cap
    limiter = Limiter({Scope.CAMPAIGN: LimitsSettings().campaign_limit(cap)})
    plan = limiter.plan(KEYS, now_ns)
    admitted = []
    for _ in range(cap * 3):
        answer = limiter.reserve(plan, 1, now_ns)
        admitted.append(Admitted(answer.release_ns, 1))
    assert all(first.at_ns <= second.at_ns for first, second in pairwise(admitted))
    starts = [one.at_ns for one in admitted]
    for index, start_ns in enumerate(starts[: cap + 1]):
        assert bisect_right(starts, start_ns + MINUTE_NS) - index <= cap
    assert rate_excess(admitted, rate.segments, rate.period_ns, rate.burst) is None


@pytest.mark.parametrize("cap", [1000, 2000, 10_000, 40_000, 200_000])
def test_a_brands_day_holds_its_cap_and_not_one_more(cap, now_ns):
    """T-Mobile's bands (10dlc.md), some of it used by other vendors."""
    limiter = Limiter({Scope.BRAND_DAY: LimitsSettings().brand_day_limit(cap)})
    plan = limiter.plan(ScopeKeys.of(brand="b1", carrier="tmobile"), now_ns)
    limiter.count(Scope.BRAND_DAY, "b1@tmobile", cap - 10, now_ns, now_ns)
    answers = [isinstance(limiter.reserve(plan, 5, now_ns), Granted) for _ in range(3)]
    assert answers == [True, True, False]
    window = usage(limiter, Scope.BRAND_DAY, "b1@tmobile", now_ns).window
    assert (window.used, window.ratio) == (cap, 1.0)
    assert (window.resets_ns // SECOND_NS) % 86_400 == 7 * 3600, "midnight in Los Angeles, summer time"


@pytest.mark.parametrize("name", ["att", "tmobile"])
def test_every_cap_of_the_carriers_files_makes_a_limit(name):
    document = yaml.safe_load((CARRIERS / f"{name}.yaml").read_text("utf-8"))
    caps = numbers_in(document["terms"], "minute") | numbers_in(document["terms"], "day")
    for cap in caps:
        if cap >= 2:
            assert LimitsSettings().campaign_limit(cap).rate.burst < cap
            assert LimitsSettings().brand_day_limit(cap).window.cap == cap


def test_the_longest_text_fits_every_default_burst():
    assert [default_burst(cap) for cap in (2, 11, 15, 600, 4500)] == [1, 10, 10, 10, 75]
    assert LimitsSettings().number.rate.burst >= 10


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"number": {"rate": {"segments": 0}}}, ("number", "rate", "segments")),
        ({"number": {"rate": {"segments": 1, "overflow": "defer"}}}, ("number", "rate", "overflow")),
        ({"number": {"window": {"cap": 0}}}, ("number", "window", "cap")),
        ({"number": {"window": {"cap": 1, "zone": "Mars"}}}, ("number", "window", "zone")),
        ({"brand_day_cap": {"overflow": "drop"}}, ("brand_day_cap", "overflow")),
        ({"galaxy": {}}, ("galaxy",)),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_stands(settings, path):
    with pytest.raises(ValidationError) as refused:
        LimitsSettings.model_validate(settings)
    assert [fault["loc"] for fault in refused.value.errors()] == [path]


def test_every_setting_says_what_it_is():
    for model in (LimitsSettings, RateSettings, WindowSettings):
        assert all(field.description for field in model.model_fields.values())


def test_settings_make_limits():
    rate = RateSettings(segments=3, per="minute", burst=2, overflow="queue", max_wait_s=1.5).limit()
    assert rate == RateLimit(3, MINUTE_NS, 2, Overflow.QUEUE, 1_500_000_000)
    window = WindowSettings(cap=5, period="hour", overflow="defer", release_per_s=4).limit()
    assert window == WindowLimit(5, Calendar(Period.HOUR), Overflow.DEFER, spacing_ns=SECOND_NS // 4)
    assert WindowSettings(cap=5, release_per_s=0).limit().spacing_ns == 0


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: RateLimit(0),
        lambda: RateLimit(1, burst=0),
        lambda: RateLimit(1, overflow=Overflow.DEFER),
        lambda: WindowLimit(0, Calendar(Period.DAY)),
        lambda: WindowLimit(1 << 30, Calendar(Period.DAY)),
        lambda: WindowLimit(1, Calendar(Period.DAY), windows_ahead=0),
        lambda: per_minute(1),
        lambda: per_minute(10, burst=10),
    ],
)
def test_limits_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match=r"\w"):
        wrong()


def test_a_burst_too_large_for_a_cap_gives_way_to_the_default():
    settings = LimitsSettings.model_validate({"campaign_cap": {"burst": 100}})
    assert settings.campaign_limit(4500).rate.burst == 100
    assert settings.campaign_limit(75).rate.burst == 10


def test_decisions_name_every_code():
    assert set(DECISIONS) == {"granted", "queued", "queue_full"} | {f"throttled_{s.value}" for s in Scope}


def test_use_of_a_queue_is_told(now_ns):
    limiter = Limiter(LimitsSettings().defaults(), shards=4)
    plan = limiter.plan(KEYS, now_ns)
    for _ in range(13):
        limiter.reserve(plan, 1, now_ns)
    found = usage(limiter, Scope.NUMBER, "+12025550100", now_ns)
    assert (found.rate.used, found.rate.next_ns - now_ns, found.rate.idle_ns - now_ns) == (
        13,
        4 * SECOND_NS,
        13 * SECOND_NS,
    )
    assert found.window.used == 13
    assert usage(limiter, Scope.NUMBER, "+12025550199", now_ns).rate.used == 0


@pytest.mark.parametrize("count", [1, 3, 7, 1000])
def test_a_listing_shows_every_key_once_in_pages(count, now_ns):
    limiter = Limiter(LimitsSettings().defaults(), shards=4)
    numbers = [f"+1202555{n:04}" for n in range(40)]
    for number in numbers:
        limiter.reserve(limiter.plan(ScopeKeys(number=number), now_ns), 1, now_ns)
    seen, after = [], Cursor()
    while after is not None:
        page, after = listing(limiter, Scope.NUMBER, now_ns, after=after, count=count)
        assert len(page) <= count
        seen += [one.key for one in page]
    assert sorted(seen) == numbers


def test_a_burst_that_would_take_decades_to_come_back_is_refused():
    with pytest.raises(ValidationError, match="days to come back"):
        RateSettings(segments=1, per="day", burst=10**9)
    assert RateSettings(segments=1, per="day", burst=10_000).limit().burst == 10_000
