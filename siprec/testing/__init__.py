"""Public helpers for tests of anything that speaks SIP or SIPREC: networks in memory, messages as bytes."""

from siprec.testing.messages import sip_request, sip_response
from siprec.testing.network import Node, VirtualNetwork, Weather

__all__ = ["Node", "VirtualNetwork", "Weather", "sip_request", "sip_response"]
