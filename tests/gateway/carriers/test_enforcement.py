from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.carriers.caps import Caps
from gateway.carriers.enforcement import (
    Enforcement,
    Submission,
    authenticate,
    brand_day_cap,
    campaign_minute_cap,
)
from gateway.carriers.profile import CarrierProfile, Registration
from gateway.smpp.constants import CommandStatus

SECOND = 1_000_000_000
GUEST = {"system_id": "guest", "password": "guest"}


def at(*fields, zone=UTC):
    return int(datetime(*fields, tzinfo=zone).timestamp()) * SECOND


NOON = at(2026, 7, 1, 19)  # in Los Angeles


def profile(**fields):
    return CarrierProfile.model_validate({"accounts": [GUEST]} | fields)


def enforcement(**fields):
    return Enforcement(profile(**fields), ZoneInfo)


def text(
    source="+12025550100", destination="+13105557000", segments=1, words="hello", account="guest", parts=1
):
    return Submission(account, source, destination, segments, lambda: words, parts)


def registration(**fields):
    fields = {"numbers": ["+12025550100"], "brand": "b", "campaign": "c"} | fields
    return Registration.model_validate(fields)


def required(*rows, **fields):
    return enforcement(
        registration={"required": True, "registrations": [row.model_dump() for row in rows]}, **fields
    )


# --- binds


def bind(system_id="guest", password="guest", kind="transceiver", address="127.0.0.1", binds=0, **account):
    accounts = profile(accounts=[GUEST | account]).accounts
    found = authenticate(accounts, system_id, password, kind, address, lambda name: binds)
    return found if isinstance(found, int) else found.system_id


def test_the_right_words_open_the_door():
    assert bind() == "guest"
    assert bind(address="::1") == "guest"
    assert bind(address="::ffff:127.0.0.1") == "guest"
    assert bind(address="10.1.2.3", allowed_addresses=["10.0.0.0/8"]) == "guest"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"system_id": "nobody"}, CommandStatus.RINVSYSID),
        ({"password": "wrong"}, CommandStatus.RINVPASWD),
        ({"password": ""}, CommandStatus.RINVPASWD),
        ({"password": "gu\xe9st"}, CommandStatus.RINVPASWD),
        ({"address": "192.0.2.1"}, CommandStatus.RBINDFAIL),
        ({"address": ""}, CommandStatus.RBINDFAIL),
        ({"kind": "receiver", "bind_types": ["transmitter"]}, CommandStatus.RBINDFAIL),
        ({"binds": 3, "max_binds": 3}, CommandStatus.RALYBND),
    ],
)
def test_who_may_not_bind(fields, status):
    assert bind(**fields) == status


# --- registration


def test_without_a_rule_anybody_sends():
    assert enforcement().check(text(), NOON, 0.0) is None


def test_unregistered_numbers_are_refused_where_registration_is_required():
    carrier = required(registration())
    assert carrier.check(text(), NOON, 0.0) is None
    assert carrier.check(text(source="+14165550199"), NOON, 0.0) == "unregistered_number"


def test_suspended_campaigns_are_refused():
    assert required(registration(active=False)).check(text(), NOON, 0.0) == "campaign_inactive"


def test_the_snapshot_is_replaced():
    carrier = required()
    assert carrier.check(text(), NOON, 0.0) == "unregistered_number"
    carrier.replace_registrations([registration()])
    assert carrier.check(text(), NOON, 0.0) is None


# --- numbers and content


@pytest.mark.parametrize(
    ("fields", "submission", "event"),
    [
        ({"numbers": ["+1*"]}, {"destination": "+420777"}, "bad_destination"),
        ({}, {"source": ""}, "bad_source"),
        ({"blocked_sources": ["+1202*"]}, {}, "source_blocklisted"),
        ({"blocked_destinations": ["+13105557000"]}, {}, "destination_blocklisted"),
        ({"caps": {"segments_per_text": 2}}, {"segments": 3}, "too_long"),
        ({"caps": {"segments_per_text": 2}}, {"parts": 3}, "too_long"),
        ({"filters": [{"cause": "spam", "domains": ["bit.ly"]}]}, {"words": "see bit.ly/1"}, "spam"),
        ({"filters": [{"cause": "fraud", "phrases": ["wire money"]}]}, {"words": "Wire money!"}, "spam"),
    ],
)
def test_refusals(fields, submission, event):
    carrier = enforcement(**fields)
    assert carrier.check(text(**submission), NOON, 0.0) == event


def test_a_text_is_read_only_where_a_filter_wants_it():
    def read():
        raise AssertionError("nobody needs to read this")

    submission = Submission("guest", "+12025550100", "+13105557000", 1, read)
    assert enforcement().check(submission, NOON, 0.0) is None


def test_similar_texts_are_watched():
    carrier = enforcement(filters=[{"cause": "spam", "count": "similar", "limit": 3, "window_seconds": 300}])
    found = [
        carrier.check(text(destination=f"+1310555{7000 + n}", words=f"Offer {n}!"), NOON, 0.0)
        for n in range(5)
    ]
    assert found == [None, None, None, "spam", "spam"]


def test_numbers_without_limits_are_judged_by_their_words_alone():
    filters = [
        {"cause": "spam", "count": "similar", "limit": 1, "window_seconds": 300},
        {"cause": "fraud", "phrases": ["wire money"]},
    ]
    rows = {"registrations": [registration(number_limits=False).model_dump()]}
    carrier = enforcement(filters=filters, registration=rows)
    assert [carrier.check(text(), NOON, 0.0) for _ in range(5)] == [None] * 5
    assert carrier.check(text(words="wire money"), NOON, 0.0) == "spam"


def test_everything_is_refused_when_told_so():
    carrier = enforcement()
    carrier.refuse_all = "brand_day_cap"
    assert carrier.check(text(), NOON, 0.0) == "brand_day_cap"


# --- caps

DAY = {
    "brand_day": {
        "tiers": [{"score": 75, "segments": 200}, {"score": 50, "segments": 40}, {"score": 1, "segments": 2}],
        "unvetted": 3,
        "use_cases": {"LOW_VOLUME": 5},
        "entities": {"SOLE_PROPRIETOR": 1, "GOVERNMENT": None},
    }
}


@pytest.mark.parametrize(
    ("fields", "cap"),
    [
        ({"score": 100}, 200),
        ({"score": 75}, 200),
        ({"score": 74}, 40),
        ({"score": 1}, 2),
        ({"score": 0}, 3),
        ({}, 3),
        ({"score": 100, "use_case": "LOW_VOLUME"}, 5),
        ({"score": 100, "entity": "SOLE_PROPRIETOR"}, 1),
        ({"entity": "GOVERNMENT"}, None),
    ],
)
def test_brand_day_tiers(fields, cap):
    assert brand_day_cap(profile(caps=DAY), registration(**fields)) == cap


def test_no_rule_no_cap():
    assert brand_day_cap(profile(), registration()) is None
    assert campaign_minute_cap(profile(), registration()) is None


def sent(carrier, count, now_ns=NOON, **fields):
    return sum(carrier.check(text(**fields), now_ns, 0.0) is None for _ in range(count))


def test_a_brand_shares_its_day_over_numbers_and_campaigns():
    rows = [registration(), registration(numbers=["+12025550101"], campaign="d")]
    carrier = required(*rows, caps=DAY)
    assert sent(carrier, 2) == 2
    assert sent(carrier, 5, source="+12025550101") == 1
    assert carrier.check(text(), NOON, 0.0) == "brand_day_cap"


def test_the_day_ends_at_midnight_pacific():
    carrier = required(registration(), caps=DAY)
    pacific = ZoneInfo("America/Los_Angeles")
    assert sent(carrier, 9, at(2026, 7, 1, 23, 59, 59, zone=pacific)) == 3
    assert sent(carrier, 9, at(2026, 7, 2, 0, 0, 0, zone=pacific)) == 3


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 8), 23), ((2026, 11, 1), 25)])
def test_days_of_23_and_25_hours(day, hours):
    pacific = ZoneInfo("America/Los_Angeles")
    carrier = required(registration(), caps=DAY)
    start = at(*day, zone=pacific)
    assert sent(carrier, 9, start) == 3
    assert sent(carrier, 9, start + (hours * 3600 - 1) * SECOND) == 0
    assert sent(carrier, 9, start + hours * 3600 * SECOND) == 3


def test_other_vendors_use_the_same_day():
    day = DAY["brand_day"] | {"other_vendors": {"b": 2, "12-345": 1}}
    assert sent(required(registration(), caps={"brand_day": day}), 9) == 1
    assert sent(required(registration(brand="c", tax_id="12-345"), caps={"brand_day": day}), 9) == 2


def test_other_vendors_of_a_brand_with_a_tax_id_may_be_told_by_its_id():
    def left(**others):
        rows = [registration(tax_id="1"), registration(numbers=["+12025550101"], brand="other", tax_id="1")]
        caps = {"brand_day": DAY["brand_day"] | {"other_vendors": others}}
        return [
            sent(required(*rows, caps=caps), 9, source=number) for number in ("+12025550100", "+12025550101")
        ]

    assert left() == [3, 3]
    assert left(b=2) == left(other=2) == left(b=1, other=1) == left(b=1, **{"1": 1}) == [1, 1]
    assert left(unknown=2) == [3, 3]


def test_other_vendors_are_known_of_brands_that_come_later():
    caps = {"brand_day": DAY["brand_day"] | {"other_vendors": {"late": 2}}}
    carrier = required(registration(), caps=caps)
    carrier.replace_registrations([registration(brand="late", tax_id="1")])
    assert sent(carrier, 9) == 1
    carrier.adopt(profile(caps=DAY))
    assert sent(carrier, 9) == 2


@pytest.mark.parametrize(
    "caps",
    [
        {"brand_day": {"other_vendors": {"b": -1}}},
        {"brand_day": {"use_cases": {"MIXED": -1}}},
        {"brand_day": {"entities": {"NON_PROFIT": -1}}},
        {"campaign_minute": {"classes": {"T": -1}}},
    ],
)
def test_no_number_of_segments_is_below_zero(caps):
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        Caps.model_validate(caps)


def test_brands_of_one_tax_id_share_their_day():
    rows = [registration(tax_id="1"), registration(numbers=["+12025550101"], brand="other", tax_id="1")]
    carrier = required(*rows, caps=DAY)
    assert sent(carrier, 2) + sent(carrier, 9, source="+12025550101") == 3


def test_segments_count_not_texts():
    carrier = required(registration(), caps=DAY)
    assert carrier.check(text(segments=2), NOON, 0.0) is None
    assert carrier.check(text(segments=2), NOON, 0.0) == "brand_day_cap"
    assert carrier.check(text(segments=1), NOON, 0.0) is None


MINUTE = {"campaign_minute": {"classes": {"T": 2, "G": 1}, "per_number": ["G"], "default": 4}}


def test_a_campaign_shares_its_minute():
    both = ["+12025550100", "+12025550101"]
    carrier = required(registration(numbers=both, campaign_class="T"), caps=MINUTE)
    assert sent(carrier, 1) + sent(carrier, 3, source=both[1]) == 2
    assert sent(carrier, 5, NOON + 60 * SECOND) == 2


def test_proxies_count_each_number():
    both = ["+12025550100", "+12025550101"]
    carrier = required(registration(numbers=both, campaign_class="G"), caps=MINUTE)
    assert (sent(carrier, 3), sent(carrier, 3, source=both[1])) == (1, 1)


def test_unknown_classes_have_the_default():
    assert campaign_minute_cap(profile(caps=MINUTE), registration(campaign_class="Z")) == 4


def test_number_limits_and_who_is_free_of_them():
    caps = {"number": {"per_minute": 2, "per_day": 3}}
    carrier = enforcement(caps=caps)
    assert sent(carrier, 5) == 2
    assert sent(carrier, 5, NOON + 60 * SECOND) == 1
    assert sent(carrier, 5, NOON + 86_400 * SECOND) == 2
    free = enforcement(caps=caps, registration={"registrations": [registration(number_limits=False)]})
    assert sent(free, 50) == 50


def test_what_one_window_refuses_costs_the_others_nothing():
    carrier = required(
        registration(campaign_class="T"), caps=DAY | {"campaign_minute": {"classes": {"T": 1}}}
    )
    assert sent(carrier, 10) == 1
    assert sent(carrier, 10, NOON + 60 * SECOND) == 1
    assert sent(carrier, 10, NOON + 120 * SECOND) == 1
    assert sent(carrier, 10, NOON + 180 * SECOND) == 0  # the brand's three of the day


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3), st.integers(0, 90)), max_size=60),
    st.integers(1, 10),
)
def test_no_window_ever_holds_more_than_its_cap(traffic, cap):
    rows = [registration(numbers=[f"+1202555010{n}"], campaign=str(n % 2)) for n in range(4)]
    carrier = required(*rows, caps={"campaign_minute": {"default": cap}})
    passed: dict[tuple[str, int], int] = {}
    now = NOON
    for number, segments, seconds in traffic:
        now += seconds * SECOND
        if carrier.check(text(source=f"+1202555010{number}", segments=segments), now, 0.0) is None:
            key = (str(number % 2), now // (60 * SECOND))
            passed[key] = passed.get(key, 0) + segments
    assert all(count <= cap for count in passed.values())


def test_throughput_per_account_in_wire_time():
    carrier = enforcement(caps={"throughput": 5})

    def passing(count, now, account="guest"):
        return sum(carrier.check(text(account=account), NOON, now) is None for _ in range(count))

    assert passing(20, 100.0) == 5
    assert carrier.check(text(), NOON, 100.0) == "throughput"
    assert passing(20, 100.0, account="other") == 5
    assert passing(20, 100.21) == 1
    assert passing(20, 200.0) == 5
