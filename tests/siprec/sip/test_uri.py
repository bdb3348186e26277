"""RFC 3261 §19.1: URIs parsed, printed and compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprec.sip.errors import UriError
from siprec.sip.uri import OpaqueUri, SipUri, parse_host_port, parse_uri


@pytest.mark.parametrize(
    "text",
    [
        "sip:alice@atlanta.example.com",
        "sip:alice:secretword@atlanta.example.com;transport=tcp",
        "sips:alice@atlanta.example.com?subject=project%20x&priority=urgent",
        "sip:+1-212-555-1212:1234@gateway.example.com;user=phone",
        "sips:1212@gateway.example.com",
        "sip:alice@192.0.2.4",
        "sip:atlanta.example.com;method=REGISTER?to=alice%40atlanta.example.com",
        "sip:alice;day=tuesday@atlanta.example.com",
        "sip:[2001:db8::10]:5070;lr",
        "sip:srs@[2001:db8::10]",
        "sip:*67#55@pbx.example.com",
        "tel:+12025550100",
        "urn:service:sos",
    ],
)
def test_uris_print_as_they_were_written(text: str) -> None:
    assert str(parse_uri(text)) == text


def test_parts_of_a_sip_uri() -> None:
    uri = parse_uri("SIPS:bob;x=1:pw@[2001:DB8::1]:5061;Transport=TLS;lr?a=b")
    assert uri == SipUri(
        host="2001:DB8::1",
        user="bob;x=1",
        password="pw",
        port=5061,
        params={"transport": "TLS", "lr": None},
        headers="a=b",
        scheme="sips",
    )
    assert isinstance(uri, SipUri)
    assert uri.secure
    assert uri.loose


def test_other_schemes_are_opaque() -> None:
    assert parse_uri("tel:+12025550100;phone-context=x") == OpaqueUri("tel", "+12025550100;phone-context=x")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice",
        ":x",
        "1sip:alice@example.com",
        "sip:",
        "sip:@example.com",
        "sip:alice@",
        "sip:alice@exam ple.com",
        "sip:alice@example.com:",
        "sip:alice@example.com:0",
        "sip:alice@example.com:65536",
        "sip:alice@example.com:70000",
        "sip:alice@example.com:99999999999",
        "sip:alice@example.com;;lr",
        "sip:alice@example.com;=x",
        "sip:al%2@example.com",
        "sip:a@b@example.com",
        "sip:alice@[::1",
        "sip:<alice@example.com>",
        'sip:"alice"@example.com',
        "sip:alice@exa\x00mple.com",
    ],
)
def test_malformed_uris_are_refused(text: str) -> None:
    with pytest.raises(UriError):
        parse_uri(text)


SAME = [
    ("sip:%61lice@atlanta.example.com;transport=TCP", "sip:alice@AtLanTa.example.com;Transport=tcp"),
    ("sip:carol@chicago.example.com", "sip:carol@chicago.example.com;newparam=5"),
    ("sip:carol@chicago.example.com;newparam=5", "sip:carol@chicago.example.com;security=on"),
    (
        "sip:alice@atlanta.example.com?subject=project%20x&priority=urgent",
        "sip:alice@atlanta.example.com?priority=urgent&subject=project%20x",
    ),
]
DIFFERENT = [
    ("SIP:ALICE@AtLanTa.example.com;Transport=udp", "sip:alice@AtLanTa.example.com;Transport=UDP"),
    ("sip:bob@biloxi.example.com", "sip:bob@biloxi.example.com:5060"),
    ("sip:bob@biloxi.example.com", "sip:bob@biloxi.example.com;transport=udp"),
    ("sip:bob@biloxi.example.com", "sip:bob@biloxi.example.com:6000;transport=tcp"),
    ("sip:carol@chicago.example.com", "sip:carol@chicago.example.com?Subject=next%20meeting"),
    ("sip:carol@chicago.example.com;security=on", "sip:carol@chicago.example.com;security=off"),
    ("sip:a@example.com", "sips:a@example.com"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_equal_by_19_1_4(one: str, other: str) -> None:
    a, b = parse_uri(one), parse_uri(other)
    assert isinstance(a, SipUri)
    assert isinstance(b, SipUri)
    assert a.same_as(b)
    assert b.same_as(a)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_by_19_1_4(one: str, other: str) -> None:
    a, b = parse_uri(one), parse_uri(other)
    assert isinstance(a, SipUri)
    assert isinstance(b, SipUri)
    assert not a.same_as(b)
    assert not b.same_as(a)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("example.com", ("example.com", None)), ("[::1]:5060", ("::1", 5060)), ("10.0.0.1:1", ("10.0.0.1", 1))],
)
def test_host_and_port(text: str, expected: tuple[str, int | None]) -> None:
    assert parse_host_port(text) == expected


HOSTS = st.sampled_from(["example.com", "a-b.example", "192.0.2.1", "2001:db8::1", "x"])
USERS = st.one_of(st.none(), st.text("abcXYZ019-_.!~*'()&=+$,;?/", min_size=1, max_size=12))
PARAMS = st.dictionaries(
    st.text("abcxyz-.09", min_size=1, max_size=8), st.one_of(st.none(), st.text("abc019", max_size=5))
)


@given(
    host=HOSTS,
    user=USERS,
    port=st.one_of(st.none(), st.integers(1, 65535)),
    params=PARAMS,
    scheme=st.sampled_from(["sip", "sips"]),
)
def test_what_is_printed_is_parsed_again(
    host: str, user: str | None, port: int | None, params: dict[str, str | None], scheme: str
) -> None:
    uri = SipUri(host=host, user=user, port=port, params=params, scheme=scheme)
    assert parse_uri(str(uri)) == uri
