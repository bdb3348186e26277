"""Levels of what a check found, for short."""

from collections.abc import Iterable

import pytest

from gateway.doctor.findings import Finding


@pytest.fixture
def levels():
    """`[(check, level)]` of findings."""

    def levels(findings: Iterable[Finding]) -> list[tuple[str, str]]:
        return [(one.check, one.level.value) for one in findings]

    return levels
