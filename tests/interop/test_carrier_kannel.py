"""Kannel (bearerbox, with smsbox for HTTP) as the ESME of our mock carrier: texts, receipts, and a reply."""

import asyncio
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from gateway.runtime.ports import free_ports
from gateway.testing.carriers import running_carrier

pytestmark = pytest.mark.system("bearerbox", "smsbox")

TEXTS = 200
CONFIG = """
group = core
admin-port = {admin}
smsbox-port = {smsbox}
admin-password = admin
status-password = status
log-level = 2
box-allow-ip = "127.0.0.1"
admin-interface = "127.0.0.1"
dlr-storage = internal
sms-resend-retry = 0

group = smsc
smsc = smpp
smsc-id = carrier
host = 127.0.0.1
port = {carrier}
transceiver-mode = true
smsc-username = guest
smsc-password = guest
system-type = ""
interface-version = 34
source-addr-ton = 1
source-addr-npi = 1
dest-addr-ton = 1
dest-addr-npi = 1
max-pending-submits = 50
enquire-link-interval = 30
reconnect-delay = 1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {http}
sendsms-interface = "127.0.0.1"
log-level = 2

group = sendsms-user
username = tester
password = tester
max-messages = 5
concatenation = true

group = sms-service
keyword = default
get-url = "http://127.0.0.1:{hook}/inbound?from=%p&to=%P&text=%a"
max-messages = 0
catch-all = true
accept-x-kannel-headers = true
"""


@asynccontextmanager
async def program(name, config):
    process = await asyncio.create_subprocess_exec(
        name, str(config), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 10)
            except TimeoutError:
                process.kill()
                await process.wait()


class Hook:
    """What Kannel calls: receipts and inbound texts."""

    def __init__(self):
        self.receipts, self.inbound = {}, []
        self.changed = asyncio.Event()

    async def receipt(self, request):
        self.receipts[request.query["n"]] = int(request.query["type"])
        self.changed.set()
        return web.Response()

    async def message(self, request):
        self.inbound.append((request.query["from"], request.query["text"]))
        self.changed.set()
        return web.Response()

    async def until(self, condition):
        async with asyncio.timeout(60):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def serving(hook, port):
    app = web.Application()
    app.add_routes([web.get("/receipt", hook.receipt), web.get("/inbound", hook.message)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def answering(session, url):
    """Wait until a program listens."""
    async with asyncio.timeout(30):
        while True:
            try:
                async with session.get(url) as response:
                    return await response.text()
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.1)


async def test_texts_receipts_and_a_reply(tmp_path, tool):
    admin, smsbox, http, hook_port = free_ports(4)
    hook = Hook()
    async with running_carrier("tmobile", receipt_latency={"seconds": 0.2}) as carrier:
        config = tmp_path / "kannel.conf"
        config.write_text(
            CONFIG.format(admin=admin, smsbox=smsbox, http=http, hook=hook_port, carrier=carrier.port)
        )
        async with (
            serving(hook, hook_port),
            aiohttp.ClientSession() as session,
            program(tool("bearerbox"), config),
        ):
            await answering(session, f"http://127.0.0.1:{admin}/status.txt?password=status")
            async with program(tool("smsbox"), config):
                send = f"http://127.0.0.1:{http}/cgi-bin/sendsms"
                await answering(session, send)

                async def text(number, destination, words):
                    receipt = f"http://127.0.0.1:{hook_port}/receipt?n={number}&type=%d"
                    query = {
                        "username": "tester", "password": "tester", "from": "+12025550190",
                        "to": destination, "text": words, "dlr-mask": "3", "dlr-url": receipt,
                    }  # fmt: skip
                    async with session.get(send, params=query) as response:
                        assert response.status == 202, await response.text()

                for number in range(TEXTS):
                    await text(number, f"+1310555{2000 + number}", f"text {number}")
                await hook.until(lambda: len(hook.receipts) == TEXTS)
                assert set(hook.receipts.values()) == {1}  # delivered
                await text("long", "+13105550120", "A text that needs two segments. " * 6)
                await hook.until(lambda: hook.inbound)
        inbox = carrier.handsets.inbox("+13105550120")
        assert [one.text for one in inbox] == ["A text that needs two segments. " * 6]
    sender, words = hook.inbound[0]
    assert sender.endswith("13105550120")
    assert words.startswith("Thank you! You wrote: A text that needs")
