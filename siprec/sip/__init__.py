"""SIP as RFC 3261 and RFC 6026 describe it, without I/O; `aio` is the only module that moves bytes.

`Endpoint` is the machine: datagrams and stream bytes in, events and bytes to send out, `now` an argument.
"""

from siprec.sip.auth import Credentials, DigestAuthority
from siprec.sip.dialog import Dialog, DialogState
from siprec.sip.endpoint import Endpoint, EndpointConfig
from siprec.sip.errors import SipError
from siprec.sip.flow import Flow, Target, Transport
from siprec.sip.ids import IdSource, SequentialIds
from siprec.sip.message import Request, Response

__all__ = [
    "Credentials",
    "Dialog",
    "DialogState",
    "DigestAuthority",
    "Endpoint",
    "EndpointConfig",
    "Flow",
    "IdSource",
    "Request",
    "Response",
    "SequentialIds",
    "SipError",
    "Target",
    "Transport",
]
