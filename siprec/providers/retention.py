"""How long a recording is kept (webex.md C4, C5, C9): pure, in world time.

Limited retention counts from the recording's end or from the moment the subscriber came to the product,
whichever is later: a downgrade gives what was kept without limit its days from then on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from siprec.providers.book import Book
from siprec.providers.model import DAY_NS, Filing, Product, Provider


def expires_ns(product: Product, finished_ns: int, since_ns: int = 0) -> int | None:
    """When a recording is deleted under `product`, held since `since_ns`; None: never."""
    if product.retention_days is None:
        return None
    return max(finished_ns, since_ns) + product.retention_days * DAY_NS


def retained(filing: Filing, book: Book, providers: Mapping[str, Provider]) -> Filing:
    """The filing under the product its subscriber holds now.

    What is in quarantine or not yet finished has no end; what a subscriber left behind keeps its product.
    """
    owner = filing.owner
    provider = providers.get(owner.provider)
    if filing.quarantined or provider is None or owner.person_id is None:
        return replace(filing, expires_ns=None)
    subscriber = book.subscriber(owner.person_id, owner.provider)
    name, since_ns = (subscriber.product, subscriber.since_ns) if subscriber else (owner.product, 0)
    product = provider.products.get(name)
    filing = replace(filing, owner=replace(owner, product=name))
    if product is None or filing.finished_ns is None:
        return replace(filing, expires_ns=None)
    return replace(filing, expires_ns=expires_ns(product, filing.finished_ns, since_ns))


def expired(filings: Iterable[Filing], now_ns: int) -> tuple[Filing, ...]:
    """Which of the filings a sweep at `now_ns` deletes; never one in quarantine or in progress."""
    return tuple(
        filing
        for filing in filings
        if filing.expires_ns is not None
        and filing.finished_ns is not None
        and not filing.quarantined
        and filing.expires_ns <= now_ns
    )
