"""What the gateway does with what carriers send: defined here, implemented above (`messages.inbound`)."""

from collections.abc import Callable
from typing import Protocol

from gateway.smpp.constants import CommandStatus
from gateway.smpp.pdu import DataSm, DeliverSm

Acknowledge = Callable[[int], None]
"""Call it once, from the loop's thread, with the `command_status` of the deliver_sm_resp.

0 once it is durable.
"""


class DeliverHandler(Protocol):
    """Takes every deliver_sm and data_sm of every carrier: inbound texts, and receipts."""

    def on_deliver(self, carrier: str, pdu: DeliverSm | DataSm, acknowledge: Acknowledge) -> None:
        """Take responsibility for a PDU.

        `acknowledge(0)` only after it is durable: the carrier forgets it then. Called synchronously on the
        loop, so hand slow work on. If it raises, the carrier is answered ESME_RX_T_APPN and tries again.
        """


class RefuseDeliveries:
    """A handler for gateways that only send: tells carriers to try again later."""

    def on_deliver(self, carrier: str, pdu: DeliverSm | DataSm, acknowledge: Acknowledge) -> None:
        """Answer ESME_RX_T_APPN."""
        acknowledge(CommandStatus.RX_T_APPN)
