"""The decision table: for each rule what it refuses and what it lets pass.

The tests play every row over HTTP, the reference (`docs/reference/rules.md`) is made of the same rows.
"""

from gateway.policy.decisions.administration import ADMINISTRATION
from gateway.policy.decisions.carriers import CARRIERS
from gateway.policy.decisions.inbound import INBOUND
from gateway.policy.decisions.outbound import OUTBOUND, SHARED

__all__ = ["ADMINISTRATION", "CARRIERS", "INBOUND", "OUTBOUND", "SHARED"]
