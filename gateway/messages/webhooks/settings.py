"""Section `webhooks:` of the configuration."""

from ipaddress import IPv4Network, IPv6Network
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from gateway.runtime.crosschecks import TlsFiles

Network = IPv4Network | IPv6Network


class WebhooksSettings(BaseModel):
    """How events are posted to webhooks, and where to at all. Times are real time."""

    tls_files: ClassVar[TlsFiles] = TlsFiles(authorities="ca_file")

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    allowed_networks: tuple[Network, ...] = Field(
        (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128")),
        description="Networks (CIDR) events may be posted to; loopback only, unless others are named here.",
    )
    connections: int = Field(
        8, ge=1, le=256, description="Connections, and so posts at a time, to one webhook's target."
    )
    timeout_s: float = Field(
        10.0, gt=0, description="Seconds a receiver has to take a connection, and to answer."
    )
    idle_s: float = Field(30.0, gt=0, description="Seconds after which an unused connection is closed.")
    max_attempts: int = Field(
        8, ge=1, le=100, description="Attempts after which a delivery is a dead letter."
    )
    first_retry_s: float = Field(
        1.0, gt=0, description="Seconds before the first retry; doubled for each further."
    )
    longest_retry_s: float = Field(300.0, gt=0, description="Seconds between retries at most.")
    max_pending: int = Field(
        20_000,
        ge=1,
        description="Deliveries that may wait for one webhook; further ones become dead letters.",
    )
    max_webhooks: int = Field(200, ge=0, description="Webhooks that may exist.")
    recent: int = Field(200, ge=0, description="Finished deliveries shown per webhook; kept in memory.")
    dead_letter_keep_s: float = Field(
        7 * 86_400.0, gt=0, description="Seconds (world time) dead letters are kept across restarts."
    )
    ca_file: str | None = Field(
        None, description="PEM file of authorities trusted for https targets, instead of the system's."
    )
