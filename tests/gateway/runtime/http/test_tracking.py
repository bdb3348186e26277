import re

from hypothesis import given
from hypothesis import strategies as st

from gateway.runtime.http.tracking import tracking_ids


def test_ids_are_unique_and_share_the_process_prefix() -> None:
    next_id = tracking_ids("GW_test")
    made = [next_id() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert all(name.startswith("GW_test_") for name in made)


def test_two_sources_differ() -> None:
    assert tracking_ids()() != tracking_ids()()


def test_callers_id_leads() -> None:
    assert tracking_ids("GW")("ROUTER_5F0A-1") == "ROUTER_5F0A-1_GW_1"


def test_odd_callers_ids_are_left_out() -> None:
    next_id = tracking_ids("GW")
    for odd in ("", "a b", "x" * 97, "a\r\nSet-Cookie: x", "naïve", "a\n"):
        assert next_id(odd).startswith("GW_")


@given(st.text(max_size=200))
def test_result_is_always_a_safe_header_value(caller: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9._:-]{1,140}", tracking_ids()(caller))
