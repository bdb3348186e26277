"""Fakes for tests of anything that speaks SMPP, SIP or our API: as pytest fixtures, or as a plain library.

The fixtures (`gateway.testing.plugin`, found by pytest by itself) give what a test usually needs: a world
that stands still, mock carriers, a gateway, a recording server, phones. The same as async context managers::

    async with running_carrier("tmobile", receipt_latency={"seconds": 0.05}) as carrier: ...
    async with running_gateway(folder) as gateway: ...

For code without an event loop `Backstage` runs them on a thread. Names are imported when they are used: a
test run that uses none of them pays for none.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from gateway.testing.backstage import Backstage
    from gateway.testing.captures import conversation, pcap_file, pcapng_section
    from gateway.testing.carriers import MockCarrier, SubmittedText, carrier_profile, running_carrier
    from gateway.testing.recording import MockPhones, MockRecorder, RecordedCall
    from gateway.testing.smpp import SessionPair, pdus
    from gateway.testing.texting import RunningGateway, TextingGateway, running_gateway
    from gateway.testing.world import FrozenWorld

_HOME: Final = {
    "Backstage": "backstage",
    "FrozenWorld": "world",
    "MockCarrier": "carriers",
    "MockRecorder": "recording",
    "RecordedCall": "recording",
    "RunningGateway": "texting",
    "SessionPair": "smpp",
    "SubmittedText": "carriers",
    "MockPhones": "recording",
    "TextingGateway": "texting",
    "carrier_profile": "carriers",
    "conversation": "captures",
    "pcap_file": "captures",
    "pcapng_section": "captures",
    "pdus": "smpp",
    "running_carrier": "carriers",
    "running_gateway": "texting",
}

__all__ = [
    "Backstage",
    "FrozenWorld",
    "MockCarrier",
    "MockPhones",
    "MockRecorder",
    "RecordedCall",
    "RunningGateway",
    "SessionPair",
    "SubmittedText",
    "TextingGateway",
    "carrier_profile",
    "conversation",
    "pcap_file",
    "pcapng_section",
    "pdus",
    "running_carrier",
    "running_gateway",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module, the first time somebody asks for it (PEP 562)."""
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
