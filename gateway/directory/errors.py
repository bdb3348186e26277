"""What the directory refuses.

DirectoryError
├── UnknownEntityError        a reference to an organisation, location, person or number that does not exist
├── NumberTakenError          a telephone number that already belongs to somebody else
└── ForeignEntityError        two entities of different organisations tied together
"""


class DirectoryError(Exception):
    """Root of every refusal of the directory."""

    code = "directory_invalid"


class UnknownEntityError(DirectoryError):
    """`kind` has no entry `key`."""

    code = "not_found"

    def __init__(self, kind: str, key: str) -> None:
        super().__init__(kind, key)
        self.kind = kind
        self.key = key

    def __str__(self) -> str:
        return f"there is no {self.kind} '{self.key}'"


class NumberTakenError(DirectoryError):
    """The primary number asked for is another person's."""

    code = "number_taken"

    def __init__(self, person_id: str, holder_id: str) -> None:
        super().__init__(person_id, holder_id)
        self.person_id = person_id
        self.holder_id = holder_id

    def __str__(self) -> str:
        return (
            f"the primary number of '{self.person_id}' already belongs to '{self.holder_id}': "
            "unassign it there first"
        )


class ForeignEntityError(DirectoryError):
    """`subject` refers to a `kind` of another organisation."""

    code = "other_organization"

    def __init__(self, subject: str, kind: str, key: str) -> None:
        super().__init__(subject, kind, key)
        self.subject = subject
        self.kind = kind
        self.key = key

    def __str__(self) -> str:
        return f"'{self.subject}' may not use {self.kind} '{self.key}': it belongs to another organisation"
