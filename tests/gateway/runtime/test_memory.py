"""The collector rests while a service starts, and works in small steps while it runs."""

import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest

from gateway.runtime.memory import begin_without_collector, settle_memory, unsettle_memory


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """The suite has set memory of its own aside: not here."""
    before = gc.get_threshold()
    gc.unfreeze()
    yield
    gc.enable()
    gc.set_threshold(*before)
    unsettle_memory()
    gc.freeze()


def test_it_rests_until_the_service_is_up() -> None:
    begin_without_collector()
    assert not gc.isenabled()
    settle_memory()
    assert gc.isenabled()


def test_a_program_ends_without_a_last_look() -> None:
    """The circle made here would say so if the collector found it at the end."""
    program = """
from gateway.runtime.memory import begin_without_collector, settle_memory, unsettle_memory
begin_without_collector()
settle_memory()
class Loud:
    def __del__(self):
        print("found")
loud = Loud()
loud.itself = loud
del loud
unsettle_memory()
print("ended")
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == ["ended"]


def test_what_is_there_is_set_aside_and_shown_again() -> None:
    settle_memory()
    assert gc.get_freeze_count() > 10_000
    unsettle_memory()
    assert gc.get_freeze_count() == 0


def test_a_look_is_small() -> None:
    settle_memory()
    young, _, _ = gc.get_threshold()
    assert young <= 50_000, "what is looked at at once is a pause of some 10 ms"


def test_what_the_process_has_set_aside_itself_stays_so() -> None:
    gc.freeze()
    aside = gc.get_freeze_count()
    settle_memory()
    unsettle_memory()
    assert gc.get_freeze_count() == aside
    gc.unfreeze()
