import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.carriers.faults import CATALOGUE
from gateway.carriers.numbers import NumberTable
from gateway.carriers.profile import (
    DESTINATION_OUTCOMES,
    REFUSAL_EVENTS,
    CarrierProfile,
    RefusalCode,
)

GUEST = {"system_id": "guest", "password": "guest"}


def profile(**fields):
    return CarrierProfile.model_validate({"accounts": [GUEST]} | fields)


def test_a_profile_of_accounts_alone_is_a_healthy_carrier():
    made = profile()
    assert made.behaviour == "healthy"
    assert not made.registration.required
    assert made.digits == DESTINATION_OUTCOMES
    assert set(made.accounts[0].bind_types) == {"transmitter", "receiver", "transceiver"}


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"surprise": 1}, "Extra inputs"),
        ({"accounts": [GUEST, GUEST]}, "same system_id"),
        ({"accounts": [GUEST | {"default": True}, GUEST | {"system_id": "b", "default": True}]}, "default"),
        ({"accounts": [GUEST | {"password": "ninechars"}]}, "at most 8"),
        ({"accounts": [GUEST | {"allowed_addresses": ["everywhere"]}]}, "does not appear"),
        ({"faults": [{"kind": "earthquake"}]}, "Input should be"),
        ({"faults": [{"kind": "status", "rate": 2}]}, "less than or equal"),
        ({"behaviour": "sleepy"}, "Input should be"),
        ({"refusals": {"whim": {}}}, "Input should be"),
        ({"numbers": ["+1..+12"]}, "neither a number"),
        ({"receipts": {"notation": {"date_digits": 11}}}, "Input should be"),
        ({"receipts": {"notation": {"surprise": 1}}}, "Unexpected keyword"),
        ({"window": 0}, "greater than"),
    ],
)
def test_what_is_refused(fields, complaint):
    with pytest.raises(ValidationError, match=complaint):
        profile(**fields)


def test_profiles_are_frozen():
    with pytest.raises(ValidationError):
        profile().seed = 2


def test_every_setting_is_described():
    def missing(schema, path):
        for name, field in schema.get("properties", {}).items():
            if "description" not in field and "$ref" not in field and "default" not in field:
                yield f"{path}.{name}"

    schema = CarrierProfile.model_json_schema()
    undescribed = [name for key, part in schema["$defs"].items() for name in missing(part, key)]
    assert [name for name in undescribed if name.split(".")[0] in ("Latency", "Caps", "Validity")] == []


def test_refusals_have_smpps_own_status_where_there_is_one():
    assert profile().refusal("throughput") == RefusalCode(at="response", status=0x58)
    assert profile().refusal("spam").at == "receipt"
    told = profile(refusals={"spam": {"at": "response", "status": 0x401}})
    assert told.refusal("spam").status == 0x401
    assert all(isinstance(profile().refusal(event), RefusalCode) for event in REFUSAL_EVENTS)


def test_destination_outcomes_name_known_faults():
    for suffix, outcome in DESTINATION_OUTCOMES.items():
        assert len(suffix) == 7
        assert all(fault.kind in CATALOGUE for fault in outcome.faults)


# --- numbers


def test_number_table():
    table = NumberTable(
        [
            (("+12025550190..+12025550199",), "guest"),
            (("+12025550195",), "never: the range came first"),
            (("+13100000000..+13109999999",), "wide"),
            (("+1416*",), "toronto"),
            (("12345",), "short"),
        ]
    )
    assert [table.get(n) for n in ("+12025550190", "+12025550199", "+12025550195")] == ["guest"] * 3
    assert table.get("+12025550200") is None
    assert table.get("+13105550120") == "wide"
    assert table.get("+131055501201") is None
    assert table.get("+14165550102") == "toronto"
    assert table.get("12345") == "short"
    assert NumberTable().get("+1") is None


@given(st.integers(0, 10**9), st.integers(0, 300), st.integers(0, 10**9))
def test_ranges_hold_exactly_their_numbers(first, size, asked):
    first, asked = 10**10 + first, 10**10 + asked
    table = NumberTable([((f"+{first}..+{first + size}",), "in")])
    assert (table.get(f"+{asked}") == "in") == (first <= asked <= first + size)
    assert table.get(f"+{first}") == table.get(f"+{first + size}") == "in"
