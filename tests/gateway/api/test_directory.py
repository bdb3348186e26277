"""Control Hub over HTTP: what administrators see and change, and who may not (webex.md A1–A12, B6, B7)."""

from typing import Any

import pytest


async def test_the_organisation(hub: Any) -> None:
    answer = await hub.get("/v1/organizations/acme-dental")
    assert answer.status == 200
    assert answer.json["name"] == "Acme Dental"
    assert answer.json["kind"] == "enterprise"
    assert answer.json["businessTextingTabVisible"] is True
    assert answer.json["textRetentionDays"] == 400
    assert answer.json["warnings"] == []
    listing = await hub.get("/v1/organizations")
    assert [item["id"] for item in listing.items] == ["acme-dental"]


async def test_the_org_wide_switch_and_the_override(hub: Any) -> None:
    off = await hub.patch("/v1/organizations/acme-dental", {"textingEnabled": False})
    assert off.json["textingEnabled"] is False
    alice = await hub.get("/v1/people/alice")
    assert (alice.json["textingEnabled"], alice.json["textingOverride"]) == (False, "organizationDefault")
    on = await hub.patch("/v1/people/alice", {"textingOverride": "on"})
    assert (on.json["textingEnabled"], on.json["textingOverrideOffered"]) == (True, True)
    assert hub.directory.directory.people["alice"].texting_override is True
    back = await hub.patch("/v1/people/alice", {"textingOverride": "organizationDefault"})
    assert back.json["textingEnabled"] is False


async def test_the_override_is_offered_only_where_texting_is_available(hub: Any) -> None:
    where = await hub.patch("/v1/locations/washington", {"ciscoPstn": False})
    assert where.json["businessTextingAvailable"] is False
    refused = await hub.patch("/v1/people/alice", {"textingOverride": "on"})
    assert (refused.status, refused.codes) == (409, ["override_not_offered"])
    assert (await hub.get("/v1/people/alice")).json["textingOverrideOffered"] is False
    assert (await hub.patch("/v1/people/alice", {"textingOverride": "organizationDefault"})).status == 200


async def test_the_add_on_is_bought_through_the_partner(hub: Any) -> None:
    change = {"textingAddon": False}
    refused = await hub.patch("/v1/organizations/acme-dental", change)
    assert refused.status == 403
    without = await hub.patch("/v1/organizations/acme-dental", change, token="demo-partner")
    assert (without.status, without.json["businessTextingTabVisible"]) == (200, False)


async def test_hipaa_warns(hub: Any) -> None:
    answer = await hub.patch("/v1/organizations/acme-dental", {"hipaa": True})
    assert [warning["code"] for warning in answer.json["warnings"]] == ["hipaa_not_supported"]


async def test_hipaa_refuses_by_setting(open_hub: Any) -> None:
    hub = await open_hub(refuse_hipaa=True)
    refused = await hub.patch("/v1/organizations/acme-dental", {"hipaa": True})
    assert (refused.status, refused.codes) == (409, ["hipaa_not_supported"])
    both = {"hipaa": True, "textingEnabled": False}
    assert (await hub.patch("/v1/organizations/acme-dental", both)).status == 200
    refused = await hub.patch("/v1/people/alice", {"textingOverride": "on"})
    assert (refused.status, refused.codes) == (409, ["hipaa_not_supported"])
    assert (await hub.get("/v1/people/alice")).json["textingEnabled"] is False
    assert (await hub.patch("/v1/people/alice", {"textingOverride": "off"})).status == 200


async def test_hipaa_refuses_while_somebody_has_switched_texting_on(open_hub: Any) -> None:
    hub = await open_hub(refuse_hipaa=True)
    assert (await hub.patch("/v1/people/alice", {"textingOverride": "on"})).status == 200
    both = {"hipaa": True, "textingEnabled": False}
    refused = await hub.patch("/v1/organizations/acme-dental", both)
    assert (refused.status, refused.codes) == (409, ["hipaa_not_supported"])
    assert (await hub.patch("/v1/people/alice", {"textingOverride": "organizationDefault"})).status == 200
    assert (await hub.patch("/v1/organizations/acme-dental", both)).status == 200


async def test_retention_is_fixed_unless_a_setting_frees_it(open_hub: Any) -> None:
    fixed = await open_hub()
    refused = await fixed.patch("/v1/organizations/acme-dental", {"textRetentionDays": 30})
    assert (refused.status, refused.codes) == (409, ["retention_fixed"])
    free = await open_hub(retention_customizable=True)
    changed = await free.patch("/v1/organizations/acme-dental", {"textRetentionDays": 30})
    assert changed.json["textRetentionDays"] == 30


async def test_authorising_numbers_gives_an_order_summary(hub: Any) -> None:
    offered = await hub.get("/v1/locations/washington/authorizableNumbers")
    assert [item["number"] for item in offered.items] == ["+12025550105"]
    order = {"locationId": "washington", "numbers": ["+12025550105", "+12025550105"]}
    summary = await hub.post("/v1/numberOrders", order)
    assert summary.status == 201
    assert summary.json["numbers"] == ["+12025550105"]
    assert summary.json["locationId"] == "washington"
    assert summary.json["created"].endswith("Z")
    assert (await hub.get("/v1/numbers/+12025550105")).json["authorized"] is True
    assert (await hub.get("/v1/locations/washington/authorizableNumbers")).items == []
    again = await hub.post("/v1/numberOrders", order)
    assert (again.status, again.codes) == (409, ["number_not_authorizable"])


@pytest.mark.parametrize("number", ["+14165550102", "+12025550199"])
async def test_only_numbers_of_the_location_are_ordered(hub: Any, number: str) -> None:
    order = {"locationId": "washington", "numbers": ["+12025550105", number]}
    assert (await hub.post("/v1/numberOrders", order)).status == 409
    assert hub.directory.directory.numbers["+12025550105"].authorized is False


async def test_a_ported_number_begins_unauthorised(hub: Any) -> None:
    ported = await hub.post("/v1/numbers", {"number": "+12025550107", "locationId": "washington"})
    assert (ported.status, ported.json["authorized"], ported.json["personId"]) == (201, False, None)
    again = await hub.post("/v1/numbers", {"number": "+12025550107", "locationId": "washington"})
    assert again.status == 409
    wrong = await hub.post("/v1/numbers", {"number": "+10005550107", "locationId": "washington"})
    assert (wrong.status, wrong.codes) == (400, ["malformed_request"])
    for foreign in ("+442071838750", "+18765550100", "+19005550100"):
        wrong = await hub.post("/v1/numbers", {"number": foreign, "locationId": "washington"})
        assert (wrong.status, wrong.codes) == (400, ["malformed_request"])
        assert "Calling Plan" in wrong.json["errors"][0]["description"]
    assert (await hub.patch("/v1/people/frank", {"number": "+12025550107"})).json["number"] == "+12025550107"


async def test_numbers_show_whose_they_are(hub: Any) -> None:
    number = (await hub.get("/v1/numbers/+12025550100")).json
    assert (number["personId"], number["campaignId"], number["authorized"]) == ("alice", "acme-office", True)
    spare = await hub.get("/v1/numbers?authorized=false&locationId=washington")
    assert [item["number"] for item in spare.items] == ["+12025550105"]


async def test_people_come_change_and_go(hub: Any) -> None:
    body = {"organizationId": "acme-dental", "locationId": "washington", "firstName": "Gina"}
    added = await hub.post("/v1/people", {**body, "id": "gina", "appVersion": "42.12"})
    assert (added.status, added.json["appVersion"], added.json["number"]) == (201, "42.12", None)
    assert (await hub.post("/v1/people", {**body, "id": "gina"})).status == 409
    changed = await hub.patch("/v1/people/gina", {"number": "+12025550105", "client": "mobile"})
    assert (changed.json["number"], changed.json["client"]) == ("+12025550105", "mobile")
    assert (await hub.patch("/v1/people/gina", {"number": None})).json["number"] is None
    assert (await hub.delete("/v1/people/gina")).status == 204
    assert (await hub.get("/v1/people/gina")).status == 404


async def test_people_and_locations_are_of_the_callers_organisation_unless_another_is_named(hub: Any) -> None:
    person = {"locationId": "washington", "firstName": "Gina"}
    added = await hub.post("/v1/people", person)
    assert (added.status, added.json["organizationId"]) == (201, "acme-dental")
    added = await hub.post("/v1/locations", {"name": "Boston"})
    assert (added.status, added.json["organizationId"]) == (201, "acme-dental")
    for path, body in (("/v1/people", person), ("/v1/locations", {"name": "Boston"})):
        nobodys = await hub.call("POST", path, json=body, token="demo-partner")
        assert (nobodys.status, nobodys.json["message"]) == (
            400,
            "$.organizationId: say for which organisation",
        )
        assert (await hub.post(path, {**body, "organizationId": "other"})).status == 404
        named = {**body, "organizationId": "acme-dental"}
        assert (await hub.call("POST", path, json=named, token="demo-partner")).status == 201


@pytest.mark.parametrize(
    ("path", "change", "status", "code"),
    [
        ("/v1/people/bob", {"number": "+12025550100"}, 409, "number_taken"),
        ("/v1/people/bob", {"number": "+12025550198"}, 400, "not_found"),
        ("/v1/people/bob", {"locationId": "mars"}, 400, "not_found"),
        ("/v1/people/bob", {"firstName": None}, 400, "malformed_request"),
        ("/v1/people/bob", {"colour": "red"}, 400, None),
        ("/v1/people/bob", {"appVersion": "new"}, 400, None),
        ("/v1/people/nobody", {"firstName": "X"}, 404, "not_found"),
        ("/v1/locations/mars", {"name": "X"}, 404, "not_found"),
        ("/v1/organizations/x", {"name": "X"}, 404, "not_found"),
        ("/v1/organizations/acme-dental", {"name": None}, 400, "malformed_request"),
        ("/v1/organizations/acme-dental", {"callingPlanCountry": "XX"}, 400, "malformed_request"),
        ("/v1/organizations/acme-dental", {"name": ""}, 400, "malformed_request"),
        ("/v1/people/alice", {"firstName": " "}, 400, "malformed_request"),
        ("/v1/locations/washington", {"country": "UK"}, 400, "malformed_request"),
        ("/v1/locations/washington", {"timeZone": "America/Washington"}, 400, "malformed_request"),
    ],
)
async def test_bad_changes(
    hub: Any, path: str, change: dict[str, Any], status: int, code: str | None
) -> None:
    answer = await hub.patch(path, change)
    assert answer.status == status
    assert code is None or answer.codes == [code]


async def test_locations(hub: Any) -> None:
    listing = await hub.get("/v1/locations")
    assert [item["id"] for item in listing.items] == ["anacostia", "georgetown", "toronto", "washington"]
    added = await hub.post(
        "/v1/locations", {"organizationId": "acme-dental", "name": "Ottawa", "country": "CA"}
    )
    assert (added.status, added.json["businessTextingAvailable"]) == (201, True)
    assert (await hub.get(f"/v1/locations/{added.json['id']}")).json["name"] == "Ottawa"


async def test_pages_follow_each_other(hub: Any) -> None:
    seen: list[str] = []
    path = "/v1/people?max=2"
    while path:
        answer = await hub.get(path)
        seen += [item["id"] for item in answer.items]
        link = answer.headers.get("Link", "")
        path = link[link.index("/v1/") : link.index(">")] if link else ""
    assert seen == ["alice", "bob", "carol", "dave", "erin", "frank"]


async def test_another_organisation_sees_nothing(hub: Any) -> None:
    for path in (
        "/v1/organizations/acme-dental",
        "/v1/people/alice",
        "/v1/locations/toronto",
        "/v1/numbers/+12025550100",
    ):
        assert (await hub.get(path, token="other-admin")).status == 404
    for path in ("/v1/organizations", "/v1/people", "/v1/locations", "/v1/numbers"):
        assert (await hub.get(path, token="other-admin")).items == []
    body = {"organizationId": "acme-dental", "locationId": "washington", "firstName": "X"}
    assert (await hub.post("/v1/people", body, token="other-admin")).status == 404


async def test_a_person_sees_themself_and_changes_nothing(hub: Any) -> None:
    assert [item["id"] for item in (await hub.get("/v1/people", token="demo-alice")).items] == ["alice"]
    numbers = await hub.get("/v1/numbers", token="demo-alice")
    assert [item["number"] for item in numbers.items] == ["+12025550100"]
    assert (await hub.get("/v1/people/bob", token="demo-alice")).status == 404
    assert (await hub.get("/v1/numbers/+12025550101", token="demo-alice")).status == 404
    refused = await hub.patch("/v1/people/alice", {"textingOverride": "on"}, token="demo-alice")
    assert refused.status == 403
    assert (await hub.post("/v1/numberOrders", {}, token="demo-alice")).status == 403


async def test_changes_survive_a_restart(open_hub: Any) -> None:
    first = await open_hub()
    await first.patch("/v1/organizations/acme-dental", {"textingEnabled": False})
    await first.post("/v1/numberOrders", {"locationId": "washington", "numbers": ["+12025550105"]})
    second = await open_hub()
    assert second.directory.directory.organizations["acme-dental"].texting_enabled is False
    assert second.directory.directory.numbers["+12025550105"].authorized is True


async def test_no_personal_number_is_ever_shown(hub: Any) -> None:
    for path in ("/v1/people", "/v1/people/alice"):
        assert "+12025550160" not in str((await hub.get(path)).json)
