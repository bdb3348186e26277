"""Receipts find their segments, whatever the order, and cost the same however many wait."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.messages.correlation import Awaited, AwaitedReceipts, Matched
from gateway.smpp.receipt import canonical_id, id_candidates

HOUR_NS = 3_600_000_000_000
MINUTE_NS = 60_000_000_000
VALIDITY_NS = 72 * HOUR_NS
PHONE = "13105550120"


def segment_of(matched: Matched | None) -> Awaited | None:
    return None if matched is None else Awaited(*matched[:3])


def filed(*ids: str) -> AwaitedReceipts:
    awaited = AwaitedReceipts(VALIDITY_NS)
    for number, smsc_id in enumerate(ids):
        awaited.expect(canonical_id(smsc_id), Awaited(1000 + number, 0, 1), PHONE, VALIDITY_NS)
    return awaited


def test_a_receipt_takes_its_segment_out_once() -> None:
    awaited = filed("4f")
    assert segment_of(awaited.match(id_candidates("4F"), PHONE)) == Awaited(1000, 0, 1)
    assert awaited.match(id_candidates("4F"), PHONE) is None
    assert len(awaited) == 0


def test_decimal_of_a_hexadecimal_id_is_found_from_the_right_number_only() -> None:
    awaited = filed("ff")
    assert awaited.match(id_candidates("255"), "12125550120") is None
    assert segment_of(awaited.match(id_candidates("255"), "+" + PHONE)) == Awaited(1000, 0, 1)


def test_the_exact_id_wins_over_another_notation() -> None:
    awaited = filed("100", "64")
    assert segment_of(awaited.match(id_candidates("100"), PHONE)) == Awaited(1000, 0, 1)
    assert segment_of(awaited.match(id_candidates("64"), PHONE)) == Awaited(1001, 0, 1)


def test_overdue_segments_are_given_up_about_a_minute_late() -> None:
    awaited = filed("a")
    deadline = awaited.next_deadline()
    assert deadline is not None
    assert VALIDITY_NS < deadline <= VALIDITY_NS + MINUTE_NS * 1.06
    assert list(awaited.give_up(deadline - 1)) == []
    assert list(awaited.give_up(deadline)) == [Awaited(1000, 0, 1)]
    assert awaited.next_deadline() is None


def test_each_is_given_up_in_its_own_time() -> None:
    awaited = AwaitedReceipts(VALIDITY_NS)
    for minute in range(0, 600, 10):
        awaited.expect(str(minute), Awaited(minute, 0, 1), PHONE, VALIDITY_NS + minute * MINUTE_NS)
    assert awaited.match(("0",), PHONE) is not None
    late_ns = []
    while (deadline := awaited.next_deadline()) is not None:
        for message_id, _, _ in awaited.give_up(deadline):
            late_ns.append(deadline - VALIDITY_NS - message_id * MINUTE_NS)
    assert len(late_ns) == 59
    assert min(late_ns) > 0
    assert max(late_ns) <= MINUTE_NS * 1.06
    assert len(awaited) == 0


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**63 - 1), st.integers(0, 254), st.integers(1, 255), st.integers(0, 200 * HOUR_NS)
        ),
        max_size=60,
    ),
    st.data(),
)
def test_every_segment_comes_out_exactly_once(
    entries: list[tuple[int, int, int, int]], data: st.DataObject
) -> None:
    awaited = AwaitedReceipts(VALIDITY_NS)
    left = {}
    for number, (message_id, part, total, expires_ns) in enumerate(entries):
        left[f"i{number}"] = Awaited(message_id, part, total)
        awaited.expect(f"i{number}", left[f"i{number}"], PHONE, expires_ns)
    for smsc_id in data.draw(st.permutations(sorted(left)))[: len(left) // 2]:
        assert segment_of(awaited.match((smsc_id,), PHONE)) == left.pop(smsc_id)
    assert len(awaited) == len(left)
    assert sorted(awaited.give_up(1000 * HOUR_NS)) == sorted(left.values())
    assert len(awaited) == 0


def test_the_number_of_generations_stays_small_however_many_wait() -> None:
    awaited = AwaitedReceipts(VALIDITY_NS)
    for second in range(0, 72 * 3600, 60):
        awaited.expect(str(second), Awaited(second, 0, 1), PHONE, second * 1_000_000_000)
    assert len(awaited._generations) <= 17


def test_what_is_put_back_is_matched_and_given_up_as_if_it_had_never_been_taken() -> None:
    awaited = filed("ff", "aa")
    deadline = awaited.next_deadline()
    matched = awaited.match(("ff",), PHONE)
    assert matched is not None
    assert len(awaited) == 1
    awaited.put_back(matched)
    assert len(awaited) == 2
    assert awaited.match(id_candidates("255"), "12125550120") is None  # it still knows its number
    again = awaited.match(id_candidates("255"), PHONE)
    assert again == matched
    awaited.put_back(again)
    assert awaited.next_deadline() == deadline
    assert sorted(awaited.give_up(2 * VALIDITY_NS)) == [Awaited(1000, 0, 1), Awaited(1001, 0, 1)]


def test_what_is_put_back_after_its_time_is_given_up_at_once() -> None:
    awaited = filed("ff")
    matched = awaited.match(("ff",), PHONE)
    assert matched is not None
    assert list(awaited.give_up(2 * VALIDITY_NS)) == []
    awaited.put_back(matched)
    assert list(awaited.give_up(2 * VALIDITY_NS)) == [Awaited(1000, 0, 1)]
    assert len(awaited) == 0


def test_what_is_put_back_does_not_push_out_a_segment_that_got_its_id() -> None:
    awaited = filed("ff")
    matched = awaited.match(("ff",), PHONE)
    assert matched is not None
    awaited.expect("ff", Awaited(7, 0, 1), PHONE, VALIDITY_NS)
    awaited.put_back(matched)
    assert len(awaited) == 1
    assert segment_of(awaited.match(("ff",), PHONE)) == Awaited(7, 0, 1)
