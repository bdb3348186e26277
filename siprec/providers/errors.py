"""What the providers refuse.

ProviderError
├── RuleRefused          a change breaks a rule of `rules.RULES`; `refusal` says which
└── FilingNotFound       no recording of this id is filed
"""

from siprec.providers.rules import Refusal


class ProviderError(Exception):
    """Root of every error of `siprec.providers`."""


class RuleRefused(ProviderError):
    """A change that a rule forbids."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal

    @property
    def code(self) -> str:
        """The rule's stable code."""
        return self.refusal.code

    def __str__(self) -> str:
        return str(self.refusal)


class FilingNotFound(ProviderError):
    """No recording of this id is filed."""

    def __init__(self, recording_id: int) -> None:
        super().__init__(recording_id)
        self.recording_id = recording_id

    def __str__(self) -> str:
        return f"no recording {self.recording_id} is filed"
