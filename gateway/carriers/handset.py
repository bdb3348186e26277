"""The handsets at the far end: they put texts together, remember them, and answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.carriers.outcomes import HandsetSettings
from gateway.carriers.profile import TextSettings
from gateway.smpp.segment import Part, Reassembler, read_part
from gateway.smpp.text import Alphabet, TextError

_REPLY_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class TextArrived:
    """A whole text on a handset's screen, at `at_ns` of world time."""

    handset: str
    source: str
    text: str
    segments: int
    at_ns: int


@dataclass(slots=True)
class _Handset:
    inbox: deque[TextArrived] = field(default_factory=lambda: deque(maxlen=50))


class Handsets:
    """All handsets of one carrier; those nobody wrote to take no memory."""

    def __init__(self, settings: TextSettings, *, most: int = 10_000) -> None:
        self._reassembler = Reassembler()
        self._handsets: dict[str, _Handset] = {}
        self._most = most
        self.adopt(settings)

    def adopt(self, settings: TextSettings) -> None:
        """Read by other settings from now on."""
        self._settings = settings
        self._default = Alphabet(settings.default_alphabet)

    def receive(
        self,
        source: str,
        destination: str,
        short_message: bytes,
        *,
        esm_class: int,
        data_coding: int,
        tlvs: Sequence[tuple[int, bytes]],
        now_ns: int,
    ) -> TextArrived | None:
        """Take what one submit_sm carried; return the text when it is whole.

        What the carrier does not put together (`accepts`) shows as separate texts.
        """
        self._reassembler.expire(now_ns)
        try:
            part = read_part(
                source,
                destination,
                short_message,
                esm_class=esm_class,
                data_coding=data_coding,
                tlvs=tlvs,
            )
        except TextError:
            part = Part(source, destination, short_message, data_coding)
        if part.form is not None and part.form not in self._settings.accepts:
            part = Part(source, destination, part.body, data_coding, header_octets=part.header_octets)
        whole = self._reassembler.add(part, now_ns)
        if whole is None:
            return None
        text = whole.text(default=self._default, packed=self._settings.packed)
        arrived = TextArrived(destination, source, text, len(whole.parts), now_ns)
        self._handset(destination).inbox.append(arrived)
        return arrived

    def inbox(self, number: str) -> list[TextArrived]:
        """Return the latest texts of a handset, oldest first."""
        handset = self._handsets.get(number)
        return list(handset.inbox) if handset else []

    def _handset(self, number: str) -> _Handset:
        handset = self._handsets.get(number)
        if handset is None:
            handset = self._handsets[number] = _Handset()
            if len(self._handsets) > self._most:
                del self._handsets[next(iter(self._handsets))]
        return handset


def reply_to(arrived: TextArrived, settings: HandsetSettings) -> str | None:
    """Return what the handset writes back, if it answers."""
    if settings.state != "answers":
        return None
    return settings.reply.replace("{text}", arrived.text)[:_REPLY_CHARACTERS]
