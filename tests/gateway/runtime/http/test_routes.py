import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.runtime.http import ApiRequest, Routes
from gateway.runtime.http.routes import operation_id


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/v1/messages", "getMessages"),
        ("GET", "/v1/messages/{id}", "getMessagesById"),
        ("POST", "/v1/carriers/{name}/inbound", "postCarriersByNameInbound"),
        ("GET", "/openapi.json", "getOpenapiJson"),
        ("GET", "/", "get"),
        ("GET", "/assets/{path:.*}", "getAssetsByPath"),
        ("PATCH", "/v1/supportCases/{caseId}", "patchSupportCasesByCaseId"),
    ],
)
def test_operation_ids_read_well(method: str, path: str, name: str) -> None:
    assert operation_id(method, path) == name


@given(st.lists(st.text("abcXYZ{}:.*-_", max_size=8), max_size=5))
def test_operation_ids_are_identifiers(parts: list[str]) -> None:
    assert operation_id("GET", "/" + "/".join(parts)).isidentifier()


def test_a_route_takes_its_words_from_the_handler() -> None:
    routes = Routes("Messages", "Texts.")

    @routes.get("/v1/messages", roles=("admin",), errors=(404,))
    async def listing(_request: ApiRequest) -> None:
        """List texts.

        Newest first.
        """

    (route,) = routes
    assert (route.method, route.path, route.tag) == ("GET", "/v1/messages", "Messages")
    assert route.summary == "List texts"
    assert "Newest first." in route.description
    assert route.roles == {"admin"}
    assert route.errors == (404,)
    assert route.handler is listing
    assert len(routes) == 1


def test_each_verb_declares_its_method() -> None:
    routes = Routes("Any")

    async def nothing(_request: ApiRequest) -> None:
        """Nothing."""

    for declare in (routes.get, routes.post, routes.put, routes.patch, routes.delete):
        declare("/x", summary="given")(nothing)
    assert [route.method for route in routes] == ["GET", "POST", "PUT", "PATCH", "DELETE"]
    assert {route.summary for route in routes} == {"given"}
    assert len({route.operation_id for route in routes}) == 5
