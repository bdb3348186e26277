from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.runtime.http.errors import ApiError
from gateway.runtime.http.paging import (
    DEFAULT_MAX,
    HIGHEST_MAX,
    MAX_CURSOR_CHARS,
    decode_cursor,
    encode_cursor,
    next_link,
    parse_page,
)

keys = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.text(max_size=20).filter(str.isprintable))
cursors = st.lists(keys, max_size=4).map(tuple)


@given(cursors)
def test_cursor_round_trip(cursor: tuple[int | str | None, ...]) -> None:
    text = encode_cursor(cursor)
    assert text.isascii()
    assert not set(text) & set("=&+/ ?#")
    assert decode_cursor(text) == cursor


@given(st.text(max_size=600))
def test_any_text_is_a_cursor_or_a_clear_refusal(text: str) -> None:
    refusal = None
    try:
        values = decode_cursor(text)
    except ApiError as error:
        refusal = error
    if refusal is not None:
        assert (refusal.status, refusal.code) == (400, "malformed_request")
        assert text not in refusal.description or len(text) < 3
    else:
        assert all(value is None or isinstance(value, (int, str)) for value in values)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "!",
        "bm90IGpzb24",
        "eyJhIjoxfQ",
        "W3RydWVd",
        "WzEuNV0",
        "W1tdXQ",
        "W" * (MAX_CURSOR_CHARS + 1),
        "\u0661",
    ],
    ids=["empty", "alphabet", "not json", "object", "boolean", "float", "nested", "too long", "not ascii"],
)
def test_foreign_cursors_are_refused(text: str) -> None:
    with pytest.raises(ApiError) as caught:
        decode_cursor(text)
    assert caught.value.status == 400


def test_defaults() -> None:
    page = parse_page(None, None)
    assert (page.max, page.cursor) == (DEFAULT_MAX, None)
    assert parse_page(None, "").cursor is None


@pytest.mark.parametrize(("text", "highest"), [("1", 1), ("1000", HIGHEST_MAX), ("007", 7)])
def test_max(text: str, highest: int) -> None:
    assert parse_page(text, None).max == highest


@pytest.mark.parametrize("text", ["0", "-1", "", "1.5", "ten", "1e3", "٣", "1001", "999999", "1000000", " 5"])
def test_bad_max_is_refused(text: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_page(text, None)
    assert "query.max" in caught.value.description


@given(
    cursors, st.lists(st.tuples(st.sampled_from(["state", "to", "max"]), st.text(max_size=10)), max_size=4)
)
def test_next_link_keeps_the_query_and_carries_the_cursor(
    cursor: tuple[int | str | None, ...], query: list[tuple[str, str]]
) -> None:
    link = next_link("http://127.0.0.1:8080", "/v1/a b", [*query, ("cursor", "old")], cursor)
    target, _, relation = link.partition(">; ")
    assert relation == 'rel="next"'
    parts = urlsplit(target.removeprefix("<"))
    found = parse_qs(parts.query, keep_blank_values=True)
    assert decode_cursor(found.pop("cursor")[0]) == cursor
    assert sum(len(values) for values in found.values()) == len(query)
    assert " " not in link.partition(">")[0]
