"""Destination → carrier: exact number, ported number, longest prefix, default."""

from gateway.esme.settings import RouteSettings


def _digits(number: str) -> str:
    return number.removeprefix("+")


class RouteTable:
    """The routes of a gateway; numbers are E.164, with or without their plus sign."""

    __slots__ = ("_default", "_lengths", "_numbers", "_ported", "_prefixes")

    def __init__(self, settings: RouteSettings) -> None:
        self._numbers = {_digits(number): carrier for number, carrier in settings.numbers.items()}
        self._ported = {_digits(number): carrier for number, carrier in settings.ported.items()}
        self._prefixes = {_digits(prefix): carrier for prefix, carrier in settings.prefixes.items()}
        self._lengths = sorted({len(prefix) for prefix in self._prefixes}, reverse=True)
        self._default = settings.default

    def carrier_for(self, destination: str) -> str | None:
        """Name of the carrier that serves `destination`, None without a route."""
        number = _digits(destination)
        carrier = self._numbers.get(number) or self._ported.get(number)
        if carrier is not None:
            return carrier
        for length in self._lengths:
            carrier = self._prefixes.get(number[:length])
            if carrier is not None:
                return carrier
        return self._default

    def port(self, number: str, carrier: str) -> None:
        """The number has been ported to `carrier`."""
        self._ported[_digits(number)] = carrier

    def unport(self, number: str) -> None:
        """The number is served by its prefix again; unknown numbers are ignored."""
        self._ported.pop(_digits(number), None)
