"""Ctrl-C and SIGTERM: the first asks, the second ends at once, no traceback, the exit code of shells."""

import asyncio
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator

import pytest

from gateway.runtime.interrupts import INTERRUPTS, Interrupts, run


class Left(BaseException):
    """Stands for the end of the process."""


def leave(code: int) -> None:
    raise Left(code)


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    made = Interrupts(leave)
    with made.listening():
        yield made


def press(number: int = signal.SIGINT) -> None:
    signal.raise_signal(number)


def test_nobody_asked_is_what_python_does(interrupts: Interrupts) -> None:
    with pytest.raises(KeyboardInterrupt):
        press()
    with pytest.raises(Left, match="130"):
        press()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_asks_the_second_ends(interrupts: Interrupts, number: int) -> None:
    asked: list[str] = []
    with interrupts.asking(lambda: asked.append("end"), lambda: asked.append("let go"), letting_go_s=60):
        press(number)
        press(number)
        assert asked == ["end", "let go"]
        with pytest.raises(Left, match=str(128 + number)):
            press(number)


def test_after_the_second_there_is_a_limit() -> None:
    left: list[int] = []
    over = threading.Event()
    interrupts = Interrupts(lambda code: (left.append(code), over.set())[0])
    with interrupts.listening(), interrupts.asking(lambda: None, lambda: None, letting_go_s=0.01):
        press()
        press()
        assert over.wait(10)
    assert left == [130]


def test_what_ends_in_time_ends_well() -> None:
    interrupts = Interrupts(leave)
    with interrupts.listening():
        with interrupts.asking(lambda: None, lambda: None, letting_go_s=60):
            press()
            press()
        waiting = interrupts._timer
        assert waiting is not None
    waiting.join(10)
    assert not waiting.is_alive()


def test_the_innermost_is_asked_first_and_then_what_stands_around(interrupts: Interrupts) -> None:
    asked: list[str] = []
    with (
        interrupts.asking(lambda: asked.append("outer"), lambda: asked.append("outer again")),
        interrupts.asking(lambda: asked.append("inner")),
    ):
        press()
        press()
    assert asked == ["inner", "outer again"]


def test_who_asks_late_is_told_at_once(interrupts: Interrupts) -> None:
    with pytest.raises(KeyboardInterrupt):
        press()
    asked: list[str] = []
    with interrupts.asking(lambda: asked.append("end")):
        assert asked == ["end"]


@pytest.mark.parametrize("to_the_end", [False, True])
def test_signals_are_as_before_where_none_came(to_the_end: bool) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    interrupts = Interrupts(leave)
    with interrupts.listening(to_the_end=to_the_end), interrupts.listening():
        assert signal.getsignal(signal.SIGTERM) == interrupts._on_signal
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_the_end_of_a_process_hears_them_still() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    interrupts = Interrupts(leave)
    try:
        with interrupts.listening(to_the_end=True), pytest.raises(KeyboardInterrupt):
            press()
        with pytest.raises(Left, match="143"):
            press(signal.SIGTERM)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_the_limit_holds_beyond_the_program_too() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    over = threading.Event()
    interrupts = Interrupts(lambda _code: over.set())
    try:
        with (
            interrupts.listening(to_the_end=True),
            interrupts.asking(lambda: None, lambda: None, letting_go_s=0.01),
        ):
            press()
            press()
        assert over.wait(10)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_temporary_folder_is_gone_in_the_end_and_where_it_ends_at_once(interrupts: Interrupts) -> None:
    with interrupts.temporary_folder("gateway-test-") as folder:
        (folder / "file").touch()
    assert not folder.exists()
    with interrupts.temporary_folder("gateway-test-") as folder:
        (folder / "file").touch()
        with pytest.raises(KeyboardInterrupt):
            press()
        with pytest.raises(Left):
            press()
        assert not folder.exists()


def test_other_threads_have_no_signals() -> None:
    def work() -> None:
        with Interrupts(leave).listening():
            done.set()

    done = threading.Event()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert done.is_set()


def test_run_uses_uvloop() -> None:
    async def name_of_loop() -> str:
        return type(asyncio.get_running_loop()).__module__

    assert run(name_of_loop()) == "uvloop"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("at", range(6))
def test_a_signal_at_any_step_of_a_program_ends_it(at: int, number: int) -> None:
    story: list[str] = []

    async def main() -> None:
        try:
            for step in range(6):
                if step == at:
                    press(number)
                await (asyncio.sleep(0) if step % 2 else asyncio.to_thread(int))
            await asyncio.Event().wait()
        finally:
            story.append("let go")

    with pytest.raises(KeyboardInterrupt):
        run(main())
    assert story == ["let go"]
    assert INTERRUPTS.numbers == []


def test_a_signal_that_an_import_swallowed_is_not_lost() -> None:
    begun: list[bool] = []

    async def main() -> None:
        begun.append(True)

    with INTERRUPTS.listening():
        with pytest.raises(KeyboardInterrupt):
            press()
        with pytest.raises(KeyboardInterrupt):
            run(main())
    assert begun == []


def test_a_cancellation_from_within_is_no_ctrl_c() -> None:
    async def main() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        run(main())


PROGRAM = """
    import asyncio, os, sys, threading, time
    from gateway.runtime.commands import Known, run_command
    from gateway.runtime.interrupts import run

    async def careless():
        print("ready", flush=True)
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                print("asked", flush=True)

    def blocked():
        try:
            print("ready", flush=True)
            time.sleep(60)
        except KeyboardInterrupt:
            print("asked", flush=True)
            time.sleep(60)

    async def ends_slowly():
        threading.Thread(target=time.sleep, args=(60,)).start()  # waited for by Python at its end
        print("ready", flush=True)
        try:
            await asyncio.sleep(60)
        finally:
            print("asked", flush=True)

    class Last:
        def __del__(self, write=os.write, read=os.read):  # while Python takes its modules apart
            write(1, b"asked\\n")
            read(0, 1)

    async def ends_well():
        global last
        last = Last()
        print("ready", flush=True)
        await asyncio.sleep(60)

    programs = {"careless": careless, "at its end": ends_slowly, "after its end": ends_well}
    kind = sys.argv[1]
    run_command(blocked if kind == "blocked" else lambda: run(programs[kind]()), Known)
"""


@pytest.mark.parametrize("kind", ["careless", "blocked", "at its end", "after its end"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_second_ends_a_real_process_whatever_it_does(kind: str, number: int) -> None:
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), kind]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, **pipes, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.readline() == "asked\n"
        process.send_signal(number)
        process.stdin.close()
        assert process.wait(30) == 128 + number
        assert process.stderr.read() == ""


def test_ctrl_c_is_heard_by_what_a_script_started_in_the_background() -> None:
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), "blocked"]
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # handed down
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "asked\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
