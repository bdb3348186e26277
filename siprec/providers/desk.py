"""The providers at work: files recordings as they come, keeps books, ends retention, tells what happened.

Every change is judged (`rules`), made durable, then visible, then told, in that order.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gateway.directory.directory import Directory
from gateway.directory.events import LocationChanged, OrganizationChanged, PersonChanged
from gateway.directory.model import Person
from gateway.runtime.bus import Bus
from gateway.runtime.database import Database
from gateway.runtime.http.auth import Principal
from siprec.providers import retention
from siprec.providers.access import Caller, allowed
from siprec.providers.book import Book, Entry, seed
from siprec.providers.errors import FilingNotFound
from siprec.providers.events import RecordingDeleted, RecordingEvent
from siprec.providers.model import Account, Action, Filing, Owner, Provider, Subscriber, TenantKey
from siprec.providers.provisioning import subscribe
from siprec.providers.store import (
    DeleteFiling,
    ProviderStore,
    RetainFilings,
    insert_filing,
    update_filing,
)
from siprec.providers.tenants import Tenants

Erase = Callable[[Filing], Awaitable[None]]
"""Deletes the audio, sidecar and row of a recording."""


class ProviderDesk:
    """Filings, books and retention of every provider.

    Args:
        directory: Who exists.
        providers: The providers by name.
        database: Where books and filings are kept.
        bus: Where directory changes are heard and recordings told.
        now_ns: World time.
    """

    def __init__(
        self,
        directory: Directory,
        providers: Mapping[str, Provider],
        database: Database,
        bus: Bus,
        now_ns: Callable[[], int],
    ) -> None:
        self.directory = directory
        self.providers = dict(providers)
        self.book = Book()
        self.tenants = Tenants(directory, self.book, self.providers)
        self.store = ProviderStore(database)
        self.now_ns = now_ns
        self.on_retention: Callable[[int], None] = lambda _expires_ns: None
        """Called with the moment at which some retention ends now."""
        self.on_account: Callable[[Account], None] = lambda _account: None
        """Called when an account has changed."""
        self._database = database
        self._bus = bus
        self._open: dict[int, Filing] = {}
        self._turn = asyncio.Lock()
        for kind in (OrganizationChanged, LocationChanged, PersonChanged):
            bus.listen(kind, lambda _event: self.tenants.forget())

    async def load(self) -> None:
        """Seed the books from the directory and lay stored changes over them."""
        for entry in seed(self.directory, self.providers):
            self.book.put(entry)
        await self.store.load(self.book)
        for filing in await self.store.unfinished():
            self._open[filing.recording_id] = filing

    # ── recordings ────────────────────────────────────────────────────────────────────────────────

    def file(self, recording_id: int, key: Sequence[str], recorded_ns: int) -> tuple[Filing, Any]:
        """File a recording that begins; return the filing, and its intent for the row's transaction."""
        tenant = TenantKey(*key)
        filing = Filing(recording_id, tenant, self.tenants.owner(tenant), recorded_ns)
        self._open[recording_id] = filing
        return filing, insert_filing(filing)

    def refile(self, recording_id: int, key: Sequence[str]) -> Filing | None:
        """Its tenant became known under way: file the recording anew; None where nothing changes."""
        filing, tenant = self._open.get(recording_id), TenantKey(*key)
        if filing is None or filing.tenant == tenant or not any(tenant):
            return None
        filing = self._open[recording_id] = replace(filing, tenant=tenant, owner=self.tenants.owner(tenant))
        self._database.write_soon(update_filing(filing))
        return filing

    def filed(self, recording_id: int) -> Filing | None:
        """The filing of a recording in progress."""
        return self._open.get(recording_id)

    async def filing(self, recording_id: int) -> Filing:
        """The filing of a recording.

        Raises:
            FilingNotFound: there is none.
        """
        found = self._open.get(recording_id) or await self.store.filing(recording_id)
        if found is None:
            raise FilingNotFound(recording_id)
        return found

    async def finish(self, recording_id: int, finished_ns: int) -> Filing:
        """The recording is sealed: retention begins.

        Raises:
            FilingNotFound: it was never filed.
        """
        filing = await self.filing(recording_id)
        filing = retention.retained(replace(filing, finished_ns=finished_ns), self.book, self.providers)
        await self._database.write(update_filing(filing))
        self._open.pop(recording_id, None)
        self._ends(filing.expires_ns)
        return filing

    async def assign(self, recording_id: int, person: Person) -> Filing:
        """Take a recording out of quarantine, for a person.

        Raises:
            FilingNotFound: there is no such recording.
        """
        return await self._give(await self.filing(recording_id), self.tenants.owner_of(person))

    async def _give(self, filing: Filing, owner: Owner) -> Filing:
        given = retention.retained(replace(filing, owner=owner), self.book, self.providers)
        await self._database.write(update_filing(given))
        if filing.recording_id in self._open:
            self._open[filing.recording_id] = given
        self._ends(given.expires_ns)
        return given

    def _ends(self, expires_ns: int | None) -> None:
        if expires_ns is not None:
            self.on_retention(expires_ns)

    async def relocated(self, filing: Filing, storage: str | None) -> Filing:
        """Note that a recording's files are at another place now."""
        filing = replace(filing, storage=storage)
        await self._database.write(update_filing(filing))
        return filing

    async def delete(self, filing: Filing, erase: Erase, reason: str) -> None:
        """Delete a recording and its filing, and tell it."""
        await erase(filing)
        await self._database.write(DeleteFiling(filing.recording_id))
        self._open.pop(filing.recording_id, None)
        self.tell(RecordingDeleted, filing, reason)

    async def sweep(self, erase: Erase) -> int:
        """Delete what has expired; return how many recordings that were."""
        swept = 0
        while filings := retention.expired(await self.store.expired(self.now_ns()), self.now_ns()):
            for filing in filings:
                await self.delete(filing, erase, "retention")
            swept += len(filings)
        return swept

    # ── books ─────────────────────────────────────────────────────────────────────────────────────

    async def put(self, entries: Sequence[Entry], actor: str) -> None:
        """Change the books: new subscriptions bring their recordings under the new retention (C9)."""
        async with self._turn:
            subscribers = [entry for entry in entries if isinstance(entry, Subscriber)]
            retained = [self._retain(each) for each in subscribers]
            await self.store.write(entries, *retained, actor=actor, now_ns=self.now_ns())
            for entry in entries:
                self.book.put(entry)
        for each in subscribers:
            await self._release(each)
        for account in entries:
            if isinstance(account, Account):
                self.on_account(account)
        for change in retained:
            self._ends(change.expires_ns)

    async def change_product(self, person: Person, name: str, product: str, *, how: str, actor: str) -> None:
        """Upgrade, downgrade or provision a person (C8, C9)."""
        held = self.book.subscriber(person.id, name)
        await self.put(subscribe(person, name, product, how=how, now_ns=self.now_ns(), held=held), actor)

    def _retain(self, subscriber: Subscriber) -> RetainFilings:
        product = self.providers[subscriber.provider].products[subscriber.product]
        expires_ns = retention.expires_ns(product, subscriber.since_ns)
        return RetainFilings(subscriber.product, expires_ns, subscriber.person_id, subscriber.provider)

    async def _release(self, subscriber: Subscriber) -> None:
        person = self.directory.person(subscriber.person_id)
        organization = self.directory.organization(subscriber.organization_id)
        if person is None or organization is None:
            return
        identifier = person.recording.external_identifier or ""
        settings = organization.recording
        tenant = TenantKey(settings.service_provider, settings.external_group, identifier)
        for filing in await self.store.quarantined_as(tenant):
            await self._give(filing, self.tenants.owner(tenant))

    # ── callers and what they are told ────────────────────────────────────────────────────────────

    def caller(self, principal: Principal) -> Caller:
        """Who a token is to the providers."""
        own = next(
            (name for name, each in self.providers.items() if principal.token_name in each.callers), None
        )
        administers = self.book.administered_by(principal.token_name)
        return Caller(
            principal.role,
            principal.organization_id,
            principal.person_id,
            own,
            frozenset((account.organization_id, account.provider) for account in administers),
        )

    def may(self, principal: Principal, filing: Filing, action: Action = Action.LIST) -> bool:
        """Whether a caller may do something with a recording (C4, C5)."""
        return action in allowed(self.caller(principal), filing, self.providers)

    def tell(self, kind: type[RecordingEvent], filing: Filing, reason: str = "") -> None:
        """Publish what happened to a recording."""
        self._bus.publish(kind(filing, self.now_ns(), lambda each, caller: self.may(caller, each), reason))
