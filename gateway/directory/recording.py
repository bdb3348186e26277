"""Call recording settings as an administrator sets them (webex.md C, D): stored here, judged by `siprec`.

The directory keeps values and their inheritance (organisation → location); what a provider makes of them
is the provider's rule and lives with the providers.
"""

from dataclasses import dataclass
from enum import Enum

INHERIT = "inherit"
"""A location's provider choice: use the organisation's (webex.md C12)."""

NO_PROVIDER = "none"
"""The provider choice that turns recording off (webex.md C11)."""


class RecordingMode(Enum):
    """When a user's calls are recorded (webex.md D1)."""

    ON_DEMAND = "on_demand"
    ALWAYS = "always"
    ALWAYS_WITH_PAUSE = "always_with_pause"
    NEVER = "never"


class PauseNotice(Enum):
    """What parties hear when recording pauses and resumes (webex.md D5)."""

    NONE = "none"
    BEEP = "beep"
    ANNOUNCEMENT = "announcement"


@dataclass(frozen=True, slots=True)
class RecordingSettings:
    """One person's recording settings (webex.md D1–D6, C15)."""

    mode: RecordingMode = RecordingMode.NEVER
    record_voicemail: bool = False
    announce_start_stop: bool = False
    pause_notice: PauseNotice = PauseNotice.NONE
    repeat_tone: bool = False
    repeat_tone_seconds: int = 20
    """Interval of the reminder tone, 10 to 90 (D6)."""
    product: str | None = None
    """What the person holds at the provider, `dubber_go` for instance; None: the provider's default."""
    external_identifier: str | None = None
    """The user's identity at the provider (C15)."""


@dataclass(frozen=True, slots=True)
class OrganizationRecording:
    """An organisation's recording service (webex.md C1, C3, C10, C11, C15)."""

    enabled: bool = True
    provider: str = "dubber"
    terms_accepted: frozenset[str] = frozenset()
    """Providers whose terms of service an administrator has accepted."""
    service_provider: str = ""
    external_group: str = ""
