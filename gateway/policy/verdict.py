"""What a rule is and what it says: `Rule` is a line of the published table, `Verdict` one refusal by it."""

from dataclasses import dataclass
from enum import Enum


class BlockedBy(Enum):
    """Who refuses (webex.md B5): a rule of the product, Cisco's or a vendor's discretion, or a carrier."""

    GATEWAY = "gateway"
    CISCO = "cisco"
    VENDOR = "vendor"
    CARRIER = "carrier"

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is a Python function


class Direction(Enum):
    """Which traffic a rule judges; ADMINISTRATIVE rules judge an administrator's action."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"
    ADMINISTRATIVE = "administrative"


class Mode(Enum):
    """How strictly a rule is applied."""

    ENFORCE = "enforce"
    SHADOW = "shadow"
    """Judged and counted, never refused."""
    OFF = "off"

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is a Python function


@dataclass(frozen=True, slots=True)
class Rule:
    """One stable code with its facts, as the reference documentation lists it."""

    code: str
    direction: Direction
    facts: tuple[str, ...]
    description: str
    http_status: int | None
    """Answer to the sender's request; None: inbound, where nobody waits for an answer."""
    blocked_by: BlockedBy = BlockedBy.GATEWAY
    switchable: bool = True
    clause: str = ""
    """The part of its facts that only some revisions state; empty: any of its facts."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A refusal by `rule`; `detail` says what exactly was found, never the text or a number."""

    rule: Rule
    detail: str = ""
    cause: str | None = None
    """For filters: fraud, volume, burst, spam, unauthorised, inappropriate (B5) or a configured one."""
    decided_by: BlockedBy | None = None
    """Who decided, where it is not the rule's own party (B5)."""

    @property
    def code(self) -> str:
        """The rule's stable code."""
        return self.rule.code

    @property
    def description(self) -> str:
        """The rule's sentence, with the detail where there is one."""
        return f"{self.rule.description} ({self.detail})" if self.detail else self.rule.description

    @property
    def http_status(self) -> int | None:
        """The status of the refusal over HTTP."""
        return self.rule.http_status

    @property
    def blocked_by(self) -> BlockedBy:
        """Who refuses."""
        return self.decided_by or self.rule.blocked_by

    @property
    def facts(self) -> tuple[str, ...]:
        """Ids of the facts the rule stands on."""
        return self.rule.facts

    @property
    def direction(self) -> Direction:
        """Which traffic it judges."""
        return self.rule.direction

    @property
    def switchable(self) -> bool:
        """Whether the rule may be switched to shadow or off."""
        return self.rule.switchable
