"""Section `esme:` of the configuration.

The gateway's binds to each carrier, and which destination goes where.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    model_validator,
)

from gateway.runtime.crosschecks import CrossFault, TlsFiles, refuse

BindType = Literal["transceiver", "transmitter_receiver"]
Digits = Annotated[str, StringConstraints(pattern=r"^\+?[0-9]+$")]
"""A number or the beginning of one, E.164, with its plus or without."""
MAX_PASSWORD_CHARS = 8


def _fits(password: SecretStr) -> SecretStr:
    if len(password.get_secret_value()) > MAX_PASSWORD_CHARS:
        raise ValueError(f"at most {MAX_PASSWORD_CHARS} characters (SMPP 3.4 §5.2.2)")
    return password


Password = Annotated[SecretStr, AfterValidator(_fits)]
"""The password of a bind, as long as SMPP lets it be."""


class Section(BaseModel):
    """Base of the settings here: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class BackoffSettings(Section):
    """How long to wait between attempts to connect: doubled from attempt to attempt, then jittered."""

    min_s: float = Field(0.5, gt=0, description="Wait after the first failure, in seconds.")
    max_s: float = Field(60.0, gt=0, description="Longest wait, in seconds.")
    jitter: float = Field(0.2, ge=0, le=1, description="Share of the wait that is random, both ways.")

    @model_validator(mode="after")
    def _ordered(self) -> "BackoffSettings":
        if self.max_s < self.min_s:
            refuse(self, [CrossFault(("max_s",), "max_s must not be below min_s", (("min_s",),))])
        return self


class TlsSettings(Section):
    """TLS to a carrier; present means on."""

    tls_files: ClassVar[TlsFiles] = TlsFiles("certificate_file", "key_file", "ca_file")

    ca_file: str | None = Field(None, description="CA certificates to trust; null: the system's.")
    certificate_file: str | None = Field(None, description="Our certificate, if the carrier asks for one.")
    key_file: str | None = Field(None, description="Its key; null: it stands in certificate_file.")
    server_name: str | None = Field(None, description="Name the carrier's certificate must have; null: host.")
    verify: bool = Field(True, description="Whether the carrier's certificate is checked.")

    @model_validator(mode="after")
    def _key_of_a_certificate(self) -> "TlsSettings":
        if self.key_file is not None and self.certificate_file is None:
            told = "key_file is the key of certificate_file, which is not given"
            refuse(self, [CrossFault(("key_file",), told, (("certificate_file",),))])
        return self


class CarrierLinkSettings(Section):
    """Binds to one carrier and how they behave."""

    host: str = Field("127.0.0.1", description="The carrier's address.")
    port: int = Field(2775, ge=1, le=65_535, description="The carrier's port.")
    system_id: str = Field(max_length=15, description="Account at the carrier.")
    password: Password = Field(SecretStr(""), description="Password of the account, at most 8 characters.")
    system_type: str = Field("", max_length=12, description="`system_type` of the bind.")
    bind_type: BindType = Field(
        "transceiver", description="One transceiver bind, or a transmitter and a receiver bind."
    )
    binds: int = Field(1, ge=1, le=64, description="Binds (or pairs of binds) held at once.")
    window: int = Field(10, ge=1, le=10_000, description="Requests outstanding per bind.")
    window_wait_timeout_s: float = Field(
        0.0, ge=0, description="Longest wait for a place in a window, pauses included; 0: no limit."
    )
    request_expiry_s: float = Field(10.0, gt=0, description="How long a request waits for its response.")
    bind_timeout_s: float = Field(10.0, gt=0, description="From connecting to bound.")
    enquire_link_interval_s: float = Field(30.0, ge=0, description="Silence before enquire_link; 0: never.")
    inactivity_s: float = Field(0.0, ge=0, description="Idle time after which a bind is ended; 0: never.")
    throttle_pause_s: float = Field(1.0, ge=0, description="Pause of the whole bind after ESME_RTHROTTLED.")
    queue_full_retries: int = Field(3, ge=0, description="Retries of a message after ESME_RMSGQFUL.")
    queue_full_wait_s: float = Field(2.0, ge=0, description="Wait of the pair before each such retry.")
    submit_attempts: int = Field(
        3,
        ge=1,
        description="Times a message is sent when no answer comes in time over a bind that lives"
        " (at-least-once).",
    )
    lost_attempts: int = Field(
        5,
        ge=1,
        description="Times a bind may be lost while a message is alone on it, unanswered; then that message"
        " has no_response. What was outstanding with others goes again and counts nothing.",
    )
    late_response_wait_s: float = Field(
        2.0, ge=0, description="Wait for a late answer before a message without answer is sent again."
    )
    queue_limit: int = Field(100_000, ge=1, description="Messages that may wait here; more are refused.")
    backoff: BackoffSettings = Field(BackoffSettings(), description="Waits between attempts to connect.")
    tls: TlsSettings | None = Field(None, description="TLS; null: plain TCP.")

    @property
    def follows_carrier(self) -> bool:
        """No port is given: the binds go to the mock carrier of their name, wherever it listens."""
        return "port" not in self.model_fields_set


class RouteSettings(Section):
    """Which carrier a destination belongs to.

    Exact number, then ported, then longest prefix, then default.
    """

    numbers: dict[Digits, str] = Field({}, description="E.164 number → carrier.")
    ported: dict[Digits, str] = Field({}, description="Ported E.164 number → the carrier that serves it now.")
    prefixes: dict[Digits, str] = Field({}, description="E.164 prefix → carrier; the longest match wins.")
    default: str | None = Field(None, description="Carrier of everything else; null: no route.")

    def named(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Yield every carrier a route leads to, with where the route stands."""
        tables = {"numbers": self.numbers, "ported": self.ported, "prefixes": self.prefixes}
        for table, routes in tables.items():
            for digits, carrier in routes.items():
                yield (table, digits), carrier
        if self.default:
            yield ("default",), self.default


class EsmeSettings(Section):
    """The gateway's side of SMPP."""

    carriers: dict[str, CarrierLinkSettings] = Field({}, description="Binds by carrier name.")
    routes: RouteSettings = Field(RouteSettings(), description="Destination → carrier.")
    drain_s: float = Field(5.0, ge=0, description="Time outstanding submits get when the gateway stops.")

    @model_validator(mode="after")
    def _routes_lead_somewhere(self) -> "EsmeSettings":
        refuse(
            self,
            [
                CrossFault(
                    ("routes", *at),
                    f"there is no '{carrier}' under esme.carriers",
                    (("carriers", carrier),),
                )
                for at, carrier in self.routes.named()
                if carrier not in self.carriers
            ],
        )
        return self
