"""Addresses on the wire and in E.164."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from gateway.smpp.constants import Ton

_INTERNATIONAL: Final = int(Ton.INTERNATIONAL)
_ALPHANUMERIC: Final = int(Ton.ALPHANUMERIC)


@lru_cache(maxsize=65_536)
def e164(address: str, ton: int = _INTERNATIONAL) -> str:
    """Return the E.164 form of an address, or the address itself where it has none (short codes, names).

    ESMEs write +12025550100, 12025550100 or 2025550100 with whatever type of number.
    """
    if address.startswith("+") or ton == _ALPHANUMERIC or not address.isdigit():
        return address
    if len(address) == 11 and address[0] == "1":
        return "+" + address
    if len(address) == 10 and ton != _INTERNATIONAL:
        return "+1" + address
    return "+" + address if ton == _INTERNATIONAL and len(address) > 6 else address


def on_the_wire(number: str) -> tuple[str, int, int]:
    """Return address, TON and NPI as a carrier writes them: digits only, international ISDN for E.164
    numbers."""
    if number.startswith("+"):
        return number[1:], 1, 1
    if number.isdigit():
        return number, (3 if len(number) <= 6 else 0), 1  # short codes are network specific
    return number, 5, 0
