"""When Python's collector looks for circles: not while a service starts or ends, in small steps between."""

import atexit
import gc

_STEPS = (50_000, 20, 1_000)
"""Young objects per look, and looks per look at the older.

Each look stands between somebody and an answer, about a millisecond for 5,000 objects; but the more often it
is taken, the more texts under way are looked at for nothing.
"""


def begin_without_collector() -> None:
    """Do not look for circles while a service is imported and built: a third of a second, for nothing.

    Nor when the program ends, which would take it a second or two after its last word: the system takes
    everything back.
    """
    gc.disable()
    atexit.register(gc.freeze)


def settle_memory() -> None:
    """Spare the collector what lives from start to end; without this its pauses are felt under load.

    What the start left behind is set aside with the rest: a look for it would take a sixth of a second of the
    start and find nothing worth having. A process that has set memory of its own aside (a test suite, a
    program that holds several services) keeps that as it is.
    """
    gc.enable()
    gc.set_threshold(*_STEPS)
    if not gc.get_freeze_count():
        gc.freeze()
        _settled.add(True)


def unsettle_memory() -> None:
    """Show the collector again what was set aside, when a service has ended and its process goes on."""
    if _settled:
        _settled.clear()
        gc.unfreeze()


_settled: set[bool] = set()
