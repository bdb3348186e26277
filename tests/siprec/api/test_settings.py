"""Recording settings over the API: each rule of webex.md C and D shown, and its opposite."""

from pathlib import Path
from typing import Any

import pytest

ORG, BOLT = "/v1/organizations/acme-dental/recording", "/v1/organizations/bolt/recording"
ALICE, BOB, BEA = (f"/v1/people/{name}/recording" for name in ("alice", "bob", "bea"))


async def test_the_demo_world_as_administrators_see_it(world: Any) -> None:
    organization = (await world.get(ORG)).json
    assert organization == {
        "organizationId": "acme-dental",
        "enabled": True,
        "provider": "dubber",
        "termsAccepted": ["callcabinet", "dubber", "imagicle"],
        "serviceProvider": "acme-sp",
        "externalGroup": "acme-dental",
    }
    alice = (await world.get(ALICE)).json
    assert (alice["mode"], alice["provider"], alice["product"]) == (
        "always_with_pause",
        "dubber",
        "dubber_go",
    )
    assert alice["platformInformation"] == {
        "product": "Dubber Go",
        "externalType": "BroadWorks",
        "serviceProvider": "acme-sp",
        "externalGroup": "acme-dental",
        "externalIdentifier": "alice@acme-dental.example",
    }
    bob = (await world.get(BOB)).json
    assert (bob["mode"], bob["platformInformation"]) == ("never", None)


async def test_providers_and_rules_are_listed_c3(world: Any) -> None:
    listed = {each["name"]: each for each in (await world.get("/v1/providers")).items}
    assert set(listed) == {"dubber", "imagicle", "callcabinet"}
    assert listed["imagicle"]["regions"] == ["US", "EU", "EUN"]
    assert listed["dubber"]["defaultProduct"] == "dubber_go"
    assert (await world.get("/v1/providers/imagicle")).json == listed["imagicle"]
    assert (await world.get("/v1/providers/tapes")).code == "provider_unknown"
    rules = (await world.get("/v1/recordingRules")).items
    assert {"recording_private", "terms_not_accepted"} <= {rule["code"] for rule in rules}
    assert all(rule["facts"] for rule in rules)


async def test_only_a_partner_switches_the_service_c1(world: Any) -> None:
    refused = await world.patch(ORG, {"enabled": False})
    assert (refused.status, refused.code) == (403, "partner_required")
    assert (await world.patch(ORG, {"enabled": False}, "demo-partner")).json["enabled"] is False
    assert (await world.patch(BOB, {"mode": "always"})).code == "recording_not_enabled"
    await world.patch(ORG, {"enabled": True}, "demo-partner")
    assert (await world.patch(BOB, {"mode": "always"})).status == 200


async def test_recording_needs_a_licence_c2(world: Any) -> None:
    nora = "/v1/people/nora/recording"
    assert (await world.patch(nora, {"mode": "always"}, "bolt-admin")).code == "licence_missing"
    assert (await world.patch(BEA, {"mode": "always"}, "bolt-admin")).status == 200


async def test_the_first_enabled_user_opens_dubbers_account_and_joins_it_c8_c14(world: Any) -> None:
    assert (await world.get(f"{BOLT}/accounts", "bolt-admin")).items == []
    bea = (await world.patch(BEA, {"mode": "on_demand"}, "bolt-admin")).json
    assert (bea["product"], bea["provisioned"]) == ("dubber_go", True)
    assert bea["platformInformation"]["externalIdentifier"] == "bea@bolt.example"
    (account,) = (await world.get(f"{BOLT}/accounts", "bolt-admin")).items
    assert (account["provider"], account["openedBy"]) == ("dubber", "first_enable")
    assert account["administrators"] == ["bolt-admin"]
    added = await world.patch(
        f"{BOLT}/accounts/dubber", {"administrators": ["bolt-admin", "colleague"]}, "bolt-admin"
    )
    assert added.json["administrators"] == ["bolt-admin", "colleague"]
    stranger = await world.patch(f"{ORG}/accounts/dubber", {"administrators": ["demo-admin"]})
    assert stranger.code == "not_account_administrator"


async def test_a_partner_is_in_one_customers_account_c14(world: Any) -> None:
    assert (await world.patch(BOB, {"mode": "always"}, "demo-partner")).status == 200
    refused = await world.patch(BEA, {"mode": "always"}, "demo-partner")
    assert (refused.status, refused.code) == (409, "partner_in_another_account")
    assert (await world.patch(BEA, {"mode": "always"}, "bolt-admin")).status == 200


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        ("imagicle", "terms_not_accepted"),
        ("callcabinet", "terms_not_accepted"),
        ("tapes", "provider_unknown"),
    ],
)
async def test_a_provider_is_chosen_after_its_terms_c3_c10(world: Any, provider: str, expected: str) -> None:
    assert (await world.patch(BOLT, {"provider": provider}, "bolt-admin")).code == expected


async def test_terms_are_accepted_once_open_the_account_and_say_what_is_shared_c8_c10(world: Any) -> None:
    refused = await world.post(f"{BOLT}/terms", {"provider": "imagicle", "region": "AP"}, "bolt-admin")
    assert (refused.status, refused.code) == (422, "region_not_offered")
    accepted = await world.post(
        f"{BOLT}/terms", {"provider": "imagicle", "region": "EUN", "trial": True}, "bolt-admin"
    )
    assert accepted.status == 201
    account = accepted.json["account"]
    assert (account["region"], account["kind"], account["openedBy"]) == ("EUN", "trial", "terms")
    assert accepted.json["shared"]["customerName"] == "Bolt"
    assert {user["firstName"] for user in accepted.json["shared"]["users"]} == {"Bea", "Ben", "Nora"}
    assert set(accepted.json["shared"]["users"][0]) == {"firstName", "lastName", "email", "timeZone"}
    again = await world.post(f"{BOLT}/terms", {"provider": "imagicle"}, "bolt-admin")
    assert again.code == "terms_already_accepted"
    assert (await world.patch(BOLT, {"provider": "imagicle"}, "bolt-admin")).json["provider"] == "imagicle"
    trial = await world.post(f"{BOLT}/terms", {"provider": "dubber", "trial": True}, "bolt-admin")
    assert trial.code == "trial_not_offered"


async def test_callcabinets_account_is_opened_by_its_support_c7_c8(world: Any) -> None:
    annex = "/v1/locations/annex/recording"
    assert (await world.post(f"{BOLT}/terms", {"provider": "callcabinet"}, "bolt-admin")).json[
        "account"
    ] is None
    assert (await world.patch(annex, {"provider": "callcabinet"}, "bolt-admin")).status == 200
    await world.patch(BOLT, {"provider": "callcabinet"}, "bolt-admin")
    assert (await world.patch(BEA, {"mode": "always"}, "bolt-admin")).code == "account_missing"
    wish = {"provider": "callcabinet"}
    assert (await world.post(f"{BOLT}/accounts", wish, "bolt-admin")).status == 403
    assert (await world.post(f"{BOLT}/accounts", wish, "demo-imagicle")).status == 404
    opened = await world.post(f"{BOLT}/accounts", wish, "demo-callcabinet")
    assert (opened.status, opened.json["region"], opened.json["contract"]) == (201, "US", True)
    assert (await world.post(f"{BOLT}/accounts", wish, "demo-callcabinet")).code == "account_exists"
    by_imagicle = await world.post(f"{BOLT}/accounts", {"provider": "imagicle"}, "demo-imagicle")
    assert by_imagicle.code == "account_not_by_support"
    bea = (await world.patch(BEA, {"mode": "always"}, "bolt-admin")).json
    assert (bea["provider"], bea["provisioned"]) == ("callcabinet", False)


async def test_users_are_made_by_hand_or_sync_but_dubbers_by_itself_c8(world: Any) -> None:
    subscription = "/v1/people/bea/recording/subscription"
    await world.post(f"{BOLT}/terms", {"provider": "imagicle"}, "bolt-admin")
    await world.patch(BOLT, {"provider": "imagicle"}, "bolt-admin")
    assert (await world.put(subscription, {"product": "imagicle"}, "bolt-admin")).code == "contract_missing"
    contract = await world.patch(f"{BOLT}/accounts/imagicle", {"contract": True}, "bolt-admin")
    assert contract.code == "not_account_administrator"
    await world.patch(f"{BOLT}/accounts/imagicle", {"contract": True}, "demo-imagicle")
    by_hand = await world.put(subscription, {"product": "imagicle"}, "bolt-admin")
    assert (by_hand.status, by_hand.json["how"]) == (200, "manual")
    ben = "/v1/people/ben/recording/subscription"
    assert (await world.put(ben, {"product": "imagicle"}, "demo-imagicle")).json["how"] == "sync"
    await world.patch(BOLT, {"provider": "dubber"}, "bolt-admin")
    missing = await world.put(ben, {"product": "dubber_go"}, "bolt-admin")
    assert missing.code == "account_missing"


async def test_a_trial_becomes_production_by_the_provider_c8(world: Any) -> None:
    await world.post(f"{BOLT}/terms", {"provider": "imagicle", "trial": True}, "bolt-admin")
    path = f"{BOLT}/accounts/imagicle"
    assert (await world.patch(path, {"kind": "production"}, "bolt-admin")).code == "not_account_administrator"
    changed = await world.patch(path, {"kind": "production", "contract": True}, "demo-imagicle")
    assert (changed.json["kind"], changed.json["contract"]) == ("production", True)
    assert (await world.patch(path, {"kind": "trial"}, "demo-callcabinet")).status == 404


async def test_upgrade_and_downgrade_are_the_partners_or_an_account_administrators_c9(world: Any) -> None:
    path = f"{ALICE}/subscription"
    refused = await world.put(path, {"product": "dubber_standard"})
    assert (refused.status, refused.code) == (403, "not_account_administrator")
    assert (await world.put(path, {"product": "dubber_mega"}, "demo-partner")).code == "product_not_offered"
    upgraded = await world.put(path, {"product": "dubber_standard"}, "demo-dubber-admin")
    assert (upgraded.status, upgraded.json["product"]) == (200, "dubber_standard")
    assert (await world.put(path, {"product": "dubber_go"}, "demo-partner")).json["product"] == "dubber_go"
    assert (await world.put(path, {"product": "dubber_ai"}, "demo-alice")).status == 403
    assert (await world.patch(BEA, {"mode": "always"}, "bolt-admin")).status == 200
    unpaid = await world.put("/v1/people/bea/recording/subscription", {"product": "dubber_ai"}, "bolt-admin")
    assert unpaid.code == "contract_missing"


async def test_an_upgrade_stops_deletion_and_a_downgrade_starts_it_c9(world: Any) -> None:
    recording_id = await world.record()
    path, subscription = f"/v1/recordings/{recording_id}", f"{ALICE}/subscription"
    assert (await world.get(path)).json["expiresAt"] == "2026-01-31T00:00:00.000Z"
    await world.put(subscription, {"product": "dubber_ai"}, "demo-partner")
    shown = (await world.get(path)).json
    assert (shown["product"], shown["expiresAt"]) == ("dubber_ai", None)
    assert (await world.get(f"{path}/audio")).status == 200
    world.clock.advance(90 * 86_400)
    assert (await world.get(path)).status == 200
    await world.put(subscription, {"product": "dubber_go"}, "demo-partner")
    assert (await world.get(path)).json["expiresAt"] == "2026-05-01T00:00:00.000Z"
    assert (await world.get(f"{path}/audio")).code == "recording_private"


async def test_none_is_confirmed_and_removes_recording_for_everyone_c11(world: Any) -> None:
    recording_id = await world.record()
    assert (await world.patch(ORG, {"provider": "none"})).code == "confirmation_required"
    assert (await world.get(ALICE)).json["mode"] == "always_with_pause"
    answer = await world.patch(ORG, {"provider": "none", "confirmation": "I understand"})
    assert (answer.status, answer.json["provider"]) == (200, "none")
    for name in ("alice", "carol", "dave", "erin"):
        assert (await world.get(f"/v1/people/{name}/recording")).json["mode"] == "never"
    assert (await world.patch(ALICE, {"mode": "always"})).code == "recording_no_provider"
    assert (await world.get(f"/v1/recordings/{recording_id}", "demo-alice")).status == 200


async def test_a_location_overrides_the_provider_c12(world: Any) -> None:
    path = "/v1/locations/toronto/recording"
    shown = (await world.get(path)).json
    assert shown == {"locationId": "toronto", "provider": "inherit", "effectiveProvider": "dubber"}
    assert (await world.patch(path, {"provider": "imagicle"})).json["effectiveProvider"] == "imagicle"
    assert (await world.get("/v1/people/carol/recording")).json["provider"] == "imagicle"
    assert (await world.patch(path, {"provider": "none"})).json["effectiveProvider"] == "none"
    carol = await world.patch("/v1/people/carol/recording", {"mode": "always"})
    assert carol.code == "recording_no_provider"
    assert (await world.patch(path, {"provider": "inherit"})).json["effectiveProvider"] == "dubber"
    assert (await world.patch(path, {"provider": "tapes"})).code == "provider_unknown"
    unaccepted = await world.patch("/v1/locations/annex/recording", {"provider": "imagicle"}, "bolt-admin")
    assert unaccepted.code == "terms_not_accepted"


async def test_off_clears_settings_and_keeps_recordings_c13(world: Any) -> None:
    recording_id = await world.record()
    off = (await world.patch(ALICE, {"mode": "never"})).json
    assert (off["announceStartStop"], off["pauseNotice"], off["repeatTone"]) == (False, "none", False)
    assert off["platformInformation"] is None
    assert (await world.get(f"/v1/recordings/{recording_id}/audio", "demo-alice")).status == 200
    assert (await world.patch(ALICE, {"repeatTone": True})).code == "recording_off"
    assert (await world.patch(ALICE, {"mode": "always", "repeatTone": True})).json["repeatTone"] is True


@pytest.mark.parametrize("mode", ["on_demand", "always", "always_with_pause", "never"])
async def test_modes_d1(world: Any, mode: str) -> None:
    assert (await world.patch(ALICE, {"mode": mode})).json["mode"] == mode


async def test_options_d2_d3_d5_d6(world: Any) -> None:
    options = {
        "recordVoicemail": True,
        "announceStartStop": False,
        "pauseNotice": "beep",
        "repeatTone": True,
        "repeatToneSeconds": 90,
    }
    changed = (await world.patch(ALICE, options)).json
    assert {name: changed[name] for name in options} == options
    for seconds in (9, 91):
        refused = await world.patch(ALICE, {"repeatToneSeconds": seconds})
        assert (refused.status, refused.code) == (422, "repeat_tone_out_of_range")
    assert (await world.patch(ALICE, {"pauseNotice": "gong"})).status == 400


async def test_external_identifiers_are_the_key_of_recordings_c15(world: Any) -> None:
    taken = await world.patch(ALICE, {"externalIdentifier": "carol@acme-dental.example"})
    assert taken.code == "external_identifier_taken"
    assert (await world.patch(ALICE, {"externalIdentifier": "alice-1"})).status == 200
    recording_id = await world.record("alice-1")
    (own,) = (await world.get("/v1/recordings", "demo-alice")).items
    assert (own["id"], own["tenant"]["externalIdentifier"]) == (recording_id, "alice-1")


async def test_recordings_move_to_the_customers_own_storage_and_back_c6_c7(
    open_world: Any, tmp_path: Path
) -> None:
    own, cloud = tmp_path / "own", tmp_path / "recordings"
    account, dave = f"{ORG}/accounts/imagicle", "dave@acme-dental.example"

    def files(folder: Path) -> int:
        return sum(path.suffix == ".wav" for path in folder.rglob("*"))

    async with open_world(f"recording.storages.acme={own}") as world:
        first = await world.record(dave)
        assert (files(cloud), files(own)) == (3, 0)
        moved = await world.patch(account, {"storage": "acme"}, "demo-partner")
        assert (moved.status, moved.json["storage"]) == (200, "acme")
        await world.service.recording.settle()
        assert (files(cloud), files(own)) == (0, 3)
        second = await world.record(dave)
        await world.service.recording.settle()
        assert (files(cloud), files(own)) == (0, 6)
        for recording_id in (first, second):
            assert (await world.get(f"/v1/recordings/{recording_id}/audio")).status == 200
            assert (await world.get(f"/v1/recordings/{recording_id}/metadata")).json["history"]
        assert (await world.delete(f"/v1/recordings/{first}", "demo-imagicle")).status == 204
        assert files(own) == 3
        await world.patch(account, {"storage": None}, "demo-partner")
        await world.service.recording.settle()
        assert (files(cloud), files(own)) == (3, 0)
        assert (await world.get(f"/v1/recordings/{second}/audio")).status == 200


async def test_storage_is_offered_and_configured_or_refused_c6_c7(world: Any) -> None:
    refused = await world.patch(f"{ORG}/accounts/dubber", {"storage": "acme"}, "demo-partner")
    assert (refused.status, refused.code) == (409, "storage_not_offered")
    unknown = await world.patch(f"{ORG}/accounts/imagicle", {"storage": "/etc"}, "demo-partner")
    assert (unknown.status, unknown.code) == (422, "storage_unknown")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ORG),
        ("GET", ALICE),
        ("GET", "/v1/locations/washington/recording"),
        ("GET", f"{ORG}/accounts"),
        ("PATCH", ALICE),
        ("PATCH", ORG),
    ],
)
async def test_another_customers_settings_do_not_exist(world: Any, method: str, path: str) -> None:
    options = {"json": {}} if method == "PATCH" else {}
    assert (await world.call(method, path, "bolt-admin", **options)).status == 404


async def test_a_person_reads_the_persons_own_settings_and_changes_none(world: Any) -> None:
    assert (await world.get(ALICE, "demo-alice")).status == 200
    assert (await world.get(BOB, "demo-alice")).status == 404
    assert (await world.get(ORG, "demo-alice")).status == 403
    assert (await world.patch(ALICE, {"mode": "never"}, "demo-alice")).status == 403


async def test_settings_and_books_outlive_a_restart(open_world: Any) -> None:
    async with open_world() as world:
        await world.patch(BEA, {"mode": "always", "repeatTone": True}, "bolt-admin")
        await world.put(f"{ALICE}/subscription", {"product": "dubber_ai"}, "demo-partner")
    async with open_world() as world:
        bea = (await world.get(BEA, "bolt-admin")).json
        assert (bea["mode"], bea["repeatTone"], bea["product"]) == ("always", True, "dubber_go")
        assert (await world.get(ALICE)).json["product"] == "dubber_ai"
