"""What a restart takes up: unsent texts go out, receipts find their segments, half texts wait for the rest.

At-least-once: a segment that was with a carrier but unanswered when the process ended is sent again; those
are bounded by the windows of the binds.
"""

from gateway.messages.backlog import Owed
from gateway.messages.correlation import Awaited
from gateway.messages.dispatch import Dispatch, done_parts
from gateway.messages.inbound import Inbound
from gateway.messages.receipts import Orphan, Receipts
from gateway.messages.store import MessageStore
from gateway.smpp.constants import MessageState
from gateway.smpp.receipt import id_candidates
from gateway.smpp.segment import Part


async def resume(
    store: MessageStore,
    dispatch: Dispatch,
    receipts: Receipts,
    inbound: Inbound,
    owed: list[Owed],
) -> None:
    """Take up everything unfinished; `owed` texts go out in their order. Call it before binds come up."""
    for row in await store.orphans():
        receipts.resume_orphan(
            Orphan(
                row.id,
                row.carrier,
                id_candidates(row.smsc_id),
                row.source,
                MessageState[row.state],
                row.error,
                row.received_ns,
                row.receipt_text or b"",
            )
        )
    for row in await store.partial_inbound():
        part = Part(
            row.source, row.destination, row.payload, row.data_coding, row.reference, row.total, row.part
        )
        inbound.resume(row.id, row.carrier, part, row.received_ns)
    for row in await store.submitted():
        if row.receipt_state is not None:
            receipts.resume(row.message_id, row.total, row.part, row.receipt_state)
        else:
            segment = Awaited(row.message_id, row.part, row.total)
            receipts.expect(row.carrier, row.smsc_id, segment, row.destination, row.expires_ns)
    await _send(store, dispatch, receipts, owed)


async def _send(store: MessageStore, dispatch: Dispatch, receipts: Receipts, owed: list[Owed]) -> None:
    answered = await store.answered_parts([message.id for message, _ in owed])
    for message, reservation in owed:
        segments = answered.get(message.id, [])
        for segment in segments:
            if segment.status == 0 and segment.smsc_id is not None and segment.receipt_state is None:
                awaited = Awaited(message.id, segment.part, message.segments)
                receipts.expect(
                    segment.carrier, segment.smsc_id, awaited, message.destination, message.expires_ns
                )
            elif segment.receipt_state is not None:
                receipts.resume(message.id, message.segments, segment.part, segment.receipt_state)
        dispatch.take(message, reservation, done_parts(segments))
