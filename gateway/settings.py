"""The sections of the configuration and which part of the program reads which."""

from collections.abc import Collection, Mapping

from pydantic import BaseModel, Field

from gateway.carriers.settings import CarriersSettings, NetworkSettings
from gateway.directory.references import token_faults
from gateway.directory.settings import DirectorySettings
from gateway.esme.settings import EsmeSettings
from gateway.messages.settings import MessagesSettings
from gateway.messages.webhooks import WebhooksSettings
from gateway.policy.settings import BusinessTextingSettings
from gateway.registry.references import brand_faults
from gateway.registry.settings import RegistrySettings
from gateway.registry.terms import CarrierTerms
from gateway.replay.settings import CapturesSettings
from gateway.runtime.crosschecks import CrossCheck
from gateway.runtime.http.settings import HttpSettings
from gateway.runtime.settings import ClockSettings, LogSettings, StorageSettings
from gateway.runtime.tracing import TracingSettings
from gateway.throttle.settings import LimitsSettings
from siprec.settings import RECORDING


class Network(NetworkSettings):
    """One carrier: its truth, and what the gateway believes of it."""

    terms: CarrierTerms = CarrierTerms()
    """What the gateway believes of it."""


class Networks(CarriersSettings):
    """The carriers of the world: who they are, and which of them this process plays."""

    networks: Mapping[str, Network] = Field(default_factory=dict)
    """Carriers by name, in the order of their ports."""

    def kept(self, parts: Collection[str]) -> bool:
        """Whether a process of these parts keeps what its mock carriers owe."""
        return "carriers" in parts and ("texting" in parts if self.durable is None else self.durable)

    def address(self, esme: EsmeSettings) -> EsmeSettings:
        """Return `esme` with binds that name no port led to the mock carrier of their name."""
        ports = self.ports()
        carriers = {
            name: each.model_copy(update={"host": self.host, "port": ports[name]})
            if each.follows_carrier and name in ports
            else each
            for name, each in esme.carriers.items()
        }
        return esme.model_copy(update={"carriers": carriers})


COMMON: dict[str, type[BaseModel]] = {
    "log": LogSettings,
    "clock": ClockSettings,
    "storage": StorageSettings,
    "http": HttpSettings,
    "tracing": TracingSettings,
    "directory": DirectorySettings,
}
CARRIERS: dict[str, type[BaseModel]] = {"carriers": Networks}
TEXTING: dict[str, type[BaseModel]] = {
    **CARRIERS,
    "registry": RegistrySettings,
    "business_texting": BusinessTextingSettings,
    "limits": LimitsSettings,
    "messages": MessagesSettings,
    "esme": EsmeSettings,
    "webhooks": WebhooksSettings,
    "captures": CapturesSettings,
}
PARTS: dict[str, dict[str, type[BaseModel]]] = {
    "texting": TEXTING,
    "carriers": CARRIERS,
    "recording": RECORDING,
}
TLS_SECTIONS: dict[str, tuple[str, ...]] = {
    "texting": ("esme", "webhooks"),
    "carriers": ("carriers",),
    "recording": ("recording",),
}
"""Sections whose TLS files each part opens; those of another part may lie on another machine."""
EVERY_SECTION: dict[str, type[BaseModel]] = {**COMMON, **TEXTING, **RECORDING}
CROSS_CHECKS: tuple[CrossCheck, ...] = (token_faults, brand_faults)
"""What is judged between sections, where both are read."""
