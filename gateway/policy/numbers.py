"""Telephone numbers: normalised to E.164 and told apart as the rules need (10dlc.md, North America; B2).

+1 is twenty-five countries. What an area code is comes from `phonenumbers`, asked once per area code and
kept; a number then costs one dictionary access.
"""

import re
from collections.abc import Iterator
from enum import Enum
from functools import cache, lru_cache
from typing import NamedTuple

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneNumber, PhoneNumberType

US_TERRITORIES = frozenset({"AS", "GU", "MP", "PR", "VI"})
"""American Samoa, Guam, Northern Marianas, Puerto Rico, US Virgin Islands."""


class NumberKind(Enum):
    """What a telephone number is to Business Texting."""

    US = "us"
    CANADA = "canada"
    TERRITORY = "territory"
    """A US territory; domestic or not by setting."""
    INTERNATIONAL = "international"
    """Outside the US and Canada, the other countries of +1 included."""
    TOLL_FREE = "toll_free"
    PREMIUM = "premium"
    """Area code 900 or exchange 976."""
    NON_GEOGRAPHIC = "non_geographic"
    """Personal and machine services (5XX)."""
    SHORT_CODE = "short_code"
    SERVICE = "service"
    """Three digits: 911, 988 and the other N11 services."""
    INVALID = "invalid"
    """Digits that are no number: wrong length, or an area code that is not in use."""
    MALFORMED = "malformed"
    """Not digits at all."""

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is a Python function


PERSONAL = frozenset({NumberKind.US, NumberKind.CANADA, NumberKind.TERRITORY})
"""Kinds that can be a person's own number."""


class NumberInfo(NamedTuple):
    """A telephone number as the rules see it."""

    e164: str
    """E.164 with `+`; what was given, unchanged, where no E.164 number can be made of it."""
    kind: NumberKind
    country: str | None
    """ISO 3166 two letters where the number tells it, valid or not; None for toll-free and the like."""


class Area(NamedTuple):
    """What an area code of +1 is."""

    kind: NumberKind
    country: str | None


_PUNCTUATION = str.maketrans("", "", " ()-./\u00a0\u2010\u2011\u2013")
_DIGITS = re.compile(r"\+?[0-9]+")
_NANP = re.compile(r"[2-9][0-9]{2}[2-9][0-9]{2}")
_new = tuple.__new__
_NOWHERE = "001"  # the library's region of satellite telephones and other networks without a country
_MAX_E164_DIGITS = 15
_MIN_E164_DIGITS = 7
_PROBES = (5550100, 2345678, 3456789, 4567890, 6789012, 7890123, 8901234, 9012345)

_KIND_BY_TYPE = {
    PhoneNumberType.TOLL_FREE: NumberKind.TOLL_FREE,
    PhoneNumberType.PREMIUM_RATE: NumberKind.PREMIUM,
    PhoneNumberType.PERSONAL_NUMBER: NumberKind.NON_GEOGRAPHIC,
    PhoneNumberType.UAN: NumberKind.NON_GEOGRAPHIC,
    PhoneNumberType.VOIP: NumberKind.NON_GEOGRAPHIC,
}


@cache
def area(code: str) -> Area:
    """Return what the three digits of an area code stand for."""
    if code[1:] == "11":
        return Area(NumberKind.INVALID, None)
    for line in _PROBES:
        number = PhoneNumber(country_code=1, national_number=int(code) * 10_000_000 + line)
        region = phonenumbers.region_code_for_number(number)
        if region is not None:
            return _area_of(number, region)
    return Area(NumberKind.INVALID, None)


def _area_of(number: PhoneNumber, region: str) -> Area:
    special = _KIND_BY_TYPE.get(phonenumbers.number_type(number))
    if special is not None:
        return Area(special, None)
    if region == "US":
        return Area(NumberKind.US, region)
    if region == "CA":
        return Area(NumberKind.CANADA, region)
    if region in US_TERRITORIES:
        return Area(NumberKind.TERRITORY, region)
    return Area(NumberKind.INTERNATIONAL, region)


def learn() -> Iterator[None]:
    """Learn every area code, one at each step: a fifth of a second in all, so that no text learns its own."""
    for code in range(200, 1000):
        area(str(code))
        yield


def normalise(text: str) -> NumberInfo:
    """Read a telephone number as a person in North America would type it.

    `+1 (202) 555-0100`, `1-202-555-0100`, `2025550100` are one number; `011` begins an international one.
    A number without `+` is never taken for a foreign one: an SMPP edge puts `+` before TON 1.
    """
    if len(text) == 12 and text[:2] == "+1" and text.isascii() and text[1:].isdigit():
        return _new(NumberInfo, (text, *_exchange(text[2:8])))
    digits = text.translate(_PUNCTUATION)
    if _DIGITS.fullmatch(digits) is None:
        return NumberInfo(text, NumberKind.MALFORMED, None)
    if digits.startswith("+1"):
        return _nanp(digits, digits[2:])
    if digits.startswith("+"):
        return _foreign(digits[1:])
    if digits.startswith("011") and len(digits) > 6:
        return _foreign(digits[3:])
    return _national(digits)


def _national(digits: str) -> NumberInfo:
    size = len(digits)
    if size == 11 and digits[0] == "1":
        return _nanp("+" + digits, digits[1:])
    if size == 10:
        return _nanp("+1" + digits, digits)
    if size == 3:
        return NumberInfo(digits, NumberKind.SERVICE, None)
    if 4 <= size <= 6:
        return NumberInfo(digits, NumberKind.SHORT_CODE, None)
    return NumberInfo(digits, NumberKind.INVALID, None)


def _nanp(e164: str, national: str) -> NumberInfo:
    if len(national) != 10:
        return NumberInfo(e164, NumberKind.INVALID, area(national[:3]).country if national[2:] else None)
    return NumberInfo(e164, *_exchange(national[:6]))


@lru_cache(maxsize=32_768)
def _exchange(digits: str) -> Area:
    """Return what an area code and exchange, six digits, stand for."""
    found = area(digits[:3])
    if _NANP.fullmatch(digits) is None:
        return Area(NumberKind.INVALID, found.country)
    exchange = digits[3:]
    if exchange == "976":
        return Area(NumberKind.PREMIUM, found.country)
    if exchange[1:] == "11" and found.kind is not NumberKind.TOLL_FREE:
        return Area(NumberKind.INVALID, found.country)
    return found


def _foreign(digits: str) -> NumberInfo:
    e164 = "+" + digits
    if digits.startswith("1"):
        return _nanp(e164, digits[1:])
    fits = _MIN_E164_DIGITS <= len(digits) <= _MAX_E164_DIGITS
    for size in (1, 2, 3):
        regions = COUNTRY_CODE_TO_REGION_CODE.get(int(digits[:size]))
        if regions is not None:
            country = None if regions[0] == _NOWHERE else regions[0]
            return NumberInfo(e164, NumberKind.INTERNATIONAL if fits else NumberKind.INVALID, country)
    return NumberInfo(e164, NumberKind.INVALID, None)
