"""Responses, ACKs and CANCELs made from the message they belong to (RFC 3261 §8.2.6, §9.1, §17.1.1.3)."""

from collections.abc import Iterable

from siprec.sip.flow import Flow, Target
from siprec.sip.headers import Headers, Via, spelled, split_list
from siprec.sip.message import ENCODING, ERRORS, REASONS, Request, Response

Fields = Iterable[tuple[str, str]]
_COPIED = frozenset({"via", "from", "call-id", "cseq", "timestamp"})


def stamp_via(request: Request, flow: Flow) -> None:
    """Write `received` and `rport` into the topmost Via (§18.2.1, RFC 3581 §4)."""
    via = request.via
    if via.host == flow.host and "rport" not in via.params:
        return
    params = {**via.params, "received": flow.host}
    if "rport" in params:
        params["rport"] = str(flow.port)
    stamped = Via(via.transport, via.host, via.port, params)
    first = request.headers.get("via") or ""
    others = split_list(first)[1:] if "," in first else []
    request.headers.replace_first("via", ", ".join([str(stamped), *others]))


def response_target(request: Request, flow: Flow) -> Target:
    """Return where responses go: back along a stream; else to the source address, at the port the Via asks
    for.

    (§18.2.2, RFC 3581 §4. `maddr` is not followed: it would let one packet aim our answers anywhere.)
    """
    via = request.via
    if "rport" in via.params and not flow.transport.reliable:
        return flow.target()
    return Target(flow.transport, flow.host, via.port or flow.transport.default_port, flow.connection)


def build_response(
    headers: Headers,
    status: int,
    *,
    to_tag: str | None = None,
    reason: str | None = None,
    fields: Fields = (),
    body: bytes = b"",
    record_route: bool = False,
) -> bytes:
    """Return a response's bytes; Via, From, To, Call-ID and CSeq come from the request's headers."""
    lines = [f"SIP/2.0 {status} {REASONS.get(status, 'Unknown') if reason is None else reason}"]
    for key, value in headers:
        if key in _COPIED or (key == "record-route" and record_route):
            lines.append(f"{spelled(key)}: {value}")
        elif key == "to":
            tagged = f"{value};tag={to_tag}" if to_tag and not has_tag(value) else value
            lines.append(f"To: {tagged}")
    lines += [f"{spelled(key)}: {value}" for key, value in fields]
    lines.append(f"Content-Length: {len(body)}\r\n\r\n")
    return "\r\n".join(lines).encode(ENCODING, ERRORS) + body


def has_tag(value: str) -> bool:
    """Tell whether a From or To value has a tag parameter (not one inside the URI's brackets)."""
    return ";tag=" in value.rpartition(">")[2].replace(" ", "").replace("\t", "").lower()


def ack_for_failure(request: Request, response: Response) -> Request:
    """Return the ACK of a 3xx–6xx: the INVITE's own branch and route, the response's To (§17.1.1.3)."""
    return _companion(request, "ACK", response.headers.get("to") or "")


def cancel_for(request: Request) -> Request:
    """Return the CANCEL of an INVITE (§9.1)."""
    return _companion(request, "CANCEL", request.headers.get("to") or "")


def _companion(request: Request, method: str, to: str) -> Request:
    headers = request.headers
    items = [
        ("via", headers.values("via")[0]),
        *(("route", value) for value in headers.fields("route")),
        ("max-forwards", "70"),
        ("from", headers.get("from") or ""),
        ("to", to),
        ("call-id", request.call_id),
        ("cseq", f"{request.cseq.number} {method}"),
    ]
    items += [(key, value) for key, value in headers if key in ("authorization", "proxy-authorization")]
    return Request(Headers.of(items), method=method, uri=request.uri)
