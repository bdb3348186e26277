"""What the registry refuses.

RegistryError
├── UnknownEntryError       a brand, campaign or case that does not exist
├── TransitionError         a step that the campaign's status does not allow
├── FormError               a brand or campaign that lacks what the registry asks for
└── AssignmentError         a number that the campaign may not take
"""


class RegistryError(Exception):
    """Root of every refusal of the registry."""

    code = "registry_invalid"


class UnknownEntryError(RegistryError):
    """`kind` has no entry `key`."""

    code = "not_found"

    def __init__(self, kind: str, key: str) -> None:
        super().__init__(kind, key)
        self.kind = kind
        self.key = key

    def __str__(self) -> str:
        return f"there is no {self.kind} '{self.key}'"


class TransitionError(RegistryError):
    """`event` is impossible in `status`."""

    code = "campaign_status_invalid"

    def __init__(self, status: str, event: str) -> None:
        super().__init__(status, event)
        self.status = status
        self.event = event

    def __str__(self) -> str:
        return f"a campaign that is {self.status.replace('_', ' ')} cannot {self.event.replace('_', ' ')}"


class FormError(RegistryError):
    """The form lacks something; `faults` names each field and what it needs."""

    code = "registration_form_incomplete"

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__(faults)
        self.faults = faults

    def __str__(self) -> str:
        return "; ".join(self.faults)


class AssignmentError(RegistryError):
    """A campaign may not take a number."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return self.reason
