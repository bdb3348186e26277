"""What a shell offers for values of options and arguments: names of files that come with the program.

Looked up in folders alone, for a shell waits for it at every press of the tab key.
"""

from collections.abc import Callable
from importlib import resources
from pathlib import Path


def carried_names(folder: str) -> list[str]:
    """Names, without suffix, of the YAML files in a folder that we carry, such as `config/carriers`."""
    package = Path(str(resources.files("gateway")))
    for place in (package / f"_{folder}", package.parent / folder):
        if place.is_dir():
            return sorted(path.stem for path in place.glob("*.yaml"))
    return []


def completing(folder: str, *others: str) -> Callable[[str], list[str]]:
    """Return what completes a value: names of a folder of ours, and `others`; else shells offer files."""

    def complete(incomplete: str) -> list[str]:
        return [name for name in (*others, *carried_names(folder)) if name.startswith(incomplete)]

    return complete
