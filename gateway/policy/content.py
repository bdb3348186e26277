"""What a text may hold and where it may go (webex.md B1–B3, 10dlc.md North America): one pure check per rule.

Emoji are told by Unicode's own properties (`emoji_data`): a character with Emoji_Presentation, or a base with
variation selector 16, a keycap, a flag or a joined sequence. `©`, `®`, `™`, digits and `:-)` are text.
"""

import re
from functools import lru_cache

from gateway.policy import rules
from gateway.policy.emoji_data import EMOJI, EMOJI_PRESENTATION
from gateway.policy.numbers import US_TERRITORIES, NumberInfo, NumberKind
from gateway.policy.snapshot import Snapshot, Text
from gateway.policy.verdict import Rule, Verdict

VS16, ZWJ, KEYCAP = "\ufe0f", "\u200d", "\u20e3"
_NO_KEYCAP_BASE = "(?![0-9#*])"

# One class first: most text that is not ASCII has none of these, and one class scans fastest.
_SUSPECT = re.compile(f"[{EMOJI_PRESENTATION}{VS16}{ZWJ}{KEYCAP}]")
_EMOJI = re.compile(
    f"[{EMOJI_PRESENTATION}]"
    f"|[{EMOJI}]{VS16}"
    f"|[0-9#*]{KEYCAP}"
    f"|{_NO_KEYCAP_BASE}[{EMOJI}]{ZWJ}{_NO_KEYCAP_BASE}[{EMOJI}]"
)

UNTEXTABLE = frozenset(
    {
        NumberKind.PREMIUM,
        NumberKind.NON_GEOGRAPHIC,
        NumberKind.SHORT_CODE,
        NumberKind.SERVICE,
        NumberKind.INVALID,
    }
)
"""Kinds of numbers that are no destination."""

# bound once: an enumeration's member costs ten times a name, and these are asked for every text
_MALFORMED = NumberKind.MALFORMED
_DOMESTIC = frozenset({NumberKind.US, NumberKind.CANADA})
_HOME = frozenset({"US", "CA"})
_LOCAL_DIGITS = 7  # a number without its area code

_MALFORMED_DESTINATION = Verdict(rules.MALFORMED, "the destination is no telephone number")
_MALFORMED_SOURCE = Verdict(rules.MALFORMED, "the source is no telephone number")
_EMPTY = Verdict(rules.MALFORMED, "neither text nor files")
_NUL = Verdict(rules.MALFORMED, "the text holds a NUL character")
_MALFORMED_INBOUND = Verdict(rules.MALFORMED_INBOUND, "the source is no telephone number")
_MMS = Verdict(rules.MMS_NOT_SUPPORTED)
_MMS_INBOUND = Verdict(rules.MMS_NOT_SUPPORTED_INBOUND)
_EMOJI_FOUND = Verdict(rules.EMOJI_NOT_SUPPORTED)
_EMOJI_FOUND_INBOUND = Verdict(rules.EMOJI_NOT_SUPPORTED_INBOUND)


def has_emoji(body: str) -> bool:
    """Return whether `body` holds an emoji."""
    if body.isascii() or _SUSPECT.search(body) is None:
        return False
    return _EMOJI.search(body) is not None


def is_international(number: NumberInfo, *, territories_domestic: bool) -> bool:
    """Return whether a number lies outside the US and Canada (B2).

    It need not be a valid one: what begins with another country's code, or is too long for North America,
    lies elsewhere all the same.
    """
    e164, kind, country = number
    if country in US_TERRITORIES:
        return not territories_domestic
    if country is not None:
        return country not in _HOME
    if kind is NumberKind.INVALID:
        return not e164.startswith("+1") and (e164.startswith("+") or len(e164) > _LOCAL_DIGITS)
    return kind is NumberKind.INTERNATIONAL


def well_formed(text: Text, _snapshot: Snapshot, _now_ns: int) -> Verdict | None:
    """The request is a text between telephone numbers that says something; white space says nothing."""
    if text.destination.kind is _MALFORMED:
        return _MALFORMED_DESTINATION
    if text.source.kind is _MALFORMED:
        return _MALFORMED_SOURCE
    body = text.body
    if (not body or body.isspace()) and not text.has_media:
        return _EMPTY
    return _NUL if "\0" in body else None


def well_formed_inbound(text: Text, _snapshot: Snapshot, _now_ns: int) -> Verdict | None:
    """The inbound message comes from a telephone number; an empty text is a text."""
    return _MALFORMED_INBOUND if text.source.kind is _MALFORMED else None


def no_mms(text: Text, _snapshot: Snapshot, _now_ns: int) -> Verdict | None:
    """B1, outbound."""
    return _MMS if text.has_media else None


def no_mms_inbound(text: Text, _snapshot: Snapshot, _now_ns: int) -> Verdict | None:
    """B1, inbound."""
    return _MMS_INBOUND if text.has_media else None


def destination_valid(text: Text, snapshot: Snapshot, _now_ns: int) -> Verdict | None:
    """A number that a person can be texted at; toll-free by setting."""
    kind = text.destination.kind
    if kind in _DOMESTIC:
        return None
    if kind in UNTEXTABLE or (kind is NumberKind.TOLL_FREE and not snapshot.terms.toll_free_textable):
        return _untextable(kind)
    return None


def domestic(text: Text, snapshot: Snapshot, _now_ns: int) -> Verdict | None:
    """B2, outbound: +1 alone is not enough, the area code decides."""
    number = text.destination
    if number.kind in _DOMESTIC or not is_international(
        number, territories_domestic=snapshot.terms.territories_domestic
    ):
        return None
    return _foreign(rules.INTERNATIONAL_NOT_SUPPORTED, number.country)


def domestic_inbound(text: Text, snapshot: Snapshot, _now_ns: int) -> Verdict | None:
    """B2, inbound."""
    number = text.source
    if number.kind in _DOMESTIC or not is_international(
        number, territories_domestic=snapshot.terms.territories_domestic
    ):
        return None
    return _foreign(rules.INTERNATIONAL_NOT_SUPPORTED_INBOUND, number.country)


def no_emoji(text: Text, _snapshot: Snapshot, _now_ns: int) -> Verdict | None:
    """B3, outbound."""
    return _EMOJI_FOUND if has_emoji(text.body) else None


def no_emoji_inbound(text: Text, _snapshot: Snapshot, _now_ns: int) -> Verdict | None:
    """B3, inbound."""
    return _EMOJI_FOUND_INBOUND if has_emoji(text.body) else None


def short_enough(text: Text, snapshot: Snapshot, _now_ns: int) -> Verdict | None:
    """At most so many segments (10dlc.md: ten is common)."""
    limit = snapshot.terms.max_segments
    if text.segments <= limit:
        return None
    return Verdict(rules.MESSAGE_TOO_LONG, f"{text.segments} segments, at most {limit}")


@lru_cache(maxsize=64)
def _untextable(kind: NumberKind) -> Verdict:
    return Verdict(rules.DESTINATION_INVALID, kind.value.replace("_", " "))


@lru_cache(maxsize=1024)
def _foreign(rule: Rule, country: str | None) -> Verdict:
    return Verdict(rule, country or "")
