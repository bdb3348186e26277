"""The document: every route in it, every reference resolves, and the older reading of it is honest."""

import json
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from gateway.runtime.http import ApiModel, ApiRequest, Paged, Routes
from gateway.runtime.http.openapi import as_openapi_30, build_document, references

ERRORS_OF_ALL = {"500"}


class Address(ApiModel):
    street: str | None = None
    country: Literal["US", "CA"] = "US"


class PersonIn(ApiModel):
    first_name: str = Field(examples=["Alice"])
    age: int = Field(gt=0, lt=200)
    home: Address | None = None
    kind: Literal["person"] = "person"


class PersonOut(PersonIn):
    id: str


class PeopleQuery(ApiModel):
    location_id: str = Field(description="Only people of this location.")
    active: bool | None = None


def people() -> Routes:
    routes = Routes("People", "Who texts.")

    @routes.get("/v1/people", query=PeopleQuery, returns=PersonOut, paged=True)
    async def listing(_request: ApiRequest) -> Paged:
        """List people."""
        return Paged([])

    @routes.post(
        "/v1/people",
        body=PersonIn,
        returns=PersonOut,
        status=201,
        roles=("admin",),
        errors=(409,),
        idempotent=True,
        examples={"alice": {"firstName": "Alice", "age": 40}},
    )
    async def create(_request: ApiRequest) -> None:
        """Add a person.

        The person has no number yet.
        """

    @routes.delete("/v1/people/{personId}")
    async def remove(_request: ApiRequest) -> None:
        """Remove a person."""

    @routes.put("/v1/people/{personId}/photo", body=bytes, consumes="image/png")
    async def photo(_request: ApiRequest) -> None:
        """Replace the photo."""

    @routes.get("/v1/people/{personId}/photo", returns=bytes, produces="image/png")
    async def get_photo(_request: ApiRequest) -> None:
        """Get the photo."""

    @routes.get("/secret", hidden=True)
    async def secret(_request: ApiRequest) -> None:
        """Not shown."""

    return routes


@pytest.fixture
def document() -> dict[str, Any]:
    return build_document([people()], "Test", "1.2.3", "About.")


def resolve(document: dict[str, Any], reference: str) -> Any:
    node: Any = document
    for step in reference.removeprefix("#/").split("/"):
        node = node[step]
    return node


def check_structure(document: dict[str, Any]) -> None:
    """What every OpenAPI 3.x document owes its reader."""
    assert json.loads(json.dumps(document)) == document
    for reference in references(document):
        assert resolve(document, reference) is not None
    seen: set[str] = set()
    for path, item in document["paths"].items():
        assert path.startswith("/")
        named = {part[1:-1] for part in path.split("/") if part.startswith("{")}
        for method, operation in item.items():
            assert method in {"get", "put", "post", "delete", "patch"}
            assert operation["operationId"] not in seen
            seen.add(operation["operationId"])
            assert operation["summary"]
            assert operation["security"]
            in_path = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert in_path == named
            names = [(p["name"], p["in"]) for p in operation["parameters"]]
            assert len(names) == len(set(names))
            statuses = operation["responses"]
            assert any(status.startswith("2") for status in statuses), (method, path)
            assert set(statuses) >= ERRORS_OF_ALL
            assert all(response["description"] for response in statuses.values())
            for requirement in operation["security"]:
                assert set(requirement) <= set(document["components"]["securitySchemes"])


def test_structure(document: dict[str, Any]) -> None:
    check_structure(document)
    assert document["openapi"] == "3.1.0"
    assert document["info"]["version"] == "1.2.3"


def test_the_older_reading_has_the_same_structure(document: dict[str, Any]) -> None:
    older = as_openapi_30(document)
    check_structure(older)
    assert older["openapi"] == "3.0.3"
    assert set(older["paths"]) == set(document["paths"])
    text = json.dumps(older)
    assert '"const"' not in text
    assert '{"type": "null"}' not in text
    person = older["components"]["schemas"]["PersonIn"]["properties"]
    assert person["age"]["minimum"] == 0
    assert person["age"]["exclusiveMinimum"] is True
    assert person["home"]["nullable"] is True
    assert person["home"]["allOf"] == [{"$ref": "#/components/schemas/Address"}]
    assert person["kind"]["enum"] == ["person"]
    assert older["components"]["schemas"]["Address"]["properties"]["street"]["nullable"] is True


def test_the_older_reading_leaves_the_document_alone(document: dict[str, Any]) -> None:
    before = json.dumps(document)
    as_openapi_30(document)
    assert json.dumps(document) == before


def test_hidden_routes_stay_hidden(document: dict[str, Any]) -> None:
    assert "/secret" not in document["paths"]


def test_what_a_route_says_is_in_the_document(document: dict[str, Any]) -> None:
    create = document["paths"]["/v1/people"]["post"]
    assert create["x-roles"] == ["admin"]
    assert create["summary"] == "Add a person"
    assert "no number yet" in create["description"]
    assert set(create["responses"]) == {"201", "400", "401", "403", "409", "413", "415", "429", "500", "503"}
    content = create["requestBody"]["content"]["application/json"]
    assert content["schema"] == {"$ref": "#/components/schemas/PersonIn"}
    assert content["examples"]["alice"]["value"]["age"] == 40
    assert {p["name"] for p in create["parameters"]} == {"Idempotency-Key"}


def test_a_paged_route_documents_paging(document: dict[str, Any]) -> None:
    listing = document["paths"]["/v1/people"]["get"]
    parameters = {p["name"]: p for p in listing["parameters"]}
    assert set(parameters) == {"locationId", "active", "max", "cursor"}
    assert parameters["locationId"]["required"]
    assert parameters["locationId"]["description"] == "Only people of this location."
    assert not parameters["active"]["required"]
    success = listing["responses"]["200"]
    assert "Link" in success["headers"]
    assert success["content"]["application/json"]["schema"]["required"] == ["items"]


def test_binary_bodies_and_answers(document: dict[str, Any]) -> None:
    photo = document["paths"]["/v1/people/{personId}/photo"]
    assert list(photo["put"]["requestBody"]["content"]) == ["image/png"]
    assert list(photo["get"]["responses"]["200"]["content"]) == ["image/png"]
    assert "404" in photo["get"]["responses"]
    assert "204" in document["paths"]["/v1/people/{personId}"]["delete"]["responses"]


def test_models_use_the_names_of_the_wire(document: dict[str, Any]) -> None:
    assert set(document["components"]["schemas"]["PersonIn"]["properties"]) == {
        "firstName",
        "age",
        "home",
        "kind",
    }


def test_throttling_says_when_to_come_back(document: dict[str, Any]) -> None:
    throttled = document["paths"]["/v1/people"]["get"]["responses"]["429"]
    assert throttled["headers"]["Retry-After"] == {"$ref": "#/components/headers/RetryAfter"}


async def test_every_route_of_a_running_app_is_in_its_document(serve: Any) -> None:
    api = await serve([people()])
    document = (await api.call("GET", "/openapi.json")).json
    check_structure(document)
    hidden = {"/docs", "/docs/{name}", "/secret", "/{path}"}
    for resource in api.app.router.resources():
        if resource.canonical in hidden:
            continue
        methods = {route.method.lower() for route in resource} - {"head"}
        assert methods == set(document["paths"][resource.canonical]), resource.canonical
    assert set(document["paths"]) == {resource.canonical for resource in api.app.router.resources()} - hidden


async def test_the_older_reading_is_served_on_request(serve: Any) -> None:
    api = await serve([people()])
    older = await api.call("GET", "/openapi.json?version=3.0")
    assert older.json["openapi"] == "3.0.3"
    check_structure(older.json)
    assert (await api.call("GET", "/openapi.json?version=2.0")).status == 400


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["anyOf", "const", "examples", "prefixItems", "exclusiveMinimum", "type", "x"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@given(json_values)
def test_the_older_reading_takes_any_json(value: Any) -> None:
    as_openapi_30({"info": {"license": {}}, "x": value})
