"""A text as JSON at once says what its document says."""

import json

from hypothesis import given
from hypothesis import strategies as st

from gateway.messages.documents import message_document, message_json
from gateway.messages.model import Direction, Message, State

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
MAYBE = st.none() | WORDS
NS = st.integers(0, 4_000_000_000_000_000_000)


@given(
    st.builds(
        Message,
        st.integers(0, 2**63 - 1),
        st.sampled_from(Direction),
        st.sampled_from(State),
        *(WORDS, WORDS, WORDS),
        encoding=st.sampled_from(["gsm7", "ucs2"]),
        segments=st.integers(1, 10),
        carrier=WORDS,
        created_ns=NS,
        release_ns=NS,
        expires_ns=NS,
        updated_ns=NS,
        organization_id=MAYBE,
        person_id=MAYBE,
        code=MAYBE,
        blocked_by=MAYBE,
        client=st.none() | st.dictionaries(WORDS, MAYBE, max_size=2).map(json.dumps),
    )
)
def test_json_is_the_document(message: Message) -> None:
    assert json.loads(message_json(message)) == message_document(message)


def test_moments_that_are_the_same_are_written_the_same() -> None:
    at_ns = 1_800_000_000_123_000_000
    message = Message(
        1, Direction.OUTBOUND, State.ACCEPTED, "+1", "+2", "x", "gsm7", 1, "c", at_ns, at_ns, 0, at_ns
    )
    document = json.loads(message_json(message))
    assert document["created"] == document["releaseAt"] == document["updated"] == "2027-01-15T08:00:00.123Z"
    assert document == message_document(message)
