"""What the registry's section says of the directory."""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.directory.settings import GENERATED_NUMBERS, GENERATED_OWNERS, DirectorySettings
from gateway.registry.settings import BrandEntry, RegistrySettings, spread
from gateway.runtime.crosschecks import ANY, CrossFault
from gateway.runtime.yamltree import KeyPath


def brand_faults(sections: Mapping[str, Any]) -> Iterator[CrossFault]:
    """Judge brands' organisations and numbers (`runtime.crosschecks.CrossCheck`).

    A brand without organisation is a stranger's: who has its numbers is not our directory's to know.
    """
    registry: RegistrySettings | None = sections.get("registry")
    directory: DirectorySettings | None = sections.get("directory")
    if registry is None or directory is None:
        return
    for key, brand in registry.brands.items():
        at: KeyPath = ("registry", "brands", key)
        if brand.organization is None:
            continue
        if brand.organization not in directory.organizations:
            told = f"there is no organization '{brand.organization}' in the directory"
            yield CrossFault(
                (*at, "organization"), told, (("directory", "organizations", brand.organization),)
            )
        else:
            yield from _number_faults(at, brand, brand.organization, directory)
    for index, block in enumerate(registry.generated):
        owner = registry.brands[block.brand].organization if block.brand in registry.brands else None
        if owner is not None:
            numbers = f"{block.first_number}..+{int(block.first_number) + block.numbers - 1}"
            yield from _entry_faults(
                ("registry", "generated", index, "first_number"), numbers, owner, directory
            )


def _number_faults(
    at: KeyPath, brand: BrandEntry, organization: str, directory: DirectorySettings
) -> Iterator[CrossFault]:
    for key, campaign in brand.campaigns.items():
        for index, entry in enumerate(campaign.numbers):
            where = (*at, "campaigns", key, "numbers", index)
            yield from _entry_faults(where, entry, organization, directory)


def _entry_faults(
    at: KeyPath, entry: str, organization: str, directory: DirectorySettings
) -> Iterator[CrossFault]:
    """One fault at most for an entry: the first of its numbers that is not the organisation's."""
    for number in spread(entry):
        owner = directory.owner_of(number)
        if owner == organization:
            continue
        bases: tuple[KeyPath, ...] = (
            ("directory", "organizations", ANY, "numbers", number),
            *(("directory", *base) for base in (*GENERATED_NUMBERS, *GENERATED_OWNERS)),
        )
        told = "is not in the directory" if owner is None else f"belongs to organization '{owner}'"
        yield CrossFault(at, f"the number {number} {told}", bases)
        return
