"""What a recording client tells as a call changes, in both dialects; read back as a recorder reads it."""

from itertools import count
from uuid import UUID

import pytest

from siprec.metadata import DataMode, Dialect, Metadata
from siprec.phones.document import CallDocument, Party, RecordedCall

ALICE, BOB = Party("sip:alice@acme.example", "Alice"), Party("sip:bob@pstn.example")
CAROL, DAVE = Party("sip:carol@acme.example"), Party("sip:dave@acme.example")
NOW = 1_767_225_600_000_000_000


def document(dialect: Dialect, *joined: Party) -> CallDocument:
    numbers = count(1)
    call = RecordedCall(ALICE, BOB, joined=joined)
    return CallDocument(dialect, call, lambda: UUID(int=next(numbers), version=4), NOW)


def aors(told: Metadata) -> list[str | None]:
    return [participant.aor for participant in told.participants]


@pytest.mark.parametrize("dialect", list(Dialect))
def test_a_conference_names_everybody_and_they_share_the_second_stream(dialect: Dialect) -> None:
    known = document(dialect)
    first = known.complete()
    grown = known.conference((CAROL,), NOW + 1)
    whole = known.complete()
    assert aors(whole) == [ALICE.aor, BOB.aor, CAROL.aor]
    assert grown.mode is (DataMode.COMPLETE if dialect is Dialect.BROADWORKS else DataMode.PARTIAL)
    assert CAROL.aor in aors(grown)
    senders = {stream.label: [p.aor for p in whole.senders_of(stream.id)] for stream in whole.streams}
    assert senders == {"1": [ALICE.aor], "2": [BOB.aor, CAROL.aor]}
    assert [stream.id for stream in first.streams] == [stream.id for stream in whole.streams]


def test_who_leaves_a_conference_is_disassociated() -> None:
    known = document(Dialect.RFC7866, CAROL, DAVE)
    carol = known.complete().participants[2].id
    told = known.conference((DAVE,), NOW + 5)
    assert told.participants == ()
    (ended,) = told.participant_sessions
    assert (ended.participant_id, ended.disassociate_time is not None) == (carol, True)
    assert aors(known.complete()) == [ALICE.aor, BOB.aor, DAVE.aor]


def test_nothing_new_says_nothing_new() -> None:
    known = document(Dialect.RFC7866, CAROL)
    before = known.complete()
    told = known.conference((CAROL,), NOW + 5)
    assert (told.participants, told.participant_sessions) == ((), ())
    assert known.complete() == before


def test_a_transfer_within_a_conference_keeps_the_others() -> None:
    known = document(Dialect.BROADWORKS, CAROL)
    told = known.transferred(DAVE, NOW + 9)
    assert aors(told) == [ALICE.aor, DAVE.aor, CAROL.aor]
    assert len({participant.id for participant in told.participants}) == 3
