"""Metrics of the binds: labels stay bounded, histograms add up."""

from collections.abc import Iterable

import pytest

from gateway.esme.observe import CarrierTally, LinkCollector, command_label, status_label
from gateway.runtime.metrics import Metrics
from gateway.smpp.pdu import SubmitSm, SubmitSmResp, encode
from gateway.smpp.session import Direction


@pytest.mark.parametrize(
    ("status", "label"),
    [
        (0, "ESME_ROK"),
        (0x58, "ESME_RTHROTTLED"),
        (0x400, "vendor"),
        (0x4FF, "vendor"),
        (0x500, "other"),
        (9, "other"),
    ],
)
def test_a_peer_cannot_invent_statuses(status: int, label: str) -> None:
    assert status_label(status) == label


def test_a_peer_cannot_invent_commands() -> None:
    assert command_label(4) == "submit_sm"
    assert command_label(0x0BAD) == command_label(0x0BAE) == "unknown"


def test_pdus_are_counted_with_folded_labels() -> None:
    tally = CarrierTally()
    tally.tap(Direction.OUT, b"", SubmitSm(), 0.0)
    for status in (0x400, 0x401):
        tally.tap(Direction.IN, b"", SubmitSmResp(command_status=status), 0.0)
    tally.tap(Direction.IN, encode(SubmitSm(), 1)[:16], None, 0.0)
    assert sorted(tally.pdus()) == [
        ("in", "submit_sm", "ESME_ROK", 1),
        ("in", "submit_sm_resp", "vendor", 2),
        ("out", "submit_sm", "ESME_ROK", 1),
    ]


def test_the_latency_histogram_is_cumulative() -> None:
    tally = CarrierTally()
    for seconds in (0.0005, 0.001, 0.02, 100.0):
        tally.observe_latencies([seconds])
    buckets, total = tally.latency()
    assert buckets[0] == ("0.001", 2.0)
    assert dict(buckets)["0.025"] == 3.0
    assert buckets[-1] == ("+Inf", 4.0)
    assert total == pytest.approx(100.0215)


class Pool:
    """A carrier's binds as the collector sees them."""

    carrier = "tmobile"
    window_used = 3
    queue_length = 7
    queue_oldest_s = 1.5

    def states(self) -> Iterable[str]:
        return ["bound", "bound", "waiting"]


def test_states_windows_and_queues_are_read_at_the_scrape() -> None:
    metrics = Metrics(process=False)
    LinkCollector(metrics).add(Pool())
    text = metrics.render().decode()
    for line in (
        'gateway_smpp_binds{carrier="tmobile",state="bound"} 2.0',
        'gateway_smpp_binds{carrier="tmobile",state="waiting"} 1.0',
        'gateway_smpp_binds{carrier="tmobile",state="stopped"} 0.0',
        'gateway_smpp_window_used{carrier="tmobile"} 3.0',
        'gateway_smpp_queue_messages{carrier="tmobile"} 7.0',
        'gateway_smpp_queue_oldest_seconds{carrier="tmobile"} 1.5',
    ):
        assert line in text
