"""Destination → carrier."""

import pytest
from pydantic import ValidationError

from gateway.esme.routes import RouteTable
from gateway.esme.settings import CarrierLinkSettings, EsmeSettings, RouteSettings

ROUTES = RouteSettings(
    numbers={"+13105550120": "tmobile"},
    ported={"+13105550120": "att", "12125550121": "verizon"},
    prefixes={"+1": "att", "+1212": "verizon", "+1212555": "tmobile", "1416": "bell"},
    default="rogers",
)


@pytest.mark.parametrize(
    ("number", "carrier"),
    [
        ("+13105550120", "tmobile"),
        ("+12125550121", "verizon"),
        ("+12125550122", "tmobile"),
        ("+12129990122", "verizon"),
        ("+13105550199", "att"),
        ("14165550102", "bell"),
        ("+442071234567", "rogers"),
        ("", "rogers"),
    ],
)
def test_exact_then_ported_then_longest_prefix_then_default(number: str, carrier: str) -> None:
    assert RouteTable(ROUTES).carrier_for(number) == carrier


def test_without_a_default_there_may_be_no_route() -> None:
    assert RouteTable(RouteSettings()).carrier_for("+13105550120") is None


def test_a_number_is_ported_and_back() -> None:
    table = RouteTable(ROUTES)
    table.port("+14165550102", "telus")
    assert table.carrier_for("+14165550102") == "telus"
    table.unport("+14165550102")
    table.unport("+14165550102")
    assert table.carrier_for("+14165550102") == "bell"


def test_routes_to_carriers_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"there is no 'att' under esme\.carriers") as refusal:
        EsmeSettings(carriers={"tmobile": CarrierLinkSettings(system_id="x")}, routes=ROUTES)
    places = {fault["loc"]: fault["msg"].split("'")[1] for fault in refusal.value.errors()}
    assert places == {
        ("routes", "ported", "+13105550120"): "att",
        ("routes", "ported", "12125550121"): "verizon",
        ("routes", "prefixes", "+1"): "att",
        ("routes", "prefixes", "+1212"): "verizon",
        ("routes", "prefixes", "1416"): "bell",
        ("routes", "default"): "rogers",
    }


def test_a_password_longer_than_the_field_is_refused() -> None:
    with pytest.raises(ValidationError, match="at most 8 characters"):
        CarrierLinkSettings(system_id="x", password="123456789")  # type: ignore[arg-type]


def test_a_prefix_is_digits():
    with pytest.raises(ValidationError, match="pattern"):
        RouteSettings(prefixes={"+1x": "att"})
