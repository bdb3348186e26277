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
from hypothesis import settings

# A machine that is busy takes long over anything: no example has a deadline.
settings.register_profile("unhurried", settings(deadline=None))
settings.load_profile("unhurried")

#: Debian keeps servers out of an ordinary PATH.
EXTRA_PATHS = ["/usr/sbin", "/usr/local/sbin", *sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)]

#: What takes long, and about how many seconds; one group stays on one worker, for what its tests share.
LONG = {
    "tests/browser": 200.0,
    "tests/docs/test_carried_out.py::test_every_block_does_what_the_page_says[tutorial": 40.0,
    "tests/docs/test_carried_out.py::test_every_block_does_what_the_page_says[how-to": 40.0,
    "tests/docs": 40.0,
    "tests/ops/test_wheel.py": 40.0,
    "tests/ops": 90.0,
    "tests/gateway/testing": 40.0,
    "tests/gateway/load": 60.0,
    "tests/gateway/replay": 60.0,
    "tests/siprec/test_cli.py": 50.0,
    "tests/siprec/calling": 110.0,
    "tests/siprec/callcontrol": 90.0,
    "tests/siprec/phones": 30.0,
    "tests/siprec/srs": 40.0,
    "tests/siprec/api": 20.0,
    "tests/interop": 90.0,
    "tests/e2e": 110.0,
}


def find_tool(name: str) -> str | None:
    """The full path of an executable, also where Debian hides servers; None where it is absent."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *EXTRA_PATHS]))


def missing_tools(item: pytest.Item) -> list[str]:
    """What the test's `system` marks name and this machine lacks."""
    return [tool for mark in item.iter_markers("system") for tool in mark.args if find_tool(tool) is None]


def long_ones_first(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """Give each worker a like share of the long tests to begin with: a long one at the end keeps all waiting.

    With `--dist worksteal` each worker begins with an equal piece of the list, and whoever is done takes over
    the end of somebody else's.
    """
    if workers == 1:
        return items
    groups: dict[str, list[pytest.Item]] = {name: [] for name in LONG}
    short: list[pytest.Item] = []
    for item in items:
        group = next((name for name in LONG if item.nodeid.startswith(name)), None)
        (short if group is None else groups[group]).append(item)
    seconds = [0.0] * workers
    shares: list[list[pytest.Item]] = [[] for _ in range(workers)]
    for name in sorted(groups, key=lambda name: -LONG[name]):
        share = seconds.index(min(seconds))
        shares[share] += groups[name]
        seconds[share] += LONG[name] if groups[name] else 0.0
    ends = [(share + 1) * len(items) // workers for share in range(workers)]
    ordered: list[pytest.Item] = []
    for held, end in zip(shares, ends, strict=True):
        ordered += held
        room = max(0, end - len(ordered))
        ordered += short[:room]
        del short[:room]
    return ordered + short


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
    items[:] = long_ones_first(items, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
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
    if (log := sys.modules.get("gateway.runtime.log")) is not None:
        log.unconfigure()
