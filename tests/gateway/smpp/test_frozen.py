"""Quick frozen dataclasses are dataclasses."""

import dataclasses

import pytest

from gateway.smpp.frozen import draft_of, frozen


@frozen
class Point:
    x: int
    y: int = 2


@frozen
class Empty:
    pass


def test_it_is_made_like_any_dataclass() -> None:
    assert Point(1) == Point(x=1, y=2)
    assert repr(Point(1, 3)).endswith("Point(x=1, y=3)")
    assert hash(Point(1)) == hash(Point(1, 2))
    assert dataclasses.replace(Point(1), y=5) == Point(1, 5)
    assert Empty() == Empty()
    with pytest.raises(TypeError):
        Point()  # type: ignore[call-arg]


def test_it_is_frozen_and_has_no_dict() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Point(1).x = 3  # type: ignore[misc]
    assert not hasattr(Point(1), "__dict__")


def test_a_draft_becomes_the_frozen_one() -> None:
    draft = draft_of(Point)()
    draft.x, draft.y = 1, 2
    draft.__class__ = Point
    assert draft == Point(1)
    assert type(draft) is Point
