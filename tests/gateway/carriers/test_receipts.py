"""What a carrier's receipts quote, and the error they name."""

import pytest

from gateway.smpp.constants import MessageState
from gateway.smpp.pdu import CancelSm, QuerySm
from gateway.smpp.receipt import read_receipt
from gateway.smpp.segment import segment_text
from gateway.smpp.times import format_relative

SLOW = [{"numbers": ["+13105550122"], "state": "slow"}]
SECOND = 1_000_000_000


def receipt_of(pdu):
    return read_receipt(pdu.short_message, esm_class=pdu.esm_class, tlvs=pdu.tlvs)


async def test_a_receipt_quotes_the_text_and_not_its_header(world):
    esme = await world.esme(await world.carrier())
    written = "".join(f"{number:05d}" for number in range(40))
    for segment in segment_text(written, 5):
        assert segment.short_message[0] == 5
        await esme.submit(segment.short_message, esm_class=segment.esm_class, registered_delivery=1)
    world.clock.advance(1)
    quoted = [receipt_of(pdu).text for pdu in await esme.until(2)]
    assert quoted == [written[:20].encode(), written[153:173].encode()]


@pytest.mark.parametrize("octets", [b"\x05", b"\xff\x00", b""])
async def test_a_header_that_is_none_is_no_text_either(world, octets):
    esme = await world.esme(await world.carrier())
    await esme.submit(octets, esm_class=0x40, registered_delivery=1)
    world.clock.advance(1)
    (pdu,) = await esme.until(1)
    assert receipt_of(pdu).text == b""


async def test_an_expired_text_names_the_absent_subscriber(world, profile_of):
    esme = await world.esme(await world.carrier(profile_of(handsets=SLOW)))
    response = await esme.submit(
        destination="13105550122", registered_delivery=1, validity_period=format_relative(5 * SECOND)
    )
    world.clock.advance(5)
    receipt = receipt_of((await esme.until(1))[0])
    assert (receipt.state, receipt.error) == (MessageState.EXPIRED, "027")
    answer = await esme.connection.submit(QuerySm(message_id=response.message_id, source_addr="12025550190"))
    assert (answer.message_state, answer.error_code) == (MessageState.EXPIRED, 27)


async def test_a_cancelled_text_met_no_error(world):
    esme = await world.esme(await world.carrier())
    message_id = (await esme.submit(registered_delivery=1)).message_id
    cancel = CancelSm(message_id=message_id, source_addr="12025550190")
    assert (await esme.connection.submit(cancel)).command_status == 0
    receipt = receipt_of((await esme.until(1))[0])
    assert (receipt.state, receipt.error) == (MessageState.DELETED, "000")
