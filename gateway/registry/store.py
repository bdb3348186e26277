"""Changes of the registry made durable, then visible, then told: in that order.

Seeds come from YAML; a stored change of a brand, campaign, assignment or case wins over them.
"""

import asyncio
from collections.abc import Callable, Sequence

from pydantic import TypeAdapter
from sqlalchemy import MetaData

from gateway.directory.changes import Change, ChangeLog, change_table
from gateway.registry.errors import RegistryError, UnknownEntryError
from gateway.registry.events import RegistryEvent
from gateway.registry.model import Brand, Campaign, SupportCase
from gateway.registry.registry import Registry
from gateway.runtime.bus import Bus
from gateway.runtime.database import Database
from gateway.runtime.ids import new_id
from gateway.runtime.log import get_logger

metadata = MetaData()
registry_changes = change_table(metadata, "registry_changes")

_log = get_logger("registry")

Entry = Brand | Campaign | SupportCase
_ADAPTERS: dict[str, TypeAdapter[Entry]] = {
    "brand": TypeAdapter(Brand),
    "campaign": TypeAdapter(Campaign),
    "support_case": TypeAdapter(SupportCase),
}
_KINDS: dict[type[Entry], str] = {Brand: "brand", Campaign: "campaign", SupportCase: "support_case"}
_ASSIGNMENT = "assignment"


class RegistryStore:
    """The one way to change a registry that must survive a restart."""

    def __init__(self, registry: Registry, database: Database, bus: Bus, now_ns: Callable[[], int]) -> None:
        self.registry = registry
        self.log = ChangeLog(database, registry_changes)
        self._bus = bus
        self.now_ns = now_ns
        self._turn = asyncio.Lock()

    async def load(self) -> int:
        """Lay stored changes over the seeds; return how many entries they concern.

        Numbers are released before any is assigned, so that one that moved between campaigns finds room.
        """
        changes = await self.log.latest((*_ADAPTERS, _ASSIGNMENT))
        left_out = 0
        for change in changes:
            if change.kind == _ASSIGNMENT:
                self.registry.release(change.entity)
        for change in changes:
            try:
                self._restore(change)
            except RegistryError:
                left_out += 1
        if left_out:
            _log.warning("stored changes do not fit the configured registrations", left_out=left_out)
        return len(changes) - left_out

    async def put(
        self, *entries: Entry, actor: str, assign: Sequence[tuple[str, str]] = ()
    ) -> list[RegistryEvent]:
        """Add or replace entries, then assign numbers to campaigns, all or none.

        Raises:
            RegistryError: an entry or a number does not fit; nothing has changed.
        """
        async with self._turn:
            self._check(entries, assign)
            changes = [self._change(entry, actor) for entry in entries]
            changes += [self._assignment(number, campaign_id, actor) for number, campaign_id in assign]
            await self.log.write(*changes)
            events: list[RegistryEvent] = [self._put(entry) for entry in entries]
            events += [self.registry.assign(number, campaign_id) for number, campaign_id in assign]
        self._tell(events)
        return events

    async def release(self, *numbers: str, actor: str) -> list[RegistryEvent]:
        """Take numbers out of their campaigns; those in none are passed over."""
        async with self._turn:
            held = [number for number in numbers if self.registry.campaign_of(number) is not None]
            if held:
                await self.log.write(*(self._assignment(number, None, actor) for number in held))
            released = [self.registry.release(number) for number in held]
        events: list[RegistryEvent] = [event for event in released if event is not None]
        self._tell(events)
        return events

    def decide(self, campaign: Campaign) -> None:
        """Take a reviewed campaign in at once; its row follows, and can be derived again."""
        event = self.registry.put_campaign(campaign)
        self.log.write_soon(self._change(campaign, "registry"))
        self._tell([event])

    def _check(self, entries: Sequence[Entry], assign: Sequence[tuple[str, str]]) -> None:
        registry = self.registry
        brands = dict(registry.brands) | {entry.id: entry for entry in entries if isinstance(entry, Brand)}
        campaigns = {entry.id: entry for entry in entries if isinstance(entry, Campaign)}
        for campaign in campaigns.values():
            if campaign.brand_id not in brands:
                raise UnknownEntryError("brand", campaign.brand_id)
        for campaign_id in {campaign_id for _, campaign_id in assign}:
            target = campaigns.get(campaign_id) or registry.campaigns.get(campaign_id)
            if target is None:
                raise UnknownEntryError("campaign", campaign_id)
            numbers = {number for number, wanted in assign if wanted == campaign_id}
            registry.check_numbers(numbers, target, brands[target.brand_id])

    def _tell(self, events: list[RegistryEvent]) -> None:
        for event in events:
            self._bus.publish(event)

    def _put(self, entry: Entry) -> RegistryEvent:
        match entry:
            case Brand():
                return self.registry.put_brand(entry)
            case Campaign():
                return self.registry.put_campaign(entry)
            case SupportCase():
                return self.registry.put_case(entry)

    def _change(self, entry: Entry, actor: str) -> Change:
        kind = _KINDS[type(entry)]
        document = _ADAPTERS[kind].dump_json(entry).decode()
        return Change(new_id(), self.now_ns(), actor, kind, entry.id, document)

    def _assignment(self, number: str, campaign_id: str | None, actor: str) -> Change:
        return Change(new_id(), self.now_ns(), actor, _ASSIGNMENT, number, campaign_id)

    def _restore(self, change: Change) -> None:
        if change.kind != _ASSIGNMENT:
            if change.document is not None:
                self._put(_ADAPTERS[change.kind].validate_json(change.document))
        elif change.document is not None:
            self.registry.assign(change.entity, change.document)
