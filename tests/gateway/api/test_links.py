"""What the gateway says of its own side of a carrier."""

from types import SimpleNamespace
from typing import Any

from gateway.api.links import link_document
from gateway.esme.link import LinkKind


def test_a_carrier_with_its_binds_window_and_queue() -> None:
    links = (
        SimpleNamespace(name="tmobile-1-tx", kind=LinkKind.TRANSMITTER, window_used=3),
        SimpleNamespace(name="tmobile-1-rx", kind=LinkKind.RECEIVER, window_used=0),
    )
    pool: Any = SimpleNamespace(
        carrier="tmobile",
        links=links,
        states=lambda: iter(("throttled", "bound")),
        settings=SimpleNamespace(window=50),
        submits=12,
        delivers=9,
    )
    dispatch: Any = SimpleNamespace(waiting=lambda name: 4, oldest_s=lambda name: 1.23456)
    document = link_document(pool, dispatch).model_dump(by_alias=True)
    assert document == {
        "carrier": "tmobile",
        "binds": [
            {"name": "tmobile-1-tx", "kind": "tx", "state": "throttled", "windowUsed": 3},
            {"name": "tmobile-1-rx", "kind": "rx", "state": "bound", "windowUsed": 0},
        ],
        "window": 50,
        "queued": 4,
        "oldestSeconds": 1.235,
        "submits": 12,
        "delivers": 9,
    }
