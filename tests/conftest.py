"""Rules for the whole suite.

Tests that need a system package skip with the reason, and fail in CI. What a test configures of the process
ends with it.
"""

import gc
import glob
import os
import shutil
import sys
from collections.abc import Callable

import pytest

#: Debian keeps servers out of an ordinary PATH.
EXTRA_PATHS = ["/usr/sbin", "/usr/local/sbin", *sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)]


def find_tool(name: str) -> str | None:
    """The full path of an executable, also where Debian hides servers; None where it is absent."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *EXTRA_PATHS]))


def missing_tools(item: pytest.Item) -> list[str]:
    """What the test's `system` marks name and this machine lacks."""
    return [tool for mark in item.iter_markers("system") for tool in mark.args if find_tool(tool) is None]


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """Full path of a system executable that the test's `system` mark names."""

    def path_of(name: str) -> str:
        path = find_tool(name)
        assert path is not None, f"{name} is not installed: run `make system-deps`"
        return path

    return path_of


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests marked `system("tool")` where the tool is absent; in CI let them run and fail instead."""
    if os.environ.get("CI"):
        return
    for item in items:
        if missing := missing_tools(item):
            item.add_marker(pytest.mark.skip(reason=f"needs {', '.join(missing)}: run `make system-deps`"))


def pytest_collection_finish() -> None:
    """Spare every look for garbage the thousands of tests and all that they import."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """In CI a missing system package is a failure that names the package."""
    if os.environ.get("CI") and (missing := missing_tools(item)):
        pytest.fail(f"CI must have {', '.join(missing)}: `make system-deps` installs it", pytrace=False)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """Forget how the test has configured the logs: its stream is closed, its level is nobody else's."""
    if log := sys.modules.get("gateway.runtime.log"):
        log.unconfigure()
