"""STOP, START and HELP: an inbound text that is a keyword is carried out, and answered once.

The answer goes the way of every text, through rules and limits; only the opt-out rule exempts the one
confirmation (10dlc.md, Opt-out keywords).
"""

from collections.abc import Callable, Coroutine
from typing import Any

from gateway.directory.directory import Directory
from gateway.messages.intake import Intake, OutboundText
from gateway.messages.model import Message
from gateway.policy.consent import Consent
from gateway.policy.optout import Keyword

Spawn = Callable[[Coroutine[Any, Any, None], str], object]


class Keywords:
    """Hears every text that reached a person: give it to `Inbound.listen`."""

    def __init__(self, consent: Consent, intake: Intake, directory: Directory, spawn: Spawn) -> None:
        self._consent = consent
        self._intake = intake
        self._directory = directory
        self._spawn = spawn

    def __call__(self, message: Message) -> None:
        """Carry a keyword out; any other text is none of our business."""
        keyword = self._consent.classify(message.text)
        if keyword is not None:
            self._spawn(self.answer(keyword, message), "keyword")

    async def answer(self, keyword: Keyword, message: Message) -> None:
        """Change the list and send the confirmation, from the number that was written to."""
        reply = await self._consent.hear(keyword, message.source, message.destination)
        person = self._directory.person_by_number(message.destination)
        if reply is not None and person is not None:
            await self._intake.accept(
                OutboundText(message.source, reply, person, message.destination, opt_out_exempt=True)
            )
