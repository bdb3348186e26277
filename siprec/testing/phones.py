"""Phones for tests: registered at a call control on loopback, which forks recorded users to a recorder.

async with running_phones(recorders=[srs.uri()], recording={"alice": "always"}) as office:
    call = await office.call("alice", "bob")
    await asyncio.sleep(1)
    await call.hang_up()

Each phone says a tone of its own (`TONES_HZ`), so that a spectrum tells who is in a recording.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from siprec.callcontrol.recording import RecordingOptions
from siprec.callcontrol.server import CallControlServer
from siprec.callcontrol.settings import CallingSettings
from siprec.callcontrol.subscribers import Subscriber
from siprec.phones.phone import Phone, PhoneSettings
from siprec.phones.phone_call import PhoneCall
from siprec.phones.softkeys import RecordingKeys

PEOPLE = ("alice", "bob", "carol")
OUTSIDE = "+13105550120"
TONES_HZ = (440, 590, 790, 1_050, 1_210, 1_620)
TENANT = ("acme-sp", "acme-dental")
CONNECT_S = 10.0
_FIRST_NUMBER = 12_025_550_100


class PhoneOffice:
    """A call control and its phones."""

    def __init__(self, calling: CallControlServer) -> None:
        self.calling = calling
        self.phones: dict[str, Phone] = {}

    async def call(self, caller: str, callee: str) -> PhoneCall:
        """Let one phone call another (they answer by themselves) until both talk.

        Returns the caller's call. Raises `CallFailedError`, `KeyError` for an unknown phone, `TimeoutError`.
        """
        async with asyncio.timeout(CONNECT_S):
            return await self.phones[caller].call(callee).connected()

    async def idle(self) -> None:
        """Wait until no call and no fork is left."""
        async with asyncio.timeout(CONNECT_S):
            await self.calling.idle()


@asynccontextmanager
async def running_phones(
    people: Sequence[str] = PEOPLE,
    *,
    recorders: Sequence[str] = (),
    recording: Mapping[str, str] | None = None,
    outside: bool = True,
    **settings: Any,
) -> AsyncIterator[PhoneOffice]:
    """Run phones on the running loop.

    `people` have numbers from +12025550100 up; `outside` adds a telephone of the public network, `OUTSIDE`.
    `recorders` are SIP URIs, tried in order; `recording` is whose calls are recorded, and how: `always`,
    `always_with_pause`, `on_demand`, `on_demand_from_connect`. `settings` are those of the section
    `calling:`.
    """
    modes = {name: RecordingKeys(mode) for name, mode in (recording or {}).items()}
    subscribers = {
        name: Subscriber(
            name,
            name.title(),
            f"+{_FIRST_NUMBER + index}",
            RecordingOptions(modes.get(name, RecordingKeys.NEVER)),
            (*TENANT, f"{name}@acme-dental.example"),
        )
        for index, name in enumerate(people)
    }
    wanted = CallingSettings.model_validate(
        {"port": 0, "port_pairs": 16, "recorders": tuple(recorders),
         "passwords": {name: f"{name}-secret" for name in people}, **settings}
    )  # fmt: skip
    async with AsyncExitStack() as stack:
        office = PhoneOffice(
            await stack.enter_async_context(await CallControlServer.open(wanted, subscribers))
        )
        for index, name in enumerate([*people, *([OUTSIDE] if outside else [])]):
            known: dict[str, Any] = {"tone_hz": TONES_HZ[index % len(TONES_HZ)]}
            if name == OUTSIDE:
                known |= {"kind": "outside"}
            else:
                known |= {"password": f"{name}-secret", "keys": modes.get(name, RecordingKeys.NEVER)}
            phone = await Phone.open(PhoneSettings(name, office.calling.uri, **known))
            office.phones[name] = await stack.enter_async_context(phone)
            if name == OUTSIDE:
                office.calling.route(name, phone.uri)
            else:
                await phone.register()
        yield office
