"""node's `smpp` package as the ESME of our mock carrier."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from gateway.testing.carriers import running_carrier

ROOT = Path(__file__).parents[2]
MODULES = ROOT / ".cache" / "node" / "node_modules"
TEXTS = 1_000


@pytest.mark.system("node")
async def test_a_thousand_texts_with_receipts(tool):
    if not (MODULES / "smpp").is_dir():
        assert not os.environ.get("CI"), "CI must have node's smpp package: `make node-peers` installs it"
        pytest.skip("needs node's smpp package: run `make node-peers`")
    script = Path(__file__).parent / "node" / "esme.js"
    async with running_carrier("tmobile", receipt_latency={"seconds": 0.2}) as carrier:
        process = await asyncio.create_subprocess_exec(
            tool("node"),
            str(script),
            str(MODULES),
            str(carrier.port),
            str(TEXTS),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            out, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
    found = json.loads(out)
    assert found["refused"] == []
    assert len(set(found["accepted"])) == TEXTS
    assert set(found["receipts"]) == set(found["accepted"])
    for message_id, (stat, receipted_id, state) in found["receipts"].items():
        assert (stat, receipted_id, state) == ("DELIVRD", message_id, 2)
