"""OpenTelemetry traces: one per text and one per recording session, off unless `tracing.enabled` says so.

Whoever knows a kind of story (`gateway.messages.traces`, `siprec.providers.traces`) listens on the bus and
tells it here: `begin`, one `phase` after another, `end`. Nobody listens while tracing is off, so it costs
nothing then.

Spans are in real time, for they stand beside those of other systems; where world time is another, the
attribute `world.time` says when it was there. They hold ids and codes, never a text or a telephone number.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydantic import Field

from gateway import __version__
from gateway.runtime.errors import ServiceError
from gateway.runtime.lifecycle import BasePart
from gateway.runtime.log import get_logger
from gateway.runtime.settings import Section

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

Attributes = Mapping[str, str | int | bool]

FLUSH_S = 3.0
_SPREAD: Final = 0x9E37_79B9_7F4A_7C15
_MASK: Final = (1 << 64) - 1
_log = get_logger("tracing")


class TracingSettings(Section):
    """OpenTelemetry traces, one per text and one per recording session; needs the extra `otel`."""

    enabled: bool = Field(False, description="Whether traces are made and sent.")
    endpoint: str = Field(
        "http://127.0.0.1:4318/v1/traces",
        pattern="^https?://",
        description="Where traces are posted (OTLP over HTTP, protobuf). "
        "Headers, such as a collector's token, come from `OTEL_EXPORTER_OTLP_HEADERS`.",
    )
    sample: float = Field(1.0, ge=0, le=1, description="Share of texts and recordings that are traced.")
    service_name: str = Field(
        "sms-siprec-gateway", min_length=1, description="`service.name` of every trace."
    )
    max_open: int = Field(
        10_000, ge=1, description="Stories followed at once; past that the oldest is ended as it stands."
    )


class TracingUnavailable(ServiceError):
    """Tracing is on, and the packages it needs are not installed."""

    def __str__(self) -> str:
        return (
            "tracing.enabled needs OpenTelemetry, which is not installed: "
            "`pip install 'sms-siprec-gateway[otel]'`, or switch it off with `--set tracing.enabled=false`"
        )


@dataclass(slots=True)
class _Open:
    root: Span
    phase: Span | None = None


class Traces:
    """Stories under way, by key: each a root span, and below it one span per phase.

    `world_ns` is world time, `real_ns` the machine's. A story is followed or not by its key alone, so that
    one that began in a former run is taken up halfway, marked `resumed`.
    """

    def __init__(
        self,
        tracer: Tracer,
        settings: TracingSettings,
        world_ns: Callable[[], int],
        real_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._tracer = tracer
        self._threshold = round(settings.sample * (1 << 64))
        self._max_open = settings.max_open
        self._world_ns = world_ns
        self._real_ns = real_ns
        self._open: OrderedDict[int, _Open] = OrderedDict()

    def followed(self, key: int) -> bool:
        """Tell whether the story of this key belongs to the sample."""
        return (key * _SPREAD & _MASK) < self._threshold

    def begin(self, key: int, name: str, attributes: Attributes, phase: str | None = None) -> None:
        """Begin a story, and its first phase; nothing happens if it is not in the sample."""
        if not self.followed(key) or key in self._open:
            return
        now_ns = self._real_ns()
        root = self._tracer.start_span(name, attributes=dict(attributes), start_time=now_ns)
        world_ns = self._world_ns()
        if abs(world_ns - now_ns) > 1_000_000_000:
            root.set_attribute("world.time", world_ns)
        self._open[key] = story = _Open(root)
        if phase is not None:
            story.phase = self._child(root, phase, now_ns)
        if len(self._open) > self._max_open:
            _, oldest = self._open.popitem(last=False)
            oldest.root.set_attribute("abandoned", True)
            self._close(oldest, now_ns)

    def phase(self, key: int, phase: str | None, name: str, attributes: Attributes) -> None:
        """Enter the next phase, or none; `name` and `attributes` are of a story that began unseen."""
        if not self.followed(key):
            return
        story = self._open.get(key)
        if story is None:
            self.begin(key, name, {**attributes, "resumed": True}, phase)
            return
        now_ns = self._real_ns()
        if story.phase is not None:
            story.phase.end(now_ns)
        story.phase = self._child(story.root, phase, now_ns) if phase is not None else None

    def end(self, key: int, attributes: Attributes, failure: str | None = None) -> None:
        """End a story; `failure` says in a word why it did not go well."""
        story = self._open.pop(key, None)
        if story is None:
            return
        for attribute, value in attributes.items():
            story.root.set_attribute(attribute, value)
        if failure is not None:
            _mark_failed(story.root, failure)
        self._close(story, self._real_ns())

    def tell(self, name: str, attributes: Attributes, failure: str | None = None) -> None:
        """Tell a story that is over as it begins."""
        now_ns = self._real_ns()
        if not self.followed(now_ns):
            return
        span = self._tracer.start_span(name, attributes=dict(attributes), start_time=now_ns)
        if failure is not None:
            _mark_failed(span, failure)
        span.end(now_ns)

    def end_all(self) -> None:
        """End every story as it stands, when the service ends."""
        now_ns = self._real_ns()
        while self._open:
            _, story = self._open.popitem()
            story.root.set_attribute("unfinished", True)
            self._close(story, now_ns)

    def _child(self, root: Span, name: str, now_ns: int) -> Span:
        from opentelemetry.trace import set_span_in_context  # noqa: PLC0415 - an extra

        return self._tracer.start_span(name, set_span_in_context(root), start_time=now_ns)

    @staticmethod
    def _close(story: _Open, now_ns: int) -> None:
        if story.phase is not None:
            story.phase.end(now_ns)
        story.root.end(now_ns)


def _mark_failed(span: Span, failure: str) -> None:
    from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415 - an extra

    span.set_status(Status(StatusCode.ERROR, failure))


class Tracing(BasePart):
    """Sends traces, as a part of the service's life: add it first, so that it ends last.

    Raises `TracingUnavailable` where the extra is not installed. `exporter` is where spans go; OTLP unless
    given.
    """

    def __init__(
        self,
        settings: TracingSettings,
        world_ns: Callable[[], int],
        exporter: SpanExporter | None = None,
    ) -> None:
        try:
            self._provider = _provider(settings, exporter)
        except ImportError as error:
            raise TracingUnavailable from error
        self.traces = Traces(self._provider.get_tracer("gateway", __version__), settings, world_ns)

    async def stop(self) -> None:
        """End what is open and send what is left, within a few seconds."""
        self.traces.end_all()
        try:
            async with asyncio.timeout(FLUSH_S):
                await asyncio.to_thread(self._provider.shutdown)
        except TimeoutError:
            _log.warning("the last traces were not sent: the collector does not answer")


def _provider(settings: TracingSettings, exporter: SpanExporter | None) -> TracerProvider:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    resource = Resource.create({"service.name": settings.service_name, "service.version": __version__})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    target = exporter or OTLPSpanExporter(endpoint=settings.endpoint, timeout=FLUSH_S)
    provider.add_span_processor(BatchSpanProcessor(target))
    return provider
