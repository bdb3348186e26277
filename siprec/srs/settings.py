"""Settings of the Session Recording Server: the `recorder` section of the YAML."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.runtime.crosschecks import CrossFault, TlsFiles, refuse

Port = Annotated[int, Field(ge=0, le=65_535)]


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class RecordingProfile(_Settings):
    """What is recorded, and how: the rules one recording session follows."""

    plain_invite: Literal["refuse", "require", "record"] = Field(
        "refuse",
        description="An INVITE that is no recording session: 403, 421 Require: siprec, or record it.",
    )
    missing_metadata: Literal["accept", "refuse"] = Field(
        "accept", description="A recording session whose first INVITE has no metadata: record it, or 400."
    )
    pause_mode: Literal["cut", "silence"] = Field(
        "cut", description="Paused time is absent from the recording, or silent in it."
    )
    codecs: tuple[str, ...] = Field(
        ("PCMU", "PCMA", "G722"), description="Codecs that are recorded, best first; opus needs the extra."
    )
    codec_preference: Literal["offer", "ours"] = Field(
        "offer", description="Whose order decides where several codecs are in common."
    )
    srtp: bool = Field(True, description="Accept SDES-SRTP streams.")
    max_streams: int = Field(
        16, ge=1, le=64, description="Streams of one recording session; more are refused."
    )
    media_timeout_seconds: float = Field(
        120.0, gt=0, description="A recording without a single packet for this long is ended."
    )
    media_timeout_action: Literal["end", "warn"] = Field(
        "end", description="What a media timeout does: hang up, or only note a warning."
    )
    request_snapshot: bool = Field(
        True, description="Ask an rfc7866 peer for a full snapshot when its metadata began with a change."
    )
    audio_format: Literal["wav", "flac", "opus"] = Field(
        "wav", description="Format after sealing; while the call runs it is always WAV."
    )
    stereo: bool = Field(True, description="Also keep one stereo file: odd streams left, even ones right.")


class TlsSettings(_Settings):
    """TLS listener of the recorder; without files a certificate is made at first start."""

    tls_files: ClassVar[TlsFiles] = TlsFiles("certificate", "key", "client_ca")

    port: Port = Field(5061, description="TCP port for TLS.")
    certificate: str | None = Field(None, description="Path of a PEM certificate chain.")
    key: str | None = Field(None, description="Path of its PEM key.")
    client_ca: str | None = Field(
        None, description="Path of a PEM bundle; set, clients must show a certificate."
    )

    @model_validator(mode="after")
    def _pair(self) -> "TlsSettings":
        if (self.certificate is None) != (self.key is None):
            given = "key" if self.certificate is None else "certificate"
            told = "certificate and key go together; without both a certificate is made"
            refuse(self, [CrossFault((given,), told, (("certificate",), ("key",)))])
        return self


class DigestSettings(_Settings):
    """Digest authentication of callers; off without users."""

    realm: str = Field("sms-siprec-gateway", description="Realm named in challenges.")
    users: dict[str, str] = Field(default_factory=dict, description="User names and passwords.")
    nonce_lifetime_seconds: float = Field(300.0, gt=0, description="How long a challenge may be answered.")


class SipSettings(_Settings):
    """SIP listeners and limits of the recorder."""

    host: str = Field("127.0.0.1", description="Address to bind; loopback unless said otherwise.")
    udp_port: Port | None = Field(5060, description="UDP port, null for none.")
    tcp_port: Port | None = Field(5060, description="TCP port, null for none.")
    tls: TlsSettings | None = Field(None, description="TLS listener, null for none.")
    advertise: str | None = Field(
        None, description="Address in our Contact and SDP where it differs from host."
    )
    lenient: bool = Field(True, description="Forgive vendor faults that RFC 3261 leaves no room for.")
    receive_buffer_bytes: int = Field(4_194_304, ge=4_096, description="SO_RCVBUF of the UDP socket.")
    requests_per_second_per_source: float = Field(
        0.0, ge=0, description="New requests a second one address may send, 0 for no limit."
    )
    session_interval_seconds: int = Field(
        1_800, ge=90, description="Session timer we agree to (RFC 4028), in seconds."
    )
    digest: DigestSettings = Field(default_factory=DigestSettings, description="Digest authentication.")


class MediaSettings(_Settings):
    """RTP ports."""

    host: str | None = Field(None, description="Address of RTP sockets; null: that of SIP.")
    port_pairs: int = Field(
        200, ge=1, le=20_000, description="RTP/RTCP port pairs bound at start; two a call."
    )
    first_port: Port = Field(0, description="First port of the range, 0 for wherever there is room.")
    last_port: Port = Field(65_534, description="Last port of the range.")
    quarantine_seconds: float = Field(10.0, ge=0, description="Rest of a port pair between two calls.")
    reorder_window_seconds: float = Field(
        0.2, ge=0, le=5, description="How long a missing packet is awaited."
    )


class StorageSettings(_Settings):
    """Where recordings are kept."""

    spool: str = Field("data/spool", description="Local folder of recordings in progress.")
    url: str = Field("data/recordings", description="Folder or s3:// URL of sealed recordings.")
    min_free_bytes: int = Field(
        268_435_456, ge=0, description="Below this much free space new sessions get 503."
    )


class RecorderSettings(_Settings):
    """The Session Recording Server."""

    sip: SipSettings = Field(default_factory=SipSettings, description="SIP listeners.")
    media: MediaSettings = Field(default_factory=MediaSettings, description="RTP ports.")
    storage: StorageSettings = Field(default_factory=StorageSettings, description="Files.")
    profile: RecordingProfile = Field(
        default_factory=RecordingProfile, description="What is recorded, and how."
    )
    max_sessions: int = Field(500, ge=1, description="Recording sessions at once; more get 503.")
    retry_after_seconds: int = Field(5, ge=1, description="Retry-After of a 503.")
