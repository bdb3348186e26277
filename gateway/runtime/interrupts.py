"""Ctrl-C and SIGTERM, heard from the first moment of a command to its last.

The first one asks whatever runs to end in its own way. The second one ends the process: what runs lets go of
what it holds, for a second as a rule. Once nothing runs any more, and at the third, the process is gone on
the spot. The exit code is 128 and the signal's number, as shells have it; no traceback is shown.

A process started in the background by a script is told by the system to ignore Ctrl-C. Commands hear it
nevertheless: who sends that signal to a simulator means it.
"""

import asyncio
import atexit
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final, NamedTuple, TypeVar

HANDLED: Final = (signal.SIGINT, signal.SIGTERM)
LETTING_GO_S: Final = 1.0
"""Seconds that what runs gets to let go after the second signal, where it does not say otherwise."""

_SHOW_CURSOR: Final = "\x1b[?25h"
_T = TypeVar("_T")


class _Asked(NamedTuple):
    """Who is told of the first signal, and of the second."""

    first: Callable[[], object]
    second: Callable[[], object]
    letting_go_s: float


class Interrupts:
    """What signals came, and who is asked; `leave` ends the process with an exit code, on the spot."""

    def __init__(self, leave: Callable[[int], None] = os._exit) -> None:
        self._leave = leave
        self._asked: list[_Asked] = []
        self._listening = 0
        self._timer: threading.Timer | None = None
        self.numbers: list[int] = []
        """The signals that came, in order."""
        self.leftovers: set[str] = set()
        """Folders to delete where the process is ended on the spot."""

    @property
    def exit_code(self) -> int:
        """Exit code of what the last signal ended; that of Ctrl-C if there was none."""
        return 128 + (self.numbers[-1] if self.numbers else signal.SIGINT)

    @contextmanager
    def listening(self, *, to_the_end: bool = False) -> Iterator[None]:
        """Hear signals while the block runs; blocks within it change nothing.

        With `to_the_end` the process ends right after the block: a signal that comes then, where one came
        before, ends it without a word. Does nothing in another thread than the main one.
        """
        if self._listening or threading.current_thread() is not threading.main_thread():
            yield
            return
        if to_the_end:
            atexit.register(self._at_the_very_end)
        before = {number: signal.signal(number, self._on_signal) for number in HANDLED}
        self._listening = 1
        try:
            yield
        finally:
            self._listening = 0
            if not (to_the_end and self.numbers):
                self.forget()
                for number, handler in before.items():
                    signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _at_the_very_end(self) -> None:
        """From here on Python takes its modules apart and lets signals kill it, whatever its exit code is."""
        if self.numbers:
            for number in HANDLED:
                signal.signal(number, signal.SIG_IGN)

    def forget(self) -> None:
        """Know nothing of the signals that came: for a process that goes on after a command."""
        self.numbers.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @contextmanager
    def asking(
        self,
        first: Callable[[], object],
        second: Callable[[], object] | None = None,
        *,
        letting_go_s: float = LETTING_GO_S,
    ) -> Iterator[None]:
        """Ask with `first`, then with `second`, while the block runs; without `second`, what stands around.

        `letting_go_s` seconds after the second signal the process ends, whatever goes on.

        Both are called in the main thread, between any two steps of the program: they may only hand over to
        the loop. `first` is called at once if a signal came already.
        """
        outer = self._asked[-1].second if self._asked else self._end
        self._asked.append(_Asked(first, second or outer, letting_go_s))
        try:
            if self.numbers:
                first()
            yield
        finally:
            self._asked.pop()

    @contextmanager
    def temporary_folder(self, prefix: str) -> Iterator[Path]:
        """A new folder that is gone after the block, and where the process is ended on the spot."""
        name = tempfile.mkdtemp(prefix=prefix)
        self.leftovers.add(name)
        try:
            yield Path(name)
        finally:
            shutil.rmtree(name, ignore_errors=True)
            self.leftovers.discard(name)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self.numbers.append(number)
        if len(self.numbers) == 1:
            if not self._asked:
                raise KeyboardInterrupt
            self._asked[-1].first()
        elif len(self.numbers) == 2 and self._asked:
            asked = self._asked[-1]
            self._timer = threading.Timer(asked.letting_go_s, self._end)
            self._timer.daemon = True
            self._timer.start()
            asked.second()
        else:
            self._end()

    def _end(self) -> None:
        for name in self.leftovers:
            shutil.rmtree(name, ignore_errors=True)
        if sys.stderr is not None and sys.stderr.isatty():
            os.write(sys.stderr.fileno(), _SHOW_CURSOR.encode())
        self._leave(self.exit_code)


INTERRUPTS: Final = Interrupts()
"""This process's; signals are a matter of the whole process."""


def run(main: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine to its end on uvloop where that exists, else on asyncio's own loop.

    The first signal cancels it, unless it asks to be told otherwise (`INTERRUPTS.asking`); then
    `KeyboardInterrupt` is raised, also where it swallowed its cancellation before it asked.
    """
    with INTERRUPTS.listening():
        if INTERRUPTS.numbers:  # what was imported meanwhile may have swallowed it
            main.close()
            raise KeyboardInterrupt
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            try:
                return runner.run(_cancelled_by_signals(main))
            except asyncio.CancelledError:
                if INTERRUPTS.numbers:
                    raise KeyboardInterrupt from None
                raise


async def _cancelled_by_signals(main: Coroutine[Any, Any, _T]) -> _T:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # noqa: S101 - we are in it

    def cancel() -> None:
        loop.call_soon_threadsafe(task.cancel)

    with INTERRUPTS.asking(cancel, cancel):
        return await main


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32" or sys.implementation.name != "cpython":
        return None
    import uvloop  # noqa: PLC0415 - absent on other platforms

    return uvloop.new_event_loop
