"""The recorder's metrics (`design/interfaces.md`), their children cached."""

from collections.abc import Collection, Mapping
from typing import Any

from gateway.runtime.metrics import Metrics, bounded_label
from siprec.sip.core import METHODS
from siprec.srs.track import TrackSummary

OUTCOMES = (
    "bye received",
    "bye sent",
    "ack missing",
    "session expired",
    "media timeout",
    "streams removed",
    "disk failed",
)
KINDS = ("announcement", "beep", "tone")
_PACKETS = (
    ("packets", "received"),
    ("lost", "lost"),
    ("late", "late"),
    ("duplicates", "duplicate"),
    ("malformed", "malformed"),
)
"""Counts of a track, and the outcome each is told as."""


class RecorderMeters:
    """Counters and gauges of a recording server. `providers` are the label values allowed."""

    def __init__(self, metrics: Metrics, providers: Collection[str]) -> None:
        self._providers = providers
        self._responses = metrics.counter(
            "siprec_sip_responses_total", "Responses sent to SIP requests", ("method", "status")
        )
        self._active = metrics.gauge("siprec_sessions_active", "Recordings in progress", ("provider",))
        self._sessions = metrics.counter(
            "siprec_sessions_total", "Recordings ended, by outcome", ("provider", "outcome")
        )
        for provider in providers:  # there from the start, so that the first of them is seen as an increase
            for outcome in OUTCOMES:
                self._sessions.labels(provider, outcome)
        packets = metrics.counter("siprec_rtp_packets_total", "RTP packets of ended recordings", ("outcome",))
        self._packets = {field: packets.labels(outcome) for field, outcome in _PACKETS}
        self._seconds = metrics.counter("siprec_recording_seconds_total", "Seconds recorded", ("provider",))
        self._announcements = metrics.counter(
            "siprec_announcements_total", "Announcements told in metadata", ("kind",)
        )
        self._stored = metrics.gauge(
            "siprec_recordings_stored_bytes", "Bytes of the recordings that are kept now", ("provider",)
        )
        self.disk_free_bytes = metrics.gauge("siprec_disk_free_bytes", "Free space for recordings")
        self._response_children: dict[tuple[str, int], object] = {}
        self._children: dict[tuple[object, tuple[str, ...]], Any] = {}

    def response(self, method: str, status: int) -> None:
        """Count a response."""
        child = self._response_children.get((method, status))
        if child is None:
            child = self._responses.labels(bounded_label(method, METHODS), str(status))
            if method in METHODS:
                self._response_children[method, status] = child
        child.inc()  # type: ignore[attr-defined]

    def _child(self, metric: Any, *labels: str) -> Any:
        child = self._children.get((metric, labels))
        if child is None:
            child = self._children[metric, labels] = metric.labels(*labels)
        return child

    def _provider(self, provider: str) -> str:
        return bounded_label(provider, self._providers)

    def started(self, provider: str) -> None:
        """Count a recording that begins."""
        self._child(self._active, self._provider(provider)).inc()

    def ended(self, provider: str, outcome: str, tracks: Collection[TrackSummary], duration_ms: int) -> None:
        """Count a recording that ends. `provider` is the one it started with."""
        name = self._provider(provider)
        self._child(self._active, name).dec()
        self._child(self._sessions, name, bounded_label(outcome, OUTCOMES)).inc()
        self._child(self._seconds, name).inc(duration_ms / 1000)
        for field, counter in self._packets.items():
            counter.inc(sum(getattr(track, field) for track in tracks))

    def stored(self, provider: str, size_bytes: int) -> None:
        """Add the bytes of a recording that was just sealed."""
        self._child(self._stored, self._provider(provider)).inc(size_bytes)

    def weighed(self, size_bytes: Mapping[str, int]) -> None:
        """Set what is kept now, by provider; a provider that is not named keeps nothing."""
        totals = dict.fromkeys(self._providers, 0)
        for provider, size in size_bytes.items():
            name = self._provider(provider)
            totals[name] = totals.get(name, 0) + size
        for name, total in totals.items():
            self._stored.labels(name).set(total)

    def announced(self, kind: str) -> None:
        """Count an announcement."""
        self._announcements.labels(bounded_label(kind, KINDS)).inc()
