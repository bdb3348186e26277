"""What may go wrong while recording.

RecordingError
├── AddressUnusable         a SIP address that cannot be listened on: `setting`, `host`, `port`, `reason`
├── SessionStateError       an input the recording session cannot have now: `action`, `state`
├── FileDamagedError        a recording's file that cannot be read or sealed: `path`, `reason`
└── RecordingNotFoundError  no recording of this id: `recording_id`
"""


class RecordingError(Exception):
    """Root of the errors of `siprec.srs`."""


class AddressUnusable(RecordingError):
    """A SIP address that cannot be listened on; `setting` is the YAML key below `recording.sip`."""

    def __init__(self, setting: str, host: str, port: int, reason: str) -> None:
        super().__init__(setting, host, port, reason)
        self.setting, self.host, self.port, self.reason = setting, host, port, reason

    def __str__(self) -> str:
        return (
            f"cannot listen for SIP on {self.host}:{self.port} ({self.reason}): stop what uses it or choose "
            f"another with `--set recording.sip.{self.setting}=PORT`"
        )


class SessionStateError(RecordingError):
    """The caller gave a session an input its state does not allow."""

    def __init__(self, action: str, state: str) -> None:
        super().__init__(action, state)
        self.action = action
        self.state = state

    def __str__(self) -> str:
        return f"{self.action} is not possible while {self.state}"


class FileDamagedError(RecordingError):
    """A file that is not what it should be."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class RecordingNotFoundError(RecordingError):
    """No recording has this id."""

    def __init__(self, recording_id: int) -> None:
        super().__init__(recording_id)
        self.recording_id = recording_id

    def __str__(self) -> str:
        return f"no recording {self.recording_id}"
