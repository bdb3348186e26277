"""SMPP: as an ESME of any SMSC, with a window on each bind. A long text is one request of several PDUs."""

import asyncio
import ssl
from collections.abc import Sequence
from typing import Final

from gateway.load.mix import Draft
from gateway.load.profile import Profile
from gateway.load.settings import Deed
from gateway.load.tally import FAILED, TIMEOUT
from gateway.load.targets.base import Job, Target
from gateway.load.targets.hostile import Deeds, smpp_deeds
from gateway.smpp.aio import ConnectionSettings, Outcome, SmppConnection, SmppHandler, connect
from gateway.smpp.constants import status_name
from gateway.smpp.errors import BindFailed, LocalProtocolError, RequestTimedOut
from gateway.smpp.events import SessionClosed
from gateway.smpp.pdu import BindTransceiver, DeliverSm, Pdu, SubmitSm, response_to
from gateway.smpp.receipt import is_receipt
from gateway.smpp.segment import ESM_UDHI, WAP_PUSH_PORT, Ports, UserDataHeader, ports_element, segment_text
from gateway.smpp.session import SessionSettings
from gateway.smpp.text import data_coding_for, encode_cheapest
from gateway.smpp.timers import TimerSettings

RECONNECT_S: Final = 0.5
KEPT_TEXTS: Final = 1_000
FLUSH_PDUS: Final = 64
"""PDUs of one tick that are written together."""


class SmppTarget(Target):
    """Transceiver binds that take turns."""

    def __init__(self, profile: Profile) -> None:
        super().__init__(profile)
        self._address = profile.address
        timers = TimerSettings(response_s=profile.timeout_s)
        self._window = profile.window_used
        self._settings = ConnectionSettings(
            session=SessionSettings(timers=timers, window=self._window), flush_pdus=FLUSH_PDUS
        )
        self._bind = BindTransceiver(
            system_id=self._address.user, password=self._address.password, interface_version=0x34
        )
        self._links: list[SmppConnection] = []
        self._turn = 0
        self._reopening: set[asyncio.Task[None]] = set()
        self._closed = False
        self._handler = _Listening(self)
        self._submits = Submits()
        self._deeds = Deeds(smpp_deeds(profile), self._settle)
        self.receipts = self.inbound = self.lost_binds = 0

    async def open(self) -> None:
        """Bind everything. Raises `OSError`, `BindFailed`."""
        for _ in range(self.profile.connections_used):
            await self._connect()

    async def _connect(self) -> None:
        address = self._address
        context = ssl.create_default_context() if address.secure else None
        link = await connect(
            address.host,
            address.port,
            bind=self._bind,
            handler=self._handler,
            settings=self._settings,
            ssl=context,
            server_hostname=address.host if address.secure else None,
        )
        self._links.append(link)

    def _start(self, job: Job) -> bool:
        draft = job[0]
        if draft.hostile and self._deeds.take(job, self._clock()):
            return True
        links, room = self._links, min(draft.segments, self._window)
        turn, count = self._turn, len(links)
        for at in range(turn, turn + count):
            link = links[at % count]
            if link.window_free >= room:
                self._turn = (at + 1) % count
                self._submit(link, job)
                return True
        return False

    def _submit(self, link: SmppConnection, job: Job) -> None:
        sent_ns = self._clock()
        pdus = self._submits.of(job[0])
        if len(pdus) == 1:
            try:
                link.submit_nowait(pdus[0], self._answered, (job, sent_ns))
            except LocalProtocolError:
                self._settle(job, sent_ns, FAILED)
            return
        parts = _Parts(job, sent_ns, len(pdus))
        for pdu in pdus:
            try:
                link.submit_nowait(pdu, self._part_answered, parts)
            except LocalProtocolError:
                self._part_answered(parts, None)

    def _answered(self, context: tuple[Job, int], outcome: Outcome) -> None:
        job, sent_ns = context
        self._settle(job, sent_ns, self._code(outcome))
        if self._waiting:
            self._pull()

    def _part_answered(self, parts: "_Parts", outcome: Outcome | None) -> None:
        parts.left -= 1
        parts.code = parts.code or (FAILED if outcome is None else self._code(outcome))
        if not parts.left:
            self._settle(parts.job, parts.sent_ns, parts.code)
        if self._waiting:
            self._pull()

    def _code(self, outcome: Outcome) -> str | None:
        return TIMEOUT if self._closed and not isinstance(outcome, Pdu) else code_of(outcome)

    def ready(self) -> None:
        """A peer reads again."""
        self._pull()

    def lost(self, link: SmppConnection) -> None:
        """A bind has ended: bind again after a moment."""
        if link not in self._links:
            return
        self._links.remove(link)
        if self._closed:
            return
        self.lost_binds += 1
        task = asyncio.get_running_loop().create_task(self._reconnect(), name="load bind")
        self._reopening.add(task)
        task.add_done_callback(self._reopening.discard)

    async def _reconnect(self) -> None:
        while not self._closed:
            await asyncio.sleep(RECONNECT_S)
            try:
                await self._connect()
            except (OSError, BindFailed):
                continue
            self._pull()
            return

    def expire(self) -> None:
        """The run is over: what is outstanding is given up, with its bind."""
        super().expire()
        if self.pending:
            self._closed = True
            for link in tuple(self._links):
                if link.window_used:
                    link.abort()

    async def close(self) -> None:
        """Unbind everything, without waiting for answers that are late."""
        self._closed = True
        await self._deeds.close()
        for task in self._reopening:
            task.cancel()
        links, self._links = self._links, []
        await asyncio.gather(*(link.unbind(0.0) for link in links))

    def notes(self) -> Sequence[str]:
        """Return receipts and texts that came in, and binds that were lost."""
        found = []
        if self.receipts or self.inbound:
            found.append(f"{self.receipts:,} receipts and {self.inbound:,} texts came in")
        if self.lost_binds:
            found.append(f"binds were lost {self.lost_binds:,} times")
        return found


class _Parts:
    """A long text under way."""

    __slots__ = ("code", "job", "left", "sent_ns")

    def __init__(self, job: Job, sent_ns: int, left: int) -> None:
        self.job, self.sent_ns, self.left = job, sent_ns, left
        self.code: str | None = None


class _Listening(SmppHandler):
    """Accepts and counts what the SMSC sends."""

    def __init__(self, target: SmppTarget) -> None:
        self._target = target

    def on_request(self, connection: SmppConnection, pdu: Pdu) -> Pdu:
        """Accept it."""
        del connection
        if isinstance(pdu, DeliverSm) and is_receipt(pdu.esm_class):
            self._target.receipts += 1
        else:
            self._target.inbound += 1
        return response_to(pdu)

    def on_ready(self, connection: SmppConnection) -> None:
        """The peer reads again."""
        del connection
        self._target.ready()

    def on_closed(self, connection: SmppConnection, closed: SessionClosed) -> None:
        """A bind has ended."""
        del closed
        self._target.lost(connection)


def code_of(outcome: Outcome) -> str | None:
    """Return None for an accepted submit_sm, else the name of its status, or how it failed."""
    if isinstance(outcome, Pdu):
        status = outcome.command_status
        return None if status == 0 else status_name(status)
    return TIMEOUT if isinstance(outcome, RequestTimedOut) else FAILED


class Submits:
    """Writes drafts as submit_sm; texts that never change are encoded once."""

    def __init__(self) -> None:
        self._encoded: dict[str, tuple[int, bytes]] = {}
        self._reference = 0

    def of(self, draft: Draft) -> list[Pdu]:
        """Return the PDUs of a draft."""
        if draft.hostile:
            return self._hostile(draft)
        if draft.segments > 1:
            return self._long(draft)
        found = self._encoded.get(draft.text)
        if found is None:
            found = _encode(draft.text)
            if len(self._encoded) < KEPT_TEXTS:
                self._encoded[draft.text] = found
        return [_submit(draft, found[0], found[1])]

    def _hostile(self, draft: Draft) -> list[Pdu]:
        does = draft.sender.does
        if does is Deed.MMS:
            push = (
                UserDataHeader((ports_element(Ports(WAP_PUSH_PORT, 9200)),)).build()
                + draft.text.encode()[:120]
            )
            return [_submit(draft, 4, push, ESM_UDHI)]
        if does is Deed.TOO_LONG:
            return [_submit(draft, 0, b"x" * 254)]
        return self._long(draft)

    def _long(self, draft: Draft) -> list[Pdu]:
        self._reference = (self._reference + 1) & 0xFF
        return [
            _submit(draft, part.data_coding, part.short_message, part.esm_class)
            for part in segment_text(draft.text, reference=self._reference)
        ]


def _encode(text: str) -> tuple[int, bytes]:
    alphabet, octets = encode_cheapest(text)
    return data_coding_for(alphabet), octets


def _submit(draft: Draft, data_coding: int, octets: bytes, esm_class: int = 0) -> Pdu:
    return SubmitSm(
        source_addr_ton=1,
        source_addr_npi=1,
        source_addr=str(draft.source),
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr=str(draft.destination),
        esm_class=esm_class,
        registered_delivery=1,
        data_coding=data_coding,
        short_message=octets,
    )
