"""Errors of captures and their replay: what, where, what to do.

```
ReplayError
├── FormatUnknown        nobody of our readers knows the file
├── NothingToReplay      the capture holds nothing for the role that is to be played
├── TargetInvalid        an address that cannot be used
├── ExpectationInvalid   golden file or rules: what is wrong, in which line
├── WorldInvalid         a world's file that offers no numbers
└── CheckpointInvalid    a stopped replay that cannot be taken up again
```

Parts of a capture that cannot be read raise nothing: they come as `PartUnreadable` events with their
position.
"""

from collections.abc import Sequence


class ReplayError(Exception):
    """Root of every error of `gateway.replay`."""


class FormatUnknown(ReplayError):
    """The file's content is of no format we read."""

    def __init__(self, name: str, head: bytes) -> None:
        super().__init__(name, head)
        self.name, self.head = name, head

    def __str__(self) -> str:
        known = "pcap, pcapng, JSONL of ours, Kannel access log, Jasmin messages.log, SMPPSim capture or CSV"
        return f"{self.name}: begins with {self.head[:16].hex(' ') or 'nothing'}; expected one of {known}"


class NothingToReplay(ReplayError):
    """The capture was read, and holds nothing that the role would do."""

    def __init__(self, name: str, role: str, events: int, complaints: Sequence[str] = ()) -> None:
        super().__init__(name, role, events, complaints)
        self.name, self.role, self.events, self.complaints = name, role, events, complaints

    def __str__(self) -> str:
        if self.events:
            return f"{self.name}: {self.events} PDUs, and nothing to do as {self.role}; try another --as"
        why = f": {self.complaints[0]}" if self.complaints else ", on whatever port"
        return f"{self.name}: no SMPP could be read in it{why}"


class TargetInvalid(ReplayError):
    """`text` is no address of the kind the role needs."""

    def __init__(self, text: str, expected: str) -> None:
        super().__init__(text, expected)
        self.text, self.expected = text, expected

    def __str__(self) -> str:
        return f"{self.text}: expected {self.expected}"


class ExpectationInvalid(ReplayError):
    """A golden file or a rules file that cannot be used."""

    def __init__(self, name: str, line: int, reason: str) -> None:
        super().__init__(name, line, reason)
        self.name, self.line, self.reason = name, line, reason

    def __str__(self) -> str:
        return f"{self.name}:{self.line}: {self.reason}" if self.line else f"{self.name}: {self.reason}"


class WorldInvalid(ReplayError):
    """A world's file without numbers to map onto."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name, self.reason = name, reason

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


class CheckpointInvalid(ReplayError):
    """What a stopped replay left behind does not fit this one."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name, self.reason = name, reason

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}; delete it to begin anew"
