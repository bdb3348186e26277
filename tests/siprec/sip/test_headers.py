"""RFC 3261 §7.3, §20, §25: header names, lists, and the values a stack must read."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprec.sip.errors import ParseError
from siprec.sip.headers import (
    CSeq,
    Headers,
    MediaType,
    NameAddr,
    canonical,
    parse_cseq,
    parse_integer,
    parse_media_type,
    parse_name_addr,
    parse_params,
    parse_via,
    quote,
    spelled,
    split_list,
    unquote,
)
from siprec.sip.uri import SipUri


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("v", "via"),
        ("V", "via"),
        ("VIA", "via"),
        ("i", "call-id"),
        ("x", "session-expires"),
        ("X-Foo", "x-foo"),
    ],
)
def test_names_have_one_canonical_form(name: str, key: str) -> None:
    assert canonical(name) == key


@pytest.mark.parametrize(
    ("key", "name"), [("call-id", "Call-ID"), ("cseq", "CSeq"), ("x-own-thing", "X-Own-Thing")]
)
def test_names_are_spelled_as_the_rfcs_do(key: str, name: str) -> None:
    assert spelled(key) == name


def test_lists_split_only_at_bare_commas() -> None:
    text = '"Smith, J" <sip:j,s@example.com>;x="a,b", <sip:k@example.com>,sip:l@example.com'
    assert split_list(text) == [
        '"Smith, J" <sip:j,s@example.com>;x="a,b"',
        "<sip:k@example.com>",
        "sip:l@example.com",
    ]


def test_quoted_pairs_do_not_end_a_string() -> None:
    assert split_list(r'"a\",b" <sip:x@y>, <sip:z@y>') == [r'"a\",b" <sip:x@y>', "<sip:z@y>"]


def test_header_list_keeps_order_and_joins_fields() -> None:
    headers = Headers([("Route", "<sip:a>, <sip:b>"), ("Subject", "x"), ("route", "<sip:c>")])
    assert headers.values("route") == ["<sip:a>", "<sip:b>", "<sip:c>"]
    assert headers.fields("route") == ["<sip:a>, <sip:b>", "<sip:c>"]
    assert headers.count("route") == 2
    assert list(headers) == [("route", "<sip:a>, <sip:b>"), ("subject", "x"), ("route", "<sip:c>")]
    assert "subject" in headers
    assert headers.get("nothing") is None
    assert len(headers) == 3


def test_changes_are_seen_by_later_reads() -> None:
    headers = Headers([("Via", "one")])
    assert headers.get("via") == "one"
    headers.replace_first("via", "two")
    headers.append("via", "three")
    headers.replace_first("to", "four")
    assert headers.fields("via") == ["two", "three"]
    assert headers.get("to") == "four"


def test_tokens_are_compared_without_case() -> None:
    assert Headers([("Supported", "Timer, 100REL"), ("k", "replaces")]).tokens("supported") == {
        "timer",
        "100rel",
        "replaces",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sip:a@b;tag=1", NameAddr(SipUri("b", "a"), None, {"tag": "1"})),
        ("<sip:a@b;lr>;tag=1", NameAddr(SipUri("b", "a", params={"lr": None}), None, {"tag": "1"})),
        ('"A. \\"B\\"" <sip:a@b>', NameAddr(SipUri("b", "a"), 'A. "B"', {})),
        ("Anonymous <sip:a@b> ; tag = x", NameAddr(SipUri("b", "a"), "Anonymous", {"tag": "x"})),
        (
            '"J Rosenberg \\\\\\""<sip:a@b>;tag=98',
            NameAddr(SipUri("b", "a"), 'J Rosenberg \\"', {"tag": "98"}),
        ),
        ("Two Words<sip:a@b>", NameAddr(SipUri("b", "a"), "Two Words", {})),
    ],
)
def test_name_addr(text: str, expected: NameAddr) -> None:
    assert parse_name_addr(text, "From") == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        '"open <sip:a@b>',
        "<sip:a@b",
        "sip:a@b>",
        '"x" y <sip:a@b>',
        "<sip:a@b> x",
        "<sip:a@b>;;tag=1",
        "sip:a@b?x=y",
        "<>",
        '""',
    ],
)
def test_malformed_addresses_are_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_name_addr(text, "From")


def test_lenience_covers_unquoted_names_and_inner_spaces() -> None:
    assert parse_name_addr("Bell, A <sip:a@b>", "From").display == "Bell, A"
    assert parse_name_addr("< sip:a@b >", "To").uri == SipUri("b", "a")
    for text in ("Bell, A <sip:a@b>", "< sip:a@b >"):
        with pytest.raises(ParseError):
            parse_name_addr(text, "From", lenient=False)


def test_hostile_addresses_take_linear_time() -> None:
    start = time.process_time()
    for text in (" " * 16_000 + '"<', '"' + "\\" * 16_000, "<" * 16_000, ";" * 16_000, "a " * 8_000 + "<"):
        with pytest.raises(ParseError):
            parse_name_addr(text, "From")
    assert time.process_time() - start < 1.0


@given(
    display=st.one_of(
        st.none(), st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1)
    ),
    tag=st.text("abc019", min_size=1, max_size=6),
)
def test_addresses_print_what_is_parsed_again(display: str | None, tag: str) -> None:
    address = NameAddr(SipUri("example.com", "user"), display, {"tag": tag})
    assert parse_name_addr(str(address), "From") == address


@given(st.text())
def test_quoting_is_undone(text: str) -> None:
    assert unquote(quote(text)) == text


def test_via_with_folding_spaces_and_parameters() -> None:
    via = parse_via("SIP / 2.0 / udp  192.0.2.2 : 5070 ;branch=z9hG4bKx; rport ;received=1.2.3.4")
    assert (via.transport, via.host, via.port, via.branch) == ("UDP", "192.0.2.2", 5070, "z9hG4bKx")
    assert via.params["rport"] is None
    assert str(via) == "SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bKx;rport;received=1.2.3.4"


def test_via_of_ipv6() -> None:
    via = parse_via("SIP/2.0/TLS [2001:db8::9]:5061;branch=z9hG4bKx")
    assert (via.host, via.port) == ("2001:db8::9", 5061)
    assert str(via) == "SIP/2.0/TLS [2001:db8::9]:5061;branch=z9hG4bKx"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SIP/2.0/UDP",
        "SIP/2.0/UDP host:70000;branch=z9hG4bKx",
        "SIP/2.0/UDP host:0",
        "SIP/2.0/UDP host;;branch=x",
        "SIP/3.0/UDP host",
        "HTTP/1.1 host",
        "SIP/2.0/UDP host branch=x",
    ],
)
def test_malformed_vias_are_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_via(text)


def test_cseq() -> None:
    assert parse_cseq(" 0009   INVITE ") == CSeq(9, "INVITE")
    assert parse_cseq("1073741823 INVITE").number == 1_073_741_823
    for text in ("", "INVITE", "x INVITE", "-1 INVITE", "4294967296 INVITE", "36893488147419103232 X", "1"):
        with pytest.raises(ParseError):
            parse_cseq(text)


def test_integers_have_a_ceiling() -> None:
    assert parse_integer(" 70 ", "Max-Forwards", 255) == 70
    for text in ("256", "-1", "", "7 0", "٣", "9" * 5000):
        with pytest.raises(ParseError):
            parse_integer(text, "Max-Forwards", 255)


def test_media_types() -> None:
    assert parse_media_type("Multipart/Mixed;boundary=UniqueBroadWorksBoundary") == MediaType(
        "multipart/mixed", {"boundary": "UniqueBroadWorksBoundary"}
    )
    assert parse_media_type('multipart / mixed ; boundary = "a;b"').params == {"boundary": "a;b"}
    for text in ("", "multipart", "/", "a/b;;c"):
        with pytest.raises(ParseError):
            parse_media_type(text)


def test_params_keep_quoted_separators() -> None:
    assert parse_params(';a="x;y";b;C=2', "x") == {"a": '"x;y"', "b": None, "c": "2"}
