"""`limiter:` in process: what is offered, what is refused, and that the judge finds a broken limiter."""

import json

import pytest

from gateway.load.profile import Profile
from gateway.load.targets.limiter import run_limiter
from gateway.throttle.limits import SECOND_NS, RateLimit

BASE = {
    "name": "x",
    "target": "limiter:",
    "duration_s": 20,
    "arrivals": {"rate": 150},
    "senders": [
        {"name": "good", "share": 9, "numbers": 400, "segments": [1, 2]},
        {"name": "hostile", "numbers": 1},
    ],
}


def profile(**changes: object) -> Profile:
    return Profile.model_validate({**BASE, **changes})


def test_good_senders_pass_and_hostile_ones_are_held_to_their_limits():
    report = run_limiter(profile())
    tally = report.tally
    assert tally.offered == pytest.approx(3000, rel=0.1)
    assert tally.by_sender["good"]["throttled_person"] == 0
    assert tally.by_sender["hostile"]["throttled_person"] > 100
    assert report.exit_code == 0
    assert {scope.scope for scope in report.conformance} >= {"number", "person", "carrier"}
    number = next(scope for scope in report.conformance if scope.scope == "number")
    assert number.admitted == number.released < number.offered
    json.dumps(report.document())


def test_every_limit_and_policy_is_kept_under_load():
    limits = {
        "number": {"rate": {"segments": 1, "burst": 3, "overflow": "queue", "max_wait_s": 30}},
        "person": {"window": {"cap": 6, "period": "minute", "overflow": "defer", "windows_ahead": 3}},
        "carrier": {"rate": {"segments": 40, "burst": 60, "overflow": "queue", "max_wait_s": 20}},
        "organization": {"window": {"cap": 1000}},
    }
    report = run_limiter(profile(limits=limits, caps={"campaign_minute": 240, "brand_day": 1800}))
    assert report.exit_code == 0
    assert set(report.tally.codes) >= {"accepted", "queue_full", "throttled_organization"}
    released = [row for row in report.scope_seconds["carrier"] if row[3]]
    assert max(second for second, *_ in released) > 20, "the queue drains after the last arrival"


def test_the_same_seed_decides_the_same():
    one, again, other = (run_limiter(profile(seed=seed)) for seed in (1, 1, 2))
    assert one.tally.codes == again.tally.codes
    assert one.scope_seconds == again.scope_seconds
    assert one.scope_seconds != other.scope_seconds


def test_the_number_of_requests_can_be_set():
    assert run_limiter(profile(requests=100)).tally.offered == 100


def test_progress_is_told():
    seen: list[float] = []
    run_limiter(profile(requests=1000), lambda _, at_s: seen.append(at_s))
    assert len(seen) >= 3
    assert seen == sorted(seen)


def test_a_limiter_that_admits_too_much_is_found_out(monkeypatch):
    lenient = RateLimit(100, SECOND_NS, 1000)

    original = RateLimit.__post_init__

    def generous(self: RateLimit) -> None:
        original(self)
        object.__setattr__(self, "step_ns", lenient.step_ns)
        object.__setattr__(self, "tau_ns", lenient.tau_ns)

    monkeypatch.setattr(RateLimit, "__post_init__", generous)
    report = run_limiter(profile())
    assert report.exit_code == 1
    broken = {scope.scope for scope in report.conformance if scope.violations}
    assert {"number", "person"} <= broken
