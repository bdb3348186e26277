"""The published table, with the mode in force."""

from typing import Any

from gateway.policy import RULES


async def test_every_rule_is_listed_once(hub: Any) -> None:
    rows = (await hub.get("/v1/rules", token="demo-alice")).items
    assert [(row["code"], row["direction"]) for row in rows] == [
        (rule.code, rule.direction.value) for rule in RULES
    ]
    emoji = next(row for row in rows if row["code"] == "emoji_not_supported")
    assert emoji == {
        "code": "emoji_not_supported",
        "direction": "outbound",
        "facts": ["B3"],
        "description": "Emoji are not supported.",
        "httpStatus": 422,
        "blockedBy": "gateway",
        "switchable": True,
        "mode": "enforce",
    }


async def test_modes_and_revisions_show(open_hub: Any) -> None:
    hub = await open_hub(revision="T1", rules={"emoji_not_supported": "shadow"})
    modes = {
        row["code"]: row["mode"]
        for row in (await hub.get("/v1/rules")).items
        if row["direction"] == "outbound"
    }
    assert modes["emoji_not_supported"] == "shadow"
    assert modes["desktop_only"] == "enforce"
    assert modes["addon_missing"] == "off"
    assert modes["throttled_person"] == "off"
