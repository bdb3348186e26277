"""Announcements in metadata (`webex.md` D4), as modelled."""

import pytest

from siprec import metadata
from siprec.metadata import Announcement, DataMode, Dialect, Metadata
from siprec.metadata.announcement import CALLS, EVENTS, KINDS, NAMESPACE


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("call", [None, *CALLS])
def test_every_announcement_round_trips(dialect, event, kind, call):
    said = Announcement(event, kind, event != "stop", "2026-01-31T12:00:00.000Z", call, "s", "e")
    document = Metadata(mode=DataMode.PARTIAL, dialect=dialect, announcements=(said,))
    raw = metadata.write(document)
    assert NAMESPACE.encode() in raw
    assert b"<extensiondata" in raw
    assert metadata.read(raw) == document


def test_beside_a_call_it_shares_the_extension(broadworks):
    document = metadata.read(broadworks)
    said = Announcement("start", parent="urn:uuid:s", extension_id="urn:uuid:e")
    raw = metadata.write(Metadata(dialect=Dialect.BROADWORKS, calls=document.calls, announcements=(said,)))
    assert raw.count(b"<extensiondata") == 1
    again = metadata.read(raw)
    assert (again.calls, again.announcements) == (document.calls, (said,))


@pytest.mark.parametrize(
    "attributes",
    [
        'event="sing"',
        'event="start" kind="song"',
        'event="start" played="perhaps"',
        "",
        'event="start" call="x"',
        'event="start" new="1"',
    ],
)
def test_a_senseless_one_is_kept_as_it_is(attributes):
    element = f'<announcement xmlns="{NAMESPACE}" {attributes}/>'
    document = metadata.read(
        f'<recording><extensiondata id="e">{element}</extensiondata></recording>'.encode()
    )
    assert document.announcements == ()
    assert len(document.extensions) == 1


def test_one_without_extensiondata_is_understood():
    element = f'<announcement xmlns="{NAMESPACE}" event="stop" played="0"/>'
    document = metadata.read(f"<recording>{element}</recording>".encode())
    assert document.announcements == (Announcement("stop", played=False),)
    document = metadata.read(b'<recording><announcement xmlns="urn:other" event="stop"/></recording>')
    assert document.announcements == ()
    assert document.extensions[0].xml == '<announcement xmlns="urn:other" event="stop"/>'
