"""Scenarios: who calls whom, what is pressed when, what the network does, what must be in the recording.

    scenario = load_scenario("pause-announcement")   # of the library, or a path; ConfigError with all faults
    scenario.steps                                   # the script, read
    names()                                          # the library

A script is sentences, one a line::

    alice calls customer          customer answers | rejects     wait 1.5
    alice presses PauseRec        alice holds | takes back       alice hangs up
    alice transfers to carol      alice consults carol           alice connects | joins
    30 days pass                  alice gets dubber_standard     alice is set to never
    alice has 1 recordings        organization chooses none      recorder restarts

`consults` makes a second call; `connects` ends it with an attended transfer, `joins` with a conference.
Phones answer by themselves unless `answers` says otherwise. The third kind of sentence is about the world
around calls, and needs a recorder of our own: days of world time, products (C9), modes (D1), how many
recordings someone's provider keeps, the organisation's provider (C11). Pure but for reading the file.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from gateway.directory.model import Licence
from gateway.directory.recording import INHERIT, PauseNotice, RecordingMode, RecordingSettings
from gateway.runtime.config import find_config, load
from siprec.phones.softkeys import Softkey

FOLDER = "scenarios"
MAX_WAIT_S = 300.0


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


@dataclass(frozen=True, slots=True)
class Step:
    """A sentence of a script. what: the verb; whom: a party, a key's label, or seconds."""

    who: str
    what: str
    whom: str = ""

    def __str__(self) -> str:
        match self.what:
            case "pass":
                return f"{self.whom} days pass"
            case "restarts":
                return "recorder restarts"
            case "chooses":
                return f"organization chooses {self.whom}"
            case "has":
                return f"{self.who} has {self.whom} recordings"
        return " ".join(part for part in (self.who, self.what, self.whom) if part)


_KEYS = "|".join(key.value for key in Softkey)
_MODES = "|".join(mode.value for mode in RecordingMode)
_NAME = r"[a-z][a-z0-9_-]*"
WORLD_STEPS = frozenset({"pass", "restarts", "chooses", "gets", "is set to", "has"})
"""Verbs about the world around calls."""
_SENTENCES = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?P<what>wait) (?P<whom>\d+(?:\.\d+)?)",
        r"(?P<whom>\d{1,4}) days? (?P<what>pass)",
        r"recorder (?P<what>restarts)",
        rf"organization (?P<what>chooses) (?P<whom>{_NAME})",
        rf"(?P<who>{_NAME}) (?P<what>gets) (?P<whom>{_NAME})",
        rf"(?P<who>{_NAME}) (?P<what>is set to) (?P<whom>{_MODES})",
        rf"(?P<who>{_NAME}) (?P<what>has) (?P<whom>\d{{1,3}}) recordings?",
        rf"(?P<who>{_NAME}) (?P<what>calls|transfers to|consults) (?P<whom>{_NAME})",
        rf"(?P<who>{_NAME}) (?P<what>presses) (?P<whom>{_KEYS})",
        rf"(?P<who>{_NAME}) (?P<what>answers|rejects|holds|takes back|connects|joins|hangs up)",
    )
)


def read_step(sentence: str) -> Step:
    """Read a sentence. Raises ValueError that says what is understood."""
    words = " ".join(sentence.split())
    for pattern in _SENTENCES:
        found = pattern.fullmatch(words)
        if found is not None:
            parts = found.groupdict()
            return Step(parts.get("who") or "", parts["what"], parts.get("whom") or "")
    raise ValueError(
        f"{words!r} is no sentence of a script: NAME calls|transfers to|consults NAME, "
        f"NAME presses {_KEYS}, NAME answers|rejects|holds|takes back|connects|joins|hangs up, wait SECONDS; "
        f"N days pass, NAME gets PRODUCT, NAME is set to {_MODES}, NAME has N recordings, "
        "organization chooses PROVIDER, recorder restarts"
    )


def _checked(sentence: str) -> str:
    step = read_step(sentence)
    if step.what == "wait" and float(step.whom) > MAX_WAIT_S:
        raise ValueError(f"a wait of {step.whom} s: {MAX_WAIT_S:.0f} is the most")
    return sentence


Sentence = Annotated[str, AfterValidator(_checked)]


class RecordingOf(_Model):
    """How a user is recorded (webex.md D1–D6)."""

    mode: RecordingMode = Field(RecordingMode.NEVER, description="D1.")
    record_voicemail: bool = Field(False, description="D2.")
    announce_start_stop: bool = Field(False, description="D3.")
    pause_notice: PauseNotice = Field(PauseNotice.NONE, description="D5.")
    repeat_tone_seconds: int | None = Field(None, ge=1, le=1_800, description="D6; null: no tone.")
    provider: str = Field(
        INHERIT, description="Provider at the user's location (C12): `inherit`, a name, or `none` (C11)."
    )
    product: str | None = Field(None, description="Product at the provider; null: its default (C4, C5).")

    def settings(self, identifier: str) -> RecordingSettings:
        """As the directory keeps them. identifier: the user's identity at the provider (C15)."""
        return RecordingSettings(
            self.mode,
            self.record_voicemail,
            self.announce_start_stop,
            self.pause_notice,
            self.repeat_tone_seconds is not None,
            self.repeat_tone_seconds or 20,
            self.product,
            identifier,
        )


class PartyModel(_Model):
    """A party of the call. `phone: outside`: on the public network, neither registered nor recorded."""

    number: str = Field(pattern=r"^\+[0-9]{7,15}$", description="Telephone number, E.164.")
    phone: Literal["mpp", "app", "outside"] = Field("mpp", description="Desk phone, Webex App, or outside.")
    recording: RecordingOf = Field(default_factory=RecordingOf, description="Recording settings.")
    mailbox: bool = Field(False, description="Unanswered calls go to voicemail.")
    answers: bool = Field(True, description="Answers by itself; False: only when the script says so.")
    ice: bool = Field(False, description="Media optimisation is on (D10).")
    licence: Licence = Field(Licence.PROFESSIONAL, description="Webex Calling licence (C2).")


class NetworkModel(_Model):
    """What lies between the call control and the recorder."""

    dialect: Literal["rfc7866", "broadworks"] = Field("broadworks", description="SIPREC dialect.")
    dead_recorders: int = Field(
        0, ge=0, le=4, description="Recorders before the real one in the list that do not answer."
    )
    loss: float = Field(0.0, ge=0, le=0.5, description="Share of the fork's RTP packets that get lost.")
    reorder: float = Field(0.0, ge=0, le=0.5, description="Share that overtake one another.")


class OptionsModel(_Model):
    """What the call control does where the seeds are silent, or a setting decides."""

    on_demand: Literal["user_initiated", "from_connect"] = Field(
        "user_initiated", description="D1, BroadWorks."
    )
    fork_first: bool = Field(False, description="Record while the start announcement plays.")
    tones_recorded: bool = Field(False, description="Tones and beeps are recorded too.")
    beeps_reported: bool = Field(False, description="Beeps are told to the provider.")
    ring_seconds: float = Field(20.0, gt=0, description="Ringing before voicemail.")


class ExpectedRecording(_Model):
    """What one recording must be, in the order in which recordings began."""

    of: str = Field(description="The recorded user.")
    seconds: tuple[float, float] | None = Field(None, description="Least and most, paused time cut.")
    own: tuple[str, ...] = Field((), description="Voices in the first stream.")
    others: tuple[str, ...] = Field((), description="Voices in the second stream.")
    contains: tuple[str, ...] = Field((), description="Prompts that are in it.")
    lacks: tuple[str, ...] = Field((), description="Prompts and voices that are in neither stream.")
    announcements: tuple[str, ...] = Field((), description="`event kind`, as the metadata lists them.")
    pauses: int = Field(0, ge=0, description="How often it was paused.")
    kept: bool = Field(True, description="False: nobody pressed Record (BroadWorks' On Demand).")
    expired: bool = Field(False, description="True: retention has ended, nothing of it is left (C4, C9).")
    provider: str = Field("", description="Provider it is filed with; empty: not looked at.")
    participants: tuple[str, ...] = Field(
        (), description="Everybody the metadata has named; none: not looked at."
    )


class Expected(_Model):
    """What must be true when the script is over."""

    recordings: tuple[ExpectedRecording, ...] = Field((), description="All of them; none: nothing recorded.")
    heard: Mapping[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Prompts and voices each party heard."
    )
    unheard: Mapping[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Prompts and voices each party did not hear."
    )
    icons: Mapping[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Icons each phone showed in its first call, in order (D7)."
    )
    messages: Mapping[str, int] = Field(default_factory=dict, description="Messages in voice mailboxes.")
    delay_ms: int | None = Field(
        None, ge=0, description="Silence at the start of the first call (D10); null: not looked at."
    )


class Scenario(_Model):
    """A whole scenario."""

    title: str = Field(description="One line.")
    facts: tuple[str, ...] = Field((), description="Ids of webex.md it shows.")
    provider: str = Field("dubber", description="Provider of the organisation, or `none` (C3, C11).")
    parties: Mapping[str, PartyModel] = Field(description="Who there is, by name.")
    network: NetworkModel = Field(default_factory=NetworkModel, description="What the network does.")
    options: OptionsModel = Field(default_factory=OptionsModel, description="Choices of the call control.")
    script: tuple[Sentence, ...] = Field(min_length=1, description="What happens, a sentence a line.")
    expect: Expected = Field(default_factory=Expected, description="What must be true afterwards.")

    @model_validator(mode="after")
    def _parties_exist(self) -> "Scenario":
        named = {step.who for step in self.steps if step.who}
        named |= {step.whom for step in self.steps if step.what in ("calls", "transfers to", "consults")}
        named |= {recording.of for recording in self.expect.recordings}
        named |= {name for recording in self.expect.recordings for name in recording.participants}
        named |= {*self.expect.heard, *self.expect.unheard, *self.expect.icons, *self.expect.messages}
        unknown = sorted(named - set(self.parties))
        if unknown:
            raise ValueError(f"nobody is called {', '.join(unknown)}: parties are {', '.join(self.parties)}")
        return self

    @property
    def steps(self) -> tuple[Step, ...]:
        """The script, read."""
        return tuple(read_step(sentence) for sentence in self.script)


def load_scenario(name: str) -> Scenario:
    """A scenario of the library by name, or a file. Raises ConfigError with every fault and its line."""
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        path = find_config(f"{FOLDER}/{name}.yaml")
    else:
        path = find_config(name)
    return load(path, {"scenario": Scenario}).section("scenario", Scenario)


def names() -> tuple[str, ...]:
    """The library's scenarios."""
    package = Path(str(resources.files("gateway")))
    for folder in (package / "_config" / FOLDER, package.parent / "config" / FOLDER):
        if folder.is_dir():
            return tuple(sorted(path.stem for path in folder.glob("*.yaml")))
    return ()
