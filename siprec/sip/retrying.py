"""Second attempts: a request again with credentials, or with a longer session interval (RFC 3261 §22.2,
RFC 4028 §7.2).
"""

from siprec.sip.auth import answer_challenge, is_stale
from siprec.sip.client_transactions import ClientEntry
from siprec.sip.core import Core
from siprec.sip.errors import ParseError
from siprec.sip.headers import Headers, parse_integer
from siprec.sip.message import Request, Response

MOST_ATTEMPTS = 3


def better_fields(entry: ClientEntry, response: Response, cnonce: str) -> dict[str, str]:
    """Return the headers with which a refused request may succeed; none where it cannot."""
    if entry.handle.cancelled or entry.handle.attempts >= MOST_ATTEMPTS:
        return {}
    if response.status in (401, 407):
        return _authorization(entry, response, cnonce)
    return _longer_interval(response) if response.status == 422 else {}


def _authorization(entry: ClientEntry, response: Response, cnonce: str) -> dict[str, str]:
    handle, request = entry.handle, entry.request
    tried = "authorization" in request.headers or "proxy-authorization" in request.headers
    if handle.credentials is None or (tried and not is_stale(response)):
        return {}
    answer = answer_challenge(response, handle.credentials, request.method, request.uri, cnonce)
    return {answer[0]: answer[1]} if answer else {}


def _longer_interval(response: Response) -> dict[str, str]:
    try:
        least = parse_integer((response.headers.get("min-se") or "").partition(";")[0], "Min-SE", 2**31)
    except ParseError:
        return {}
    return {"session-expires": str(least), "min-se": str(least)}


def repeated(core: Core, entry: ClientEntry, fields: dict[str, str]) -> Request:
    """Return the request with the next CSeq, a new branch and changed fields (§8.1.3.5)."""
    request, dialog = entry.request, entry.handle.dialog
    number = dialog.next_cseq() if dialog is not None else request.cseq.number + 1
    changed = {
        "via": core.via(entry.target, core.branch()),
        "cseq": f"{number} {request.method}",
        **fields,
    }
    items = [(key, value) for key, value in request.headers if key not in changed]
    head = [("via", changed.pop("via")), *items, *changed.items()]
    return Request(Headers.of(head), request.body, method=request.method, uri=request.uri)
