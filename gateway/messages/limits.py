"""Limits changed while running: in force at once, kept, and laid over the settings at every start."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from gateway.throttle.limiter import Limiter
from gateway.throttle.limits import SECOND_NS, RateLimit, ScopeLimit, WindowLimit
from gateway.throttle.scopes import Scope
from gateway.throttle.settings import PERIODS_S, RateSettings, WindowSettings
from gateway.throttle.store import LocalStore, StoredLimit

DEFAULT = ""
"""The key that stands for a scope's default."""


class LimitChange(BaseModel):
    """What was said by hand about a limit, by the names of the section `limits:`.

    A part or field that is absent follows the settings and terms; a part that is null is no limit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    rate: dict[str, Any] | None = None
    window: dict[str, Any] | None = None

    def over(self, base: ScopeLimit) -> ScopeLimit:
        """The limit it makes of the one that holds without it; raises `ValueError` where none results."""
        rate, window = base.rate, base.window
        if "rate" in self.model_fields_set:
            rate = None if self.rate is None else RateSettings(**{**_rate(rate), **self.rate}).limit()
        if "window" in self.model_fields_set:
            window = (
                None if self.window is None else WindowSettings(**{**_window(window), **self.window}).limit()
            )
        return ScopeLimit(rate, window)

    def then(self, later: "LimitChange") -> "LimitChange":
        """This change with a later one upon it."""
        parts = self.model_dump(exclude_unset=True)
        for name, fields in later.model_dump(exclude_unset=True).items():
            before = parts.get(name)
            parts[name] = {**before, **fields} if before and fields is not None else fields
        return LimitChange(**parts)


def _rate(limit: RateLimit | None) -> dict[str, Any]:
    """A rate in the settings' words."""
    if limit is None:
        return {}
    hourly = max(1, round(limit.segments * PERIODS_S["hour"] * SECOND_NS / limit.period_ns))
    named = (word for word, seconds in PERIODS_S.items() if seconds * SECOND_NS == limit.period_ns)
    per = next(named, "")
    return {
        "segments": limit.segments if per else hourly,
        "per": per or "hour",
        "burst": limit.burst,
        "overflow": limit.overflow.value,
        "max_wait_s": limit.max_wait_ns / SECOND_NS,
    }


def _window(limit: WindowLimit | None) -> dict[str, Any]:
    """A window in the settings' words."""
    if limit is None:
        return {}
    return {
        "cap": limit.cap,
        "period": limit.calendar.period.value,
        "zone": str(limit.calendar.zone),
        "overflow": limit.overflow.value,
        "max_wait_s": limit.max_wait_ns / SECOND_NS,
        "windows_ahead": limit.windows_ahead,
        "release_per_s": SECOND_NS / limit.spacing_ns if limit.spacing_ns else 0.0,
    }


class StandingLimits:
    """The limits set by hand, of keys and of scopes (`DEFAULT`)."""

    def __init__(self, limiter: Limiter, store: LocalStore) -> None:
        self._limiter = limiter
        self._store = store
        self._configured = dict(limiter.defaults)
        self._changes: dict[tuple[Scope, str], LimitChange] = {}

    async def restore(self) -> None:
        """Lay the stored changes over the settings: scopes first, keys follow from them."""
        for scope, key, document in sorted(await self._store.limits(), key=lambda one: one.key):
            self._apply(scope, key, LimitChange.model_validate_json(document))

    def is_set(self, scope: Scope, key: str) -> bool:
        """Whether something was set by hand."""
        return (scope, key) in self._changes

    async def change(self, scope: Scope, key: str, change: LimitChange) -> None:
        """Keep a change, then put it in force; raises `ValueError` where it makes no limit."""
        whole = self._changes.get((scope, key), LimitChange()).then(change)
        whole.over(self._base(scope, key))
        await self._store.put_limit(StoredLimit(scope, key, whole.model_dump_json(exclude_unset=True)))
        self._apply(scope, key, whole)

    async def reset(self, scope: Scope, key: str) -> bool:
        """Return to what the settings and carriers' terms say; False: nothing was set by hand."""
        if (scope, key) not in self._changes:
            return False
        await self._store.delete_limit(scope, key)
        del self._changes[scope, key]
        if key == DEFAULT:
            self._limiter.set_default(scope, self._configured[scope])
        else:
            self._limiter.set_limit(scope, key, None)
        return True

    def _apply(self, scope: Scope, key: str, change: LimitChange) -> None:
        self._changes[scope, key] = change
        limit = change.over(self._base(scope, key))
        if key == DEFAULT:
            self._limiter.set_default(scope, limit)
        else:
            self._limiter.set_limit(scope, key, limit)

    def _base(self, scope: Scope, key: str) -> ScopeLimit:
        """The limit without any change by hand."""
        if key == DEFAULT:
            return self._configured[scope]
        present = self._limiter.overrides.get((scope, key))
        self._limiter.set_limit(scope, key, None)
        base = self._limiter.limit_of(scope, key)
        if present is not None:
            self._limiter.set_limit(scope, key, present)
        return base
