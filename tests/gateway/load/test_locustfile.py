"""The Locust file without Locust: it says what it sends, and takes a refusal for what it is."""

import importlib
import sys
import types

import pytest

MODULE = "gateway.load.locustfile"


class Response:
    def __init__(self, status: int) -> None:
        self.status_code, self.text, self.verdict = status, "why", None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def success(self):
        self.verdict = "success"

    def failure(self, told):
        self.verdict = told


class Client:
    def __init__(self, status: int) -> None:
        self.headers: dict[str, str] = {}
        self.sent: list[tuple[str, dict]] = []
        self.response = Response(status)

    def post(self, path, json, name, catch_response):
        self.sent.append((path, json))
        return self.response


class HttpUser:
    client: Client


@pytest.fixture
def locustfile(monkeypatch):
    fake = types.ModuleType("locust")
    fake.HttpUser, fake.between, fake.task = (
        HttpUser,
        lambda low, high: (low, high),
        lambda function: function,
    )
    monkeypatch.setitem(sys.modules, "locust", fake)
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    yield importlib.import_module(MODULE)
    sys.modules.pop(MODULE)


@pytest.mark.parametrize(("status", "fine"), [(202, True), (429, True), (500, False), (403, False)])
def test_being_throttled_is_an_answer(locustfile, status, fine):
    person = locustfile.Person()
    person.client = Client(status)
    person.on_start()
    person.send()
    path, body = person.client.sent[0]
    assert (path, body["from"]) == ("/v1/messages", "+12025550100")
    assert (person.client.response.verdict == "success") is fine
    assert person.client.headers["Authorization"] == "Bearer demo-admin"


@pytest.mark.parametrize(("status", "fine"), [(422, True), (400, True), (202, False)])
def test_the_hostile_fail_when_they_are_served(locustfile, status, fine):
    mallory = locustfile.Mallory()
    mallory.client = Client(status)
    mallory.on_start()
    for _ in range(20):
        mallory.send()
    assert (mallory.client.response.verdict == "success") is fine
    assert len({str(body.get("text")) for _, body in mallory.client.sent}) >= 2
