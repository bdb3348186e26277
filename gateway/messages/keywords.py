"""STOP, START and HELP: an inbound text that is a keyword is carried out, and answered once.

What a keyword changes is stored with the text that brought it. The answer goes the way of every text, through
rules and limits; only the opt-out rule exempts the one confirmation (10dlc.md, Opt-out keywords).
"""

from collections.abc import Callable, Coroutine
from typing import Any

from gateway.directory.directory import Directory
from gateway.messages.intake import Intake, OutboundText
from gateway.messages.model import Message
from gateway.policy.consent import Consent, Heard

Spawn = Callable[[Coroutine[Any, Any, None], str], object]


class Keywords:
    """Hears every inbound text to a number of ours: give it to `Inbound.listen`."""

    def __init__(self, consent: Consent, intake: Intake, directory: Directory, spawn: Spawn) -> None:
        self._consent = consent
        self._intake = intake
        self._directory = directory
        self._spawn = spawn

    def __call__(self, message: Message) -> "KeywordHeard | None":
        """Begin to carry a keyword out; any other text is none of our business."""
        keyword = self._consent.classify(message.text)
        if keyword is None or self._directory.number(message.destination) is None:
            return None
        return KeywordHeard(self, message, self._consent.hear(keyword, message.source, message.destination))

    def answer(self, message: Message, reply: str) -> None:
        """Send the confirmation, from the number that was written to; nobody's number answers nothing."""
        person = self._directory.person_by_number(message.destination)
        if person is not None:
            text = OutboundText(message.source, reply, person, message.destination, opt_out_exempt=True)
            self._spawn(self._send(text), "keyword")

    async def _send(self, text: OutboundText) -> None:
        await self._intake.accept(text)


class KeywordHeard:
    """A keyword whose text is being stored."""

    __slots__ = ("_heard", "_keywords", "_message")

    def __init__(self, keywords: Keywords, message: Message, heard: Heard) -> None:
        self._keywords, self._message, self._heard = keywords, message, heard

    @property
    def intents(self) -> tuple[Any, ...]:
        """What to write in the text's own transaction."""
        return self._heard.intents

    def settle(self) -> None:
        """The text is durable: answer."""
        reply = self._heard.settle()
        if reply is not None:
            self._keywords.answer(self._message, reply)

    def abandon(self) -> None:
        """The text could not be stored."""
        self._heard.abandon()
