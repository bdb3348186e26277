"""Who gets in: tokens, roles, tickets, hosts and origins, over a real socket."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.runtime.http import ApiError, ApiRequest, HttpSettings, Routes, Tokens
from gateway.runtime.http.gate import Gate, host_name


def whoami() -> Routes:
    routes = Routes("Me")

    @routes.get("/v1/me")
    async def me(request: ApiRequest) -> dict[str, Any]:
        return request.principal._asdict()

    @routes.get("/v1/admin", roles=("admin", "partner"))
    async def admin(_request: ApiRequest) -> dict[str, Any]:
        return {}

    @routes.get("/v1/app", ticket=True)
    async def app(request: ApiRequest) -> dict[str, Any]:
        return {"name": request.principal.token_name}

    return routes


async def test_a_token_says_who_calls(serve: Any) -> None:
    api = await serve([whoami()])
    answer = await api.call("GET", "/v1/me", token="demo-alice")
    assert answer.json == {
        "token_name": "person",
        "role": "person",
        "organization_id": "acme",
        "person_id": "alice",
    }


async def test_without_a_token_nobody_gets_in(serve: Any) -> None:
    api = await serve([whoami()])
    answer = await api.call("GET", "/v1/me", token=None)
    assert (answer.status, answer.codes) == (401, ["not_authenticated"])
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="gateway"'
    wrong = await api.call("GET", "/v1/me", token="guess")
    assert wrong.status == 401
    assert 'error="invalid_token"' in wrong.headers["WWW-Authenticate"]


async def test_a_role_that_may_not_is_refused(serve: Any) -> None:
    api = await serve([whoami()])
    assert (await api.call("GET", "/v1/admin")).status == 200
    answer = await api.call("GET", "/v1/admin", token="demo-alice")
    assert (answer.status, answer.codes) == (403, ["role_not_allowed"])
    assert "admin, partner" in answer.json["message"]


async def test_a_ticket_opens_once_and_only_where_allowed(serve: Any) -> None:
    api = await serve([whoami()])
    issued = await api.call("POST", "/v1/tickets", token="demo-alice")
    assert issued.status == 201
    assert issued.json["expiresIn"] == 30
    ticket = issued.json["ticket"]
    assert (await api.call("GET", f"/v1/me?ticket={ticket}", token=None)).status == 401
    first = await api.call("GET", f"/v1/app?ticket={ticket}", token=None)
    assert (first.status, first.json) == (200, {"name": "person"})
    assert (await api.call("GET", f"/v1/app?ticket={ticket}", token=None)).status == 401


async def test_a_ticket_cannot_be_had_with_a_ticket(serve: Any) -> None:
    api = await serve([])
    ticket = (await api.call("POST", "/v1/tickets")).json["ticket"]
    assert (await api.call("POST", f"/v1/tickets?ticket={ticket}", token=None)).status == 401


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8080", "LOCALHOST", "[::1]:9"])
async def test_loopback_names_are_served(serve: Any, host: str) -> None:
    api = await serve([])
    assert (await api.call("GET", "/metrics", headers={"Host": host})).status == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", ""])
async def test_rebound_names_are_not(serve: Any, host: str) -> None:
    api = await serve([whoami()])
    for path in ("/metrics", "/v1/me", "/nothing"):
        answer = await api.call("GET", path, headers={"Host": host})
        assert (answer.status, answer.codes) == (421, ["host_not_served"])


async def test_more_hosts_can_be_allowed(serve: Any) -> None:
    api = await serve([], HttpSettings(port=0, allowed_hosts=("Gateway.Example",)))
    assert (await api.call("GET", "/metrics", headers={"Host": "gateway.example:443"})).status == 200
    assert (await api.call("GET", "/metrics", headers={"Host": "other.example"})).status == 421


async def test_an_open_address_serves_any_host_unless_told(serve: Any) -> None:
    gate = Gate(Tokens(), HttpSettings(host="0.0.0.0"))
    assert gate._any_host
    assert not Gate(Tokens(), HttpSettings(host="0.0.0.0", allowed_hosts=("a.example",)))._any_host


async def test_pages_of_other_origins_may_not_connect(serve: Any) -> None:
    api = await serve([whoami()], HttpSettings(port=0, allowed_origins=("https://qa.example/",)))
    for origin, status in (
        (api.server.url, 200),
        ("https://qa.example", 200),
        ("http://evil.example", 403),
        ("null", 403),
    ):
        answer = await api.call("GET", "/v1/app", headers={"Origin": origin})
        assert answer.status == status, origin


async def test_closed_pages_need_a_token(serve: Any) -> None:
    api = await serve([], HttpSettings(port=0, open_pages="never"))
    for path in ("/metrics", "/docs", "/openapi.json"):
        assert (await api.call("GET", path, token=None)).status == 401, path
        assert (await api.call("GET", path)).status == 200, path


async def test_health_checks_know_neither_token_nor_name(serve: Any) -> None:
    api = await serve([], HttpSettings(port=0, open_pages="never", allowed_hosts=("gateway.example",)))
    for path in ("/healthz", "/readyz"):
        answer = await api.call("GET", path, token=None, headers={"Host": "10.1.2.3:8080"})
        assert answer.status == 200, path


async def test_guessing_is_slowed_but_never_locks_out_the_honest_on_loopback(serve: Any) -> None:
    api = await serve([whoami()], HttpSettings(port=0, auth_failures_per_minute=3))
    statuses = [(await api.call("GET", "/v1/me", token=f"guess{n}")).status for n in range(6)]
    assert statuses[:3] == [401, 401, 401]
    assert statuses[-1] == 429
    refused = await api.call("GET", "/v1/me", token="guess")
    assert refused.codes == ["too_many_failures"]
    assert int(refused.headers["Retry-After"]) >= 1
    assert (await api.call("GET", "/v1/me")).status == 200


class _Raw:
    """As much of an aiohttp request as the gate looks at."""

    def __init__(self, token: str, remote: str) -> None:
        self.headers = {"Authorization": f"Bearer {token}"}
        self.remote = remote


def test_a_remote_guesser_is_locked_out_even_with_the_right_token_until_time_passes() -> None:
    now = [0.0]
    settings = HttpSettings(
        host="0.0.0.0", auth_failures_per_minute=3, tokens=({"token": "right", "role": "admin"},)
    )
    gate = Gate(Tokens(settings.tokens), settings, lambda: now[0])
    (route,) = [route for route in whoami() if route.path == "/v1/me"]

    def status(token: str, remote: str = "192.0.2.1") -> int:
        try:
            gate.admit(_Raw(token, remote), route)  # type: ignore[arg-type]
        except ApiError as refusal:
            return refusal.status
        return 200

    assert status("right") == 200
    assert [status("wrong") for _ in range(4)] == [401] * 4
    assert status("right") == 429
    assert status("right", "192.0.2.2") == 200
    now[0] = 30.0
    assert status("right") == 200


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("a.example", "a.example"),
        ("A.Example:80", "a.example"),
        ("[::1]:80", "::1"),
        ("[::1]", "::1"),
        ("", ""),
    ],
)
def test_host_name(header: str, name: str) -> None:
    assert host_name(header) == name


@given(st.text(max_size=60))
def test_any_host_header_has_a_name_without_port(header: str) -> None:
    name = host_name(header)
    assert header.startswith("[") or ":" not in name
    assert name == name.lower()
