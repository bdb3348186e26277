"""Thirty days, no limit, and what an upgrade or downgrade does to them (webex.md C4, C5, C9)."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from siprec.providers.book import Book
from siprec.providers.model import DAY_NS, Filing, Owner, Provider, Subscriber, TenantKey
from siprec.providers.retention import expired, expires_ns, retained

Providers = dict[str, Provider]
MOMENTS = st.integers(0, 4_000_000_000 * 10**9)


def test_go_is_kept_thirty_days_and_paid_without_limit_c4_c5(providers: Providers) -> None:
    products = providers["dubber"].products
    assert expires_ns(products["dubber_go"], 5) == 5 + 30 * DAY_NS
    assert expires_ns(products["dubber_standard"], 5) is None
    assert expires_ns(products["dubber_ai"], 5) is None
    assert expires_ns(providers["imagicle"].products["imagicle"], 5) is None
    assert expires_ns(providers["callcabinet"].products["callcabinet"], 5) is None


def test_upgrade_stops_deletion_and_downgrade_starts_the_days_c9(
    go_filing: Filing, book: Book, providers: Providers
) -> None:
    go = retained(go_filing, book, providers)
    assert go.expires_ns == 2_000 + 30 * DAY_NS
    book.put(Subscriber("acme", "alice", "dubber", "dubber_standard", 10 * DAY_NS))
    paid = retained(go, book, providers)
    assert (paid.owner.product, paid.expires_ns) == ("dubber_standard", None)
    book.put(Subscriber("acme", "alice", "dubber", "dubber_go", 40 * DAY_NS))
    back = retained(paid, book, providers)
    assert (back.owner.product, back.expires_ns) == ("dubber_go", 70 * DAY_NS)
    later = retained(replace(back, finished_ns=50 * DAY_NS), book, providers)
    assert later.expires_ns == 80 * DAY_NS


def test_recordings_left_at_another_provider_keep_their_own_retention(
    go_filing: Filing, book: Book, providers: Providers
) -> None:
    book.put(Subscriber("acme", "alice", "imagicle", "imagicle", 9))
    assert retained(go_filing, book, providers).expires_ns == 2_000 + 30 * DAY_NS


def test_quarantine_and_running_recordings_have_no_end(
    go_filing: Filing, book: Book, providers: Providers
) -> None:
    stray = replace(go_filing, owner=Owner("acme", reason="user_unknown"), expires_ns=1)
    assert retained(stray, book, providers).expires_ns is None
    running = replace(go_filing, finished_ns=None, expires_ns=1)
    assert retained(running, book, providers).expires_ns is None
    assert expired([stray, running], 10**30) == ()


@given(MOMENTS, MOMENTS, st.integers(1, 400))
def test_limited_retention_never_ends_early(finished: int, since: int, days: int) -> None:
    product = Provider.model_validate(
        {
            "title": "T",
            "default_product": "p",
            "account_opened_by": ["terms"],
            "users": "automatic",
            "products": {"p": {"title": "P", "retention_days": days, "access": {}}},
        }
    ).products["p"]
    end = expires_ns(product, finished, since)
    assert end is not None
    assert end >= finished + days * DAY_NS
    assert end >= since + days * DAY_NS
    assert end == max(finished, since) + days * DAY_NS


@given(st.lists(st.tuples(st.none() | MOMENTS, st.booleans(), st.booleans())), MOMENTS)
def test_a_sweep_takes_exactly_what_is_due(rows: list[tuple[int | None, bool, bool]], now: int) -> None:
    filings = [
        Filing(
            index,
            TenantKey(),
            Owner("acme", "alice", "dubber", "dubber_go", "user_unknown" if stray else ""),
            0,
            None if running else 1,
            end,
        )
        for index, (end, stray, running) in enumerate(rows)
    ]
    due = {
        i for i, (end, stray, run) in enumerate(rows) if end is not None and end <= now and not (stray or run)
    }
    assert {filing.recording_id for filing in expired(filings, now)} == due
