"""REGISTER as RFC 3261 §10.3 has it, with digest."""

import pytest

from siprec.callcontrol.registrar import LEAST_EXPIRES_S, MOST_BINDINGS, Registrar
from siprec.sip import Credentials, DigestAuthority, Request
from siprec.sip.auth import answer_challenge
from siprec.sip.build import build_response
from siprec.sip.flow import Flow, Transport
from siprec.sip.parse import parse_datagram

PHONE, SOFT = "sip:alice@192.0.2.9:5060", "sip:alice@192.0.2.10:5060"
FLOW = Flow(Transport.UDP, "192.0.2.9", 5060)


def register(
    *contacts: str,
    user: str = "alice",
    expires: str | None = None,
    cseq: int = 1,
    call_id: str = "c1",
    authorization: str | None = None,
) -> Request:
    lines = [
        "REGISTER sip:callcontrol.example SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKa",
        "Max-Forwards: 70",
        f"From: <sip:{user}@callcontrol.example>;tag=1",
        f"To: <sip:{user}@callcontrol.example>",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} REGISTER",
        *(f"Contact: {contact}" for contact in contacts),
    ]
    if expires is not None:
        lines.append(f"Expires: {expires}")
    if authorization is not None:
        lines.append(f"Authorization: {authorization}")
    message = parse_datagram(("\r\n".join(lines) + "\r\nContent-Length: 0\r\n\r\n").encode())
    assert isinstance(message, Request)
    return message


@pytest.fixture
def registrar() -> Registrar:
    return Registrar(("alice", "bob"), aliases={"+12025550100": "alice"})


def contacts(registrar: Registrar, now: float = 0.0, user: str = "alice") -> list[str]:
    return [binding.contact for binding in registrar.bindings(user, now)]


def test_a_phone_is_found_until_its_registration_expires(registrar: Registrar) -> None:
    answer = registrar.register(register(f"<{PHONE}>", expires="60"), 0.0)
    assert (answer.status, answer.headers) == (200, (("contact", f"<{PHONE}>;expires=60"),))
    assert contacts(registrar, 59.9) == [PHONE]
    assert contacts(registrar, 60.0) == []


def test_desk_phone_and_app_are_both_rung(registrar: Registrar) -> None:
    registrar.register(register(f"<{PHONE}>"), 0.0)
    registrar.register(register(f"<{SOFT}>", call_id="c2"), 1.0)
    assert contacts(registrar, 2.0) == [PHONE, SOFT]


def test_the_contacts_own_expiry_wins_and_zero_removes(registrar: Registrar) -> None:
    registrar.register(register(f"<{PHONE}>;expires=40", expires="600"), 0.0)
    assert contacts(registrar, 41.0) == []
    registrar.register(register(f"<{PHONE}>", cseq=2), 50.0)
    assert registrar.register(register(f"<{PHONE}>;expires=0", cseq=3), 51.0).headers == ()
    assert contacts(registrar, 51.0) == []


def test_a_star_removes_all_and_needs_expires_zero(registrar: Registrar) -> None:
    registrar.register(register(f"<{PHONE}>"), 0.0)
    assert registrar.register(register("*", cseq=2, expires="10"), 1.0).status == 400
    assert registrar.register(register("*", cseq=3, expires="0"), 1.0).status == 200
    assert contacts(registrar) == []


def test_no_contact_only_asks(registrar: Registrar) -> None:
    registrar.register(register(f"<{PHONE}>", expires="100"), 0.0)
    answer = registrar.register(register(cseq=2), 40.0)
    assert answer.headers == (("contact", f"<{PHONE}>;expires=60"),)


def test_too_brief_is_refused_with_the_least(registrar: Registrar) -> None:
    answer = registrar.register(register(f"<{PHONE}>", expires="5"), 0.0)
    assert (answer.status, answer.headers) == (423, (("min-expires", str(LEAST_EXPIRES_S)),))


def test_an_old_request_changes_nothing(registrar: Registrar) -> None:
    registrar.register(register(f"<{PHONE}>", cseq=5), 0.0)
    assert registrar.register(register(f"<{PHONE}>;expires=0", cseq=4), 1.0).status == 500
    assert contacts(registrar) == [PHONE]


def test_nobody_registers_for_an_unknown_address(registrar: Registrar) -> None:
    assert registrar.register(register(f"<{PHONE}>", user="mallory"), 0.0).status == 404


def test_a_number_means_the_person_who_has_it(registrar: Registrar) -> None:
    assert registrar.address("+12025550100") == "alice"
    assert registrar.address("+19995550100") is None
    assert registrar.address(None) is None
    registrar.register(register(f"<{PHONE}>", user="+12025550100"), 0.0)
    assert contacts(registrar) == [PHONE]


def test_an_address_has_a_limited_number_of_phones(registrar: Registrar) -> None:
    for number in range(MOST_BINDINGS):
        assert (
            registrar.register(register(f"<sip:a@192.0.2.{number}>", call_id=str(number)), 0.0).status == 200
        )
    assert registrar.register(register("<sip:a@192.0.2.99>", call_id="more"), 0.0).status == 403
    assert len(contacts(registrar)) == MOST_BINDINGS


@pytest.mark.parametrize("contact", ["<tel:+12025550100>", "<mailto:a@b.example>"])
def test_a_contact_that_cannot_be_called_is_refused(registrar: Registrar, contact: str) -> None:
    assert registrar.register(register(contact), 0.0).status == 400


def test_digest_is_asked_for_and_checked() -> None:
    authority = DigestAuthority("callcontrol", {"alice": "secret", "bob": "other"}, bytes(32))
    registrar = Registrar(("alice", "bob"), authority)
    request = register(f"<{PHONE}>")
    challenge = registrar.register(request, 0.0)
    assert challenge.status == 401
    response = parse_datagram(build_response(request.headers, 401, to_tag="t", fields=challenge.headers))

    def attempt(name: str, password: str, user: str = "alice") -> int:
        found = answer_challenge(response, Credentials(name, password), "REGISTER", request.uri, "cn")  # type: ignore[arg-type]
        assert found is not None
        return registrar.register(
            register(f"<{PHONE}>", user=user, cseq=2, authorization=found[1]), 1.0
        ).status

    assert attempt("alice", "wrong") == 401
    assert attempt("bob", "other") == 403
    assert contacts(registrar) == []
    assert attempt("alice", "secret") == 200
    assert contacts(registrar) == [PHONE]
