"""Section `carriers:` of the configuration: which mock carriers run, and where they listen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from gateway.carriers.profile import CarrierProfile
from gateway.carriers.values import Frozen
from gateway.runtime.crosschecks import TlsFiles


class TlsSettings(Frozen):
    """A certificate for SMPP over TLS."""

    tls_files: ClassVar[TlsFiles] = TlsFiles("certificate", "key", "client_ca_file")

    certificate: str
    """PEM file with the certificate and its chain."""
    key: str
    """PEM file with the private key."""
    client_ca_file: str | None = None
    """PEM file with CA certificates; set, ESMEs must show a certificate that one of them signed."""


class NetworkSettings(Frozen):
    """One carrier: the two sections of `config/carriers/<name>.yaml`, and where it listens."""

    profile: CarrierProfile | None = None
    """The carrier's truth; null: a carrier out there, of which only `terms` are known. It takes no port."""
    terms: Any = None
    """What the gateway believes of it; read by the registry, not here."""
    port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """Port of this carrier; null: the next after the carrier before it."""
    enabled: bool = True
    """False: not started; its port stays free."""


class CarriersSettings(Frozen):
    """The mock carriers of one process."""

    host: str = "127.0.0.1"
    """Address they listen on."""
    port: Annotated[int, Field(ge=0, le=65535)] = 2775
    """Port of the first carrier; the others follow in their order. 0: any free ports."""
    durable: bool | None = None
    """What they have acknowledged and still owe survives a restart: receipts and inbound texts to come,
    windows used. It is kept in the storage; null: where the gateway itself runs in the same process, so that
    carriers alone need no storage."""
    tls: TlsSettings | None = None
    """SMPP over TLS on every port; null: plain TCP."""
    networks: Mapping[str, NetworkSettings] = Field(default_factory=dict)
    """Carriers by name, in the order of their ports."""

    def ports(self) -> dict[str, int]:
        """Return the port of each carrier; 0 means any."""
        played = ((name, network) for name, network in self.networks.items() if network.profile is not None)
        return {
            name: network.port if network.port is not None else (self.port + index if self.port else 0)
            for index, (name, network) in enumerate(played)
        }
