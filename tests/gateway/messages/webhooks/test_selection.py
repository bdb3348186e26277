"""Which events a webhook wants."""

import pytest

from docs.pages.events import event_classes
from gateway.messages.webhooks.selection import (
    RESOURCES,
    FilterInvalid,
    parse_filter,
    passes,
    wants,
    words_of,
)


@pytest.mark.parametrize(
    ("resource", "event", "name", "wanted"),
    [
        ("all", "all", "message.delivered", True),
        ("messages", "all", "message.delivered", True),
        ("messages", "delivered", "message.delivered", True),
        ("messages", "received", "message.delivered", False),
        ("carriers", "all", "message.delivered", False),
        ("carriers", "bound", "carrier.bound", True),
        ("all", "bound", "carrier.bound", True),
        ("recordings", "started", "recording.started", True),
        ("all", "all", "unheard.of", True),
        ("all", "all", "", False),
        ("messages", "all", "messages.delivered", False),
    ],
)
def test_wants(resource: str, event: str, name: str, wanted: bool) -> None:
    assert wants(resource, event, name) is wanted


def test_every_event_can_be_chosen_and_no_other() -> None:
    told = [name.split(".") for name in event_classes()]
    for resource, kind in RESOURCES.items():
        assert set(words_of(resource)) == {"all", *(word for of, word in told if of == kind)}, resource
    assert set(words_of("all")) == {"all", *(word for _, word in told)}


def test_a_filter_compares_the_top_level() -> None:
    conditions = parse_filter("direction=outbound&segments=2&final=true&to=%2B12025550100")
    data = {"direction": "outbound", "segments": 2, "final": True, "to": "+12025550100", "more": {}}
    assert passes(conditions, data)
    assert not passes(conditions, {**data, "segments": 3})
    assert not passes(conditions, {"direction": "outbound"})
    assert passes(parse_filter(None), {})
    assert passes(parse_filter(""), {})


@pytest.mark.parametrize("text", ["direction", "a=b&c", "&".join(f"k{i}=v" for i in range(17))])
def test_bad_filters_are_refused(text: str) -> None:
    with pytest.raises(FilterInvalid):
        parse_filter(text)
