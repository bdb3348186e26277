"""SIP messages as bytes, written the way a peer would, independent of the code under test."""

from collections.abc import Sequence

CRLF = "\r\n"


def sip_request(
    method: str = "INVITE",
    uri: str = "sip:srs@192.0.2.1",
    *,
    branch: str = "z9hG4bKa1",
    call_id: str = "call-1@192.0.2.2",
    from_tag: str | None = "caller",
    to_tag: str | None = None,
    cseq: int = 1,
    cseq_method: str | None = None,
    via: str = "SIP/2.0/UDP 192.0.2.2:5060",
    extra: Sequence[str] = (),
    contact: str | None = "<sip:src@192.0.2.2:5060>",
    body: bytes = b"",
    content_type: str = "application/sdp",
) -> bytes:
    """Return a request; `extra` are whole header lines, tags and contact are left out where None."""
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: {via};branch={branch};rport",
        "Max-Forwards: 70",
        "From: <sip:src@192.0.2.2>" + (f";tag={from_tag}" if from_tag else ""),
        "To: <sip:srs@192.0.2.1>" + (f";tag={to_tag}" if to_tag else ""),
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {cseq_method or method}",
        *([f"Contact: {contact}"] if contact else []),
        *extra,
        *([f"Content-Type: {content_type}"] if body else []),
        f"Content-Length: {len(body)}",
    ]
    return (CRLF.join(lines) + CRLF * 2).encode() + body


def sip_response(
    status: int,
    request: bytes,
    *,
    to_tag: str | None = "callee",
    extra: Sequence[str] = (),
    contact: str | None = "<sip:callee@192.0.2.1:5060>",
    body: bytes = b"",
    reason: str = "Whatever",
) -> bytes:
    """Return a response to a request's bytes, its Via, From, Call-ID and CSeq copied."""
    head = request.partition(b"\r\n\r\n")[0].decode()
    copied, lines = ("via", "from", "call-id", "cseq"), [f"SIP/2.0 {status} {reason}"]
    for line in head.split(CRLF)[1:]:
        name = line.partition(":")[0].lower()
        if name in copied:
            lines.append(line)
        elif name == "to":
            lines.append(line if to_tag is None or ";tag=" in line else f"{line};tag={to_tag}")
    if contact and status < 300:
        lines.append(f"Contact: {contact}")
    lines += [*extra, *(["Content-Type: application/sdp"] if body else []), f"Content-Length: {len(body)}"]
    return (CRLF.join(lines) + CRLF * 2).encode() + body
