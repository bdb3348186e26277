"""Who may list, play and delete (webex.md C4, C5), as a whole table."""

from dataclasses import replace

import pytest

from siprec.providers.access import Caller, allowed, check_access
from siprec.providers.model import Action, Filing, Owner, Provider

Providers = dict[str, Provider]

CALLERS = {
    "owner": Caller("person", "acme", "alice"),
    "colleague": Caller("person", "acme", "bob"),
    "namesake": Caller("person", "bolt", "alice"),
    "admin": Caller("admin", "acme"),
    "operator": Caller("admin"),
    "foreign admin": Caller("admin", "bolt"),
    "partner": Caller("partner"),
    "dubber admin": Caller("dubber_admin", "acme"),
    "joined admin": Caller(
        "admin", "acme", administers=frozenset({("acme", "dubber"), ("acme", "imagicle")})
    ),
    "joined abroad": Caller("admin", "acme", administers=frozenset({("bolt", "dubber")})),
    "imagicle": Caller("provider", provider="imagicle"),
    "no provider": Caller("provider"),
}

L, LSP, ALL4 = "list", "list show play", "list show play delete"
TABLE = {
    "dubber_go": {
        "owner": ALL4, "colleague": "", "namesake": "", "admin": L, "operator": L, "foreign admin": "",
        "partner": L, "dubber admin": L, "joined admin": L, "joined abroad": L, "imagicle": "",
        "no provider": "",
    },
    "dubber_standard": {
        "owner": LSP, "colleague": "", "namesake": "", "admin": LSP, "operator": LSP, "foreign admin": "",
        "partner": L, "dubber admin": ALL4, "joined admin": ALL4, "joined abroad": LSP, "imagicle": "",
        "no provider": "",
    },
    "imagicle": {
        "owner": LSP, "colleague": "", "namesake": "", "admin": LSP, "operator": LSP, "foreign admin": "",
        "partner": L, "dubber admin": "", "joined admin": ALL4, "joined abroad": LSP, "imagicle": ALL4,
        "no provider": "",
    },
    "quarantine": {
        "owner": "", "colleague": "", "admin": "all", "operator": "all", "foreign admin": "",
        "partner": "all", "dubber admin": "", "imagicle": "", "no provider": "",
    },
}  # fmt: skip


def filing_of(go_filing: Filing, product: str) -> Filing:
    if product == "quarantine":
        return replace(go_filing, owner=Owner("acme", reason="user_unknown"))
    provider = "dubber" if product.startswith("dubber") else product
    return replace(go_filing, owner=Owner("acme", "alice", provider, product))


@pytest.mark.parametrize(
    ("product", "caller", "expected"),
    [(product, caller, words) for product, row in TABLE.items() for caller, words in row.items()],
)
def test_the_table(go_filing: Filing, providers: Providers, product: str, caller: str, expected: str) -> None:
    filing = filing_of(go_filing, product)
    actions = frozenset(Action) if expected == "all" else frozenset(map(Action, expected.split()))
    assert allowed(CALLERS[caller], filing, providers) == actions
    for action in Action:
        refused = check_access(CALLERS[caller], filing, providers, action)
        assert (refused is None) == (action in actions)


def test_a_private_product_says_so_c4(go_filing: Filing, providers: Providers) -> None:
    refused = check_access(CALLERS["admin"], go_filing, providers, Action.PLAY)
    assert refused is not None
    assert (refused.code, refused.rule.http_status) == ("recording_private", 403)
    standard = filing_of(go_filing, "dubber_standard")
    refused = check_access(CALLERS["partner"], standard, providers, Action.PLAY)
    assert refused is not None
    assert refused.code == "recording_not_yours"


def test_what_no_organisation_is_known_for_is_seen_by_callers_of_none(
    go_filing: Filing, providers: Providers
) -> None:
    stray = replace(go_filing, owner=Owner(reason="tenant_unknown"))
    assert allowed(CALLERS["admin"], stray, providers) == frozenset()
    assert allowed(CALLERS["operator"], stray, providers) == frozenset(Action)
    assert allowed(CALLERS["partner"], stray, providers) == frozenset(Action)


def test_a_product_that_left_the_configuration_is_kept_for_administrators(
    go_filing: Filing, providers: Providers
) -> None:
    gone = replace(go_filing, owner=Owner("acme", "alice", "tapes", "reel"))
    assert allowed(CALLERS["admin"], gone, providers) == frozenset(Action)
    assert allowed(CALLERS["owner"], gone, providers) == frozenset()
