"""Makes the reference: `python -m docs.generate` writes it, `--check` says whether it is up to date (exit 1).

Nothing in `docs/reference/` is written by hand: each page is made from the code it describes.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from docs.pages import (
    api,
    carriers,
    cli,
    configuration,
    errors,
    events,
    load,
    metrics,
    recording_rules,
    rules,
)
from gateway.app import Service, build, load_config
from gateway.runtime import log
from gateway.settings import PARTS

FOLDER = Path(__file__).parent / "reference"


@asynccontextmanager
async def built_service() -> AsyncIterator[Service]:
    """Every part of a service, wired and not started, on a database of its own."""
    log.configure("error", False)
    with tempfile.TemporaryDirectory(prefix="gateway-docs-") as folder:
        parts = tuple(PARTS)
        service = await build(
            load_config("gateway.yaml", parts, [f"storage.folder={json.dumps(folder)}"]), parts
        )
        try:
            yield service
        finally:
            await service.world.database.close()


async def pages() -> dict[str, str]:
    """Every page of the reference by its file name."""
    async with built_service() as service:
        return {
            "api.md": api.render(service),
            "carriers.md": carriers.render(),
            "cli.md": cli.render(),
            "configuration.md": configuration.render(),
            "errors.md": errors.render(),
            "events.md": events.render(),
            "load.md": load.render(),
            "metrics.md": metrics.render(service),
            "recording-rules.md": recording_rules.render(),
            "rules.md": rules.render(),
        }


def stale(made: dict[str, str], folder: Path = FOLDER) -> list[str]:
    """Names of pages that differ from what is in `folder`, are missing there, or are there and not made."""
    there = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}
    return sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))


def main(arguments: list[str]) -> int:
    """Write or check; returns the exit code."""
    made = asyncio.run(pages())
    changed = stale(made)
    if "--check" in arguments:
        for name in changed:
            print(f"docs/reference/{name} is not what the code says: run `python -m docs.generate`")
        return 1 if changed else 0
    FOLDER.mkdir(exist_ok=True)
    for name in changed:
        path = FOLDER / name
        if name in made:
            path.write_text(made[name], encoding="utf-8")
        else:
            path.unlink()
        print(f"docs/reference/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
