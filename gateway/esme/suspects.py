"""Who took the bind down? What was outstanding when one was lost goes again so that the guilty ends alone.

A lost bind says nothing about most of what was on it: one message may be poison to the carrier, or the line
is bad and none is. So a loss is no attempt (`submit_attempts` counts time-outs on a bind that lives), but
makes suspects. They go out again over one bind, which carries nothing else meanwhile: first in groups of a
few, and those of a group that is lost again each alone. Only a bind lost under a message that was alone on it
counts against that message; after `lost_attempts` such losses, with growing waits between them, it has ended.
"""

import heapq
from math import isqrt
from typing import TYPE_CHECKING, Final

from gateway.esme.settings import CarrierLinkSettings

if TYPE_CHECKING:
    from gateway.esme.submission import Bind, Submission

CLEAN: Final = 0
GROUPED: Final = 1
"""Lost with others: goes again with a few others."""
ALONE: Final = 2
"""Goes alone; each loss since adds one."""


class Suspects:
    """The messages of one carrier that were outstanding on a bind when it was lost, and wait to go again.

    `heap`: (suspicion, number, message), the least suspect first. `bind`: the one that carries suspects only.
    """

    __slots__ = ("_group", "_lost_attempts", "_wait_most_s", "_wait_s", "bind", "heap")

    def __init__(self, settings: CarrierLinkSettings) -> None:
        self.heap: list[tuple[int, int, Submission]] = []
        self.bind: Bind | None = None
        self._group = isqrt(settings.window)
        self._lost_attempts = settings.lost_attempts
        self._wait_s, self._wait_most_s = settings.backoff.min_s, settings.backoff.max_s

    def judge(self, submission: "Submission", *, alone: bool) -> float | None:
        """Note a loss: seconds until the message goes again; None if it has been lost often enough."""
        if not alone:
            submission.suspicion = max(submission.suspicion, min(submission.suspicion + 1, ALONE))
            return 0.0
        submission.suspicion = max(submission.suspicion, ALONE) + 1
        losses = submission.suspicion - ALONE
        if losses >= self._lost_attempts:
            return None
        return min(self._wait_s * 2.0 ** (losses - 1), self._wait_most_s)

    def add(self, submission: "Submission") -> None:
        """The message may go again."""
        heapq.heappush(self.heap, (submission.suspicion, submission.number, submission))

    def take(self, bind: "Bind", room: int, *, idle: bool) -> "list[Submission] | None":
        """Suspects for this bind to send, none while it still carries something; None: it is free of them."""
        while self.heap and not self.heap[0][2].waiting:
            heapq.heappop(self.heap)
        if self.bind is None and self.heap:
            self.bind = bind
        if self.bind is not bind:
            return None
        if not idle:
            return []
        if not self.heap:
            self.bind = None
            return None
        suspicion, _, first = heapq.heappop(self.heap)
        group = [first]
        most = min(room, self._group) if suspicion == GROUPED else 1
        while len(group) < most and self.heap and self.heap[0][0] == GROUPED:
            submission = heapq.heappop(self.heap)[2]
            if submission.waiting:
                group.append(submission)
        return group

    def bind_down(self, bind: "Bind") -> None:
        """Another bind may carry them."""
        if self.bind is bind:
            self.bind = None
