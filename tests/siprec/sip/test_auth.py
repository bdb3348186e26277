"""RFC 7616, RFC 8760, RFC 3261 §22: digests computed, challenges made, checked, aged and forged."""

from typing import Any

import pytest

from siprec.sip.auth import (
    Credentials,
    DigestAuthority,
    Verdict,
    answer_challenge,
    digest_response,
    is_stale,
    parse_digest,
)
from siprec.sip.errors import ParseError
from siprec.sip.headers import Headers
from siprec.sip.message import Request, Response

URI = "sip:srs@example.com"


def request(*authorization: str, uri: str = URI, method: str = "REGISTER") -> Request:
    return Request(Headers([("authorization", value) for value in authorization]), method=method, uri=uri)


def challenged(
    authority: DigestAuthority, now: float, *, pick: int | None = None, status: int = 401
) -> Response:
    fields = authority.challenge(now)
    return Response(Headers(fields if pick is None else [fields[pick]]), status=status)


@pytest.fixture
def authority() -> DigestAuthority:
    return DigestAuthority("example.com", {"alice": "wonder:land", "bob": 'q"u\\o'}, b"k" * 32, lifetime_s=60)


def reply(authority: DigestAuthority, credentials: Credentials, now: float = 5.0, **kwargs: Any) -> str:
    answer = answer_challenge(challenged(authority, now, **kwargs), credentials, "REGISTER", URI, "cn")
    assert answer is not None
    return answer[1]


def test_the_example_of_rfc_7616() -> None:
    """§3.9.1: the same request under both algorithms."""
    parts = {
        "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "nc": "00000001",
        "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        "qop": "auth",
    }
    who = Credentials("Mufasa", "Circle of Life")
    realm = "http-auth@example.org"
    md5 = digest_response(who, {**parts, "algorithm": "MD5"}, "GET", "/dir/index.html", realm)
    sha = digest_response(who, {**parts, "algorithm": "SHA-256"}, "GET", "/dir/index.html", realm)
    assert md5 == "8ca523f5e9506fed4657c9700eebdbec"
    assert sha == "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"


def test_the_example_of_rfc_2069_without_qop() -> None:
    value = digest_response(
        Credentials("Mufasa", "CircleOfLife"),
        {"nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093"},
        "GET",
        "/dir/index.html",
        "testrealm@host.com",
    )
    assert value == "1949323746fe6a43ef61f9606e7febea"


@pytest.mark.parametrize("pick", [0, 1])
@pytest.mark.parametrize(("user", "password"), [("alice", "wonder:land"), ("bob", 'q"u\\o')])
def test_right_credentials_are_accepted(
    authority: DigestAuthority, pick: int, user: str, password: str
) -> None:
    value = reply(authority, Credentials(user, password), pick=pick)
    assert authority.check(request(value), 6.0) == (Verdict.ACCEPTED, user)
    assert parse_digest(value)["algorithm"] == ("SHA-256", "MD5")[pick]


def test_the_stronger_algorithm_is_offered_and_taken_first(authority: DigestAuthority) -> None:
    assert parse_digest(reply(authority, Credentials("alice", "x")))["algorithm"] == "SHA-256"


@pytest.mark.parametrize(("user", "password"), [("alice", "wrong"), ("nobody", ""), ("", "")])
def test_wrong_credentials_are_refused(authority: DigestAuthority, user: str, password: str) -> None:
    value = reply(authority, Credentials(user, password))
    assert authority.check(request(value), 6.0) == (Verdict.REFUSED, None)


def test_an_old_nonce_is_stale_and_one_from_the_future_too(authority: DigestAuthority) -> None:
    value = reply(authority, Credentials("alice", "wonder:land"), now=5.0)
    assert authority.check(request(value), 65.0)[0] is Verdict.ACCEPTED
    assert authority.check(request(value), 66.0)[0] is Verdict.STALE
    assert authority.check(request(value), 1.0)[0] is Verdict.STALE


def test_a_nonce_of_another_key_is_refused(authority: DigestAuthority) -> None:
    other = DigestAuthority("example.com", {"alice": "wonder:land"}, b"other")
    value = reply(other, Credentials("alice", "wonder:land"))
    assert authority.check(request(value), 6.0)[0] is Verdict.REFUSED


def test_a_nonce_cannot_be_aged_by_its_owner(authority: DigestAuthority) -> None:
    response = challenged(authority, 5.0)
    forged = [(key, value.replace('nonce="1388.', 'nonce="ffff.')) for key, value in response.headers]
    assert forged != list(response.headers)
    answer = answer_challenge(
        Response(Headers(forged), status=401), Credentials("alice", "wonder:land"), "REGISTER", URI, "cn"
    )
    assert answer is not None
    assert authority.check(request(answer[1]), 60.0)[0] is Verdict.REFUSED


def test_credentials_are_bound_to_method_and_target(authority: DigestAuthority) -> None:
    value = reply(authority, Credentials("alice", "wonder:land"))
    assert authority.check(request(value, method="INVITE"), 6.0)[0] is Verdict.REFUSED
    assert authority.check(request(value, uri="sip:other@example.com"), 6.0)[0] is Verdict.REFUSED
    assert authority.check(request(value, uri=URI + ";transport=tcp"), 6.0)[0] is Verdict.ACCEPTED


def test_missing_and_foreign_credentials(authority: DigestAuthority) -> None:
    value = reply(authority, Credentials("alice", "wonder:land"))
    assert authority.check(request(), 6.0)[0] is Verdict.MISSING
    assert authority.check(request("Basic YWxpY2U6eA=="), 6.0)[0] is Verdict.MISSING
    assert authority.check(request('Digest realm="elsewhere", nonce="x"'), 6.0)[0] is Verdict.MISSING
    assert authority.check(request("Digest broken", value), 6.0)[0] is Verdict.ACCEPTED


@pytest.mark.parametrize(
    "change",
    [
        ("qop=auth", "qop=auth-int"),
        ("algorithm=SHA-256", "algorithm=SHA-512"),
        (f'uri="{URI}", ', ""),
        ('nonce="', 'nonce="é'),
    ],
)
def test_bent_credentials_are_refused(authority: DigestAuthority, change: tuple[str, str]) -> None:
    value = reply(authority, Credentials("alice", "wonder:land"))
    assert change[0] in value
    assert authority.check(request(value.replace(*change)), 6.0)[0] is Verdict.REFUSED


def test_challenges_we_cannot_or_may_not_answer(authority: DigestAuthority) -> None:
    def answer(value: str, realm: str | None = None) -> object:
        response = Response(Headers([("www-authenticate", value)]), status=401)
        return answer_challenge(response, Credentials("a", "b", realm), "REGISTER", URI, "cn")

    assert answer('Digest realm="r", nonce="n", algorithm=SHA-512-256') is None
    assert answer('Digest nonce="n"') is None
    assert answer('Negotiate x="y"') is None
    assert answer('Digest realm="r", nonce="n"', realm="other") is None
    assert answer('Digest realm="r", nonce="n"', realm="r") is not None


def test_opaque_and_several_qops_are_handled() -> None:
    response = Response(
        Headers([("proxy-authenticate", 'Digest realm="r",nonce="n",opaque="o,p",qop="auth-int, auth"')]),
        status=407,
    )
    answer = answer_challenge(response, Credentials("a", "b"), "INVITE", URI, "cn")
    assert answer is not None
    assert answer[0] == "proxy-authorization"
    parts = parse_digest(answer[1])
    assert (parts["opaque"], parts["qop"], parts["nc"], parts["cnonce"]) == ("o,p", "auth", "00000001", "cn")


def test_stale_is_seen(authority: DigestAuthority) -> None:
    assert is_stale(Response(Headers(authority.challenge(0.0, stale=True)), status=401))
    assert not is_stale(Response(Headers(authority.challenge(0.0)), status=401))


@pytest.mark.parametrize("text", ["Digest x", 'Digest a="b', "Digest =", 'Digest a="b" c="d"', ""])
def test_malformed_lists_are_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_digest(text)


def test_passwords_are_not_shown() -> None:
    assert "secret" not in repr(Credentials("alice", "secret"))
