"""Whether a request can be processed at all: the checks of RFC 3261 §8.2 in their order, each with its
answer.
"""

from dataclasses import dataclass

from siprec.sip.core import METHODS, EndpointConfig
from siprec.sip.errors import ParseError
from siprec.sip.message import Request
from siprec.sip.uri import SipUri

REGISTERED_METHODS = frozenset({*METHODS, "SUBSCRIBE", "MESSAGE", "PUBLISH"})
"""Methods the registry knows: refusing one is 405, refusing another 501."""


_ANY_BODY = frozenset({"INFO", "NOTIFY", "REFER"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """A final response the protocol itself demands."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    reason: str | None = None


def inspect_request(request: Request, config: EndpointConfig) -> Refusal | None:
    """Return the refusal a request deserves, None where there is none. ACK and CANCEL are exempt."""
    return (
        _check_method(request, config)
        or _check_scheme(request)
        or _check_require(request, config)
        or _check_body(request, config)
        or _check_accept(request)
    )


def _check_method(request: Request, config: EndpointConfig) -> Refusal | None:
    if request.method in config.methods:
        return None
    status = 405 if request.method in REGISTERED_METHODS else 501
    return Refusal(status, (("allow", ", ".join(config.methods)),))


def _check_scheme(request: Request) -> Refusal | None:
    uri = request.parsed_uri
    return None if isinstance(uri, SipUri) or uri.scheme == "tel" else Refusal(416)


def _check_require(request: Request, config: EndpointConfig) -> Refusal | None:
    if "require" not in request.headers:
        return None
    known = {tag.lower() for tag in (*config.supported, *config.tolerated)}
    unknown = [tag for tag in request.headers.values("require") if tag.lower() not in known]
    return Refusal(420, (("unsupported", ", ".join(unknown)),)) if unknown else None


def _check_body(request: Request, config: EndpointConfig) -> Refusal | None:
    """Bodies of INFO, NOTIFY and the like are the user's business (RFC 6086 §4.2.2)."""
    if request.method in _ANY_BODY:
        return None
    disposition = (request.headers.get("content-disposition") or "").replace(" ", "")
    if not request.body or "handling=optional" in disposition:
        return None
    encoding = request.headers.get("content-encoding")
    if encoding and encoding.lower() != "identity":
        return Refusal(415, (("accept-encoding", "identity"),))
    try:
        kind = request.content_type
    except ParseError as error:
        return Refusal(400, reason=f"Bad Request ({error})")
    if kind is None or kind.name in config.accept:
        return None
    return Refusal(415, (("accept", ", ".join(config.accept)),))


def _check_accept(request: Request) -> Refusal | None:
    """An INVITE whose sender does not take SDP cannot be answered (RFC 4475 §3.3.15)."""
    if request.method != "INVITE" or "accept" not in request.headers:
        return None
    ranges = {value.partition(";")[0].strip().lower() for value in request.headers.values("accept")}
    return None if not ranges or ranges & {"application/sdp", "application/*", "*/*"} else Refusal(406)
