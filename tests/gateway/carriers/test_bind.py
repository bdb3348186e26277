"""What one bind is answered: the matching of addresses in cancel_sm."""

import pytest

from gateway.smpp.constants import CommandStatus
from gateway.smpp.pdu import CancelSm


@pytest.mark.parametrize(
    ("source", "destination", "status"),
    [
        ("12025550190", "13105557000", 0),
        ("12025550190", "", 0),
        ("12025550190", "13105557001", CommandStatus.RCANCELFAIL),
        ("12025550191", "13105557000", CommandStatus.RCANCELFAIL),
    ],
    ids=["both", "null", "other destination", "other source"],
)
async def test_cancel_by_id_needs_the_texts_addresses(world, source, destination, status):
    esme = await world.esme(await world.carrier())
    message_id = (await esme.submit(destination="13105557000", registered_delivery=1)).message_id
    cancel = CancelSm(message_id=message_id, source_addr=source, destination_addr=destination)
    assert (await esme.connection.submit(cancel)).command_status == status
    world.clock.advance(1)
    assert len(await esme.until(1)) == 1
