"""Announcements reported in metadata (`webex.md` D4), as modelled.

When an announcement is played during start, stop, pause or resume, Webex Calling tells the recording
provider in a SIPREC metadata message. Its format is not public. Ours is one element of our own namespace in
an `extensiondata`::

    <announcement xmlns="urn:sms-siprec-gateway:announcement:1" event="pause" kind="announcement"
                  played="true" at="2026-01-31T12:00:00.000Z" call="internal"/>

Order on the wire: start: in the initial metadata when it was played before the fork, else in the first
update after it; pause: after the pausing re-INVITE is answered; resume: before the resuming one; stop: an
update before BYE. Announcements are mixed towards the parties and never forked.
"""

from xml.etree.ElementTree import Element

from siprec.metadata.model import Announcement
from siprec.metadata.xml import Node

NAMESPACE = "urn:sms-siprec-gateway:announcement:1"

EVENTS = ("start", "stop", "pause", "resume")
KINDS = ("announcement", "beep", "tone")
CALLS = ("internal", "pstn")


def read(element: Element, parent: str | None, extension_id: str | None) -> Announcement | None:
    """The announcement an element of our namespace states; None for any other element or a senseless one."""
    if element.tag != f"{{{NAMESPACE}}}announcement":
        return None
    event, kind = element.get("event", ""), element.get("kind", "announcement")
    call, played = element.get("call"), element.get("played", "true")
    if event not in EVENTS or kind not in KINDS or played not in ("true", "false", "1", "0"):
        return None
    if (call is not None and call not in CALLS) or len(element) or (element.text or "").strip():
        return None
    if set(element.attrib) - {"event", "kind", "played", "at", "call"}:
        return None
    return Announcement(event, kind, played in ("true", "1"), element.get("at"), call, parent, extension_id)


def node(announcement: Announcement) -> Node:
    """The element to write."""
    return Node(
        "announcement",
        (
            ("xmlns", NAMESPACE),
            ("event", announcement.event),
            ("kind", announcement.kind),
            ("played", "true" if announcement.played else "false"),
            ("at", announcement.at),
            ("call", announcement.call),
        ),
    )
