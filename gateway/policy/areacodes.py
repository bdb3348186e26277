"""Area codes are learnt while the service has nothing else to do, so that no text waits for its own."""

import asyncio
from typing import Final

from gateway.policy import numbers
from gateway.runtime.lifecycle import BasePart, Lifecycle

_BUSY_PAUSES: Final = 3
"""The loop is busy when a pause takes so many times as long as was asked for."""


class AreaCodes(BasePart):
    """Learns what each area code is once the service has time; a text that is quicker learns its own.

    `delay_s` is how long it leaves the loop to others, at first and whenever they need it; `pause_s` how
    long it waits between two codes, by which it sees whether they do.
    """

    def __init__(self, lifecycle: Lifecycle, *, delay_s: float = 1.0, pause_s: float = 0.002) -> None:
        self._lifecycle = lifecycle
        self._delay_s, self._pause_s = delay_s, pause_s

    async def start(self) -> None:
        """Begin."""
        self._lifecycle.spawn(self._learn(), "area codes")

    async def _learn(self) -> None:
        await asyncio.sleep(self._delay_s)
        for _ in numbers.learn():
            while await self._is_busy():  # noqa: ASYNC110 - how long the sleep takes is what it asks
                await asyncio.sleep(self._delay_s)

    async def _is_busy(self) -> bool:
        """Whether others keep the loop so long that learning would be in their way."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.sleep(self._pause_s)
        return loop.time() - began > _BUSY_PAUSES * self._pause_s
