"""Who is meant by what a SIP message says: users, parties, the targets of a REFER."""

from urllib.parse import parse_qsl

from siprec.callcontrol.subscribers import Subscriber
from siprec.phones.document import Party
from siprec.sip import Request
from siprec.sip.errors import ParseError
from siprec.sip.headers import parse_name_addr, sip_uri
from siprec.sip.uri import SipUri, parse_uri


def user_of(uri: str) -> str | None:
    """The user part of a SIP URI, the number of a tel URI."""
    parsed = parse_uri(uri)
    if isinstance(parsed, SipUri):
        return parsed.user
    return parsed.rest.partition(";")[0] if parsed.scheme == "tel" else None


def party_of(request: Request, user: Subscriber | None, domain: str) -> Party:
    """Who calls, as others see it: a user under name and number, anybody else as the From says."""
    if user is not None:
        return Party(f"sip:{user.number or user.address}@{domain}", user.name or None)
    value = request.from_
    number = value.uri.user if isinstance(value.uri, SipUri) else None
    return Party(f"sip:{number or 'anonymous'}@{domain}", value.display or None)


def name_addr(party: Party) -> str:
    """A From value without tag."""
    name = (party.name or "").replace("\\", "").replace('"', "")
    return f'"{name}" <{party.aor}>' if name else f"<{party.aor}>"


def refer_target(request: Request) -> tuple[str | None, tuple[str, str, str] | None]:
    """Whom a Refer-To means, and the dialog its Replaces names: Call-ID, to-tag, from-tag (RFC 3891)."""
    try:
        value = parse_name_addr(request.headers.get("refer-to") or "", "Refer-To")
    except ParseError:
        return None, None
    uri = sip_uri(value)
    if uri is None:
        return None, None
    replaces = dict(parse_qsl(uri.headers or "")).get("Replaces")
    if replaces is None:
        return uri.user, None
    call_id, *params = replaces.split(";")
    tags = dict(param.partition("=")[::2] for param in params)
    return uri.user, (call_id, tags.get("to-tag", ""), tags.get("from-tag", ""))
