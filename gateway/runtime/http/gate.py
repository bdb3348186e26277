"""The gate every request passes.

The Host it names, the token it carries, the role it needs, the page it came from.
"""

import time
from collections.abc import Callable
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from gateway.runtime.http.auth import ANONYMOUS, FailureThrottle, Principal, Tickets, Tokens, bearer_token
from gateway.runtime.http.errors import ApiError
from gateway.runtime.http.routes import Route
from gateway.runtime.http.settings import HttpSettings, is_loopback

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_MAX_KNOWN_HOSTS = 256
TICKET = "ticket"


def host_name(header: str) -> str:
    """The name in a ``Host`` header, lower case, without port and brackets (RFC 9110 §7.2)."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()


class Gate:
    """Decides who gets in. ``monotonic`` gives wire time in seconds.

    On a loopback address only loopback names are accepted in ``Host``: a web page that points its own name at
    127.0.0.1 (DNS rebinding) is refused. Addresses that guess tokens are slowed; a correct token from a
    loopback address is never refused for the guesses of others on the same machine.
    """

    def __init__(
        self, tokens: Tokens, settings: HttpSettings, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._find = tokens.find
        self._settings = settings
        self._monotonic = monotonic
        self._pages_open = settings.pages_open
        self._throttle = FailureThrottle(settings.auth_failures_per_minute)
        self.tickets = Tickets(settings.ticket_lifetime_s)
        self._hosts = {name.lower() for name in settings.allowed_hosts}
        if settings.is_loopback:
            self._hosts |= _LOOPBACK_NAMES | {settings.host.lower()}
        self._any_host = "*" in self._hosts or not self._hosts
        self._origins = {origin.lower().rstrip("/") for origin in settings.allowed_origins}
        self._known_hosts: set[str] = set()

    def admit(self, raw: web.Request, route: Route) -> Principal:
        """Who calls ``route``; raises ``ApiError`` 401, 403, 421 or 429."""
        if route.probe:
            return ANONYMOUS
        headers = raw.headers
        host = headers.get(hdrs.HOST)
        if host is not None and host not in self._known_hosts and not self._any_host:
            self._check_host(host)
        if route.public and self._pages_open:
            return ANONYMOUS
        if route.ticket:
            self.check_origin(headers.get(hdrs.ORIGIN), host)
        principal = self._authenticate(raw, route)
        if route.roles is not None and principal.role not in route.roles:
            needed = ", ".join(sorted(route.roles))
            raise ApiError(
                403, "role_not_allowed", f"this needs role {needed}; the token has {principal.role}"
            )
        return principal

    def _check_host(self, host: str) -> None:
        if host_name(host) not in self._hosts:
            raise ApiError(
                421, "host_not_served", "this Host is not served here; see setting http.allowed_hosts"
            )
        if len(self._known_hosts) < _MAX_KNOWN_HOSTS:
            self._known_hosts.add(host)

    def check_origin(self, origin: str | None, host: str | None) -> None:
        """Refuse a web page of another origin; programs send no Origin and pass. Raises ``ApiError`` 403."""
        if origin is None:
            return
        lowered = origin.lower()
        if lowered in self._origins or (host is not None and urlsplit(lowered).netloc == host.lower()):
            return
        raise ApiError(
            403, "origin_not_allowed", "pages of this origin may not connect; see http.allowed_origins"
        )

    def _authenticate(self, raw: web.Request, route: Route) -> Principal:
        token = bearer_token(raw.headers.get(hdrs.AUTHORIZATION))
        peer = raw.remote or ""
        if self._throttle and not is_loopback(peer):
            self._check_throttle(peer)
        principal: Principal | None = None
        if token is not None:
            principal = self._find(token)
        elif route.ticket and TICKET in raw.rel_url.query:
            principal = self.tickets.redeem(raw.rel_url.query[TICKET], self._monotonic())
        else:
            raise _unauthenticated("give a token: header `Authorization: Bearer …`", "")
        if principal is None:
            self._check_throttle(peer)
            self._throttle.record(peer, self._monotonic())
            raise _unauthenticated(
                "this token or ticket is not known, used or expired", ' error="invalid_token"'
            )
        return principal

    def _check_throttle(self, peer: str) -> None:
        wait_s = self._throttle.wait_s(peer, self._monotonic())
        if wait_s > 0:
            raise ApiError(
                429, "too_many_failures", "too many wrong tokens from this address", retry_after_s=wait_s
            )


def _unauthenticated(description: str, hint: str) -> ApiError:
    challenge = f'Bearer realm="gateway"{"," if hint else ""}{hint}'
    return ApiError(401, "not_authenticated", description, headers={"WWW-Authenticate": challenge})
