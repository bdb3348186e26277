"""An event loop on a thread of its own: fakes run there, whatever kind of test uses them.

with Backstage() as backstage:
    carrier = backstage.enter(running_carrier("tmobile"))
    backstage.call(carrier.inject, "+13105550120", "+12025550100", "hello")
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import Any, Final, Self, TypeVar

T = TypeVar("T")

PATIENCE_S: Final = 30.0


class Backstage:
    """The thread begins with the first use; `close` ends, in reverse order, everything that was entered."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._entered = AsyncExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(self, work: Coroutine[Any, Any, T], timeout_s: float = PATIENCE_S) -> T:
        """Run a coroutine there and return its result; raises what it raises, or `TimeoutError`."""
        future = asyncio.run_coroutine_threadsafe(work, self._started())
        try:
            return future.result(timeout_s)
        except TimeoutError:
            future.cancel()
            raise

    def call(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call a function there: what lives on the loop is only touched on its thread."""

        async def call() -> T:
            return function(*args, **kwargs)

        return self.run(call())

    def enter(self, fake: AbstractAsyncContextManager[T], timeout_s: float = PATIENCE_S) -> T:
        """Enter an async context manager there; it is left by `close`."""
        return self.run(self._entered.enter_async_context(fake), timeout_s)

    def close(self) -> None:
        """End everything; closing twice changes nothing."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        try:
            self.run(self._entered.aclose())
        finally:
            self._loop = self._thread = None
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=_serve, args=(self._loop,), name="backstage", daemon=True)
            self._thread.start()
        return self._loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
