"""Settings of the simulated call control: the `calling` section of the YAML."""

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.runtime.crosschecks import CrossFault, refuse

Port = Annotated[int, Field(ge=0, le=65_535)]


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class DelaySettings(_Settings):
    """Silence at the start of a call until audio passes (webex.md D10); modelled values."""

    ice_ms: int = Field(120, ge=0, le=10_000, description="With ICE (media optimisation), in milliseconds.")
    recording_ms: int = Field(160, ge=0, le=10_000, description="With recording, in milliseconds.")
    both_ms: int = Field(600, ge=0, le=10_000, description="With both, in milliseconds.")


Voice = Literal["voice-1", "voice-2", "voice-3", "voice-4", "voice-5", "voice-6"]
VOICES: tuple[Voice, ...] = get_args(Voice)
"""The voices of the audio set."""


class PhoneEntry(_Settings):
    """A telephone that the service plays by itself: it registers, answers and speaks."""

    kind: Literal["mpp", "app", "outside"] = Field(
        "mpp", description="Desk phone, Webex App, or a telephone of the public network."
    )
    person: str | None = Field(None, description="Id of its user; null: the telephone's own name.")
    number: str | None = Field(
        None, pattern=r"^\+[0-9]{7,15}$", description="Where an outside telephone is reached, E.164."
    )
    answer_after_seconds: float | None = Field(
        1.0, ge=0, le=3_600, description="Rings that long before it answers; null: until it is told to."
    )
    says: Voice | Literal["tone"] | None = Field(
        None,
        description="A voice of the audio set, round and round, or a tone of its own; null: a voice that "
        "nobody else has, while there are some.",
    )

    @model_validator(mode="after")
    def _outside_has_a_number(self) -> "PhoneEntry":
        if (self.kind == "outside") is not (self.number is not None):
            told = "an outside telephone has a number, a person's takes that of its person"
            at = "kind" if self.number is None else "number"
            refuse(self, [CrossFault((at,), told, (("kind",), ("number",)))])
        return self


class CallingSettings(_Settings):
    """The simulated Webex Calling core."""

    enabled: bool = Field(False, description="Run a call control, and the phones below, in this service.")
    phones: dict[str, PhoneEntry] = Field(
        default_factory=dict, description="Telephones the service plays, by name."
    )
    mailboxes: frozenset[str] = Field(
        frozenset(), description="Ids of people whose unanswered calls go to voicemail."
    )
    media_optimized: frozenset[str] = Field(
        frozenset(), description="Ids of people whose calls use ICE (D10)."
    )
    host: str = Field("127.0.0.1", description="Address of SIP and RTP; loopback unless said otherwise.")
    port: Port = Field(5070, description="UDP and TCP port of SIP, 0 for any.")
    domain: str = Field("calling.example", description="Domain of users' addresses.")
    port_pairs: int = Field(64, ge=2, le=20_000, description="RTP port pairs: two a call.")
    recorders: tuple[str, ...] = Field(
        (), description="SIP URIs of recorders, tried in order; none: the recorder of this service."
    )
    dialect: Literal["rfc7866", "broadworks"] = Field("broadworks", description="SIPREC dialect of forks.")
    codecs: tuple[Literal["PCMU", "PCMA", "G722"], ...] = Field(
        ("PCMU", "PCMA", "G722"), min_length=1, description="Codecs towards phones, best first."
    )
    fork_codecs: tuple[Literal["PCMU", "PCMA", "G722"], ...] = Field(
        ("PCMU", "PCMA"), min_length=1, description="Codecs towards recorders, best first."
    )
    recorder_timeout_seconds: float = Field(
        4.0, gt=0, description="Silence of a recorder before the next one is tried."
    )
    ring_seconds: float = Field(20.0, gt=0, description="Ringing before voicemail, or giving up.")
    routes: dict[str, str] = Field(
        default_factory=dict, description="Outside numbers and the SIP URI each is reached at."
    )
    passwords: dict[str, str] = Field(
        default_factory=dict, description="Digest passwords of users by id; without any nobody can register."
    )
    delays: DelaySettings = Field(default_factory=DelaySettings, description="Start-of-call delays.")
    on_demand: Literal["user_initiated", "from_connect"] = Field(
        "user_initiated", description="On Demand as Webex has it, or BroadWorks' that records from connect."
    )
    fork_first: bool = Field(
        False, description="Record while the start announcement plays, instead of after it."
    )
    tones_recorded: bool = Field(False, description="Beeps and repeat tones are in the recording too.")
    beeps_reported: bool = Field(False, description="Tell the provider of beeps as well as announcements.")

    def voices(self) -> dict[str, str]:
        """What each phone says: its own choice, else its person's, else the voice fewest others have."""
        found = {name: entry.says for name, entry in self.phones.items() if entry.says is not None}
        of_person = {self.phones[name].person or name: says for name, says in found.items()}
        for name, entry in self.phones.items():
            if entry.says is None:
                person = entry.person or name
                rarest = min(VOICES, key=list(of_person.values()).count)
                found[name] = of_person.setdefault(person, rarest)
        return dict(found)
