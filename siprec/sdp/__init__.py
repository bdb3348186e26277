"""Session descriptions (RFC 8866) and offer/answer (RFC 3264) as a recording session needs them.

Reading and writing::

    description = sdp.parse(body)            # SdpError names the line at fault; LF-only bodies are welcome
    description.media[0].label               # "1"
    description.address_of(0), description.direction_of(0), description.is_paused(0)
    description.encode()                     # CRLF; every line, known or not, in the order it came

A description is its lines: what this module does not know is carried untouched.

A Session Recording Server (RFC 7866 §7.1) answers in two steps, because ports are taken in between::

    streams = sdp.negotiate(offer, codecs=("PCMU", "PCMA", "G722"))   # one Stream per m-line, in order
    answer = sdp.answer(offer, streams, [Local("192.0.2.1", 40000), None], session_id=7)
    # m-lines in the offer's order; None or a refused stream is port 0; recvonly, or inactive while paused
    answer = sdp.with_next_version(previous_answer, answer)       # RFC 3264 §8

A Session Recording Client offers with `offer([Outgoing(port=…, label="1")], address=…, session_id=…)`.
The record-aware attributes (RFC 7866 §6) are `Media.record` and `Media.record_preference`.

Error: `SdpError(line, reason, text)` is the only one raised.
"""

from siprec.sdp.answering import (
    Local,
    Refusal,
    Stream,
    answer,
    negotiate,
    reoffer_faults,
    with_next_version,
)
from siprec.sdp.description import (
    CONTENT_TYPE,
    SDES_KEY_BYTES,
    SDES_SUITES,
    WELL_KNOWN_CODECS,
    ZERO_ADDRESS,
    Codec,
    Crypto,
    Direction,
    Line,
    Media,
    Origin,
    SdpError,
    SessionDescription,
)
from siprec.sdp.offering import Outgoing, codecs_named, offer
from siprec.sdp.reading import MAX_MEDIA, MAX_SDP_BYTES, MAX_SDP_LINES, parse

__all__ = [
    "CONTENT_TYPE",
    "MAX_MEDIA",
    "MAX_SDP_BYTES",
    "MAX_SDP_LINES",
    "SDES_KEY_BYTES",
    "SDES_SUITES",
    "WELL_KNOWN_CODECS",
    "ZERO_ADDRESS",
    "Codec",
    "Crypto",
    "Direction",
    "Line",
    "Local",
    "Media",
    "Origin",
    "Outgoing",
    "Refusal",
    "SdpError",
    "SessionDescription",
    "Stream",
    "answer",
    "codecs_named",
    "negotiate",
    "offer",
    "parse",
    "reoffer_faults",
    "with_next_version",
]
