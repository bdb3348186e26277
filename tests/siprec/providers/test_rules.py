"""One decision per rule of webex.md C and D, and its opposite."""

from dataclasses import replace

import pytest

from gateway.directory.directory import Directory
from gateway.directory.model import Organization
from gateway.directory.recording import RecordingMode, RecordingSettings
from siprec.providers.book import Book
from siprec.providers.model import Account, AccountKind, Provider
from siprec.providers.rules import (
    I_UNDERSTAND,
    RULES,
    Case,
    Refusal,
    check_accepting,
    check_enabling,
    check_external_identifier,
    check_location_choice,
    check_opening_by_support,
    check_options,
    check_partner,
    check_product,
    check_product_changer,
    check_provider_choice,
    check_service_switch,
    check_storage,
)

Providers = dict[str, Provider]
TONE = (10, 90)


def code(refusal: Refusal | None) -> str | None:
    return refusal.code if refusal else None


def case_of(directory: Directory, book: Book, providers: Providers, name: str) -> Case:
    person = directory.people[name]
    organization = directory.organizations[person.organization_id]
    location = directory.locations[person.location_id]
    return Case(organization, location, person, providers, book.accounts_of(organization.id))


def with_recording(organization: Organization, **changes: object) -> Organization:
    return replace(organization, recording=replace(organization.recording, **changes))  # type: ignore[arg-type]


def test_every_rule_names_facts_and_says_what_to_do() -> None:
    assert all(rule.facts and rule.description for rule in RULES.values())
    assert {rule.http_status for rule in RULES.values()} <= {403, 409, 422}
    covered = {fact for rule in RULES.values() for fact in rule.facts}
    assert covered >= {f"C{number}" for number in range(1, 16)}


def test_recording_is_on_by_default_and_only_a_partner_switches_it_c1(
    directory: Directory, book: Book, providers: Providers
) -> None:
    case = case_of(directory, book, providers, "alice")
    assert check_enabling(case) is None
    off = replace(case, organization=with_recording(case.organization, enabled=False))
    assert code(check_enabling(off)) == "recording_not_enabled"
    assert check_service_switch("partner") is None
    assert code(check_service_switch("admin")) == "partner_required"


def test_recording_needs_a_calling_licence_c2(directory: Directory, book: Book, providers: Providers) -> None:
    assert check_enabling(case_of(directory, book, providers, "alice")) is None
    assert code(check_enabling(case_of(directory, book, providers, "frank"))) == "licence_missing"


@pytest.mark.parametrize(
    ("choice", "confirmation", "expected"),
    [
        ("dubber", None, None),
        ("imagicle", None, None),
        ("callcabinet", None, "terms_not_accepted"),
        ("acme-tapes", None, "provider_unknown"),
        ("none", None, "confirmation_required"),
        ("none", "yes", "confirmation_required"),
        ("none", I_UNDERSTAND, None),
    ],
)
def test_an_organisation_chooses_its_provider_c3_c10_c11(
    directory: Directory, providers: Providers, choice: str, confirmation: str | None, expected: str | None
) -> None:
    acme = directory.organizations["acme"]
    assert acme.recording.provider == "dubber"
    assert code(check_provider_choice(choice, providers, acme, confirmation)) == expected


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("inherit", None),
        ("none", None),
        ("imagicle", None),
        ("callcabinet", "terms_not_accepted"),
        ("acme-tapes", "provider_unknown"),
    ],
)
def test_a_location_overrides_c12(
    directory: Directory, providers: Providers, choice: str, expected: str | None
) -> None:
    assert code(check_location_choice(choice, providers, directory.organizations["acme"])) == expected


@pytest.mark.parametrize(("name", "expected"), [("alice", "dubber"), ("dave", "imagicle"), ("quinn", "none")])
def test_the_provider_in_force_is_the_locations_or_the_organisations_c12(
    directory: Directory, book: Book, providers: Providers, name: str, expected: str
) -> None:
    assert case_of(directory, book, providers, name).provider == expected


def test_without_provider_nobody_is_recorded_c11(
    directory: Directory, book: Book, providers: Providers
) -> None:
    assert code(check_enabling(case_of(directory, book, providers, "quinn"))) == "recording_no_provider"


@pytest.mark.parametrize(
    ("name", "region", "expected"),
    [
        ("imagicle", "US", None),
        ("imagicle", "EU", None),
        ("imagicle", "EUN", None),
        ("imagicle", "AP", "region_not_offered"),
        ("callcabinet", "US", None),
        ("callcabinet", "EU", "region_not_offered"),
        ("dubber", None, None),
        ("dubber", "US", "region_not_offered"),
    ],
)
def test_regions_c6_c7(
    directory: Directory, providers: Providers, name: str, region: str | None, expected: str | None
) -> None:
    bolt = directory.organizations["bolt"]
    assert code(check_accepting(name, providers[name], bolt, region, trial=False)) == expected


@pytest.mark.parametrize(("name", "expected"), [("dubber", "storage_not_offered"), ("imagicle", None)])
def test_recordings_move_to_the_customers_storage_c6_c7(
    providers: Providers, name: str, expected: str | None
) -> None:
    assert code(check_storage(providers[name], "acme", {"acme"})) == expected
    assert check_storage(providers[name], None, ()) is None


def test_a_customers_storage_is_one_that_is_configured_c6_c7(providers: Providers) -> None:
    assert code(check_storage(providers["callcabinet"], "/etc", {"acme"})) == "storage_unknown"


@pytest.mark.parametrize(
    ("name", "trial", "expected"),
    [("dubber", True, "trial_not_offered"), ("imagicle", True, None), ("callcabinet", True, None)],
)
def test_trial_accounts_c8(
    directory: Directory, providers: Providers, name: str, trial: bool, expected: str | None
) -> None:
    bolt = directory.organizations["bolt"]
    assert code(check_accepting(name, providers[name], bolt, None, trial=trial)) == expected


def test_accounts_open_as_each_provider_does_c8(
    directory: Directory, book: Book, providers: Providers
) -> None:
    bolt = case_of(directory, book, providers, "bob")
    assert bolt.accounts == {}
    assert check_enabling(bolt) is None  # Dubber's is made by enabling
    at = replace(bolt.location, recording_provider="imagicle")
    assert code(check_enabling(replace(bolt, location=at))) == "terms_not_accepted"
    accepted = with_recording(bolt.organization, terms_accepted=frozenset({"imagicle", "callcabinet"}))
    assert (
        code(check_enabling(replace(bolt, location=at, organization=accepted))) == "account_missing"
    )  # never by enabling a user
    ordered = replace(bolt.location, recording_provider="callcabinet")
    refused = check_enabling(replace(bolt, location=ordered, organization=accepted))
    assert refused is not None
    assert refused.code == "account_missing"
    assert "support" in str(refused)
    opened = {"callcabinet": Account("bolt", "callcabinet", 1, "support")}
    assert check_enabling(replace(bolt, location=ordered, organization=accepted, accounts=opened)) is None


def test_only_callcabinets_support_opens_accounts_c8(providers: Providers) -> None:
    account = Account("bolt", "callcabinet", 1, "support")
    assert check_opening_by_support(providers["callcabinet"], None) is None
    assert code(check_opening_by_support(providers["callcabinet"], account)) == "account_exists"
    assert code(check_opening_by_support(providers["imagicle"], None)) == "account_not_by_support"


@pytest.mark.parametrize(
    ("product", "account", "expected"),
    [
        ("dubber_go", None, None),
        ("dubber_go", Account("acme", "dubber", 1, "terms"), None),
        ("dubber_standard", None, "contract_missing"),
        ("dubber_standard", Account("acme", "dubber", 1, "terms"), "contract_missing"),
        ("dubber_standard", Account("acme", "dubber", 1, "terms", contract=True), None),
        ("dubber_ai", Account("acme", "dubber", 1, "terms", contract=True), None),
        ("dubber_ai", Account("acme", "dubber", 1, "terms", AccountKind.TRIAL), None),
        ("imagicle", Account("acme", "dubber", 1, "terms", contract=True), "product_not_offered"),
    ],
)
def test_paid_products_need_a_contract_c4_c5(
    providers: Providers, product: str, account: Account | None, expected: str | None
) -> None:
    assert code(check_product(providers["dubber"], product, account)) == expected


@pytest.mark.parametrize(
    ("role", "administers", "expected"),
    [
        ("partner", False, None),
        ("admin", True, None),
        ("dubber_admin", True, None),
        ("admin", False, "not_account_administrator"),
        ("person", False, "not_account_administrator"),
    ],
)
def test_who_upgrades_and_downgrades_c9(role: str, administers: bool, expected: str | None) -> None:
    assert code(check_product_changer(role, administers=administers)) == expected


def test_terms_are_accepted_once_c10(directory: Directory, providers: Providers) -> None:
    acme = directory.organizations["acme"]
    imagicle = providers["imagicle"]
    assert code(check_accepting("imagicle", imagicle, acme, None, trial=False)) == "terms_already_accepted"
    bolt = directory.organizations["bolt"]
    assert check_accepting("imagicle", imagicle, bolt, None, trial=False) is None


def test_options_go_with_a_mode_c13_d1() -> None:
    off = RecordingSettings()
    on = RecordingSettings(RecordingMode.ALWAYS, record_voicemail=True)
    assert code(check_options(off, frozenset({"record_voicemail"}), TONE)) == "recording_off"
    assert check_options(off, frozenset({"mode"}), TONE) is None
    assert check_options(on, frozenset({"mode", "record_voicemail"}), TONE) is None


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(9, "repeat_tone_out_of_range"), (10, None), (20, None), (90, None), (91, "repeat_tone_out_of_range")],
)
def test_the_repeat_tone_has_a_range_d6(seconds: int, expected: str | None) -> None:
    settings = RecordingSettings(RecordingMode.ALWAYS, repeat_tone=True, repeat_tone_seconds=seconds)
    assert code(check_options(settings, frozenset({"repeat_tone_seconds"}), TONE)) == expected


def test_the_range_of_the_repeat_tone_is_a_setting_d6() -> None:
    settings = RecordingSettings(RecordingMode.ALWAYS, repeat_tone=True, repeat_tone_seconds=1800)
    assert check_options(settings, frozenset({"repeat_tone_seconds"}), (10, 1800)) is None


def test_a_partner_is_in_one_customers_account_c14() -> None:
    acme = Account("acme", "dubber", 1, "terms", administrators=frozenset({"partner"}))
    assert check_partner("partner", "acme", [acme]) is None
    assert check_partner("partner", "bolt", []) is None
    assert code(check_partner("partner", "bolt", [acme])) == "partner_in_another_account"


def test_external_identifiers_are_unique_in_a_group_c15(directory: Directory) -> None:
    people = list(directory.people_of("acme"))
    alice = directory.people["alice"]
    assert check_external_identifier("alice@acme", alice, people) is None
    assert code(check_external_identifier("carol@acme", alice, people)) == "external_identifier_taken"
