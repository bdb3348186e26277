"""A carrier's process killed with signal 9: whatever it acknowledged, it still owes."""

import asyncio
import signal
import sys

from gateway.carriers.journal import Journal
from gateway.runtime.database import Database
from gateway.runtime.ids import IdSource
from gateway.smpp.aio import connect
from gateway.smpp.pdu import BindTransceiver
from gateway.smpp.receipt import read_receipt

CARRIER = """
import asyncio, sys
from gateway.carriers.journal import Journal
from gateway.carriers.profile import CarrierProfile
from gateway.carriers.smsc import Carrier
from gateway.runtime.clock import WorldClock
from gateway.runtime.database import Database, MigrationBranch
from gateway.runtime.ids import IdSource

async def main():
    clock = WorldClock(1_790_000_000_000_000_000, frozen=True)
    branches = [MigrationBranch.of("gateway.carriers")]
    database = await Database.open(sys.argv[1], clock=clock, branches=branches)
    profile = CarrierProfile.model_validate_json(sys.argv[2])
    carrier = Carrier("test", profile, clock, journal=Journal(database, clock, IdSource().new_id))
    await carrier.start()
    print(carrier.port, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_what_was_acknowledged_is_told_after_the_kill(world, profile_of, submit_of, tmp_path):
    profile = profile_of()
    url = f"sqlite:///{tmp_path}/carriers.db"
    document = profile.model_dump_json()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CARRIER, url, document, stdout=asyncio.subprocess.PIPE
    )
    acknowledged: list[str] = []
    try:
        async with asyncio.timeout(60):
            port = int(await process.stdout.readline())
            bind = BindTransceiver(system_id="guest", password="guest", interface_version=0x34)
            esme = await connect("127.0.0.1", port, bind=bind)

            async def submit(n: int) -> None:
                response = await esme.submit(submit_of(bytes((n,)), registered_delivery=1))
                acknowledged.append(response.message_id)
                if len(acknowledged) == 20:
                    process.send_signal(signal.SIGKILL)  # with some of the others still under way

            await asyncio.gather(*map(submit, range(60)), return_exceptions=True)
            await esme.wait_closed()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    database = await Database.open(url, clock=world.clock)
    carrier = await world.carrier(profile, journal=Journal(database, world.clock, IdSource().new_id))
    esme = await world.esme(carrier)
    world.clock.advance(60)
    told = [read_receipt(one.short_message).message_id for one in await esme.quiet()]
    assert len(acknowledged) >= 20
    assert set(acknowledged) <= set(told)
    assert len(told) == len(set(told))
    await carrier.journal.close()
    await database.close()
