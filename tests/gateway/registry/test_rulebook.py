"""Forms are judged by the shipped rules, all faults at once."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from gateway.registry import Brand, Campaign
from gateway.registry.errors import FormError
from gateway.registry.model import EntityType, IdentityStatus
from gateway.registry.rulebook import Rulebook

CONFIG = Path(__file__).parents[3] / "config" / "registry.yaml"
BRAND = Brand("b", "acme", "Acme Dental LLC", tax_id="12-3456789")
CAMPAIGN = Campaign("c", "b", "UCAAS_LOW", samples=("Hello",))


@pytest.fixture(scope="module")
def rules() -> Rulebook:
    return Rulebook.model_validate(yaml.safe_load(CONFIG.read_text("utf-8")))


def test_the_standard_set_is_complete(rules: Rulebook) -> None:
    special = {name for name, use_case in rules.use_cases.items() if use_case.special}
    assert len(rules.use_cases) == 28
    assert len(special) == 15
    assert {"UCAAS_LOW", "UCAAS_HIGH", "POLITICAL"} <= special


def test_a_complete_form_passes(rules: Rulebook) -> None:
    rules.check_brand(BRAND)
    rules.check_campaign(CAMPAIGN, BRAND, 0)
    sole = replace(BRAND, entity_type=EntityType.SOLE_PROPRIETOR, tax_id="")
    rules.check_brand(sole)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"name": " "}, "name"),
        ({"tax_id": ""}, "taxId"),
        ({"country": "MX"}, "country"),
        ({"vetting_score": 101}, "vettingScore"),
    ],
)
def test_brand_faults(rules: Rulebook, changes: dict[str, object], fault: str) -> None:
    with pytest.raises(FormError) as caught:
        rules.check_brand(replace(BRAND, **changes))  # type: ignore[arg-type]
    assert [text.split(":")[0] for text in caught.value.faults] == [fault]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"use_case": "FUN"}, "useCase: 'FUN' is not known"),
        ({"samples": ()}, "samples: UCAAS_LOW needs at least 1"),
        ({"use_case": "LOW_VOLUME"}, "subUseCases: LOW_VOLUME takes 1 to 5"),
        ({"sub_use_cases": ("2FA",)}, "subUseCases: UCAAS_LOW takes 0 to 0"),
        (
            {"use_case": "LOW_VOLUME", "sub_use_cases": ("POLITICAL",)},
            "subUseCases: 'POLITICAL' is not a standard use case",
        ),
        ({"use_case": "LOW_VOLUME", "sub_use_cases": ("2FA", "2FA")}, "subUseCases: one is given twice"),
        ({"use_case": "CHARITY", "samples": ("a", "b")}, "useCase: CHARITY is not for PRIVATE_PROFIT"),
    ],
)
def test_campaign_faults(rules: Rulebook, changes: dict[str, object], fault: str) -> None:
    with pytest.raises(FormError) as caught:
        rules.check_campaign(replace(CAMPAIGN, **changes), BRAND, 0)  # type: ignore[arg-type]
    assert caught.value.faults == (fault,)


def test_all_faults_at_once(rules: Rulebook) -> None:
    unverified = replace(BRAND, identity=IdentityStatus.UNVERIFIED)
    with pytest.raises(FormError, match=r"100 campaigns.*not verified") as caught:
        rules.check_campaign(replace(CAMPAIGN, samples=()), unverified, 100)
    assert len(caught.value.faults) == 3


def test_sole_proprietors_have_one_campaign_and_number(rules: Rulebook) -> None:
    sole = replace(BRAND, entity_type=EntityType.SOLE_PROPRIETOR)
    proprietors = replace(CAMPAIGN, use_case="SOLE_PROPRIETOR", samples=("a", "b"))
    rules.check_campaign(proprietors, sole, 0)
    with pytest.raises(FormError, match="at most 1"):
        rules.check_campaign(proprietors, sole, 1)
    assert (rules.numbers_allowed(sole), rules.numbers_allowed(BRAND)) == (1, 49)
