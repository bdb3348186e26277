"""Opt-outs are visible and administrable; reports block a sender here and nowhere else (B9)."""

from typing import Any

import pytest

from gateway.policy.optout import OptOut, OptOutList, OptOutScope
from gateway.policy.store import load_opt_outs

TN, HANDSET = "+12025550100", "+13105550120"


async def test_an_administrator_opts_a_recipient_out_and_in(hub: Any) -> None:
    added = await hub.post("/v1/optOuts", {"recipient": "(310) 555-0120", "number": TN})
    assert (added.status, added.json["recipient"], added.json["scopeKey"]) == (201, HANDSET, TN)
    assert added.json["origin"] == "administrator"
    assert hub.consent.opt_outs.contains(HANDSET, TN)
    again = await hub.post("/v1/optOuts", {"recipient": HANDSET, "number": TN})
    assert again.json == added.json
    path = f"/v1/optOuts/{added.json['id']}"
    assert (await hub.get(path)).json == added.json
    assert (await hub.delete(path)).status == 204
    assert not hub.consent.opt_outs.contains(HANDSET, TN)
    assert (await hub.get(path)).status == 404
    stored = OptOutList()
    await load_opt_outs(hub.database, stored)
    assert len(stored) == 0


async def test_the_scope_is_the_settings(open_hub: Any) -> None:
    hub = await open_hub(opt_out={"scope": "brand"})
    added = await hub.post("/v1/optOuts", {"recipient": HANDSET, "number": TN})
    assert (added.json["scope"], added.json["scopeKey"]) == ("brand", "acme-dental")


async def test_listing_is_the_callers_own(hub: Any) -> None:
    await hub.post("/v1/optOuts", {"recipient": HANDSET, "number": TN})
    hub.consent.opt_outs.add(OptOut(HANDSET, OptOutScope.BRAND, "guest", 0, "keyword"))
    assert len((await hub.get("/v1/optOuts")).items) == 1
    assert len((await hub.get("/v1/optOuts", token="demo-partner")).items) == 2
    assert (await hub.get("/v1/optOuts?recipient=%2B13105550199")).items == []
    assert (await hub.get("/v1/optOuts", token="other-admin")).items == []
    assert (await hub.get("/v1/optOuts", token="demo-alice")).status == 403
    refused = await hub.post("/v1/optOuts", {"recipient": HANDSET, "number": TN}, token="other-admin")
    assert refused.status == 404


@pytest.mark.parametrize("opt_out_id", ["x", "AAAA", "%00", "-_-", "KzE"])
async def test_strange_ids_are_not_found(hub: Any, opt_out_id: str) -> None:
    assert (await hub.get(f"/v1/optOuts/{opt_out_id}")).status == 404


async def test_malformed_numbers_are_refused(hub: Any) -> None:
    assert (await hub.post("/v1/optOuts", {"recipient": "x", "number": TN})).status == 400
    assert (await hub.post("/v1/spamReports", {"sender": "x"})).status == 400


async def test_reports_block_and_an_administrator_lifts(hub: Any) -> None:
    for reporter in ("a", "b"):
        taken = await hub.post("/v1/spamReports", {"sender": TN, "reporter": reporter}, token="demo-alice")
        assert (taken.status, taken.json["blocked"]) == (202, False)
    assert (await hub.post("/v1/spamReports", {"sender": TN})).json["blocked"] is True
    assert hub.consent.spam_block.is_blocked(TN)
    assert [item["sender"] for item in (await hub.get("/v1/spamReports")).items] == [TN]
    assert (await hub.get("/v1/spamReports", token="other-admin")).items == []
    assert (await hub.delete(f"/v1/spamReports/{TN}", token="other-admin")).status == 404
    assert (await hub.delete(f"/v1/spamReports/{TN}")).status == 204
    assert not hub.consent.spam_block.is_blocked(TN)
    assert (await hub.delete(f"/v1/spamReports/{TN}")).status == 404
