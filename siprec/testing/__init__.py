"""Public helpers for tests of anything that speaks SIP or SIPREC: networks, messages (broken ones
too), a recorder, phones.

Names are imported when they are used: codecs and audio cost only who needs them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from siprec.testing.messages import sip_request, sip_response
    from siprec.testing.mutation import mutated
    from siprec.testing.network import Node, VirtualNetwork, Weather
    from siprec.testing.phones import PhoneOffice, running_phones
    from siprec.testing.recorder import RunningRecorder, recorder_settings, running_recorder

_HOME: Final = {
    "Node": "network",
    "PhoneOffice": "phones",
    "RunningRecorder": "recorder",
    "VirtualNetwork": "network",
    "Weather": "network",
    "mutated": "mutation",
    "recorder_settings": "recorder",
    "running_phones": "phones",
    "running_recorder": "recorder",
    "sip_request": "messages",
    "sip_response": "messages",
}

__all__ = [
    "Node",
    "PhoneOffice",
    "RunningRecorder",
    "VirtualNetwork",
    "Weather",
    "mutated",
    "recorder_settings",
    "running_phones",
    "running_recorder",
    "sip_request",
    "sip_response",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module, the first time somebody asks for it (PEP 562)."""
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
