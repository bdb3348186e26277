"""Addresses on the wire and in E.164."""

from __future__ import annotations

from gateway.smpp.constants import Ton


def e164(address: str, ton: int = Ton.INTERNATIONAL) -> str:
    """Return the E.164 form of an address, or the address itself where it has none (short codes, names).

    ESMEs write +12025550100, 12025550100 or 2025550100 with whatever type of number.
    """
    if address.startswith("+") or ton == Ton.ALPHANUMERIC or not address.isdigit():
        return address
    if len(address) == 11 and address[0] == "1":
        return "+" + address
    if len(address) == 10 and ton != Ton.INTERNATIONAL:
        return "+1" + address
    return "+" + address if ton == Ton.INTERNATIONAL and len(address) > 6 else address


def on_the_wire(number: str) -> tuple[str, int, int]:
    """Return address, TON and NPI as a carrier writes them: digits only, international ISDN for E.164
    numbers."""
    if number.startswith("+"):
        return number[1:], 1, 1
    if number.isdigit():
        return number, (3 if len(number) <= 6 else 0), 1  # short codes are network specific
    return number, 5, 0
