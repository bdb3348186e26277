"""What other sections of the configuration say of the directory."""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.directory.settings import GENERATED_OWNERS, GENERATED_PEOPLE, DirectorySettings
from gateway.runtime.crosschecks import ANY, CrossFault
from gateway.runtime.http.settings import HttpSettings, TokenSettings
from gateway.runtime.ids import decode_id
from gateway.runtime.yamltree import KeyPath


def token_faults(sections: Mapping[str, Any]) -> Iterator[CrossFault]:
    """Judge whom the tokens stand for (`runtime.crosschecks.CrossCheck`)."""
    http: HttpSettings | None = sections.get("http")
    directory: DirectorySettings | None = sections.get("directory")
    if http is None or directory is None:
        return
    for index, token in enumerate(http.tokens):
        at: KeyPath = ("http", "tokens", index)
        if token.organization is not None and token.organization not in directory.organizations:
            told = f"there is no organization '{token.organization}' in the directory"
            yield CrossFault(
                (*at, "organization"), told, (("directory", "organizations", token.organization),)
            )
        if token.person is not None:
            yield from _person_faults(at, token, directory)


def _person_faults(at: KeyPath, token: TokenSettings, directory: DirectorySettings) -> Iterator[CrossFault]:
    person = token.person or ""
    organization = directory.organization_of(person)
    bases: tuple[KeyPath, ...] = (("directory", "organizations", ANY, "people", person),)
    if person[-1:].isdecimal():  # perhaps one of many
        bases += tuple(("directory", *base) for base in (*GENERATED_PEOPLE, *GENERATED_OWNERS))
    if organization is None:
        if not _may_be_stored(person, directory):
            yield CrossFault((*at, "person"), f"there is no person '{person}' in the directory", bases)
    elif token.organization not in (None, organization):
        told = f"'{person}' belongs to organization '{organization}'"
        yield CrossFault((*at, "person"), told, bases)


def _may_be_stored(person: str, directory: DirectorySettings) -> bool:
    """Whether it is an id that the API gave somebody it added: the database knows, this file does not."""
    if directory.source == "seed":
        return False
    try:
        decode_id(person)
    except ValueError:
        return False
    return True
