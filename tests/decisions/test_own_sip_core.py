"""Evidence for docs/decisions/0002: aiosip 0.2.0 cannot be imported on the Python versions we run on."""

import asyncio
import importlib
import importlib.metadata
import sys

import pytest


def test_the_newest_aiosip_is_the_one_tried() -> None:
    assert importlib.metadata.version("aiosip") == "0.2.0"


@pytest.mark.filterwarnings("ignore:invalid escape sequence")  # where nothing has compiled it yet
def test_importing_aiosip_fails() -> None:
    assert not hasattr(asyncio, "coroutine"), "generator coroutines left the standard library in 3.11"
    sys.modules.pop("aiosip", None)
    with pytest.raises(AttributeError, match="coroutine"):
        importlib.import_module("aiosip")
