"""Ids: order, uniqueness, spelling."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.runtime.ids import (
    EPOCH_MS,
    ID_LETTERS,
    MAX_ID,
    IdSource,
    decode_id,
    encode_id,
    id_unix_ms,
    new_id,
    use_node,
)


@given(st.lists(st.integers(-5_000, 50), max_size=200))
def test_ids_only_grow_whatever_the_wall_clock_does(steps: list[int]) -> None:
    now = [EPOCH_MS + 10_000_000]
    source = IdSource(3, lambda: now[0])
    ids = []
    for step in steps:
        now[0] += step
        ids.append(source.new_id())
    assert ids == sorted(set(ids))
    assert all(0 < value <= MAX_ID for value in ids)


def test_a_full_millisecond_borrows_the_next() -> None:
    source = IdSource(1, lambda: EPOCH_MS + 5)
    ids = [source.new_id() for _ in range(10_000)]
    assert ids == sorted(set(ids))
    assert id_unix_ms(ids[0]) == EPOCH_MS + 5
    assert id_unix_ms(ids[-1]) == EPOCH_MS + 5 + 10_000 // 4096


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5_000)), max_size=8))
def test_many_at_once_are_those_that_come_one_by_one(turns: list[tuple[int, int]]) -> None:
    now = [EPOCH_MS + 7]
    together, single = IdSource(1, lambda: now[0]), IdSource(1, lambda: now[0])
    for step, count in turns:
        now[0] += step
        assert together.new_ids(count) == [single.new_id() for _ in range(count)]


def test_nodes_never_meet() -> None:
    first, second = IdSource(1, lambda: EPOCH_MS + 1), IdSource(2, lambda: EPOCH_MS + 1)
    assert not {first.new_id() for _ in range(9000)} & {second.new_id() for _ in range(9000)}


@pytest.mark.parametrize("node", [-1, 1024])
def test_a_node_outside_its_bits_is_refused(node: int) -> None:
    with pytest.raises(ValueError, match="node"):
        IdSource(node)
    with pytest.raises(ValueError, match="node"):
        use_node(node)


@given(st.integers(0, MAX_ID >> 1))
def test_ids_continue_after_the_newest_stored(latest: int) -> None:
    source = IdSource(0, lambda: EPOCH_MS + 1)
    source.continue_after(latest)
    first = source.new_id()
    assert first > latest
    assert source.new_id() > first


def test_threads_share_one_order() -> None:
    found: list[list[int]] = [[] for _ in range(4)]
    threads = [
        threading.Thread(target=lambda out=out: out.extend(new_id() for _ in range(2000))) for out in found
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({value for ids in found for value in ids}) == 8000


@given(st.integers(0, MAX_ID))
def test_spelling_round_trips(value: int) -> None:
    letters = encode_id(value)
    assert len(letters) == ID_LETTERS
    assert decode_id(letters) == value


@given(st.integers(0, MAX_ID), st.integers(0, MAX_ID))
def test_letters_sort_as_ids_do(one: int, other: int) -> None:
    assert (encode_id(one) < encode_id(other)) == (one < other)


@given(st.text(max_size=20))
def test_whatever_is_read_would_be_written_so(letters: str) -> None:
    try:
        value = decode_id(letters)
    except ValueError:
        return
    assert encode_id(value) == letters


@pytest.mark.parametrize(
    "junk",
    [
        "",
        "0",
        "0" * 12,
        "0" * 14,
        "o" * 13,
        "0000000000OOO",
        "000000000000I",
        "zzzzzzzzzzzzz",
        "00000 0000000",
        "٠" * 13,
    ],
)
def test_junk_is_refused(junk: str) -> None:
    with pytest.raises(ValueError, match="not an id"):
        decode_id(junk)


@pytest.mark.parametrize("value", [-1, MAX_ID + 1])
def test_numbers_beyond_63_bits_are_not_written(value: int) -> None:
    with pytest.raises(ValueError, match="63-bit"):
        encode_id(value)
