"""The HTTP server's section of the configuration."""

import ipaddress
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from gateway.runtime.crosschecks import CrossFault, TlsFiles, refuse

Role = Literal["admin", "person", "partner", "provider", "dubber_admin", "anonymous"]
"""Who a caller is; ``anonymous`` is a caller of a route that needs no token."""


class TokenSettings(BaseModel):
    """One bearer token and whom it stands for.

    Give ``token`` or, to keep the secret out of the file, ``sha256``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    token: SecretStr | None = Field(None, description="The bearer token itself.")
    sha256: str | None = Field(
        None, pattern="^[0-9a-f]{64}$", description="SHA-256 of the token, 64 hex digits."
    )
    name: str = Field("", description="What logs and audits call this token; default: the role.")
    role: Literal["admin", "person", "partner", "provider", "dubber_admin"] = Field(
        description="What it may do."
    )
    organization: str | None = Field(None, description="The organisation the caller belongs to.")
    person: str | None = Field(None, description="The person the caller is (role person).")

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if (self.token is None) == (self.sha256 is None):
            refuse(self, [CrossFault((), "give exactly one of token and sha256", (("token",), ("sha256",)))])
        if self.token is not None and not self.token.get_secret_value():
            refuse(self, [CrossFault(("token",), "an empty token would let everybody in")])
        return self


class HttpSettings(BaseModel):
    """Where the HTTP API listens, whom it lets in, and its limits."""

    tls_files: ClassVar[TlsFiles] = TlsFiles("tls_certificate", "tls_key")

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    host: str = Field("127.0.0.1", description="Address to listen on. Anything but loopback: also set tls.")
    port: int = Field(8080, ge=0, le=65535, description="TCP port; 0 takes a free one.")
    tokens: tuple[TokenSettings, ...] = Field((), description="Bearer tokens that are let in.")
    tls_certificate: str | None = Field(
        None, description="PEM file with the certificate chain; serves https."
    )
    tls_key: str | None = Field(None, description="PEM file with the private key of tls_certificate.")
    allowed_hosts: tuple[str, ...] = Field(
        (), description="Host names accepted in the Host header, besides the loopback names; `*` accepts any."
    )
    allowed_origins: tuple[str, ...] = Field(
        (), description="Web origins besides our own that may open the stream or WebSocket."
    )
    open_pages: Literal["loopback", "always", "never"] = Field(
        "loopback",
        description="When /, /docs, /openapi.json, /metrics, /healthz and /readyz need no token: "
        "only while host is loopback, always, or never.",
    )
    max_body_bytes: int = Field(1 << 20, ge=1, description="Largest request body, bytes.")
    max_bulk_body_bytes: int = Field(
        8 << 20, ge=1, description="Largest body of bulk and upload routes, bytes."
    )
    max_connections: int = Field(4096, ge=1, description="Connections held at once; more are answered 503.")
    max_header_bytes: int = Field(8190, ge=256, description="Largest header line, bytes.")
    max_headers: int = Field(100, ge=1, description="Most header lines of one request.")
    first_request_timeout_s: float = Field(
        10.0, gt=0, description="Seconds a new connection has to send its request."
    )
    body_timeout_s: float = Field(20.0, gt=0, description="Seconds a request body may take to arrive.")
    keepalive_timeout_s: float = Field(75.0, gt=0, description="Seconds an idle connection is kept.")
    shutdown_timeout_s: float = Field(10.0, ge=0, description="Seconds requests in progress get at shutdown.")
    auth_failures_per_minute: int = Field(
        30,
        ge=0,
        description="Wrong tokens one address may try per minute before 429; 0 switches the limit off.",
    )
    ticket_lifetime_s: float = Field(30.0, gt=0, description="Seconds a ticket for the stream stays valid.")

    @model_validator(mode="after")
    def _tls_pair(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            given = "tls_key" if self.tls_certificate is None else "tls_certificate"
            told = "tls_certificate and tls_key go together"
            refuse(self, [CrossFault((given,), told, (("tls_certificate",), ("tls_key",)))])
        return self

    @property
    def is_loopback(self) -> bool:
        """True while only this machine can reach the server."""
        return is_loopback(self.host)

    @property
    def pages_open(self) -> bool:
        """True when pages, docs, health and metrics need no token."""
        return self.open_pages == "always" or (self.open_pages == "loopback" and self.is_loopback)


def is_loopback(host: str) -> bool:
    """True for ``localhost`` and addresses in 127.0.0.0/8 and ::1."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
