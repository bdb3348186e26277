"""The release time of a text that may not leave at once, or its refusal.

- A *rejecting* limit must have room at the earliest moment the text may leave (now, or behind its own pair)
  and at its release; otherwise the text is refused with that scope's code.
- A *waiting* limit (queue, defer) moves the release to the first moment at which all waiting limits have
  room. A limit that delays a text by more than its bound refuses it with `queue_full`.
"""

from gateway.throttle.entry import RateEntry, WindowEntry
from gateway.throttle.reservation import Plan, Refused
from gateway.throttle.scopes import CODES, QUEUE_FULL


def search(plan: Plan, segments: int, floor_ns: int, now_ns: int) -> int | Refused:
    """Return when a text may leave, at `floor_ns` (behind its pair) or later, or why it may not."""
    refused = _reject(plan, segments, floor_ns, now_ns)
    if refused is not None:
        return refused
    release = _settle(plan, segments, floor_ns, now_ns)
    if isinstance(release, Refused) or release == floor_ns:
        return release
    refused = _reject(plan, segments, release, now_ns)
    return release if refused is None else refused


def place(plan: Plan, segments: int, floor_ns: int, now_ns: int) -> int:
    """Return the first moment from `floor_ns` at which every limit has room for a text admitted before.

    A limit that was lowered meanwhile, so that the text never fits it, holds it back no further.
    """
    release, entries = floor_ns, plan.entries
    while True:
        before = release
        for entry in entries:
            earliest = entry.earliest(release, segments, now_ns)
            if earliest is not None:
                release = earliest
        if release == before:
            return release


def refusals(plan: Plan, segments: int, floor_ns: int, now_ns: int) -> list[Refused]:
    """Return every refusal a text would meet if the limits before it let it pass; takes nothing."""
    found = []
    for entry in plan.rejecting:
        refused = _refusal(entry, segments, floor_ns, now_ns)
        if refused is not None:
            found.append(refused)
    release = _settle(plan, segments, floor_ns, now_ns)
    if isinstance(release, Refused):
        found.append(release)
    return found


def delays(plan: Plan, now_ns: int) -> list[Refused]:
    """Return the waiting limits that have no room now, each with how long until a segment fits."""
    found = []
    for entry in plan.waiting:
        earliest = entry.earliest(now_ns, 1, now_ns)
        if earliest is not None and earliest > now_ns:
            found.append(Refused(entry.scope, CODES[entry.scope], earliest - now_ns))
    return found


def _reject(plan: Plan, segments: int, at_ns: int, now_ns: int) -> Refused | None:
    """Return the refusal of the first rejecting limit without room at `at_ns`."""
    for entry in plan.rejecting:
        refused = _refusal(entry, segments, at_ns, now_ns)
        if refused is not None:
            return refused
    return None


def _refusal(entry: RateEntry | WindowEntry, segments: int, at_ns: int, now_ns: int) -> Refused | None:
    earliest = entry.earliest(at_ns, segments, now_ns)
    if earliest is None:
        return Refused(entry.scope, CODES[entry.scope], None)
    if earliest > at_ns:
        return Refused(entry.scope, CODES[entry.scope], entry.retry_ns(earliest, now_ns))
    return None


def _full(plan: Plan, segments: int, now_ns: int) -> Refused | None:
    """Return the refusal of a waiting limit whose own queue is too long already.

    A text behind its pair starts from the pair's last release: what its scopes owe until then counts too.
    """
    for entry in plan.waiting:
        earliest = entry.earliest(now_ns, segments, now_ns)
        if earliest is not None and earliest > now_ns:
            excess = entry.too_late(earliest, now_ns, earliest - now_ns)
            if excess is not None:
                return Refused(entry.scope, QUEUE_FULL, excess)
    return None


def _settle(plan: Plan, segments: int, floor_ns: int, now_ns: int) -> int | Refused:
    """Return the first moment from `floor_ns` at which every waiting limit has room."""
    if floor_ns > now_ns:
        full = _full(plan, segments, now_ns)
        if full is not None:
            return full
    waiting = plan.waiting
    release, delays = floor_ns, [0] * len(waiting)
    while True:
        before = release
        for position, entry in enumerate(waiting):
            earliest = entry.earliest(release, segments, now_ns)
            if earliest is None:
                return Refused(entry.scope, CODES[entry.scope], None)
            if earliest == release:
                continue
            delays[position] += earliest - release
            excess = entry.too_late(earliest, floor_ns, delays[position])
            if excess is not None:
                return Refused(entry.scope, QUEUE_FULL, excess)
            release = earliest
        if release == before:
            return release
