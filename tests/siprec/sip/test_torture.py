"""Every message of RFC 4475 (SIP torture tests; R. Sparks, A. Hawrylyshen, A. Johnston, J. Rosenberg, H.
Schulzrinne).

The messages are made here from the RFC's descriptions, section by section, with our own words and addresses
of the documentation ranges; each is put to a strict and to a lenient endpoint, and what comes back is
compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from siprec.sip import DigestAuthority, Endpoint, EndpointConfig, Request, Response, SequentialIds, Transport
from siprec.sip.auth import Verdict
from siprec.sip.errors import ParseError
from siprec.sip.events import MessageDiscarded, RequestReceived, SendMessage
from siprec.sip.headers import parse_name_addr
from siprec.sip.parse import ParseRules, parse_datagram
from siprec.sip.uri import OpaqueUri, SipUri, parse_uri

PEER = ("192.0.2.2", 5060)
DELIVERED = "delivered"
DISCARDED = "discarded"
SDP = (
    b"v=0\r\no=caller 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n"
    b"m=audio 49217 RTP/AVP 0\r\n"
)


def lines(*text: str | bytes, body: bytes = b"") -> bytes:
    return (
        b"\r\n".join(line.encode() if isinstance(line, str) else line for line in text) + b"\r\n\r\n" + body
    )


def request(
    start: str,
    *extra: str | bytes,
    cseq: str | None = "1",
    to: str | None = "sip:user@example.com",
    from_: str | None = "sip:caller@example.net;tag=3",
    call_id: str | None = "torture@example.net",
    via: str | None = "SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKkdjuw",
    max_forwards: str | None = "70",
    length: str | None = "",
    body: bytes = b"",
) -> bytes:
    """A plain request; the keyword arguments bend what the RFC's description says is bent."""
    method = start.split(maxsplit=1)[0] if start.split() else ""
    number = f"{cseq} {method}" if cseq is not None and cseq.isdigit() else cseq
    fields: Sequence[tuple[str, str | None]] = (
        ("To", to),
        ("From", from_),
        ("Max-Forwards", max_forwards),
        ("Call-ID", call_id),
        ("CSeq", number),
        ("Via", via),
        ("Content-Length", str(len(body)) if length == "" else length),
    )
    plain = [f"{name}: {value}" for name, value in fields if value is not None]
    return lines(start, *plain, *extra, body=body)


@dataclass(frozen=True)
class Torture:
    """A message, the RFC's name and section for it, and what must come of it (`lenient` where it differs)."""

    name: str
    section: str
    data: bytes
    outcome: int | str
    lenient: int | str | None = None


LONG = "x" * 1200
CASES = [
    # 3.1.1 valid messages
    Torture(
        "wsinv",
        "3.1.1.1: folding, spaces, escapes, compact forms, unknown parameters",
        lines(
            "INVITE sip:vivekg@chair.example.com;unknownparam SIP/2.0",
            "TO :",
            " sip:vivekg@chair.example.com ;   tag    = 1918181833n",
            'from   : "J Caller \\\\\\""       <sip:caller@example.com>',
            "  ;",
            "  tag = 98asjd8",
            "MaX-fOrWaRdS: 0068",
            "Call-ID: wsinv.ndaksdj@192.0.2.1",
            f"Content-Length   : {len(SDP)}",
            "cseq: 0009",
            "  INVITE",
            "Via  : SIP  /   2.0",
            " /UDP",
            "    192.0.2.2;branch=390skdjuw",
            "s :",
            "NewFangledHeader:   newfangled value",
            " continued newfangled value",
            "UnknownHeaderWithUnusualValue: ;;,,;;,;",
            "Content-Type: application/sdp",
            "Route:",
            " <sip:services.example.com;lr;unknownwith=value;unknown-no-value>",
            "v:  SIP  / 2.0  / TCP     spindle.example.com   ;",
            "  branch  =   z9hG4bK9ikj8  ,",
            " SIP  /    2.0   / UDP  192.168.255.111   ; branch=",
            " z9hG4bK30239",
            'm:"Quoted string \\"\\"" <sip:caller@example.com> ; newparam =',
            "      newvalue ;",
            "  secondparam ; q = 0.33",
            body=SDP,
        ),
        481,  # well formed, but its To tag names a dialog we never had
    ),
    Torture(
        "intmeth",
        "3.1.1.2: the whole range of characters in method, URI, display names, parameters and header names",
        request(
            "!interesting-Method0123456789_*+`.%indeed'~ "
            "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
            ":&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com SIP/2.0",
            "extensionHeader-!.%*+_`'~:\ufeff大停電",
            to='"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" '
            "<sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com>",
            from_="token1~` token2'+_ token3*%!.- <sip:mundane@example.com>"
            ";fromParam''~+*_!.-%=\"работающий\";tag=_token~1'+`*%!-.",
            call_id="intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{",
            cseq="139122385",
        ),
        501,
    ),
    Torture(
        "esc01",
        "3.1.1.3: escapes in the user part are data, also those that look like a scheme or a parameter",
        request(
            "INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0",
            "Contact: <sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31>",
            "Content-Type: application/sdp",
            to="sip:%75se%72@example.com",
            from_="<sip:I%20have%20spaces@example.net>;tag=1234",
            body=SDP,
        ),
        DELIVERED,
    ),
    Torture(
        "escnull",
        "3.1.1.4: escaped nulls in URIs are not ends of strings",
        request(
            "REGISTER sip:example.com SIP/2.0",
            "Contact: <sip:%00@host5.example.com>",
            "Contact: <sip:%00%00@host5.example.com>",
            to="sip:null-%00-null@example.com",
            from_="sip:null-%00-null@example.com;tag=839923423",
        ),
        DELIVERED,
    ),
    Torture(
        "esc02",
        "3.1.1.5: % is a plain character in a method, so RE%47IST%45R is not REGISTER",
        request(
            "RE%47IST%45R sip:registrar.example.com SIP/2.0",
            "Contact: <sip:alias1@host1.example.com>",
            to='"%Z%45" <sip:resource@example.com>',
            from_='"%Z%45" <sip:resource@example.com>;tag=f232jadfj23',
        ),
        501,
    ),
    Torture(
        "lwsdisp",
        "3.1.1.6: no space between display name and <",
        request("OPTIONS sip:user@example.com SIP/2.0", from_="caller<sip:caller@example.com>;tag=323"),
        DELIVERED,
    ),
    Torture(
        "longreq",
        "3.1.1.7: long values everywhere and many Vias",
        request(
            "INVITE sip:user@example.com SIP/2.0",
            *(f"Via: SIP/2.0/TCP sip{n}.example.com;branch=z9hG4bK{n}{LONG[:60]}" for n in range(33, 0, -1)),
            f"Unknown-{LONG[:200]}-Name: unknown-{LONG}-value",
            f"Contact: <sip:amazinglylongcallername{LONG[:300]}@host5.example.net>",
            "Content-Type: application/sdp",
            to=f'"{LONG}"<sip:user@example.com:6000;unknownparam1=very{LONG}value;longparam{LONG}name=short>',
            from_=f"sip:amazinglylongcallername{LONG[:300]}@example.net;tag=12{LONG}424;unknown{LONG}=x",
            call_id=f"longreq.one{LONG}long",
            body=SDP,
        ),
        DELIVERED,
    ),
    Torture(
        "dblreq",
        "3.1.1.8: bytes past Content-Length in a datagram, here a second request, are ignored",
        request("REGISTER sip:example.com SIP/2.0", "Contact: sip:j.user@host.example.com")
        + request("INVITE sip:joe@example.com SIP/2.0", "Contact: <sip:x@example.com>", body=SDP),
        DELIVERED,
    ),
    Torture(
        "semiuri",
        "3.1.1.9: a semicolon in the user part starts no parameter",
        request("OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0"),
        DELIVERED,
    ),
    Torture(
        "transports",
        "3.1.1.10: known and unknown transports in Via",
        request(
            "OPTIONS sip:user@example.com SIP/2.0",
            "Via: SIP/2.0/SCTP t2.example.com;branch=z9hG4bKklasjdhf",
            "Via: SIP/2.0/TLS t3.example.com;branch=z9hG4bK2980unddj",
            "Via: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en",
            "Via: SIP/2.0/TCP t5.example.com;branch=z9hG4bK0a9idfnee",
        ),
        DELIVERED,
    ),
    Torture(
        "mpart01",
        "3.1.1.11: a multipart body with a binary part",
        request(
            "MESSAGE sip:kumiko@example.org SIP/2.0",
            "Content-Type: multipart/mixed;boundary=7a9cbec02ceef655",
            body=b"--7a9cbec02ceef655\r\nContent-Type: text/plain\r\n\r\nHello\r\n--7a9cbec02ceef655\r\n"
            b"Content-Type: application/octet-stream\r\n\r\n\x30\x82\x01\x52\x06\x09\x00\xff\r\n\r\n"
            b"--7a9cbec02ceef655--",
        ),
        DELIVERED,
    ),
    Torture(
        "unreason",
        "3.1.1.12: a reason phrase of UTF-8 and separators (no transaction of ours: nothing comes of it)",
        lines(
            "SIP/2.0 200 = 2**3 * 5**2 сто девяносто девять - простое",
            "Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923",
            "Call-ID: unreason.1234ksdfak3j2erwedfsASdf",
            "CSeq: 35 INVITE",
            "From: sip:user@example.com;tag=11141343",
            "To: sip:user@example.edu;tag=2229",
            "Content-Length: 0",
        ),
        DISCARDED,
    ),
    Torture(
        "noreason",
        "3.1.1.13: an empty reason phrase",
        lines(
            "SIP/2.0 100 ",
            "Via: SIP/2.0/UDP 192.0.2.105;branch=z9hG4bK2398ndaoe",
            "Call-ID: noreason.asndj203insdf99223ndf",
            "CSeq: 35 INVITE",
            "From: <sip:user@example.com>;tag=39ansfi3",
            "To: <sip:user@example.edu>;tag=902jndnke3",
            "Content-Length: 0",
        ),
        DISCARDED,
    ),
    # 3.1.2 invalid messages
    Torture(
        "badinv01",
        "3.1.2.1: separators without anything between them in Via and Contact",
        request(
            "INVITE sip:user@example.com SIP/2.0",
            'Contact: "Joe" <sip:joe@example.org>;;;;',
            via="SIP/2.0/UDP 192.0.2.15;;,;,,",
            body=SDP,
        ),
        400,
    ),
    Torture(
        "clerr",
        "3.1.2.2: Content-Length larger than the datagram",
        request(
            "INVITE sip:user@example.com SIP/2.0", "Content-Type: application/sdp", length="9999", body=SDP
        ),
        400,
    ),
    Torture(
        "ncl",
        "3.1.2.3: a negative Content-Length",
        request(
            "INVITE sip:user@example.com SIP/2.0", "Content-Type: application/sdp", length="-999", body=SDP
        ),
        400,
    ),
    Torture(
        "scalar02",
        "3.1.2.4: numbers out of range in a request",
        request(
            "REGISTER sip:example.com SIP/2.0",
            "Expires: 1000000000000000000000000000000000000000000000000000000",
            "Contact: <sip:user@host129.example.com>;expires=280297596632815",
            cseq="36893488147419103232",
            max_forwards="300",
        ),
        400,
    ),
    Torture(
        "scalarlg",
        "3.1.2.5: numbers out of range in a response",
        lines(
            "SIP/2.0 503 Service Unavailable",
            "Via: SIP/2.0/TCP host129.example.com;branch=z9hG4bKzzxdiwo34sw;received=192.0.2.129",
            "To: <sip:user@example.com>",
            "From: <sip:other@example.net>;tag=2easdjfejw",
            "CSeq: 9292394834772304023312 OPTIONS",
            "Call-ID: scalarlg.noase0of0234hn2qofoaf0232aewf2394r",
            "Retry-After: 949302838503028349304023988",
            'Warning: 1812 overture "In Progress"',
            "Content-Length: 0",
        ),
        DISCARDED,
    ),
    Torture(
        "quotbal",
        "3.1.2.6: an unterminated quoted string as display name",
        request("INVITE sip:user@example.com SIP/2.0", to='"Mr. J. User <sip:j.user@example.com>', body=SDP),
        400,
    ),
    Torture(
        "ltgtruri",
        "3.1.2.7: <> around the Request-URI",
        request("INVITE <sip:user@example.com> SIP/2.0"),
        400,
    ),
    Torture(
        "lwsruri",
        "3.1.2.8: a space in the Request-URI",
        request("INVITE sip:user@example.com; lr SIP/2.0"),
        400,
    ),
    Torture(
        "lwsstart",
        "3.1.2.9: several spaces in the start line",
        request("INVITE  sip:user@example.com  SIP/2.0"),
        400,
        DELIVERED,
    ),
    Torture(
        "trws",
        "3.1.2.10: spaces at the end of the start line",
        request("OPTIONS sip:remote-target@example.com SIP/2.0  "),
        400,
        DELIVERED,
    ),
    Torture(
        "escruri",
        "3.1.2.11: escaped headers in the Request-URI",
        request("INVITE sip:user@example.com?Route=%3Csip:example.com%3E SIP/2.0", body=SDP),
        400,
    ),
    Torture(
        "baddate",
        "3.1.2.12: a time zone that is not GMT in Date",
        request("INVITE sip:user@example.com SIP/2.0", "Date: Fri, 01 Jan 2010 16:00:00 EST"),
        400,
        DELIVERED,
    ),
    Torture(
        "regbadct",
        "3.1.2.13: a name-addr without brackets whose URI has ?",
        request(
            "REGISTER sip:example.com SIP/2.0",
            "Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E",
        ),
        400,
    ),
    Torture(
        "badaspec",
        "3.1.2.14: spaces inside the brackets",
        request("OPTIONS sip:user@example.org SIP/2.0", to='"Watson, Thomas" < sip:t.watson@example.org >'),
        400,
        DELIVERED,
    ),
    Torture(
        "baddn",
        "3.1.2.15: a display name that should be quoted",
        request(
            "OPTIONS sip:t.watson@example.org SIP/2.0",
            from_="Bell, Alexander <sip:a.g.bell@example.com>;tag=43",
        ),
        400,
        DELIVERED,
    ),
    Torture(
        "badvers",
        "3.1.2.16: an unknown protocol version",
        request("OPTIONS sip:t.watson@example.org SIP/7.0"),
        505,
    ),
    Torture(
        "mismatch01",
        "3.1.2.17: CSeq names another method",
        request("OPTIONS sip:user@example.com SIP/2.0", cseq="8 INVITE"),
        400,
    ),
    Torture(
        "mismatch02",
        "3.1.2.18: CSeq names another method than an unknown one",
        request("NEWMETHOD sip:user@example.com SIP/2.0", cseq="8 INVITE"),
        400,
    ),
    Torture(
        "bigcode",
        "3.1.2.19: a status code that overflows",
        lines(
            "SIP/2.0 4294967301 better not break the receiver",
            "Via: SIP/2.0/UDP 192.0.2.105;branch=z9hG4bK2398ndaoe",
            "Call-ID: bigcode.asdof3uj203asdnf3429uasdhfas3ehjasdfas9i",
            "CSeq: 353494 INVITE",
            "From: <sip:user@example.com>;tag=39ansfi3",
            "To: <sip:user@example.edu>;tag=902jndnke3",
            "Content-Length: 0",
        ),
        DISCARDED,
    ),
    # 3.2 transaction layer
    Torture(
        "badbranch",
        "3.2.1: a branch that is the magic cookie and nothing else",
        request("OPTIONS sip:user@example.com SIP/2.0", via="SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK"),
        DELIVERED,
    ),
    # 3.3 application layer
    Torture(
        "insuf",
        "3.3.1: From, To, Call-ID and others missing",
        request("INVITE sip:user@example.com SIP/2.0", to=None, from_=None, call_id=None, body=SDP),
        400,
    ),
    Torture(
        "unkscm", "3.3.2: an unknown URI scheme", request("OPTIONS nobodyKnowsThisScheme:opaque SIP/2.0"), 416
    ),
    Torture(
        "novelsc",
        "3.3.3: a known scheme that is not SIP",
        request("OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0"),
        416,
    ),
    Torture(
        "unksm2",
        "3.3.4: unknown schemes in To, From and Contact: the registrar's business",
        request(
            "REGISTER sip:example.com SIP/2.0",
            "Contact: <name:John_Smith>",
            to="isbn:2983792873",
            from_="<http://www.example.com>;tag=3234233",
        ),
        DELIVERED,
    ),
    Torture(
        "bext01",
        "3.3.5: options nobody knows in Require and Proxy-Require",
        request(
            "OPTIONS sip:user@example.com SIP/2.0",
            "Require: nothingSupportsThis, nothingSupportsThisEither",
            "Proxy-Require: noProxiesSupportThis, norDoAnyProxiesSupportThis",
        ),
        420,
    ),
    Torture(
        "invut",
        "3.3.6: a body type nobody knows",
        request(
            "INVITE sip:user@example.com SIP/2.0",
            "Contact: sip:caller@host5.example.net",
            "Content-Type: application/unknownformat",
            body=b"<audio>\r\n <pcmu port=443/>\r\n</audio>\r\n",
        ),
        415,
    ),
    Torture(
        "regaut01",
        "3.3.7: credentials of an unknown scheme",
        request("REGISTER sip:example.com SIP/2.0", "Authorization: NoOneKnowsThisScheme opaque-data=here"),
        DELIVERED,
    ),
    Torture(
        "multi01",
        "3.3.8: headers that must stand once stand several times",
        request(
            "INVITE sip:user@company.com SIP/2.0",
            "CSeq: 59 INVITE",
            "Call-ID: multi01.other@192.0.2.1",
            "Max-Forwards: 5",
            "To: sip:another@example.com",
            "From: sip:another@example.net;tag=2",
            body=SDP,
        ),
        400,
    ),
    Torture(
        "mcl01",
        "3.3.9: two Content-Lengths that differ",
        request(
            "OPTIONS sip:user@example.com SIP/2.0", "Content-Length: 5", length="13", body=b"There's no way"
        ),
        400,
    ),
    Torture(
        "bcast",
        "3.3.10: a 200 whose Via is a broadcast address: nothing is ever sent there",
        lines(
            "SIP/2.0 200 OK",
            "Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923",
            "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23",
            "Call-ID: bcast.0384840201234ksdfak3j2erwedfsASdf",
            "CSeq: 35 INVITE",
            "From: sip:user@example.com;tag=11141343",
            "To: sip:user@example.edu;tag=2229",
            "Content-Length: 0",
        ),
        DISCARDED,
    ),
    Torture(
        "zeromf",
        "3.3.11: Max-Forwards 0 concerns proxies, not the endpoint",
        request("OPTIONS sip:user@example.com SIP/2.0", max_forwards="0"),
        DELIVERED,
    ),
    Torture(
        "cparam01",
        "3.3.12: an unknown parameter of the Contact header",
        request("REGISTER sip:example.com SIP/2.0", "Contact: sip:+19725552222@gw1.example.net;unknownparam"),
        DELIVERED,
    ),
    Torture(
        "cparam02",
        "3.3.13: an unknown parameter of the Contact URI",
        request(
            "REGISTER sip:example.com SIP/2.0", "Contact: <sip:+19725552222@gw1.example.net;unknownparam>"
        ),
        DELIVERED,
    ),
    Torture(
        "regescrt",
        "3.3.14: escaped headers in a Contact URI",
        request(
            "REGISTER sip:example.com SIP/2.0",
            "Contact: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>",
        ),
        DELIVERED,
    ),
    Torture(
        "sdp01",
        "3.3.15: an Accept without SDP in an offer",
        request(
            "INVITE sip:user@example.com SIP/2.0",
            "Contact: <sip:caller@host15.example.net>",
            "Accept: text/nobodyKnowsThis",
            body=b"",
        ),
        406,
    ),
    # 3.4 backward compatibility
    Torture(
        "inv2543",
        "3.4.1: an INVITE of RFC 2543: no branch, no Max-Forwards, no From tag",
        request(
            "INVITE sip:UserB@example.com SIP/2.0",
            "Content-Type: application/sdp",
            to="UserB <sip:UserB@example.com>",
            from_="UserA <sip:UserA@example.com>",
            via="SIP/2.0/UDP iftgw.example.com",
            max_forwards=None,
            body=SDP,
        ),
        DELIVERED,
    ),
]


def case(name: str) -> Torture:
    return next(torture for torture in CASES if torture.name == name)


def make_endpoint(*, lenient: bool) -> Endpoint:
    config = EndpointConfig(
        methods=(*EndpointConfig().methods, "MESSAGE"),
        accept=("application/sdp", "multipart/mixed"),
        parse=ParseRules(lenient=lenient),
    )
    endpoint = Endpoint(config, SequentialIds())
    endpoint.set_local(Transport.UDP, "192.0.2.1", 5060)
    return endpoint


def put(data: bytes, *, lenient: bool) -> tuple[int | str, Response | None, Endpoint]:
    """Give the message to an endpoint; return what came of it."""
    endpoint = make_endpoint(lenient=lenient)
    endpoint.receive_datagram(data, PEER, 0.0)
    events, commands = endpoint.take_events(), endpoint.take_commands()
    if any(isinstance(event, RequestReceived) for event in events):
        assert commands == []
        return DELIVERED, None, endpoint
    sent = [command.data for command in commands if isinstance(command, SendMessage)]
    if not sent:
        assert [type(event) for event in events] == [MessageDiscarded]
        return DISCARDED, None, endpoint
    # An answer repeats what it was asked, faults included; the status line is what counts here.
    status = int(sent[0].split(b" ", 2)[1])
    try:
        answer = parse_datagram(sent[0])
    except ParseError:
        return status, None, endpoint
    assert isinstance(answer, Response)
    return status, answer, endpoint


def test_the_whole_set_is_here() -> None:
    assert len(CASES) == 49
    assert len({torture.name for torture in CASES}) == 49


@pytest.mark.parametrize("torture", CASES, ids=lambda torture: torture.name)
def test_strict(torture: Torture) -> None:
    assert put(torture.data, lenient=False)[0] == torture.outcome


@pytest.mark.parametrize("torture", CASES, ids=lambda torture: torture.name)
def test_lenient(torture: Torture) -> None:
    expected = torture.outcome if torture.lenient is None else torture.lenient
    assert put(torture.data, lenient=True)[0] == expected


@pytest.mark.parametrize("torture", CASES, ids=lambda torture: torture.name)
def test_the_endpoint_still_answers_afterwards(torture: Torture) -> None:
    endpoint = put(torture.data, lenient=True)[2]
    via = "SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKok"
    good = request("OPTIONS sip:user@example.com SIP/2.0", call_id="good@x", via=via)
    endpoint.receive_datagram(good, PEER, 1.0)
    (event,) = endpoint.take_events()
    assert isinstance(event, RequestReceived)
    endpoint.respond(event.transaction, 200, now=1.0)
    (command,) = endpoint.take_commands()
    assert isinstance(command, SendMessage)
    assert command.data.startswith(b"SIP/2.0 200 OK\r\n")


def parsed(name: str) -> Request:
    message = parse_datagram(case(name).data, ParseRules(lenient=False))
    assert isinstance(message, Request)
    return message


def test_wsinv_is_read_as_meant() -> None:
    message = parsed("wsinv")
    assert message.to.tag == "1918181833n"
    assert message.from_.display == 'J Caller \\"'
    assert message.cseq.number == 9
    assert message.headers.get("max-forwards") == "0068"
    assert [value.split(";")[0].strip() for value in message.headers.values("via")] == [
        "SIP  /   2.0 /UDP    192.0.2.2".replace("    ", " "),
        "SIP  / 2.0  / TCP     spindle.example.com",
        "SIP  /    2.0   / UDP  192.168.255.111",
    ]
    assert message.headers.get("subject") == ""
    assert message.headers.get("newfangledheader") == "newfangled value continued newfangled value"
    contact = message.contact
    assert contact is not None
    assert contact.display == 'Quoted string ""'
    assert contact.params == {"newparam": "newvalue", "secondparam": None, "q": "0.33"}
    assert message.body == SDP


def test_intmeth_keeps_every_character() -> None:
    message = parsed("intmeth")
    assert message.method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert message.to.display == "BEL:\x07 NUL:\x00 DEL:\x7f"
    uri = message.parsed_uri
    assert isinstance(uri, SipUri)
    assert uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert message.from_.tag == "_token~1'+`*%!-."


def test_esc01_is_a_sip_uri_and_its_escaped_lr_is_no_lr() -> None:
    uri = parsed("esc01").parsed_uri
    assert isinstance(uri, SipUri)
    assert (uri.scheme, uri.user, uri.host) == ("sip", "sips%3Auser%40example.com", "example.net")
    contact = parsed("esc01").contact
    assert contact is not None
    assert isinstance(contact.uri, SipUri)
    assert not contact.uri.loose
    to = parsed("esc01").to.uri
    plain = parse_uri("sip:user@example.com")
    assert isinstance(to, SipUri)
    assert isinstance(plain, SipUri)
    assert to.same_as(plain)


def test_escnull_contacts_differ() -> None:
    contacts = parsed("escnull").headers.values("contact")
    one, other = (parse_name_addr(value, "Contact").uri for value in contacts)
    assert isinstance(one, SipUri)
    assert isinstance(other, SipUri)
    assert (one.user, other.user) == ("%00", "%00%00")
    assert not one.same_as(other)


def test_dblreq_keeps_to_the_first() -> None:
    assert (parsed("dblreq").method, parsed("dblreq").body) == ("REGISTER", b"")


def test_semiuri_user() -> None:
    uri = parsed("semiuri").parsed_uri
    assert isinstance(uri, SipUri)
    assert (uri.user, uri.params) == ("user;par=u%40example.net", {})


def test_unreason_and_noreason_phrases() -> None:
    unreason = parse_datagram(case("unreason").data)
    noreason = parse_datagram(case("noreason").data)
    assert isinstance(unreason, Response)
    assert isinstance(noreason, Response)
    assert unreason.reason == "= 2**3 * 5**2 сто девяносто девять - простое"
    assert (noreason.status, noreason.reason) == (100, "")


def test_badbranch_requests_are_told_apart() -> None:
    """Two requests with nothing behind the cookie are two transactions (RFC 2543 rules), a repeated one is
    one.
    """
    endpoint = make_endpoint(lenient=True)
    one = case("badbranch").data
    endpoint.receive_datagram(one, PEER, 0.0)
    endpoint.receive_datagram(one, PEER, 0.1)
    endpoint.receive_datagram(one.replace(b"torture@", b"other@"), PEER, 0.2)
    assert [type(event) for event in endpoint.take_events()] == [RequestReceived, RequestReceived]


def test_unksm2_uris_are_kept() -> None:
    assert parsed("unksm2").to.uri == OpaqueUri("isbn", "2983792873")


def test_bext01_names_what_is_unsupported() -> None:
    _, answer, _ = put(case("bext01").data, lenient=False)
    assert answer is not None
    assert answer.headers.values("unsupported") == ["nothingSupportsThis", "nothingSupportsThisEither"]


def test_invut_names_what_is_accepted() -> None:
    _, answer, _ = put(case("invut").data, lenient=False)
    assert answer is not None
    assert answer.headers.values("accept") == ["application/sdp", "multipart/mixed"]


def test_unknown_methods_are_told_what_is_allowed() -> None:
    _, answer, _ = put(case("esc02").data, lenient=False)
    assert answer is not None
    assert "INVITE" in answer.headers.values("allow")


def test_regaut01_counts_as_no_credentials() -> None:
    assert DigestAuthority("example.com", {}, b"k").check(parsed("regaut01"), 0.0) == (Verdict.MISSING, None)


def test_cparam_parameters_belong_where_they_stand() -> None:
    on_header, on_uri = parsed("cparam01").contact, parsed("cparam02").contact
    assert on_header is not None
    assert on_uri is not None
    assert on_header.params == {"unknownparam": None}
    assert isinstance(on_uri.uri, SipUri)
    assert on_uri.uri.params == {"unknownparam": None}
    assert on_uri.params == {}


def test_regescrt_headers_stay_in_the_uri() -> None:
    contact = parsed("regescrt").contact
    assert contact is not None
    assert isinstance(contact.uri, SipUri)
    assert contact.uri.headers == "Route=%3Csip:sip.example.com%3E"


def test_inv2543_dialog_has_no_remote_tag() -> None:
    _, _, endpoint = put(case("inv2543").data, lenient=True)
    endpoint = make_endpoint(lenient=True)
    endpoint.receive_datagram(case("inv2543").data, PEER, 0.0)
    (event,) = endpoint.take_events()
    assert isinstance(event, RequestReceived)
    dialog = endpoint.respond(event.transaction, 200, now=0.0)
    assert dialog is not None
    assert dialog.remote_tag == ""


def test_answers_to_malformed_messages_are_limited_per_source() -> None:
    endpoint = make_endpoint(lenient=True)
    for _ in range(200):
        endpoint.receive_datagram(case("clerr").data, PEER, 0.0)
    assert len(endpoint.take_commands()) == 10
    endpoint.receive_datagram(case("clerr").data, ("192.0.2.99", 5060), 0.0)
    assert len(endpoint.take_commands()) == 1


def test_parse_errors_name_their_part() -> None:
    with pytest.raises(ParseError, match="Content-Length: is larger than the datagram"):
        parse_datagram(case("clerr").data)
