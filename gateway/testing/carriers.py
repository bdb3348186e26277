"""A mock carrier for a test: any of the seven of `config/carriers`, or one of your own, on a free port.

async with running_carrier("tmobile", receipt_latency={"seconds": 0.05}) as carrier:
    ...  # bind to 127.0.0.1:carrier.port as guest / guest
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from gateway.carriers.profile import CarrierProfile
from gateway.carriers.smsc import Carrier
from gateway.runtime.clock import WorldClock
from gateway.runtime.config import find_config, load


def carrier_profile(name: str, **changes: Any) -> CarrierProfile:
    """Return the profile of `config/carriers/<name>.yaml`, with top-level settings changed.

    Raises `ConfigError` with every fault of the file, and pydantic's `ValidationError` for a wrong change.
    """
    loaded = load(find_config(f"carriers/{name}.yaml"), {"profile": CarrierProfile})
    profile: CarrierProfile = loaded.section("profile", CarrierProfile)
    if not changes:
        return profile
    return CarrierProfile.model_validate(dict(profile) | changes)


@asynccontextmanager
async def running_carrier(
    name: str = "tmobile",
    *,
    clock: WorldClock | None = None,
    port: int = 0,
    profile: CarrierProfile | None = None,
    **changes: Any,
) -> AsyncIterator[Carrier]:
    """Run one carrier on the running loop, by default one of `config/carriers` on a free port."""
    world = clock or WorldClock()
    carrier = Carrier(name, profile or carrier_profile(name, **changes), world, port=port)
    await carrier.start()
    try:
        yield carrier
    finally:
        await carrier.stop()
        if clock is None:
            world.close()
