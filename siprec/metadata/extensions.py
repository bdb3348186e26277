"""`extensiondata`: the place where both dialects carry more than the RFC knows.

BroadWorks puts `broadWorksRecordingMetadata` there, we put announcements. An `extensiondata` that holds
neither is kept whole. RFC 7865 has no such element, but lets any other namespace follow its own, so in that
dialect ours is written in our namespace.
"""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from siprec.metadata import announcement
from siprec.metadata.model import (
    Acd,
    BroadWorksCall,
    CallLeg,
    Extension,
    Metadata,
    RedirectedCall,
    RedirectInfo,
)
from siprec.metadata.reading import Draft
from siprec.metadata.xml import Node, identity, keep, leaf, local, text_of

BROADWORKS_NAMESPACE = "http://schema.broadsoft.com/broadworksCallRecording"
BROADWORKS_VERSIONS = ("1.0", "2.0", "3.0")

_LEGS = ("origCall", "termCall")
_KNOWN_IN_CALL = frozenset(
    {
        "extTrackingID",
        "serviceProviderID",
        "groupID",
        "userID",
        "callID",
        "callType",
        "recordingType",
        "acd",
        "redirectedCall",
    }
)


def read(draft: Draft, element: Element) -> bool:
    """Read an `extensiondata`; its unknown children become extensions beside the known ones."""
    extension_id, parent = identity(element, "id"), identity(element, "parent")
    calls, announcements, unknown = [], [], []
    for child in element:
        if local(child.tag) == "broadWorksRecordingMetadata":
            calls.append(_read_call(child, extension_id, parent))
        elif (found := announcement.read(child, parent, extension_id)) is not None:
            announcements.append(found)
        else:
            unknown.append(Extension(keep(child), extension_id, parent))
    if not calls and not announcements:
        draft.extensions.append(Extension(keep(element)))
        return True
    draft.calls.extend(calls)
    draft.announcements.extend(announcements)
    draft.extensions.extend(unknown)
    return True


def _read_call(element: Element, extension_id: str | None, parent: str | None) -> BroadWorksCall:
    children = {local(child.tag): child for child in element}
    return BroadWorksCall(
        version=identity(element, "version") or "1.0",
        ext_tracking_id=text_of(element, "extTrackingID"),
        service_provider_id=text_of(element, "serviceProviderID"),
        group_id=text_of(element, "groupID"),
        user_id=text_of(element, "userID"),
        call_id=text_of(element, "callID"),
        leg=_read_leg(children.get("callType")),
        recording_type=text_of(element, "recordingType"),
        acd=_read_acd(children.get("acd")),
        redirected=_read_redirected(children.get("redirectedCall")),
        extension_id=extension_id,
        parent=parent,
        extras=tuple(keep(child) for child in element if local(child.tag) not in _KNOWN_IN_CALL),
    )


def _read_leg(call_type: Element | None) -> CallLeg | None:
    leg = next((child for child in call_type or () if local(child.tag) in _LEGS), None)
    if leg is None:
        return None
    redirect = next((child for child in leg if local(child.tag) == "redirectInfo"), None)
    return CallLeg(
        local(leg.tag),
        text_of(leg, "callingPartyNumber"),
        text_of(leg, "calledPartyNumber"),
        text_of(leg, "dialedDigits"),
        None
        if redirect is None
        else RedirectInfo(
            text_of(redirect, "lastRedirectNumber"),
            text_of(redirect, "origCalledNumber"),
            text_of(redirect, "numOfRedirections"),
        ),
    )


def _read_acd(element: Element | None) -> Acd | None:
    if element is None:
        return None
    return Acd(text_of(element, "acdUserId"), text_of(element, "acdName"), text_of(element, "acdNumber"))


def _read_redirected(element: Element | None) -> RedirectedCall | None:
    if element is None:
        return None
    return RedirectedCall(
        text_of(element, "newExtTrackingID"),
        text_of(element, "redirectedFromPartyNumber"),
        text_of(element, "redirectedToPartynumber", "redirectedToPartyNumber"),
    )


def nodes(metadata: Metadata, wrapper: tuple[tuple[str, str | None], ...] = ()) -> Iterator[Node | str]:
    """Every extension to write: one `extensiondata` per id and parent, then those kept whole."""
    grouped: dict[tuple[str | None, str | None], list[Node | str]] = {}
    for call in metadata.calls:
        grouped.setdefault((call.extension_id, call.parent), []).append(_call_node(call))
    for said in metadata.announcements:
        grouped.setdefault((said.extension_id, said.parent), []).append(announcement.node(said))
    for extension in metadata.extensions:
        if extension.id is not None or extension.parent is not None:
            grouped.setdefault((extension.id, extension.parent), []).append(extension.xml)
    for (extension_id, parent), children in grouped.items():
        attributes = (*wrapper, ("id", extension_id), ("parent", parent))
        yield Node("extensiondata", attributes, tuple(children))
    for extension in metadata.extensions:
        if extension.id is None and extension.parent is None:
            yield extension.xml


def _call_node(call: BroadWorksCall) -> Node:
    return Node(
        "broadWorksRecordingMetadata",
        (("xmlns", BROADWORKS_NAMESPACE), ("version", call.version)),
        (
            *leaf("extTrackingID", call.ext_tracking_id),
            *leaf("serviceProviderID", call.service_provider_id),
            *leaf("groupID", call.group_id),
            *leaf("userID", call.user_id),
            *leaf("callID", call.call_id),
            *_leg_nodes(call.leg),
            *leaf("recordingType", call.recording_type),
            *_acd_nodes(call.acd),
            *_redirected_nodes(call.redirected),
            *call.extras,
        ),
    )


def _leg_nodes(leg: CallLeg | None) -> tuple[Node, ...]:
    if leg is None:
        return ()
    redirect: tuple[Node, ...] = ()
    if leg.redirect is not None:
        redirect = (
            Node(
                "redirectInfo",
                children=(
                    *leaf("lastRedirectNumber", leg.redirect.last_redirect_number),
                    *leaf("origCalledNumber", leg.redirect.orig_called_number),
                    *leaf("numOfRedirections", leg.redirect.num_of_redirections),
                ),
            ),
        )
    children = (
        *leaf("callingPartyNumber", leg.calling_party_number),
        *leaf("calledPartyNumber", leg.called_party_number),
        *leaf("dialedDigits", leg.dialed_digits),
        *redirect,
    )
    return (Node("callType", children=(Node(leg.kind, children=children),)),)


def _acd_nodes(acd: Acd | None) -> tuple[Node, ...]:
    if acd is None:
        return ()
    children = (*leaf("acdUserId", acd.user_id), *leaf("acdName", acd.name), *leaf("acdNumber", acd.number))
    return (Node("acd", children=children),)


def _redirected_nodes(call: RedirectedCall | None) -> tuple[Node, ...]:
    if call is None:
        return ()
    children = (
        *leaf("newExtTrackingID", call.new_ext_tracking_id),
        *leaf("redirectedFromPartyNumber", call.from_party_number),
        *leaf("redirectedToPartynumber", call.to_party_number),  # so spelled in the field
    )
    return (Node("redirectedCall", children=children),)
