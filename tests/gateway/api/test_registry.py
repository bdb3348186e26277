"""Registration over HTTP: the support case, four weeks, each carrier's decision (webex.md A7–A9, A13)."""

from typing import Any

import pytest

FORM = {
    "useCase": "UCAAS_LOW",
    "description": "Employees text patients about appointments.",
    "samples": ["Acme Dental: see you on Tuesday."],
}

BRAND = {"brandId": "acme-dental"}


async def open_case(hub: Any) -> str:
    case = await hub.post("/v1/supportCases", {})
    assert case.status == 201
    assert case.json["status"] == "formSent"
    assert "useCase" in case.json["form"]["campaign"]
    found: str = case.json["id"]
    return found


async def test_a_support_case_registers_bobs_number_in_about_four_weeks(hub: Any) -> None:
    case_id = await open_case(hub)
    form = {"brandId": "acme-dental", "campaign": FORM, "numbers": ["+12025550101"]}
    returned = await hub.post(f"/v1/supportCases/{case_id}/form", form)
    assert (returned.status, returned.json["status"], returned.json["form"]) == (200, "inReview", None)
    campaign_id = returned.json["campaignId"]
    assert (await hub.get("/v1/numbers/+12025550101")).json["campaignId"] == campaign_id
    campaign = (await hub.get(f"/v1/campaigns/{campaign_id}")).json
    assert campaign["status"] == "submitted"
    assert campaign["nextStep"] > campaign["changed"]
    hub.clock.advance(15 * 86_400)
    assert (await hub.get(f"/v1/supportCases/{case_id}")).json["status"] in ("inReview", "refused")
    hub.clock.advance(14 * 86_400)
    done = (await hub.get(f"/v1/campaigns/{campaign_id}")).json
    assert (await hub.get(f"/v1/supportCases/{case_id}")).json["status"] in ("completed", "refused")
    assert done["nextStep"] is None
    assert done["status"] in ("confirmed", "prevet_failed")
    if done["status"] == "confirmed":
        assert done["carriers"]["tmobile"]["approval"] in ("approved", "refused")


async def test_four_weeks_approve_nearly_all_and_refuse_some(hub: Any) -> None:
    await hub.patch("/v1/brands/acme-dental", {"vettingScore": 80})
    for index in range(60):
        body = {"id": f"c{index}", "brandId": "acme-dental", **FORM}
        assert (await hub.post("/v1/campaigns", body)).status == 201
    hub.clock.advance(30 * 86_400)
    found = (await hub.get("/v1/campaigns?brandId=acme-dental&max=100")).items
    found = [item for item in found if item["id"].startswith("c")]
    states = [item["status"] for item in found]
    assert states.count("confirmed") >= 50
    assert states.count("prevet_failed") >= 1
    assert all(item["reason"] for item in found if item["status"] == "prevet_failed")
    decisions = [view for item in found for view in item["carriers"].values() if view["approval"]]
    refused = [view for view in decisions if view["approval"] == "refused"]
    assert refused
    assert all(view["reason"] for view in refused)
    assert len(refused) < len(decisions) / 10


async def test_unauthorised_numbers_cannot_be_registered(hub: Any) -> None:
    case_id = await open_case(hub)
    form = {"campaignId": "acme-office", "numbers": ["+12025550105"]}
    refused = await hub.post(f"/v1/supportCases/{case_id}/form", form)
    assert (refused.status, refused.codes) == (409, ["number_not_authorized"])
    await hub.post("/v1/numberOrders", {"locationId": "washington", "numbers": ["+12025550105"]})
    added = await hub.post(f"/v1/supportCases/{case_id}/form", form)
    assert (added.status, added.json["status"], added.json["campaignId"]) == (200, "completed", "acme-office")
    assert "+12025550105" in (await hub.get("/v1/campaigns/acme-office")).json["numbers"]
    again = await hub.post(f"/v1/supportCases/{case_id}/form", form)
    assert again.status == 409


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({}, 422, "registration_form_incomplete"),
        ({"campaign": FORM}, 422, "registration_form_incomplete"),
        (
            {"campaign": {**FORM, "samples": []}, "brandId": "acme-dental"},
            422,
            "registration_form_incomplete",
        ),
        (
            {"campaign": {**FORM, "useCase": "FUN"}, "brandId": "acme-dental"},
            422,
            "registration_form_incomplete",
        ),
        ({"campaign": FORM, "brand": {"name": "X"}}, 422, "registration_form_incomplete"),
        ({"campaign": FORM, "brandId": "guest"}, 404, "not_found"),
        ({"campaignId": "guest"}, 404, "not_found"),
        (
            {"campaign": FORM, "brandId": "acme-dental", "numbers": ["+12025550100"]},
            409,
            "number_in_other_campaign",
        ),
    ],
)
async def test_incomplete_forms(hub: Any, form: dict[str, Any], status: int, code: str) -> None:
    case_id = await open_case(hub)
    before = set(hub.registry.registry.campaigns)
    answer = await hub.post(f"/v1/supportCases/{case_id}/form", form)
    assert (answer.status, answer.codes[0]) == (status, code)
    assert set(hub.registry.registry.campaigns) == before
    assert (await hub.get(f"/v1/supportCases/{case_id}")).json["status"] == "formSent"


async def test_a_case_may_bring_a_new_brand(hub: Any) -> None:
    case_id = await open_case(hub)
    form = {"brand": {"name": "Acme Smiles Inc", "taxId": "99-1"}, "campaign": FORM}
    returned = await hub.post(f"/v1/supportCases/{case_id}/form", form)
    assert returned.status == 200
    campaign = (await hub.get(f"/v1/campaigns/{returned.json['campaignId']}")).json
    brand = (await hub.get(f"/v1/brands/{campaign['brandId']}")).json
    assert (brand["name"], brand["organizationId"], brand["identity"]) == (
        "Acme Smiles Inc",
        "acme-dental",
        "VERIFIED",
    )
    assert [item["id"] for item in (await hub.get("/v1/supportCases")).items] == [case_id]


async def test_classes_and_caps_follow_the_score(hub: Any) -> None:
    first = (await hub.get("/v1/campaigns/acme-office")).json["carriers"]
    assert (first["att"]["campaignClass"], first["att"]["segmentsPerMinute"]) == ("T", 75)
    assert first["tmobile"]["brandSegmentsPerDay"] == 40_000
    assert first["bell"]["approval"] is None
    await hub.patch("/v1/brands/acme-dental", {"vettingScore": None})
    second = (await hub.get("/v1/campaigns/acme-office")).json["carriers"]
    assert second["tmobile"]["brandSegmentsPerDay"] == 2_000


async def test_suspension_and_expiry(hub: Any) -> None:
    path = "/v1/campaigns/acme-office"
    stopped = await hub.post(f"{path}/suspend", {"reason": "complaints"})
    assert (stopped.json["status"], stopped.json["reason"]) == ("suspended", "complaints")
    again = await hub.post(f"{path}/suspend", {"reason": "x"})
    assert (again.status, again.codes) == (409, ["campaign_status_invalid"])
    assert (await hub.post(f"{path}/resume")).json["status"] == "confirmed"
    assert (await hub.post(f"{path}/expire")).json["status"] == "expired"
    assert (await hub.post(f"{path}/resume")).status == 409


async def test_drafts_are_corrected_and_handed_in(hub: Any) -> None:
    body = {"id": "d", "brandId": "acme-dental", "draft": True, "useCase": "UCAAS_LOW"}
    assert (await hub.post("/v1/campaigns", body)).json["status"] == "draft"
    refused = await hub.post("/v1/campaigns/d/submit")
    assert (refused.status, refused.codes) == (422, ["registration_form_incomplete"])
    assert (await hub.patch("/v1/campaigns/d", {"samples": FORM["samples"]})).status == 200
    assert (await hub.post("/v1/campaigns/d/submit")).json["status"] == "submitted"
    assert (await hub.patch("/v1/campaigns/d", {"samples": []})).status == 409


async def test_numbers_are_assigned_and_released(hub: Any) -> None:
    path = "/v1/campaigns/acme-office/numbers"
    assert (await hub.post(path, {"numbers": ["+12025550105"]})).codes == ["number_not_authorized"]
    assert (await hub.post(path, {"numbers": ["+12025550103"]})).codes == ["number_in_other_campaign"]
    assert "+12025550101" in (await hub.post(path, {"numbers": ["+12025550101"]})).json["numbers"]
    assert (await hub.delete(f"{path}/+12025550101")).status == 204
    assert (await hub.delete(f"{path}/+12025550101")).status == 404


async def test_roles_and_reach(hub: Any) -> None:
    for path in ("/v1/brands", "/v1/campaigns", "/v1/supportCases"):
        assert (await hub.get(path, token="demo-alice")).status == 403
        assert (await hub.get(path, token="other-admin")).items == []
    assert (await hub.get("/v1/brands/acme-dental", token="other-admin")).status == 404
    assert (await hub.get("/v1/campaigns/guest")).status == 404
    assert (await hub.get("/v1/campaigns/guest", token="demo-partner")).status == 200
    assert (await hub.post("/v1/supportCases", {}, token="demo-partner")).status == 400
    body = {"organizationId": "acme-dental"}
    assert (await hub.post("/v1/supportCases", body, token="demo-partner")).status == 201


async def test_brands_are_registered(hub: Any) -> None:
    added = await hub.post("/v1/brands", {"id": "second", "name": "Second LLC", "taxId": "1"})
    assert (added.status, added.json["organizationId"]) == (201, "acme-dental")
    assert (await hub.post("/v1/brands", {"id": "second", "name": "S", "taxId": "1"})).status == 409
    refused = await hub.post("/v1/brands", {"name": "", "country": "MX"})
    assert refused.status == 422
    assert len(refused.codes) == 3
    assert {item["id"] for item in (await hub.get("/v1/brands")).items} == {"acme-dental", "second"}


async def test_registrations_survive_a_restart(open_hub: Any) -> None:
    first = await open_hub()
    await first.post("/v1/campaigns/acme-office/suspend", {"reason": "x"})
    await first.post("/v1/campaigns", {"id": "new", "brandId": "acme-dental", **FORM})
    second = await open_hub()
    assert (await second.get("/v1/campaigns/acme-office")).json["status"] == "suspended"
    assert (await second.get("/v1/campaigns/new")).json["status"] == "submitted"
