"""What a provider is (data), and what it keeps: accounts, subscribers, filings (webex.md C3–C15)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.runtime.crosschecks import CrossFault, refuse

DAY_NS = 86_400 * 1_000_000_000


class Action(Enum):
    """What one may do with a recording. LIST shows that it exists, SHOW its parties and metadata."""

    LIST = "list"
    SHOW = "show"
    PLAY = "play"
    DELETE = "delete"
    ASSIGN = "assign"


class Relation(Enum):
    """How a caller stands to a recording."""

    PERSON = "person"
    ORGANIZATION = "organization"
    PARTNER = "partner"
    ACCOUNT_ADMIN = "account_admin"
    PROVIDER = "provider"


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Product(_Data):
    """What a subscriber holds at a provider."""

    title: str = Field(description="Name as the provider's portal shows it.")
    paid: bool = Field(True, description="Needs a contract with the provider (C5–C7).")
    retention_days: int | None = Field(
        None, ge=1, description="Days a recording is kept (C4); null: without limit (C5)."
    )
    access: Mapping[Relation, frozenset[Action]] = Field(
        description="Who may do what with its recordings (C4, C5)."
    )


class Provider(_Data):
    """A recording provider."""

    title: str = Field(description="Name shown to administrators.")
    products: Mapping[str, Product] = Field(min_length=1, description="Products by name.")
    default_product: str = Field(description="What a new subscriber gets.")
    regions: tuple[str, ...] = Field((), description="Regions of an account (C6, C7); none: not chosen.")
    account_opened_by: frozenset[Literal["terms", "first_enable", "support"]] = Field(
        description="What opens an organisation's account (C8)."
    )
    terms_required: bool = Field(True, description="Recording needs accepted terms first (C8, C10).")
    users: Literal["automatic", "manual"] = Field(
        description="Subscribers are made automatically, or by hand and by the provider's sync tool (C8)."
    )
    trial: bool = Field(False, description="Offers a free trial account (C8).")
    customer_storage: bool = Field(False, description="Recordings can move to the customer's own (C6, C7).")
    callers: frozenset[str] = Field(frozenset(), description="Names of tokens that are this provider.")

    @model_validator(mode="after")
    def _default_is_offered(self) -> "Provider":
        if self.default_product not in self.products:
            told = f"default_product '{self.default_product}' is none of the products"
            refuse(self, [CrossFault(("default_product",), told, (("products", self.default_product),))])
        return self


class AccountKind(Enum):
    """What an account is (webex.md C8)."""

    PRODUCTION = "production"
    TRIAL = "trial"


@dataclass(frozen=True, slots=True)
class Account:
    """An organisation's account at a provider (webex.md C8)."""

    organization_id: str
    provider: str
    opened_ns: int
    opened_by: str
    """terms, first_enable or support."""
    kind: AccountKind = AccountKind.PRODUCTION
    region: str | None = None
    contract: bool = False
    """A contract for paid products stands (C5)."""
    administrators: frozenset[str] = frozenset()
    """Names of callers who administer the account (C14)."""
    storage: str | None = None
    """Name of the customer's own place for recordings; None: the provider's cloud (C6, C7)."""


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A person at a provider: user and entitlement (webex.md C8, C9)."""

    organization_id: str
    person_id: str
    provider: str
    product: str
    since_ns: int
    """When the person got this product."""
    how: str = "automatic"
    """automatic, manual or sync."""


class TenantKey(NamedTuple):
    """Whose a recording is: the three values of the platform information (webex.md C15)."""

    service_provider: str = ""
    external_group: str = ""
    external_identifier: str = ""


@dataclass(frozen=True, slots=True)
class Owner:
    """The tenant a key names, as things stand. person_id None: nobody; reason then says why."""

    organization_id: str | None = None
    person_id: str | None = None
    provider: str = ""
    product: str = ""
    reason: str = ""

    @property
    def known(self) -> bool:
        """Whether the recording can be filed under a subscriber."""
        return not self.reason


@dataclass(frozen=True, slots=True)
class Filing:
    """A recording filed with its provider, or kept in quarantine (`reason` says why)."""

    recording_id: int
    tenant: TenantKey
    owner: Owner
    recorded_ns: int
    finished_ns: int | None = None
    expires_ns: int | None = None
    """When retention ends; None: never, or not yet finished."""
    storage: str | None = None
    """Where its files are: the name of a customer's own place, None: the provider's cloud (C6, C7)."""

    @property
    def quarantined(self) -> bool:
        """Whether nobody's account takes it yet."""
        return bool(self.owner.reason)
