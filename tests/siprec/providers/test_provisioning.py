"""What opens accounts and makes users (webex.md C8, C10, C14)."""

from dataclasses import replace

from gateway.directory.directory import Directory
from siprec.providers.book import Book
from siprec.providers.model import Account, AccountKind, Provider, Subscriber
from siprec.providers.provisioning import accept_terms, enable, open_account, shared_with_provider, subscribe

Providers = dict[str, Provider]


def test_the_seed_world_has_accounts_for_accepted_terms_and_held_products_c8(book: Book) -> None:
    assert {(a.organization_id, a.provider) for a in book.accounts.values()} == {
        ("acme", "dubber"),
        ("acme", "imagicle"),
    }
    dubber, imagicle = book.account("acme", "dubber"), book.account("acme", "imagicle")
    assert dubber is not None
    assert dubber.contract  # carol holds Dubber Standard
    assert imagicle is not None
    assert imagicle.region == "US"
    assert {(s.person_id, s.product) for s in book.subscribers.values()} == {
        ("alice", "dubber_go"),
        ("carol", "dubber_standard"),
        ("dave", "imagicle"),
    }


def test_enabling_opens_dubbers_account_subscribes_and_joins_c8_c14(
    directory: Directory, book: Book, providers: Providers
) -> None:
    bolt, bob = directory.organizations["bolt"], directory.people["bob"]
    entries = enable(book, bolt, bob, "dubber", providers["dubber"], caller="root", now_ns=7)
    assert entries == [
        Account("bolt", "dubber", 7, "first_enable", administrators=frozenset({"root"})),
        Subscriber("bolt", "bob", "dubber", "dubber_go", 7),
    ]
    for entry in entries:
        book.put(entry)
    assert enable(book, bolt, bob, "dubber", providers["dubber"], caller="root", now_ns=8) == []
    joined = enable(book, bolt, bob, "dubber", providers["dubber"], caller="other", now_ns=9)
    assert [each.administrators for each in joined if isinstance(each, Account)] == [
        frozenset({"root", "other"})
    ]


def test_enabling_elsewhere_makes_neither_account_nor_user_c8(
    directory: Directory, book: Book, providers: Providers
) -> None:
    acme, ivan = directory.organizations["acme"], directory.people["ivan"]
    assert enable(book, acme, ivan, "imagicle", providers["imagicle"], caller="root", now_ns=7) == []


def test_terms_open_an_account_where_the_provider_does_so_c8_c10(
    directory: Directory, book: Book, providers: Providers
) -> None:
    bolt = directory.organizations["bolt"]

    def accepted(name: str, region: str | None = None, trial: bool = False) -> list[object]:
        return list(accept_terms(book, bolt, name, providers[name], region=region, trial=trial, now_ns=3))

    assert accepted("dubber") == [Account("bolt", "dubber", 3, "terms")]
    assert accepted("imagicle", "EU", True) == [
        Account("bolt", "imagicle", 3, "terms", AccountKind.TRIAL, "EU")
    ]
    assert accepted("callcabinet") == []
    book.put(open_account(bolt, "imagicle", providers["imagicle"], "terms", now_ns=1))
    assert accepted("imagicle") == []


def test_support_opens_callcabinets_account_in_its_region_c7_c8(
    directory: Directory, providers: Providers
) -> None:
    bolt = directory.organizations["bolt"]
    account = open_account(bolt, "callcabinet", providers["callcabinet"], "support", now_ns=4)
    assert (account.opened_by, account.region, account.kind) == ("support", "US", AccountKind.PRODUCTION)
    assert account.contract  # it was ordered
    trial = open_account(bolt, "callcabinet", providers["callcabinet"], "support", trial=True, now_ns=4)
    assert not trial.contract


def test_a_product_is_held_from_now_and_only_once_c9(directory: Directory) -> None:
    alice = directory.people["alice"]
    first = subscribe(alice, "dubber", "dubber_go", how="automatic", now_ns=5, held=None)
    assert first == [Subscriber("acme", "alice", "dubber", "dubber_go", 5)]
    assert subscribe(alice, "dubber", "dubber_go", how="manual", now_ns=9, held=first[0]) == []
    (upgraded,) = subscribe(alice, "dubber", "dubber_ai", how="automatic", now_ns=9, held=first[0])
    assert (upgraded.product, upgraded.since_ns) == ("dubber_ai", 9)


def test_only_name_zone_and_mail_are_shared_c10(directory: Directory) -> None:
    alice = directory.people["alice"]
    directory.put(replace(alice, personal_number="+12025550160", email="a@acme.example"))
    shared = shared_with_provider(directory, directory.organizations["acme"])
    assert shared["customerName"] == "Acme"
    users = shared["users"]
    assert isinstance(users, list)
    assert {
        "firstName": "Alice",
        "lastName": "",
        "email": "a@acme.example",
        "timeZone": "America/New_York",
    } in users
    assert "+12025550160" not in str(shared)
