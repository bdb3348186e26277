"""Who exists: organisations, locations, people and their telephone numbers, as Control Hub holds them.

`model` and `recording` are values, `directory` is the in-memory index every rule looks people up in,
`settings` reads the seed world from YAML, `store` keeps changes across restarts.
"""

from gateway.directory.directory import Directory
from gateway.directory.errors import DirectoryError
from gateway.directory.model import (
    ClientKind,
    CustomerKind,
    Licence,
    Location,
    Number,
    Organization,
    Person,
)

__all__ = [
    "ClientKind",
    "CustomerKind",
    "Directory",
    "DirectoryError",
    "Licence",
    "Location",
    "Number",
    "Organization",
    "Person",
]
