"""What is left of a value without its wrong parts keeps the places it had."""

from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.runtime.pruning import Pruned

LEAVES = st.integers()
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcd"), inner)
)


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield from paths(child, (*at, key))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


@given(value=VALUES, data=st.data())
def test_places_are_kept_however_often_something_goes(value: Any, data: st.DataObject) -> None:
    before = repr(value)
    rest = Pruned(value)
    for _ in range(3):
        everywhere = list(paths(rest.value))
        wrong = data.draw(st.lists(st.sampled_from(everywhere), max_size=3))
        gone = [rest.original(path) for path in wrong if path]
        assert rest.take_out([{"loc": path} for path in wrong]) == bool(gone)
        assert rest.gone[len(rest.gone) - len(gone) :] == gone
    for path in paths(rest.value):
        original = rest.original(path)
        assert not any(original[: len(gone)] == gone for gone in rest.gone)
        found = at(value, original)
        if not isinstance(found, list | dict):
            assert found == at(rest.value, path)
    assert repr(value) == before


def test_of_a_missing_key_goes_what_lacks_it() -> None:
    rest = Pruned({"a": [{"x": 1}, {"y": 2}]})
    assert rest.take_out([{"loc": ("a", 0, "name")}])
    assert (rest.value, rest.gone) == ({"a": [{"y": 2}]}, [("a", 0)])
    assert rest.original(("a", 0, "y")) == ("a", 1, "y")


def test_steps_that_are_no_keys_are_passed_over() -> None:
    rest = Pruned({"a": {"b": 1}})
    assert rest.take_out([{"loc": ("a", "function-after[check(), int]", "b", "int")}])
    assert (rest.value, rest.gone) == ({"a": {}}, [("a", "b")])


def test_the_whole_cannot_go() -> None:
    assert not Pruned({"a": 1}).take_out([{"loc": ()}, {"loc": ("name",)}])


def test_something_stands_in_for_a_missing_key_once() -> None:
    asked: list[Any] = []

    def stand_in(path: Any) -> Any:
        asked.append(path)
        return 7

    rest = Pruned({"a": [1, {"y": 2}]}, stand_in)
    missing = {"loc": ("a", 0, "name"), "type": "missing"}
    assert rest.take_out([{"loc": ("a", 0)}])
    assert rest.take_out([missing])
    assert (rest.value, asked) == ({"a": [{"y": 2, "name": 7}]}, [("a", 1, "name")])
    assert rest.gone == [("a", 0), ("a", 1, "name")]
    assert rest.take_out([{"loc": ("a", 0, "name")}])
    assert rest.take_out([missing])
    assert (rest.value, len(asked)) == ({"a": []}, 1)
