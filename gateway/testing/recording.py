"""A recording server and phones for code without an event loop; any thread may call every method."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.testing.backstage import Backstage
from siprec.phones.phone_call import PhoneCall
from siprec.srs.store import RecordingRow
from siprec.testing.phones import PhoneOffice
from siprec.testing.recorder import RunningRecorder


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One recording. `document` is the API's; `files` are the audio, by name: `party-1.wav` …"""

    id: int
    state: str
    document: dict[str, Any]
    files: dict[str, Path]


class MockRecorder:
    """A recording server (SRS)."""

    def __init__(self, backstage: Backstage, running: RunningRecorder) -> None:
        self._backstage = backstage
        self.running = running
        """The server itself; touch it on the backstage's loop only."""

    def uri(self, transport: str = "udp") -> str:
        """The URI that reaches it over `udp`, `tcp` or `tls`; raises `LookupError`."""
        return self.running.uri(transport)

    def wait_for_recording(self, count: int = 1) -> RecordedCall:
        """The latest recording, once so many are sealed; raises `TimeoutError` after ten seconds."""
        return self._read(self._backstage.run(self.running.sealed(count)))

    @property
    def recordings(self) -> list[RecordedCall]:
        """Every recording, newest first."""
        return [self._read(row) for row in self._backstage.run(self.running.rows())]

    def _read(self, row: RecordingRow) -> RecordedCall:
        document = dict(row.document or {})
        key = document.get("storageKey")
        folder = self.running.blobs.path(str(key)) if key else None
        files = {one.name: one for one in sorted(folder.iterdir())} if folder and folder.is_dir() else {}
        return RecordedCall(row.id, str(row.state), document, files)


class MockPhones:
    """Phones at a call control that forks to a recorder."""

    def __init__(self, backstage: Backstage, office: PhoneOffice) -> None:
        self._backstage = backstage
        self.office = office
        """Call control and phones themselves; touch them on the backstage's loop only."""

    @property
    def names(self) -> list[str]:
        """Whose phones there are."""
        return list(self.office.phones)

    def call(self, caller: str, callee: str) -> MockCall:
        """Let one phone call another until both talk; raises `CallFailedError` and `TimeoutError`."""
        return MockCall(self._backstage, self._backstage.run(self.office.call(caller, callee)))

    def wait_until_idle(self) -> None:
        """Wait until no call and no fork is left."""
        self._backstage.run(self.office.idle())


class MockCall:
    """A call as its caller has it."""

    def __init__(self, backstage: Backstage, call: PhoneCall) -> None:
        self._backstage = backstage
        self.call = call
        """The call itself; touch it on the backstage's loop only."""

    @property
    def icon(self) -> str:
        """What the phone shows of the recording: `none`, `recording`, `paused` …"""
        return str(self._backstage.call(lambda: self.call.display.icon.value))

    @property
    def heard_seconds(self) -> float:
        """Seconds of the other party's voice that have arrived."""
        return self._backstage.call(lambda: self.call.heard_s)

    def act(self, action: Callable[[PhoneCall], Awaitable[None] | None]) -> None:
        """Do something with the call on its loop: `call.act(lambda call: call.press(Softkey.PAUSE))`."""

        async def act() -> None:
            outcome = action(self.call)
            if outcome is not None:
                await outcome

        self._backstage.run(act())

    def hang_up(self) -> None:
        """End it."""
        self.act(lambda call: call.hang_up())
