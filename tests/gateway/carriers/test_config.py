"""The seven carriers as they are delivered."""

import random

import pytest

from gateway.carriers.address import e164, on_the_wire
from gateway.carriers.behaviour import BindBehaviour, Deciders, MessageIds
from gateway.carriers.enforcement import Enforcement, Submission, brand_day_cap, campaign_minute_cap
from gateway.carriers.numbers import NumberTable
from gateway.smpp.constants import Ton
from gateway.smpp.receipt import ReceiptNotation
from gateway.testing.carriers import carrier_profile

HANDSETS = {
    "tmobile": "+1310",
    "att": "+1212",
    "verizon": "+1415",
    "uscellular": "+1312",
    "bell": "+1514",
    "rogers": "+1647",
    "telus": "+1604",
}
UNITED_STATES = ("tmobile", "att", "verizon", "uscellular")
NOW = 1_790_000_000_000_000_000


@pytest.fixture(params=HANDSETS)
def name(request):
    return request.param


def checked(profile, source, count=1):
    import zoneinfo

    carrier = Enforcement(profile, zoneinfo.ZoneInfo)
    text = Submission("guest", source, "+13105557000", 1, lambda: "hello")
    return [carrier.check(text, NOW, 0.0) for _ in range(count)]


def test_every_carrier_is_healthy_and_seeded(name):
    profile = carrier_profile(name)
    assert (profile.behaviour, profile.faults, profile.schedule) == ("healthy", (), ())
    assert profile.country == ("US" if name in UNITED_STATES else "CA")
    assert [outcome.outcome for outcome in profile.outcomes] == ["delivered"]
    assert profile.receipts.notation == ReceiptNotation()


def test_strangers_may_bind_everywhere(name):
    guest = next(one for one in carrier_profile(name).accounts if one.system_id == "guest")
    assert guest.password == "guest"
    assert len(guest.bind_types) == 3


def test_handsets_of_the_demo_world(name):
    profile = carrier_profile(name)
    handsets = Deciders(profile).handsets
    states = [handsets.get(f"{HANDSETS[name]}55501{number}").state for number in range(20, 30)]
    assert states == ["answers", "off", "slow", "silent"] + ["on"] * 6
    made = BindBehaviour(Deciders(profile), random.Random(1), MessageIds(profile.ids, NOW, 1))
    assert made.plan("+12025550190", f"{HANDSETS[name]}5550120").outcome == "delivered"


def test_strangers_are_registered_and_have_no_limit_per_number(name):
    assert checked(carrier_profile(name), "+12025550190", 4_000) == [None] * 4_000
    registrations = NumberTable(
        (row.numbers, row) for row in carrier_profile(name).registration.registrations
    )
    for number in range(190, 200):
        row = registrations.get(f"+12025550{number}")
        assert (row.score, row.campaign_class, row.number_limits) == (100, "A", False)


def test_registration_is_required_in_the_united_states_alone(name):
    (event,) = checked(carrier_profile(name), "+14165550177")
    assert event == ("unregistered_number" if name in UNITED_STATES else None)


def test_the_suspended_campaign(name):
    (event,) = checked(carrier_profile(name), "+12025550103")
    assert event == ("campaign_inactive" if name in UNITED_STATES else None)


@pytest.mark.parametrize(
    ("score", "cap"), [(100, 200_000), (75, 200_000), (74, 40_000), (25, 10_000), (24, 2_000), (None, 2_000)]
)
def test_tmobile_counts_brands_by_day(score, cap):
    profile = carrier_profile("tmobile")
    row = profile.registration.registrations[0].model_copy(update={"score": score})
    assert brand_day_cap(profile, row) == cap
    assert brand_day_cap(profile, row.model_copy(update={"entity": "SOLE_PROPRIETOR"})) == 1_000
    assert brand_day_cap(profile, row.model_copy(update={"entity": "GOVERNMENT"})) is None
    assert brand_day_cap(profile, row.model_copy(update={"use_case": "LOW_VOLUME"})) == 2_000


@pytest.mark.parametrize("carrier", ["att", "uscellular"])
@pytest.mark.parametrize(("letter", "cap"), [("A", 4500), ("D", 2400), ("F", 240), ("T", 75), ("W", 15)])
def test_att_counts_campaigns_by_minute(carrier, letter, cap):
    profile = carrier_profile(carrier)
    row = profile.registration.registrations[0].model_copy(update={"campaign_class": letter})
    assert campaign_minute_cap(profile, row) == cap


@pytest.mark.parametrize("carrier", ["bell", "rogers", "telus"])
def test_canadian_numbers_have_a_day_of_500(carrier):
    found = checked(carrier_profile(carrier, filters=()), "+14165550177", 61)
    assert found == [None] * 60 + ["number_cap"]
    assert carrier_profile(carrier).caps.number.per_day == 500


def test_similar_texts_are_spam_in_canada():
    profile = carrier_profile("rogers", caps={})
    assert checked(profile, "+14165550177", 101)[-1] == "spam"


def test_bell_lacks_concatenation():
    text = carrier_profile("bell").text
    assert (text.accepts, text.inbound.value) == ((), "plain")


def test_every_refusal_has_a_code(name):
    profile = carrier_profile(name)
    for event in ("unregistered_number", "campaign_inactive", "brand_day_cap", "spam"):
        assert profile.refusal(event).error > 0
        assert profile.refusal(event).at == "receipt"


# --- addresses


@pytest.mark.parametrize(
    ("address", "ton", "number"),
    [
        ("+12025550100", 0, "+12025550100"),
        ("12025550100", 1, "+12025550100"),
        ("12025550100", 0, "+12025550100"),
        ("2025550100", 2, "+12025550100"),
        ("2025550100", 0, "+12025550100"),
        ("420777123456", 1, "+420777123456"),
        ("12345", 3, "12345"),
        ("ACME", 5, "ACME"),
        ("", 0, ""),
    ],
)
def test_addresses(address, ton, number):
    assert e164(address, ton) == number


@pytest.mark.parametrize("number", ["+12025550100", "+420777123456", "12345", "ACME"])
def test_addresses_on_the_wire_read_back(number):
    address, ton, _ = on_the_wire(number)
    assert e164(address, ton) == number
    assert (ton == Ton.ALPHANUMERIC) == (number == "ACME")
