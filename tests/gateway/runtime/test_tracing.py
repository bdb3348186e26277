"""Traces by themselves: phases follow one another, samples hold, nothing grows without end."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from gateway.runtime import tracing
from gateway.runtime.tracing import Traces, Tracing, TracingSettings, TracingUnavailable

SECOND = 1_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now_ns = 1_800_000_000 * SECOND

    def __call__(self) -> int:
        return self.now_ns


class Told:
    """Traces whose spans are kept, on a clock that is moved by hand."""

    def __init__(self, world_ns=None, **settings) -> None:
        self.clock = Clock()
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.traces = Traces(
            provider.get_tracer("test"), TracingSettings(**settings), world_ns or self.clock, self.clock
        )

    def wait(self, seconds: float) -> None:
        self.clock.now_ns += round(seconds * SECOND)

    def spans(self) -> dict:
        return {span.name: span for span in self.exporter.get_finished_spans()}


def seconds(span) -> float:
    return (span.end_time - span.start_time) / SECOND


def test_phases_follow_one_another_below_the_root():
    told = Told()
    told.traces.begin(7, "story", {"kind": "long"}, "first")
    told.wait(1)
    told.traces.phase(7, "second", "story", {})
    told.wait(2)
    told.traces.end(7, {"outcome": "good"})
    spans = told.spans()
    assert {name: seconds(span) for name, span in spans.items()} == {"first": 1, "second": 2, "story": 3}
    root = spans["story"]
    assert root.parent is None
    assert root.attributes == {"kind": "long", "outcome": "good"}
    assert root.status.status_code is StatusCode.UNSET
    assert {span.parent.span_id for name, span in spans.items() if name != "story"} == {root.context.span_id}
    assert len({span.context.trace_id for span in spans.values()}) == 1


def test_a_failure_is_a_word():
    told = Told()
    told.traces.begin(7, "story", {})
    told.traces.end(7, {}, "expired")
    told.traces.tell("short", {}, "refused")
    statuses = {name: span.status for name, span in told.spans().items()}
    assert {status.status_code for status in statuses.values()} == {StatusCode.ERROR}
    assert (statuses["story"].description, statuses["short"].description) == ("expired", "refused")


def test_a_story_of_a_former_run_is_taken_up():
    told = Told()
    told.traces.phase(7, "second", "story", {"kind": "long"})
    told.traces.end(7, {})
    assert told.spans()["story"].attributes == {"kind": "long", "resumed": True}


def test_what_never_began_has_no_end():
    told = Told()
    told.traces.end(7, {})
    assert told.spans() == {}


def test_a_story_begins_once():
    told = Told()
    told.traces.begin(7, "story", {})
    told.traces.begin(7, "story", {})
    told.traces.end(7, {})
    told.traces.end(7, {})
    assert len(told.exporter.get_finished_spans()) == 1


def test_the_oldest_is_ended_when_there_are_too_many():
    told = Told(max_open=2)
    for key in (1, 2, 3):
        told.traces.begin(key, f"story {key}", {}, "phase")
    assert told.spans()["story 1"].attributes == {"abandoned": True}
    assert set(told.spans()) == {"story 1", "phase"}
    told.traces.end_all()
    assert told.spans()["story 3"].attributes == {"unfinished": True}


def test_another_world_time_is_said():
    told = Told(world_ns=lambda: 5 * SECOND)
    told.traces.begin(7, "story", {})
    told.traces.end(7, {})
    assert told.spans()["story"].attributes == {"world.time": 5 * SECOND}


@given(st.integers(0, (1 << 63) - 1))
def test_all_or_none_are_followed_at_the_ends_of_the_scale(key: int):
    assert Told(sample=1.0).traces.followed(key)
    assert not Told(sample=0.0).traces.followed(key)


def test_a_share_is_followed_of_ids_in_a_row():
    told = Told(sample=0.25)
    followed = sum(told.traces.followed(1_700_000_000_000_000 + key) for key in range(10_000))
    assert 2_400 < followed < 2_600


def test_what_is_not_followed_leaves_nothing():
    told = Told(sample=0.0)
    told.traces.begin(7, "story", {}, "first")
    told.traces.phase(7, "second", "story", {})
    told.traces.end(7, {})
    told.traces.tell("short", {})
    assert told.spans() == {}


async def test_the_last_spans_are_sent_at_the_end():
    exporter = InMemorySpanExporter()
    part = Tracing(TracingSettings(service_name="mine"), lambda: 0, exporter)
    part.traces.begin(7, "story", {})
    await part.stop()
    (span,) = exporter.get_finished_spans()
    assert span.attributes["unfinished"] is True
    assert span.resource.attributes["service.name"] == "mine"


async def test_a_collector_that_is_not_there_holds_nobody_up(monkeypatch):
    monkeypatch.setattr(tracing, "FLUSH_S", 0.05)
    part = Tracing(TracingSettings(endpoint="http://127.0.0.1:9/v1/traces"), lambda: 0)
    part.traces.begin(7, "story", {})
    await part.stop()


def test_without_the_extra_a_person_is_told_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(TracingUnavailable, match=r"pip install 'sms-siprec-gateway\[otel\]'"):
        Tracing(TracingSettings(enabled=True), lambda: 0)


def test_the_program_does_not_import_what_is_off():
    program = (
        "import sys, gateway.app, siprec.standalone; print(any('opentelemetry' in m for m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
