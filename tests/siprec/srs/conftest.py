"""Recording servers on loopback, each with a database and folders of its own."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from siprec.testing import RunningRecorder, running_recorder


@pytest.fixture
async def make_srs(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    async with AsyncExitStack() as stack:

        async def make(root: Path = tmp_path, **changes: Any) -> RunningRecorder:
            return await stack.enter_async_context(running_recorder(root, **changes))

        yield make


@pytest.fixture
async def srs(make_srs: Callable[..., Any]) -> RunningRecorder:
    return await make_srs()  # type: ignore[no-any-return]
