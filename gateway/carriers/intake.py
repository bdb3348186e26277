"""What a carrier makes of a text it is given: its rules, then its will, then the times it is to keep."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from gateway.carriers.address import e164
from gateway.carriers.behaviour import Plan
from gateway.carriers.enforcement import Submission
from gateway.carriers.texts import TakenText
from gateway.runtime.clock import SECOND_NS
from gateway.smpp.constants import CommandStatus, MessageState, Tag
from gateway.smpp.pdu import SubmitMulti, SubmitSm
from gateway.smpp.segment import read_part
from gateway.smpp.text import TextError, decode_text
from gateway.smpp.times import MalformedTime, parse_time
from gateway.smpp.udh import ESM_UDHI

if TYPE_CHECKING:
    from gateway.carriers.bind import CarrierBind

_SEGMENT_OCTETS: Final = 153
_MESSAGE_PAYLOAD: Final = int(Tag.MESSAGE_PAYLOAD)


class Intake:
    """Takes the texts of one bind, or says which command_status refuses them."""

    def __init__(self, bind: CarrierBind) -> None:
        self._bind, self._carrier = bind, bind.carrier

    def decide(self, pdu: Any, destination: tuple[str, int, int], short_message: bytes) -> Plan:
        """Ask the carrier's rules, then its will."""
        carrier, behaviour = self._carrier, self._bind.behaviour
        assert behaviour is not None  # noqa: S101 - only bound sessions send requests
        self._bind.submits += 1
        source_number = e164(pdu.source_addr, pdu.source_addr_ton)
        number = e164(destination[0], destination[1])
        segments = 1 if len(short_message) <= 160 else -(-len(short_message) // _SEGMENT_OCTETS)
        reads_text = partial(self._text_of, pdu, short_message)
        parts = _parts_of(pdu, short_message)
        submission = Submission(self._bind.system_id, source_number, number, segments, reads_text, parts)
        refused = carrier.enforcement.check(submission, carrier.clock.now_ns(), carrier.wire_time())
        if refused is None:
            plan = behaviour.plan(source_number, number)
            carrier.count(plan.outcome)
            return plan
        carrier.count(refused)
        code = carrier.profile.refusal(refused)
        if code.at == "response":
            return Plan("", refused, code.status)
        state = MessageState.REJECTED if code.outcome == "rejected" else MessageState.UNDELIVERABLE
        return behaviour.refuse(refused, state, code.error)

    def take(
        self,
        pdu: Any,
        destination: tuple[str, int, int],
        short_message: bytes,
        plan: Plan,
        message_id: str | None = None,
    ) -> TakenText | int:
        """Acknowledge a text; a command_status where its times cannot be read."""
        carrier = self._carrier
        now_ns = carrier.clock.now_ns()
        times = self.times(pdu, now_ns)
        if isinstance(times, int):
            return times
        text = TakenText(
            message_id or plan.message_id,
            self._bind.system_id,
            self._bind,
            pdu,
            *destination,
            short_message,
            pdu.registered_delivery,
            plan,
            now_ns,
            0,
            plan.state,
            plan.error,
            carrier.forwarding.receipts,
        )
        carrier.forwarding.accept(text, *times)
        return text

    def times(self, pdu: Any, now_ns: int) -> tuple[int, int] | int:
        """Return when delivery may begin and when it must have ended, or the status that refuses the
        times."""
        validity = self._carrier.profile.validity
        schedule, period = getattr(pdu, "schedule_delivery_time", ""), getattr(pdu, "validity_period", "")
        if not schedule and not period:
            return now_ns, now_ns + int(validity.default_seconds * SECOND_NS)
        try:
            begins_ns = max(parse_time(schedule, now_ns) or now_ns, now_ns)
        except MalformedTime:
            return CommandStatus.RINVSCHED
        try:
            wanted_ns = parse_time(period, now_ns)
        except MalformedTime:
            return CommandStatus.RINVEXPIRY
        if wanted_ns is None:
            return begins_ns, begins_ns + int(validity.default_seconds * SECOND_NS)
        if wanted_ns <= now_ns:
            return CommandStatus.RINVEXPIRY
        return begins_ns, min(wanted_ns, now_ns + int(validity.most_seconds * SECOND_NS))

    def withdraw_pending(self, pdu: SubmitSm) -> None:
        """replace_if_present_flag: the latest undelivered text between the two goes (SMPP 3.4 §5.2.18)."""
        carrier, now_ns = self._carrier, self._carrier.clock.now_ns()
        pending = carrier.texts.pending(
            self._bind.system_id, pdu.source_addr, pdu.destination_addr, pdu.service_type, now_ns
        )
        text = next(pending, None)
        if text is not None:
            carrier.forwarding.withdraw(text)

    def _text_of(self, pdu: Any, short_message: bytes) -> str:
        settings = self._carrier.profile.text
        try:
            part = read_part("", "", short_message, esm_class=pdu.esm_class, data_coding=pdu.data_coding)
        except TextError:
            return ""
        default = self._carrier.default_alphabet
        return decode_text(part.body, pdu.data_coding, default=default, packed=settings.packed)


def speaks_twice(pdu: SubmitSm | SubmitMulti) -> bool:
    """Whether a text has both short_message and message_payload.

    They exclude each other (SMPP 3.4 §4.4.1, §5.3.2.32): which of them is meant nobody can say.
    """
    return bool(pdu.short_message) and any(tag == _MESSAGE_PAYLOAD for tag, _ in pdu.tlvs)


def _parts_of(pdu: Any, short_message: bytes) -> int:
    """Return how many segments the text has that a PDU carries a part of, as its header or SAR TLVs say."""
    if not pdu.esm_class & ESM_UDHI and not pdu.tlvs:
        return 1
    tlvs = pdu.tlvs if getattr(pdu, "short_message", b"") else ()  # no SAR beside message_payload
    try:
        return read_part("", "", short_message, esm_class=pdu.esm_class, tlvs=tlvs).total
    except TextError:
        return 1
