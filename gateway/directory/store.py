"""Changes of the directory made durable, then visible, then told: in that order.

The seed world comes from YAML; a stored change of an entity wins over it. The log is the audit as well.
"""

import asyncio
from collections.abc import Callable

from pydantic import TypeAdapter
from sqlalchemy import MetaData

from gateway.directory.changes import Change, ChangeLog, change_table
from gateway.directory.directory import Directory
from gateway.directory.errors import DirectoryError
from gateway.directory.events import DirectoryEvent
from gateway.directory.model import Entity, Location, Number, Organization, Person, entity_key
from gateway.runtime.bus import Bus
from gateway.runtime.database import Database
from gateway.runtime.ids import new_id
from gateway.runtime.log import get_logger

metadata = MetaData()
directory_changes = change_table(metadata, "directory_changes")

_log = get_logger("directory")

_ADAPTERS: dict[str, TypeAdapter[Entity]] = {
    "organization": TypeAdapter(Organization),
    "location": TypeAdapter(Location),
    "number": TypeAdapter(Number),
    "person": TypeAdapter(Person),
}
_KINDS: dict[type[Entity], str] = {
    Organization: "organization",
    Location: "location",
    Number: "number",
    Person: "person",
}


class DirectoryStore:
    """The one way to change a directory that must survive a restart.

    Args:
        directory: The directory in memory, filled with the seed world.
        database: Where changes are kept.
        bus: Where they are told.
        now_ns: World time.
    """

    def __init__(self, directory: Directory, database: Database, bus: Bus, now_ns: Callable[[], int]) -> None:
        self.directory = directory
        self.log = ChangeLog(database, directory_changes)
        self._bus = bus
        self.now_ns = now_ns
        self._turn = asyncio.Lock()

    async def load(self) -> int:
        """Lay stored changes over the seed world; return how many entities they concern.

        A change that no longer holds together with the seed (its organisation has gone) is left out and
        logged.
        """
        changes = await self.log.latest(tuple(_ADAPTERS))
        left_out = 0
        for change in changes:
            # People whose numbers moved between them find every number free.
            if change.kind == "person" and change.entity in self.directory.people:
                self.directory.remove_person(change.entity)
        for change in changes:
            try:
                self._restore(change)
            except DirectoryError:
                left_out += 1
        if left_out:
            _log.warning("stored changes do not fit the configured world", left_out=left_out)
        return len(changes) - left_out

    async def put(self, *entities: Entity, actor: str) -> list[DirectoryEvent]:
        """Add or replace entities, all or none.

        Raises:
            DirectoryError: one does not hold together with the directory; nothing has changed.
        """
        async with self._turn:
            for entity in entities:
                self.directory.check(entity)
            await self.log.write(*(self._change(entity, actor) for entity in entities))
            events = [self.directory.put(entity) for entity in entities]
        for event in events:
            self._bus.publish(event)
        return events

    async def remove_person(self, person_id: str, actor: str) -> DirectoryEvent:
        """Remove a person; the number stays.

        Raises:
            UnknownEntityError: nobody has that id.
        """
        async with self._turn:
            event = self.directory.remove_person(person_id)
            try:
                await self.log.write(Change(new_id(), self.now_ns(), actor, "person", person_id, None))
            except BaseException:
                if event.before is not None:
                    self.directory.put(event.before)
                raise
        self._bus.publish(event)
        return event

    def _change(self, entity: Entity, actor: str) -> Change:
        kind = _KINDS[type(entity)]
        document = _ADAPTERS[kind].dump_json(entity).decode()
        return Change(new_id(), self.now_ns(), actor, kind, entity_key(entity), document)

    def _restore(self, change: Change) -> None:
        if change.document is not None:
            self.directory.put(_ADAPTERS[change.kind].validate_json(change.document))
