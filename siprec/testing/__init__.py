"""Public helpers for tests of anything that speaks SIP or SIPREC: networks in memory under virtual time."""

from siprec.testing.network import Node, VirtualNetwork, Weather

__all__ = ["Node", "VirtualNetwork", "Weather"]
