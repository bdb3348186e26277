"""What a bad network does to a stream, reproducibly: loss, reordering, duplicates, a clock that is off.

weather = Impairment(Weather(loss=0.02, reorder=0.01, skew_ppm=40), random.Random(7))
for datagram in weather.offer(number, datagram): send(datagram)      # now, in this order
weather.flush()                                                      # what was held back, at the end
"""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Weather:
    """Chances per packet, and the clock.

    reorder: held back behind the next one to three. skew_ppm: the sender's clock is that much slow (positive)
    or fast. spare_first: this many packets at the start are never touched, so that the start is known.
    """

    loss: float = 0.0
    reorder: float = 0.0
    duplicate: float = 0.0
    skew_ppm: float = 0.0
    spare_first: int = 1

    @property
    def is_fair(self) -> bool:
        """Whether nothing happens to packets."""
        return not (self.loss or self.reorder or self.duplicate)

    def interval_s(self, nominal_s: float) -> float:
        """Real seconds between packets that the sender believes `nominal_s` apart."""
        return nominal_s * (1 + self.skew_ppm * 1e-6)


class Impairment:
    """The weather of one stream. `lost` lists the numbers of the packets that never arrive."""

    __slots__ = ("_held", "_random", "_weather", "duplicated", "lost", "reordered")

    def __init__(self, weather: Weather, rng: random.Random) -> None:
        self._weather = weather
        self._random = rng
        self._held: list[tuple[int, bytes]] = []
        self.lost: list[int] = []
        self.reordered = 0
        self.duplicated = 0

    def offer(self, number: int, datagram: bytes, *, spare: bool = False) -> list[bytes]:
        """What goes out now that packet `number` is due. spare: this one must arrive (the last)."""
        weather, out = self._weather, []
        if weather.is_fair:
            return [datagram]
        if not spare and number >= weather.spare_first:
            if self._random.random() < weather.loss:
                self.lost.append(number)
                return self._due(number)
            if self._random.random() < weather.reorder:
                self.reordered += 1
                self._held.append((number + self._random.randint(1, 3), datagram))
                return self._due(number)
        out.append(datagram)
        if self._random.random() < weather.duplicate:
            self.duplicated += 1
            out.append(datagram)
        return out + self._due(number)

    def _due(self, number: int) -> list[bytes]:
        due = [datagram for at, datagram in self._held if at <= number]
        if due:
            self._held = [(at, datagram) for at, datagram in self._held if at > number]
        return due

    def flush(self) -> list[bytes]:
        """What is still held back."""
        held, self._held = self._held, []
        return [datagram for _, datagram in held]
