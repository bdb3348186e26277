"""What the gateway says of its own side of a carrier."""

from types import SimpleNamespace
from typing import Any

from gateway.api.links import link_document
from gateway.esme.link import LinkKind
from gateway.esme.outages import Outage


def test_a_carrier_with_its_binds_window_and_queue() -> None:
    links = (
        SimpleNamespace(name="tmobile-1-tx", kind=LinkKind.TRANSMITTER, window_used=3, outage=None),
        SimpleNamespace(name="tmobile-1-rx", kind=LinkKind.RECEIVER, window_used=0, outage=None),
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
            {"name": "tmobile-1-tx", "kind": "tx", "state": "throttled", "windowUsed": 3, "lastError": None},
            {"name": "tmobile-1-rx", "kind": "rx", "state": "bound", "windowUsed": 0, "lastError": None},
        ],
        "window": 50,
        "queued": 4,
        "oldestSeconds": 1.235,
        "submits": 12,
        "delivers": 9,
    }


def test_a_bind_that_is_not_up_says_why() -> None:
    outage = Outage("connection_refused", "nobody listens on 127.0.0.1:2775")
    link = SimpleNamespace(name="tmobile-1", kind=LinkKind.TRANSCEIVER, window_used=0, outage=outage)
    pool: Any = SimpleNamespace(
        carrier="tmobile",
        links=(link,),
        states=lambda: iter(("waiting",)),
        settings=SimpleNamespace(window=50),
        submits=0,
        delivers=0,
    )
    dispatch: Any = SimpleNamespace(waiting=lambda name: 0, oldest_s=lambda name: 0.0)
    (bind,) = link_document(pool, dispatch).binds
    assert (bind.state, bind.last_error) == ("waiting", "nobody listens on 127.0.0.1:2775")
