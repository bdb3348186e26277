"""From a stored text to the submit_sm PDUs that carry it: pure, the same each time it is asked.

Segments are not stored as bytes: text, encoding and reference are; a restart builds the same PDUs again.
"""

from functools import lru_cache
from typing import Protocol

from gateway.messages.model import Message
from gateway.smpp.constants import RegisteredDelivery
from gateway.smpp.pdu import SubmitSm
from gateway.smpp.segment import Concatenation, count_octets, encode_once, segment_text
from gateway.smpp.text import Alphabet, CannotEncode
from gateway.smpp.times import format_relative

#: TON international and NPI ISDN (SMPP 3.4 §5.2.5, §5.2.6): E.164 without its plus sign.
TON_INTERNATIONAL, NPI_ISDN = 1, 1
SECOND_NS = 1_000_000_000
_RECEIPT = int(RegisteredDelivery.RECEIPT)
_LONGEST_S = 99 * 86_400
_ALLOWED = (Alphabet.GSM7, Alphabet.UCS2)


class SubmitTerms(Protocol):
    """What a carrier's terms say about segments."""

    @property
    def concatenation(self) -> Concatenation:
        """How the segments of a long text are tied together."""

    @property
    def packed(self) -> bool:
        """Septets packed eight into seven octets instead of one to an octet."""


def encoding_of(text: str) -> str:
    """The encoding a text will go out in, as the API names it: `gsm7` or `ucs2`."""
    try:
        return encode_once(text, _ALLOWED)[0].value
    except CannotEncode:
        return "ucs2"


def measure(text: str, terms: SubmitTerms) -> tuple[int, str]:
    """Segments the network carries for `text`, which limits count, and its encoding by name.

    Raises `CannotEncode` for half a surrogate pair.
    """
    alphabet, octets = encode_once(text, _ALLOWED)
    return count_octets(octets, alphabet, terms.concatenation), alphabet._value_  # hot


@lru_cache(maxsize=1024)
def _validity(seconds: int) -> str:
    # Relative, because the carrier's clock need not agree with the world's (SMPP 3.4 §7.1.1.2).
    return format_relative(min(max(seconds, 1), _LONGEST_S) * SECOND_NS)


def build_submits(message: Message, terms: SubmitTerms, now_ns: int) -> tuple[SubmitSm, ...]:
    """The submit_sm PDUs of a text, in order of its segments (SMPP 3.4 §4.4.1)."""
    source, destination = message.source.removeprefix("+"), message.destination.removeprefix("+")
    segments = segment_text(
        message.text, message.reference, terms.concatenation, allowed=_ALLOWED, packed=terms.packed
    )
    validity = _validity((message.expires_ns - now_ns) // SECOND_NS)
    submits = [
        SubmitSm(  # in the order of the grammar: naming the fields would take twice as long
            "",  # service_type
            TON_INTERNATIONAL,
            NPI_ISDN,
            source,
            TON_INTERNATIONAL,
            NPI_ISDN,
            destination,
            segment.esm_class,
            0,  # protocol_id
            0,  # priority_flag
            "",  # schedule_delivery_time
            validity,
            _RECEIPT,
            0,  # replace_if_present_flag
            segment.data_coding,
            0,  # sm_default_msg_id
            segment.short_message,
            segment.tlvs,
        )
        for segment in segments
    ]
    return tuple(submits)
