"""The pytest plugin: fakes of a telephone world as fixtures, on free ports, in a world that stands still.

pytest finds it by itself where this distribution is installed; `-p no:sms_siprec_gateway` leaves it out.
Nothing of ours but this file is imported until a test asks for a fixture. Fakes live on a thread of their
own, so that plain tests, asyncio, trio, or a client in another process can all use them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from gateway.testing.backstage import Backstage
    from gateway.testing.carriers import MockCarrier
    from gateway.testing.recording import MockPhones, MockRecorder
    from gateway.testing.texting import TextingGateway
    from gateway.testing.world import FrozenWorld


@pytest.fixture
def backstage() -> Iterator[Backstage]:
    """The thread that a test's fakes live on."""
    from gateway.testing.backstage import Backstage  # noqa: PLC0415

    with Backstage() as running:
        yield running


@pytest.fixture
def frozen_world(backstage: Backstage) -> Iterator[FrozenWorld]:
    """World time of the test's fakes: 1 June 2026, 15:00 UTC, until `advance`."""
    from gateway.testing.world import FrozenWorld  # noqa: PLC0415

    world = FrozenWorld(backstage)
    yield world
    backstage.close()
    world.close()


@pytest.fixture
def mock_carrier(backstage: Backstage, frozen_world: FrozenWorld) -> Callable[..., MockCarrier]:
    """Start a mock carrier: `mock_carrier("att", registered=True, receipt_latency={"seconds": 2})`.

    By default T-Mobile's, on a free port, account `guest` / `guest`. `registered`: every sender counts as one
    of a vetted brand. Anything else changes a setting of its profile.
    """
    from gateway.testing.carriers import MockCarrier, running_carrier  # noqa: PLC0415

    def start(name: str = "tmobile", **changes: Any) -> MockCarrier:
        carrier = backstage.enter(running_carrier(name, clock=frozen_world.clock, **changes))
        return MockCarrier(backstage, carrier)

    return start


@pytest.fixture
def texting_gateway_settings() -> Sequence[str]:
    """`key=value` overrides of `texting_gateway`'s configuration; define it anew to change them."""
    return ()


@pytest.fixture
def texting_gateway(
    backstage: Backstage,
    frozen_world: FrozenWorld,
    tmp_path: Path,
    texting_gateway_settings: Sequence[str],
) -> TextingGateway:
    """A gateway with the demo world's people, campaigns and seven mock carriers, every bind up."""
    from gateway.testing.texting import TextingGateway, running_gateway  # noqa: PLC0415

    folder = tmp_path / "texting-gateway"
    running = running_gateway(folder, "log.level=error", *texting_gateway_settings, clock=frozen_world.clock)
    return TextingGateway(backstage, backstage.enter(running))


@pytest.fixture
def recording_server_settings() -> Mapping[str, Any]:
    """Settings of `recording_server` as of the section `recording:`; define it anew to change them."""
    return {}


@pytest.fixture
def recording_server(
    backstage: Backstage,
    frozen_world: FrozenWorld,
    tmp_path: Path,
    recording_server_settings: Mapping[str, Any],
) -> MockRecorder:
    """A SIPREC recording server: `recording_server.uri("tcp")`."""
    from gateway.testing.recording import MockRecorder  # noqa: PLC0415
    from siprec.testing.recorder import running_recorder  # noqa: PLC0415

    folder = tmp_path / "recording-server"
    folder.mkdir()
    running = running_recorder(folder, clock=frozen_world.clock, **recording_server_settings)
    return MockRecorder(backstage, backstage.enter(running))


@pytest.fixture
def phones(backstage: Backstage) -> Callable[..., MockPhones]:
    """Start phones: `phones(recorders=[recording_server.uri()], recording={"alice": "always"})`."""
    from gateway.testing.recording import MockPhones  # noqa: PLC0415
    from siprec.testing.phones import PEOPLE, running_phones  # noqa: PLC0415

    def start(*people: str, **settings: Any) -> MockPhones:
        return MockPhones(backstage, backstage.enter(running_phones(people or PEOPLE, **settings)))

    return start
