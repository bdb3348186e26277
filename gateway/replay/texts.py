"""Whole texts out of recorded parts: what people write, where an ESME submits segments.

A text of several parts becomes one request, numbered as its first part and carrying all octets in
message_payload; the answers and receipts of the first part stand for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from gateway.replay.remembered import Remembered
from gateway.replay.story import AnswerStep, RequestStep, Step
from gateway.replay.trace import Side
from gateway.smpp.constants import EsmClass, Tag
from gateway.smpp.pdu import SubmitSm
from gateway.smpp.segment import MalformedUdh, Part, Reassembled, Reassembler, read_part, user_data
from gateway.smpp.text import decode_text
from gateway.smpp.tlv import Tlv

_PARTS: Final = 10_000
_CONCATENATION: Final = frozenset(
    {
        int(Tag.SAR_MSG_REF_NUM),
        int(Tag.SAR_TOTAL_SEGMENTS),
        int(Tag.SAR_SEGMENT_SEQNUM),
        int(Tag.MESSAGE_PAYLOAD),
    }
)


def whole_texts(steps: Iterator[Step]) -> Iterator[Step]:
    """The steps with long texts joined; parts that never become whole are left out."""
    parts = Reassembler()
    first_of: Remembered[int, int] = Remembered(_PARTS)
    held: Remembered[int, list[Step]] = Remembered(_PARTS)
    for step in steps:
        if isinstance(step, RequestStep) and step.sender is Side.ESME and isinstance(step.pdu, SubmitSm):
            part = _part(step)
            if part is None or part.total == 1:
                yield step
                continue
            held[step.number] = []
            whole = parts.add(part, step.at_ns)
            if whole is not None:
                yield from _whole(whole, step, first_of, held)
        elif isinstance(step, AnswerStep) and step.number in held:
            held[step.number].append(step)
        elif isinstance(step, AnswerStep):
            if first_of.get(step.number, step.number) == step.number:
                yield step
        elif isinstance(step, RequestStep) and step.about in held:
            held[step.about].append(step)
        elif not isinstance(step, RequestStep) or first_of.get(step.about, step.about) == step.about:
            yield step


def text_of(pdu: SubmitSm) -> str:
    """What a submit_sm says."""
    return decode_text(user_data(pdu.short_message, pdu.tlvs), pdu.data_coding)


def _part(step: RequestStep) -> Part | None:
    pdu: Any = step.pdu
    try:
        return read_part(
            pdu.source_addr, pdu.destination_addr, pdu.short_message, esm_class=pdu.esm_class,
            data_coding=pdu.data_coding, tlvs=pdu.tlvs, context=step,
        )  # fmt: skip
    except MalformedUdh:
        return None


def _whole(
    whole: Reassembled, last: RequestStep, first_of: Remembered[int, int], held: Remembered[int, list[Step]]
) -> Iterator[Step]:
    first: RequestStep = whole.parts[0].context
    pdu: Any = first.pdu
    body = b"".join(part.body for part in whole.parts)
    tlvs = tuple(tlv for tlv in pdu.tlvs if tlv.tag not in _CONCATENATION)
    joined = replace(
        pdu,
        esm_class=pdu.esm_class & ~int(EsmClass.UDHI),
        short_message=b"",
        tlvs=(*tlvs, Tlv(int(Tag.MESSAGE_PAYLOAD), body[:0xFFFF])),
    )
    yield RequestStep(last.at_ns, first.number, first.conversation, first.sender, joined)
    for part in whole.parts:
        number = part.context.number
        first_of[number] = first.number
        waiting = held.pop(number, [])
        if number == first.number:
            yield from waiting
