"""Bodies and answers of `/v1/phones` and `/v1/calls`."""

from typing import Literal

from pydantic import Field

from gateway.runtime.http.models import ApiModel
from gateway.runtime.http.wire import format_ns
from gateway.runtime.ids import encode_id
from siprec.callcontrol.call import Happened

PhoneState = Literal["idle", "calling", "ringing", "talking", "held"]
Icon = Literal["none", "recording", "paused"]


class PhoneCallOut(ApiModel):
    """A call as a phone shows it: its recording icon (D7) and every softkey it offers now (D8)."""

    call_id: str | None
    other: str
    outgoing: bool
    state: PhoneState
    icon: Icon
    softkeys: list[str]


class PhoneOut(ApiModel):
    """A telephone. `simulated`: played by this service; others have registered from elsewhere."""

    id: str
    kind: Literal["mpp", "app", "outside", "registered"]
    simulated: bool
    person_id: str | None
    name: str
    number: str | None
    registered: bool
    state: PhoneState
    icon: Icon
    softkeys: list[str]
    recording_mode: str
    calls: list[PhoneCallOut]


class SoftkeyIn(ApiModel):
    """A softkey to press, by its label; `to` for Transfer; `callId` where the phone is in several calls."""

    key: str = Field(max_length=32, description="A label of `softkeys`.")
    to: str | None = Field(None, min_length=1, max_length=64, description="Whom a transfer is for.")
    call_id: str | None = Field(None, max_length=32, description="Which call; default: the last one.")


class CallIn(ApiModel):
    """A call to make between two telephones."""

    from_: str = Field(
        alias="from",
        min_length=1,
        max_length=64,
        description="Who calls: a phone's id, a person's id, or a number, of a phone this service plays.",
    )
    to: str = Field(min_length=1, max_length=64, description="Whom: a person's id or a number.")
    seconds: float | None = Field(
        None, gt=0, le=3_600, description="Talk that long, then hang up; absent: until somebody hangs up."
    )


class CallPartyOut(ApiModel):
    """Somebody in a call. `personId` null: the outside."""

    person_id: str | None
    number: str | None
    name: str
    talking: bool
    held: bool
    icon: Icon


class RecordedOut(ApiModel):
    """The recording of one user of a call: its state, and what its phone shows."""

    person_id: str
    state: Literal["off", "announcing", "starting", "recording", "paused", "ended"]
    icon: Icon


class LogOut(ApiModel):
    """A line of a call's log: `calling`, `joined`, `pressed`, `played`, `told`, `recording`, `left` …"""

    at: str
    what: str
    who: str
    detail: str

    @classmethod
    def of(cls, line: Happened) -> "LogOut":
        """A line as the API shows it; a call that somebody moved to goes by its id of the API."""
        detail = encode_id(int(line.detail)) if line.what == "moved" else line.detail
        return cls(at=format_ns(line.at_ns), what=line.what, who=line.who, detail=detail)


class CallOut(ApiModel):
    """A simulated call, running or finished, with its log."""

    id: str
    state: Literal["ringing", "connected", "ended"]
    from_: str = Field(alias="from")
    to: str
    started_at: str
    ended_at: str | None
    parties: list[CallPartyOut]
    recorded: list[RecordedOut]
    log: list[LogOut]
