"""Against the real thing: Alice's limit over HTTP and WebSocket, hostile senders, a carrier, a wide limit."""

from pathlib import Path

import pytest

from gateway.load.profile import Profile, carried, read_profile
from gateway.load.run import Run
from gateway.testing.carriers import running_carrier
from gateway.testing.texting import running_gateway

ALICE = {"name": "alice", "numbers": 1, "first_number": "+12025550100"}
LIMIT = {"number": {"rate": {"segments": 1, "burst": 10}}}


def ours(name: str, **changes) -> Profile:
    """One of the profiles we carry, shortened."""
    profile = read_profile(carried()[name])
    return Profile.model_validate({**profile.model_dump(exclude_unset=True), **changes})


async def test_alice_is_held_to_her_limit_and_the_judge_sees_it(tmp_path: Path):
    arrivals = {"shape": "bursts", "spacing": "even", "burst": 15, "every_s": 10, "rate": 0}
    async with running_gateway(tmp_path) as gateway:
        report = await Run(ours("users", target=gateway.url, arrivals=arrivals, duration_s=1)).run()
    assert report.tally.accepted == 15
    [scope] = report.conformance
    assert (scope.scope, scope.admitted, scope.violations) == ("number", 15, ())
    last = max(second for second, _, _, released in report.scope_seconds["number"] if released)
    assert last >= 4, "five of them had to wait for their second"
    assert next(one for one in report.verdicts if one.budget == "conformance").kept


async def test_a_gateway_whose_limit_is_too_wide_is_found_out(tmp_path: Path):
    wide = "limits.number={rate: {segments: 100, burst: 100}}"
    arrivals = {"shape": "bursts", "spacing": "even", "burst": 15, "every_s": 10, "rate": 0}
    async with running_gateway(tmp_path, wide) as gateway:
        report = await Run(ours("users", target=gateway.url, arrivals=arrivals, duration_s=1)).run()
    assert report.exit_code == 1
    assert report.conformance[0].violations[0].startswith("+12025550100: ")


async def test_the_app_s_socket_takes_load_too(tmp_path: Path):
    async with running_gateway(tmp_path) as gateway:
        target = gateway.url.replace("http", "ws", 1)
        fields = {
            "target": target,
            "duration_s": 1,
            "limits": LIMIT,
            "arrivals": {"rate": 8, "spacing": "even"},
        }
        report = await Run(ours("app", **fields)).run()
    assert report.tally.codes == {"accepted": 8}
    assert report.conformance[0].admitted == 8
    assert report.conformance[0].violations == ()


async def test_the_good_do_not_notice_the_hostile(tmp_path: Path):
    fields = {"arrivals": {"rate": 60, "spacing": "even"}, "duration_s": 1.5, "seed": 2}
    async with running_gateway(tmp_path) as gateway:
        report = await Run(ours("hostile", target=gateway.url, **fields)).run()
    refused = {"emoji_not_supported", "mms_not_supported", "international_not_supported", "message_too_long"}
    assert refused | {"http_400", "http_401"} <= report.hostile.codes.keys()
    assert report.hostile.accepted == 0
    assert report.tally.failed == 0
    assert report.tally.accepted > 0
    assert next(one for one in report.verdicts if one.budget == "hostile_accepted_ratio").kept


async def test_a_mock_carrier_is_loaded_as_an_esme_and_hostile_ones_are_shut_out():
    async with running_carrier("tmobile") as carrier:
        target = f"smpp://guest:guest@127.0.0.1:{carrier.port}"
        fields = {"target": target, "duration_s": 1.5, "arrivals": {"rate": 40, "spacing": "even"}}
        report = await Run(ours("hostile-esme", **fields)).run()
        assert carrier.state().decisions["delivered"] == report.tally.accepted
    assert report.tally.accepted == report.tally.offered > 10
    assert report.hostile.accepted == 0
    assert "ESME_RINVPASWD" in report.hostile.codes


@pytest.mark.parametrize("name", ["limiter", "day"])
async def test_profiles_of_the_limiter_keep_every_limit(name):
    report = await Run(ours(name, requests=3_000)).run()
    assert report.ok
    assert report.tally.offered == 3_000
    assert len(report.conformance) >= 5
