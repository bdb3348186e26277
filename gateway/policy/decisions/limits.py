"""Limits: each scope's refusal, and the full queue. Windows and rates are those of the case's settings."""

from gateway.policy.decisions.model import NO_LIMITS, TEXT, VERIZON, TextCase

_START = ("clock.mode=scaled", "clock.speed=50", "clock.start=2026-11-02T15:00:00Z")
_TO_VERIZON = {"to": VERIZON}
"""Its terms say nothing of campaigns and brands, so that the scopes' defaults hold."""
_WHAT = {
    "number": "the sending number",
    "person": "the sender",
    "campaign": "the campaign",
    "brand_day": "the brand's day",
    "carrier": "the carrier",
    "organization": "the organisation's fair use",
}


def _window(scope: str, what: str) -> TextCase:
    window = '{"window": {"cap": 2, "period": "hour", "overflow": "reject"}}'
    return TextCase(
        f"throttled_{scope}",
        429,
        f"Two segments an hour for {what} (B4)",
        f"The limit of {what} is reached.",
        settings=(*_START, *NO_LIMITS, f"limits.{scope}={window}"),
        before=(_TO_VERIZON, _TO_VERIZON),
        refused=_TO_VERIZON,
        passes=_TO_VERIZON,
        later_s=3600,
        retry_after=3600,
    )


LIMITS = (
    *(_window(scope, what) for scope, what in _WHAT.items()),
    TextCase(
        "throttled_person",
        429,
        "Six an hour, three at once: the fourth comes too soon (B4)",
        "The limit of the sender is reached.",
        settings=(
            *_START,
            *NO_LIMITS,
            'limits.person={"rate": {"segments": 6, "per": "hour", "burst": 3, "overflow": "reject"}}',
        ),
        before=(TEXT, TEXT, TEXT),
        later_s=600,
        retry_after=600,
    ),
    TextCase(
        "queue_full",
        503,
        "One segment an hour, an hour's queue: the third text would wait for two (B4)",
        "queue towards the carrier is full",
        settings=(
            *_START,
            *NO_LIMITS,
            'limits.number={"rate": {"segments": 1, "per": "hour", "burst": 1, "overflow": "queue", '
            '"max_wait_s": 3600}}',
        ),
        before=(TEXT, TEXT),
        later_s=3 * 3600,
        retry_after=3600,
    ),
)
