"""Numbers are normalised and told apart; `phonenumbers` is the judge."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.numbers import US_TERRITORIES, NumberKind, area, learn, normalise


@pytest.mark.parametrize(
    "text",
    [
        "+12025550100",
        "12025550100",
        "2025550100",
        "(202) 555-0100",
        "+1 (202) 555-0100",
        "1-202-555-0100",
        "202.555.0100",
        "011 1 202 555 0100",
        "+1\u00a0202\u2011555\u20110100",
    ],
)
def test_notations_of_one_number(text: str) -> None:
    assert normalise(text) == ("+12025550100", NumberKind.US, "US")


@pytest.mark.parametrize(
    ("text", "kind", "country"),
    [
        ("+14165550102", NumberKind.CANADA, "CA"),
        ("+18765550100", NumberKind.INTERNATIONAL, "JM"),
        ("+16585550100", NumberKind.INTERNATIONAL, "JM"),
        ("+18095550100", NumberKind.INTERNATIONAL, "DO"),
        ("+18295550100", NumberKind.INTERNATIONAL, "DO"),
        ("+18495550100", NumberKind.INTERNATIONAL, "DO"),
        ("+14415550100", NumberKind.INTERNATIONAL, "BM"),
        ("+17875550100", NumberKind.TERRITORY, "PR"),
        ("+16715550100", NumberKind.TERRITORY, "GU"),
        ("+18005550100", NumberKind.TOLL_FREE, None),
        ("+18335550100", NumberKind.TOLL_FREE, None),
        ("+19005550100", NumberKind.PREMIUM, None),
        ("+12029765555", NumberKind.PREMIUM, "US"),
        ("+15005550100", NumberKind.NON_GEOGRAPHIC, None),
        ("911", NumberKind.SERVICE, None),
        ("988", NumberKind.SERVICE, None),
        ("411", NumberKind.SERVICE, None),
        ("12345", NumberKind.SHORT_CODE, None),
        ("611611", NumberKind.SHORT_CODE, None),
        ("+442079460958", NumberKind.INTERNATIONAL, "GB"),
        ("011442079460958", NumberKind.INTERNATIONAL, "GB"),
        ("+420601123456", NumberKind.INTERNATIONAL, "CZ"),
        ("+8816123456", NumberKind.INTERNATIONAL, None),
        ("+1202555010", NumberKind.INVALID, "US"),
        ("+120255501000", NumberKind.INVALID, "US"),
        ("+12001234567", NumberKind.INVALID, None),
        ("+12021550100", NumberKind.INVALID, "US"),
        ("+18760000000", NumberKind.INVALID, "JM"),
        ("+1876", NumberKind.INVALID, "JM"),
        ("+187", NumberKind.INVALID, None),
        ("+18769765555", NumberKind.PREMIUM, "JM"),
        ("+12029115555", NumberKind.INVALID, "US"),
        ("+9115550100", NumberKind.INTERNATIONAL, "IN"),
        ("+19115550100", NumberKind.INVALID, None),
        ("+999123456789", NumberKind.INVALID, None),
        ("+44", NumberKind.INVALID, "GB"),
        ("+4412", NumberKind.INVALID, "GB"),
        ("+4420794609581234", NumberKind.INVALID, "GB"),
        ("00442079460958", NumberKind.INVALID, None),
        ("5550100", NumberKind.INVALID, None),
        ("01", NumberKind.INVALID, None),
        ("", NumberKind.MALFORMED, None),
        ("+", NumberKind.MALFORMED, None),
        ("alice", NumberKind.MALFORMED, None),
        ("1-800-FLOWERS", NumberKind.MALFORMED, None),
        ("+1202555０100", NumberKind.MALFORMED, None),
        ("+1202555010x", NumberKind.MALFORMED, None),
        ("++12025550100", NumberKind.MALFORMED, None),
    ],
)
def test_kinds(text: str, kind: NumberKind, country: str | None) -> None:
    found = normalise(text)
    assert (found.kind, found.country) == (kind, country)


def test_areas_agree_with_phonenumbers() -> None:
    assert len(list(learn())) == 800
    regions = {"US": 0, "CA": 0}
    for code in range(200, 1000):
        found = area(str(code))
        if found.country in regions:
            regions[found.country] += 1
        if found.country is not None and found.kind is NumberKind.INTERNATIONAL:
            assert found.country in phonenumbers.COUNTRY_CODE_TO_REGION_CODE[1]
        if found.kind is NumberKind.TERRITORY:
            assert found.country in US_TERRITORIES
    assert regions["US"] > 330
    assert regions["CA"] > 40
    foreign = {
        area(str(code)).country
        for code in range(200, 1000)
        if area(str(code)).kind is NumberKind.INTERNATIONAL
    }
    assert foreign == set(phonenumbers.COUNTRY_CODE_TO_REGION_CODE[1]) - US_TERRITORIES - {"US", "CA"}


@given(st.text(max_size=30))
def test_any_text_has_a_kind(text: str) -> None:
    found = normalise(text)
    assert found.kind in NumberKind
    if found.kind in (NumberKind.US, NumberKind.CANADA, NumberKind.INTERNATIONAL, NumberKind.TERRITORY):
        assert found.e164.startswith("+")
        assert found.e164[1:].isascii()
        assert found.e164[1:].isdigit()


@given(st.from_regex(r"\A\+?[0-9 ().-]{1,20}\Z"))
def test_normalising_twice_is_normalising_once(text: str) -> None:
    once = normalise(text)
    if once.kind not in (NumberKind.MALFORMED, NumberKind.INVALID):
        assert normalise(once.e164) == once


@given(st.integers(2_000_000_000, 9_999_999_999))
def test_agrees_with_phonenumbers_about_who_is_foreign(national: int) -> None:
    region = phonenumbers.region_code_for_number(
        phonenumbers.PhoneNumber(country_code=1, national_number=national)
    )
    if region is not None:
        foreign = region not in US_TERRITORIES | {"US", "CA"}
        kind = normalise(f"+1{national}").kind
        assert (kind is NumberKind.INTERNATIONAL) is foreign or kind in (
            NumberKind.INVALID,
            NumberKind.PREMIUM,
        )
