"""Message ids, which a receipt may write in another notation than submit_sm_resp did."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

DECIMAL: Final = re.compile(r"[0-9]{1,65}")
HEXADECIMAL: Final = re.compile(r"[0-9a-f]{1,65}")
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def canonical_id(message_id: str) -> str:
    """Return the form under which a message id is kept and found: lower case, no leading zeros, bare
    UUIDs."""
    if message_id.isalnum() and message_id[0] != "0":  # as most carriers write them
        return message_id.lower()
    return _canonical(message_id)


@lru_cache(maxsize=4096)
def _canonical(message_id: str) -> str:
    canonical = message_id.strip().lower()
    if len(canonical) == 36 and _UUID.fullmatch(canonical):
        canonical = canonical.replace("-", "")
    if canonical.startswith("0"):
        if canonical.startswith("0x") and HEXADECIMAL.fullmatch(canonical, 2):
            canonical = canonical[2:]
        canonical = canonical.lstrip("0") or "0"
    return canonical


def id_candidates(message_id: str) -> tuple[str, ...]:
    """Return the canonical ids under which the submit of a receipt's `message_id` may have been kept,
    likeliest first.

    As it is; as hexadecimal if it is the decimal of that; as decimal if it is the hexadecimal of that. Look
    each up in turn, one dict access apiece, and compare the destination too: 100 may be 0x64 as well as 256.
    """
    canonical = canonical_id(message_id)
    if not HEXADECIMAL.fullmatch(canonical):
        return (canonical,)
    as_decimal = str(int(canonical, 16))
    if DECIMAL.fullmatch(canonical):
        as_hexadecimal = f"{int(canonical):x}"
        return tuple(dict.fromkeys((canonical, as_hexadecimal, as_decimal)))
    return (canonical, as_decimal)


def same_id(first: str, second: str) -> bool:
    """Whether two notations may name one message."""
    return canonical_id(second) in id_candidates(first)
