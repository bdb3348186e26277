"""Reading a description: hardened, and lenient where equipment is careless."""

from dataclasses import replace

from siprec.sdp.description import Line, Media, SdpError, SessionDescription, is_number

MAX_SDP_BYTES = 65_535
MAX_SDP_LINES = 2_000
MAX_MEDIA = 64


def parse(body: bytes | str) -> SessionDescription:
    """Read a description; line ends may be CRLF, LF or CR, trailing blanks and NULs are ignored.

    Raises SdpError for a body too long, not starting with `v=`, or with a line or m-line that has no form.
    """
    if len(body) > MAX_SDP_BYTES:
        raise SdpError(0, f"longer than {MAX_SDP_BYTES} bytes")
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    session: list[Line] = []
    section = session
    heads: list[Media] = []
    sections: list[list[Line]] = []
    for number, raw in enumerate(_split_lines(text), 1):
        stripped = raw.strip(" \t\0")
        if not stripped:
            continue
        line = _read_line(number, stripped)
        if line.type == "m":
            if len(heads) == MAX_MEDIA:
                raise SdpError(number, f"more than {MAX_MEDIA} media")
            heads.append(_read_media(number, line.value))
            section = []
            sections.append(section)
        else:
            section.append(line)
    if not session or session[0].type != "v":
        raise SdpError(1, "does not start with v=")
    media = tuple(replace(head, lines=tuple(lines)) for head, lines in zip(heads, sections, strict=True))
    return SessionDescription(tuple(session), media)


def _split_lines(text: str) -> list[str]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(lines) > MAX_SDP_LINES:
        raise SdpError(MAX_SDP_LINES, "too many lines")
    return lines


def _read_line(number: int, text: str) -> Line:
    if len(text) < 2 or text[1] != "=" or not text[0].isascii() or not text[0].isalpha():
        raise SdpError(number, "not of the form type=value", text)
    return Line(text[0], text[2:].strip(" \t"))


def _read_media(number: int, value: str) -> Media:
    fields = value.split()
    if len(fields) < 3:
        raise SdpError(number, "m= needs a medium, a port and a protocol", value)
    port, _, count = fields[1].partition("/")
    if not is_number(port, 5) or int(port) > 65_535 or (count and not is_number(count, 5)):
        raise SdpError(number, "m= has no valid port", value)
    return Media(fields[0].lower(), int(port), fields[2], tuple(fields[3:]), (), int(count or 1))
