"""Recording icon and softkeys of a phone: mode and state in, what is shown out (`webex.md` D7, D8).

    shown = display(RecordingKeys.ON_DEMAND, RecordStatus.PAUSED, in_call=True)
    shown.icon, shown.softkeys                  # Icon.PAUSED, (StopRec, ResumeRec)
    Softkey.PAUSE.preference                    # what the key asks for in `a=recordpref` (RFC 7866 §6.3)

The keys are those of MPP phones (`siprec.md`): Always has none; Always with pause PauseRec and ResumeRec;
On Demand Record, PauseRec, StopRec and ResumeRec. BroadWorks has another On Demand that records from connect
and keeps the recording only if Record is pressed: its Record key stays until then.
"""

from dataclasses import dataclass
from enum import Enum

from gateway.directory.recording import RecordingMode


class RecordingKeys(Enum):
    """How a user's calls are recorded, as a phone is told: D1, and the BroadWorks variant of On Demand."""

    NEVER = "never"
    ALWAYS = "always"
    ALWAYS_WITH_PAUSE = "always_with_pause"
    ON_DEMAND = "on_demand"
    ON_DEMAND_FROM_CONNECT = "on_demand_from_connect"

    @classmethod
    def of(cls, mode: RecordingMode, *, from_connect: bool = False) -> "RecordingKeys":
        """The keys of a setting. from_connect: On Demand as BroadWorks has it."""
        if mode is RecordingMode.ON_DEMAND and from_connect:
            return cls.ON_DEMAND_FROM_CONNECT
        return cls(mode.value)


class RecordStatus(Enum):
    """What `a=record` tells a record-aware party (RFC 7866 §6.2)."""

    OFF = "off"
    ON = "on"
    PAUSED = "paused"


class Icon(Enum):
    """What the display shows beside the call (D7)."""

    NONE = "none"
    RECORDING = "recording"
    PAUSED = "paused"


class Softkey(Enum):
    """A key, by its label on the display."""

    RECORD = "Record"
    PAUSE = "PauseRec"
    RESUME = "ResumeRec"
    STOP = "StopRec"

    @property
    def preference(self) -> str:
        """The value of `a=recordpref` that asks for it (RFC 7866 §6.3)."""
        return {"Record": "on", "PauseRec": "pause", "ResumeRec": "on", "StopRec": "off"}[self.value]


@dataclass(frozen=True, slots=True)
class Display:
    """What a phone shows of recording."""

    icon: Icon = Icon.NONE
    softkeys: tuple[Softkey, ...] = ()


ICONS = {RecordStatus.OFF: Icon.NONE, RecordStatus.ON: Icon.RECORDING, RecordStatus.PAUSED: Icon.PAUSED}

SOFTKEYS: dict[tuple[RecordingKeys, RecordStatus], tuple[Softkey, ...]] = {
    (RecordingKeys.ALWAYS_WITH_PAUSE, RecordStatus.ON): (Softkey.PAUSE,),
    (RecordingKeys.ALWAYS_WITH_PAUSE, RecordStatus.PAUSED): (Softkey.RESUME,),
    (RecordingKeys.ON_DEMAND, RecordStatus.OFF): (Softkey.RECORD,),
    (RecordingKeys.ON_DEMAND, RecordStatus.ON): (Softkey.PAUSE, Softkey.STOP),
    (RecordingKeys.ON_DEMAND, RecordStatus.PAUSED): (Softkey.STOP, Softkey.RESUME),
    (RecordingKeys.ON_DEMAND_FROM_CONNECT, RecordStatus.OFF): (Softkey.RECORD,),
    (RecordingKeys.ON_DEMAND_FROM_CONNECT, RecordStatus.ON): (Softkey.PAUSE, Softkey.STOP),
    (RecordingKeys.ON_DEMAND_FROM_CONNECT, RecordStatus.PAUSED): (Softkey.STOP, Softkey.RESUME),
}
"""Keys by mode and status; none where a pair is absent. From connect, `a=record` is off until Record is
pressed: what nobody has asked to keep is not shown as recorded."""


def display(keys: RecordingKeys, status: RecordStatus, *, in_call: bool) -> Display:
    """What a phone shows: nothing outside a call; the icon for every record-aware party of a recorded one."""
    if not in_call:
        return Display()
    return Display(ICONS[status], SOFTKEYS.get((keys, status), ()))
