"""Evidence for docs/decisions/0001: what aiosmpplib 0.7.4 lacks and where it turns quadratic (counted)."""

import inspect

import aiosmpplib
import pytest
from aiosmpplib.correlator import SimpleCorrelator
from aiosmpplib.protocol import DeliverSm, SmppMessage

VISITS_PER_MESSAGE_WHEN_LINEAR = 8


class CountingStore(dict):  # type: ignore[type-arg]
    """A dict that counts how many entries are visited by whole-store walks."""

    def __init__(self) -> None:
        super().__init__()
        self.visited = 0

    def keys(self):  # type: ignore[no-untyped-def]
        self.visited += len(self)
        return super().keys()

    def items(self):  # type: ignore[no-untyped-def]
        self.visited += len(self)
        return super().items()


async def visits_of(messages: int) -> int:
    """Store entries walked while `messages` submits wait for their receipts."""
    correlator = SimpleCorrelator("evidence")
    store = CountingStore()
    correlator._delivery_store = store  # type: ignore[assignment]
    for number in range(messages):
        await correlator.put_delivery(str(number), None)  # type: ignore[arg-type]
    return store.visited


async def test_every_put_walks_all_messages_without_a_receipt() -> None:
    few, many = await visits_of(200), await visits_of(2_000)
    assert few > 200 * VISITS_PER_MESSAGE_WHEN_LINEAR
    # Ten times the messages cost about a hundred times the work.
    assert many / few > 80


def test_there_is_no_server_side() -> None:
    names = [name.lower() for name in aiosmpplib.__all__]
    assert not [name for name in names if "smsc" in name or "server" in name]
    assert "start_server" not in inspect.getsource(aiosmpplib.esme)


def test_commands_that_a_gateway_needs_are_absent() -> None:
    known = {name.lower() for name in aiosmpplib.__all__}
    assert not known & {
        "datasm",
        "querysm",
        "cancelsm",
        "replacesm",
        "submitmulti",
        "outbind",
        "alertnotification",
    }


def test_a_receipt_with_a_hexadecimal_error_cannot_be_read() -> None:
    text = "id:1 sub:001 dlvrd:001 submit date:2611210900 done date:2611210901 stat:UNDELIV err:00A text:x"
    receipt = DeliverSm(
        source=aiosmpplib.PhoneNumber("13105550120"),
        destination=aiosmpplib.PhoneNumber("12025550100"),
        short_message=text,
        esm_class=4,
    )
    assert isinstance(receipt, SmppMessage)
    with pytest.raises(ValueError, match="00A"):
        receipt.parse_receipt()
