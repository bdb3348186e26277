"""A recorder of our own ends cleanly whenever it is told to, in the middle of calls too."""

import asyncio
import gc
from typing import Any

from siprec.calling.own_recorder import OwnRecorder
from siprec.phones.document import Party, RecordedCall
from siprec.phones.forking import SourcePlan
from siprec.phones.sending import Speech
from siprec.phones.src_aio import SimulatedSrc, SrcSettings

PARTIES = Party("sip:+12025550100@acme-dental.example"), Party("sip:+13105550120@pstn.example")
TENANT = ("acme-sp", "acme-dental", "alice@acme-dental.example")


async def test_calls_that_go_on_at_its_end_are_read_like_others() -> None:
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: faults.append(context))
    own = await OwnRecorder.open()
    async with await SimulatedSrc.open(SrcSettings(pairs=8)) as src:
        calls = [
            src.fork(
                SourcePlan((own.uri,)),
                RecordedCall(*PARTIES, tenant=TENANT, call_id=f"callhalf-{number}:0"),
                speech=Speech(number),
            )
            for number in (1, 2)
        ]
        for each in calls:
            await each.started()
        async with own:
            pass
        gc.collect()
        assert len(await own.recordings(2)) == 2
        assert faults == []
