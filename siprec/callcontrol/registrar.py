"""Where phones are: REGISTER with digest authentication, and who lives at which address (RFC 3261 §10).

    answer = registrar.register(request, now)          # status and headers, for `Endpoint.respond`
    registrar.bindings("alice", now)                   # contacts to ring, newest last

An address of record is the user part of its URI: a person's id or telephone number. Pure: `now` is an
argument; numbers that expired are gone at the next question.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from siprec.sip import DigestAuthority, Request
from siprec.sip.auth import Verdict
from siprec.sip.errors import ParseError
from siprec.sip.headers import parse_integer, parse_name_addr, sip_uri
from siprec.sip.uri import SipUri

DEFAULT_EXPIRES_S = 3_600
LEAST_EXPIRES_S = 30
MOST_EXPIRES_S = 7_200
MOST_BINDINGS = 8
"""Phones at one address."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One phone of an address. contact: the URI to call. expires_at: wire time."""

    contact: str
    expires_at: float
    call_id: str
    cseq: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What REGISTER is answered."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()


class Registrar:
    """Bindings of every address. aliases: other names of an address (a number for a person).

    Both are asked at each request, so that people may come and go.
    """

    def __init__(
        self,
        addresses: Collection[str],
        authority: DigestAuthority | None = None,
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        self._addresses = addresses
        self._bindings: dict[str, dict[str, Binding]] = {}
        self._authority = authority
        self._aliases = aliases or {}

    def address(self, user: str | None) -> str | None:
        """The address a user part means, None for one nobody has."""
        name = self._aliases.get(user or "", user or "")
        return name if name in self._addresses else None

    def bindings(self, address: str, now: float) -> tuple[Binding, ...]:
        """The phones that can be rung."""
        known = self._bindings.get(address, {})
        for contact in [c for c, binding in known.items() if binding.expires_at <= now]:
            del known[contact]
        return tuple(known.values())

    def authenticate(self, request: Request, now: float) -> tuple[str | None, Answer | None]:
        """Who sends a request, or the challenge to answer it with."""
        claimed = self.address(_user_of(request))
        if self._authority is None:
            return claimed, None
        verdict, username = self._authority.check(request, now)
        if verdict is Verdict.ACCEPTED and username is not None and self.address(username) == claimed:
            return claimed, None
        if verdict is Verdict.ACCEPTED:
            return None, Answer(403)
        challenge = self._authority.challenge(now, stale=verdict is Verdict.STALE)
        return None, Answer(401, tuple(challenge))

    def register(self, request: Request, now: float) -> Answer:
        """Take one REGISTER (§10.3)."""
        try:
            return self._register(request, now)
        except ParseError:
            return Answer(400)

    def _register(self, request: Request, now: float) -> Answer:
        address = self.address(_user_of(request))
        if address is None:
            return Answer(404)
        sender, refused = self.authenticate(request, now)
        if refused is not None:
            return refused
        if sender != address:
            return Answer(403)
        return self._bind(address, request, now)

    def _bind(self, address: str, request: Request, now: float) -> Answer:
        contacts = request.headers.values("contact")
        default_s = _seconds(request.headers.get("expires"), DEFAULT_EXPIRES_S)
        self.bindings(address, now)
        known = dict(self._bindings.get(address, {}))
        if contacts == ["*"]:
            if default_s:
                return Answer(400)
            known.clear()
        else:
            for value in contacts:
                contact = parse_name_addr(value, "Contact")
                expires_s = _seconds(contact.params.get("expires"), default_s)
                uri = sip_uri(contact)
                if uri is None:
                    return Answer(400)
                if 0 < expires_s < LEAST_EXPIRES_S:
                    return Answer(423, (("min-expires", str(LEAST_EXPIRES_S)),))
                if not self._set(known, str(uri), request, now, min(expires_s, MOST_EXPIRES_S)):
                    return Answer(500)
        if len(known) > MOST_BINDINGS:
            return Answer(403)
        self._bindings[address] = known
        return Answer(200, _contacts(known.values(), now))

    def _set(
        self, known: dict[str, Binding], contact: str, request: Request, now: float, expires_s: int
    ) -> bool:
        """Enter, renew or remove a contact; False for a request older than the binding (§10.3, step 7)."""
        old, number = known.get(contact), request.cseq.number
        if old is not None and old.call_id == request.call_id and old.cseq >= number:
            return False
        known.pop(contact, None)
        if expires_s:
            known[contact] = Binding(contact, now + expires_s, request.call_id, number)
        return True


def _contacts(bindings: Iterable[Binding], now: float) -> tuple[tuple[str, str], ...]:
    return tuple(
        ("contact", f"<{binding.contact}>;expires={max(round(binding.expires_at - now), 0)}")
        for binding in bindings
    )


def _user_of(request: Request) -> str | None:
    """Whom a request is about: REGISTER's To, else the From."""
    value = request.to if request.method == "REGISTER" else request.from_
    return value.uri.user if isinstance(value.uri, SipUri) else None


def _seconds(text: str | None, default: int) -> int:
    return default if text is None else parse_integer(text, "Expires", 2**32 - 1)
