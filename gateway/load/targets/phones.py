"""sip: calls forked to a recording server by our simulated recording client, with audio in both streams.

A call is one request: due when it should be set up, answered when the server has taken it. How long it lasts
(`calls.hold_s`) is no part of its latency; calls that the server ends by itself are counted in a note.
"""

import asyncio
from typing import Final

from gateway.load.profile import Profile
from gateway.load.tally import NOT_SENT, TIMEOUT
from gateway.load.targets.base import Job, Target
from siprec.metadata import Dialect
from siprec.phones.document import Party, RecordedCall
from siprec.phones.forking import SourcePlan
from siprec.phones.sending import Speech
from siprec.phones.src import SourceState
from siprec.phones.src_aio import ForkFailedError, SimulatedSrc, SrcSettings
from siprec.rtp.errors import PortsUnavailableError

STREAMS: Final = 2
MARGIN_S: Final = 2.0
"""How long a call's ports stay taken beyond its time: ends of calls, quarantine of ports."""
MOST_PAIRS: Final = 4_000


class PhonesTarget(Target):
    """Every call is a task; the ports of all of them are bound before the first."""

    def __init__(self, profile: Profile) -> None:
        super().__init__(profile)
        calls = profile.calls
        self._plan = SourcePlan(
            (profile.target,),
            Dialect(calls.dialect),
            codecs=calls.codecs,
            reestablish=False,
            invite_timeout_s=profile.timeout_s,
        )
        provider, group, identifier = calls.tenant.split("/", 2)
        self._tenant = (provider, group, identifier)
        self._src: SimulatedSrc | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._cut = 0

    async def open(self) -> None:
        """Bind the ports. Raises `PortsUnavailableError`, `OSError`."""
        profile = self.profile
        at_once = profile.arrivals.typical_rate * (profile.calls.hold_s + MARGIN_S) * 1.5 + 4
        pairs = min(STREAMS * int(at_once), MOST_PAIRS)
        host = "127.0.0.1" if profile.address.is_local else "0.0.0.0"  # noqa: S104 - media of a remote server
        self._src = await SimulatedSrc.open(SrcSettings(host=host, pairs=pairs, seed=profile.seed))

    def _start(self, job: Job) -> bool:
        task = asyncio.get_running_loop().create_task(self._call(job), name="load call")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _call(self, job: Job) -> None:
        if self._src is None:
            raise RuntimeError
        draft, sent_ns = job[0], self._clock()
        call = RecordedCall(
            Party(f"sip:+{draft.source}@load.example"),
            Party(f"sip:+{draft.destination}@pstn.example"),
            tenant=self._tenant,
            pstn=True,
        )
        try:
            fork = self._src.fork(self._plan, call, speech=Speech(seed=draft.number))
            async with asyncio.timeout(self.profile.timeout_s):
                await fork.started()
        except ForkFailedError as error:
            self._settle(job, sent_ns, f"sip_{error.status}" if error.status else TIMEOUT)
            return
        except TimeoutError:
            self._settle(job, sent_ns, TIMEOUT)
            return
        except PortsUnavailableError:
            self._settle(job, sent_ns, NOT_SENT)
            return
        self._settle(job, sent_ns, None)
        await asyncio.sleep(self.profile.calls.hold_s)
        self._cut += fork.session.state is SourceState.ENDED
        await fork.stop()

    async def close(self) -> None:
        """Let the calls end, then close."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self.profile.calls.hold_s + MARGIN_S)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._src is not None:
            await self._src.close()

    def notes(self) -> list[str]:
        """Return how many calls the server ended by itself."""
        return [f"{self._cut:,} calls were ended by the server"] if self._cut else []
