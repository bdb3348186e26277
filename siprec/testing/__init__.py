"""Public helpers for tests of anything that speaks SIP or SIPREC: networks, messages, a recorder."""

from siprec.testing.messages import sip_request, sip_response
from siprec.testing.network import Node, VirtualNetwork, Weather
from siprec.testing.recorder import RunningRecorder, recorder_settings, running_recorder

__all__ = [
    "Node",
    "RunningRecorder",
    "VirtualNetwork",
    "Weather",
    "recorder_settings",
    "running_recorder",
    "sip_request",
    "sip_response",
]
