"""A message on its way to a carrier: where it stands, what befell it, how it ended."""

from collections.abc import Callable, Hashable
from enum import Enum
from typing import Any, Final

from gateway.esme.suspects import CLEAN
from gateway.smpp.frozen import frozen
from gateway.smpp.pdu import Pdu

_OK: Final = 0


class SubmitOutcome(Enum):
    """How a submission ended."""

    ACCEPTED = "accepted"
    """ESME_ROK; `message_id` is the carrier's."""
    REFUSED = "refused"
    """`command_status` is the carrier's last word."""
    NO_RESPONSE = "no_response"
    """Sent as often as it may be, never answered: the carrier may or may not have it."""
    EXPIRED = "expired"
    """Never sent: it waited longer than `window_wait_timeout_s`."""
    STOPPED = "stopped"
    """The gateway stopped first.

    `sent`: it went out, unanswered; send it again after the next start either way.
    """


@frozen
class SubmitResult:
    """The end of a submission; `sent` says whether it ever went out, `sent_at` when last (wire time)."""

    outcome: SubmitOutcome
    command_status: int = 0
    message_id: str = ""
    sent: bool = True
    response: Pdu | None = None


class Trouble(Enum):
    """Why a sending did not settle its message."""

    REFUSED = "submit_sm_resp"
    """Answered, but not for good: ESME_RTHROTTLED or ESME_RMSGQFUL."""
    NO_RESPONSE = "no_response"
    CONNECTION_LOST = "connection_lost"


@frozen
class Setback:
    """A sending that did not settle its message, which may go again; `bind` is the one it went over."""

    trouble: Trouble
    bind: str
    sequence_number: int
    command_status: int = 0


OnResults = Callable[[list[tuple[Any, SubmitResult]]], None]
"""[(context, result), …]: has each submission once, unless it was withdrawn, many of them in one call."""


class Stage(Enum):
    """Where a submission stands."""

    WAITING = "waiting"
    """In the queue, or waiting to be sent again."""
    SENT = "sent"
    DONE = "done"


# bound once: an enumeration's member costs ten times a name, and these are asked for every text
_WAITING, _ACCEPTED = Stage.WAITING, SubmitOutcome.ACCEPTED


class Submission:
    """One message on its way to a carrier; made by `pool.submit`."""

    __slots__ = (
        "attempts",
        "bind",
        "context",
        "full_retries",
        "number",
        "on_results",
        "pair",
        "pdu",
        "put_at",
        "stage",
        "suspicion",
    )

    def __init__(self, pdu: Pdu, pair: Hashable, on_results: OnResults, context: Any) -> None:
        self.pdu, self.pair, self.on_results, self.context = pdu, pair, on_results, context
        self.stage = _WAITING
        self.bind: Bind | None = None
        self.number = self.attempts = self.full_retries = 0
        self.suspicion = CLEAN
        self.put_at = 0.0

    @property
    def waiting(self) -> bool:
        """Whether it may still be sent."""
        return self.stage is _WAITING

    @property
    def gone_out(self) -> bool:
        """Whether the carrier may have it."""
        return self.attempts > 0 or self.suspicion > CLEAN


class Bind:
    """What the queue knows of one bind: whether it is up, and until when it is paused."""

    __slots__ = ("doubted", "held", "lost", "name", "paused_until", "up")

    def __init__(self, name: str) -> None:
        self.name = name
        self.up = False
        self.paused_until = 0.0
        self.held: list[tuple[int, Submission]] = []  # heap by number: refused with RTHROTTLED, first to go
        self.doubted: list[Submission] = []  # timed out, and nothing was answered since
        self.lost: list[Submission] = []  # came back because the bind goes down, which follows


def result_of(response: Pdu) -> SubmitResult:
    """What a final answer means."""
    status = response.command_status
    if status != _OK:
        return SubmitResult(SubmitOutcome.REFUSED, status, "", True, response)
    return SubmitResult(_ACCEPTED, 0, getattr(response, "message_id", ""), True, response)
