"""Rules for the whole suite: tests that need a system package say so, skip with the reason, and fail in CI."""

import os
import shutil

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests marked `system("tool")` where the tool is absent; in CI let them run and fail instead."""
    if os.environ.get("CI"):
        return
    for item in items:
        for mark in item.iter_markers("system"):
            missing = [tool for tool in mark.args if shutil.which(tool) is None]
            if missing:
                reason = f"needs {', '.join(missing)}: run `make system-deps`"
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """In CI a missing system package is a failure that names the package."""
    if not os.environ.get("CI"):
        return
    for mark in item.iter_markers("system"):
        missing = [tool for tool in mark.args if shutil.which(tool) is None]
        if missing:
            pytest.fail(f"CI must have {', '.join(missing)}: `make system-deps` installs it", pytrace=False)
