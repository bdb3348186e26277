"""How a command ends: what a person can act on is one sentence and an exit code, all else a traceback.

Exit codes: 1 for what went wrong, 2 for what was asked wrongly, 130 for what Ctrl-C cut short.
"""

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple, NoReturn
from urllib.parse import urlsplit

from gateway.runtime.errors import ConfigError, LifecycleError, ServiceError
from gateway.runtime.interrupts import INTERRUPTS

DONE, NOT_AS_EXPECTED, USAGE, INTERRUPTED = 0, 1, 2, 130

Errors = tuple[type[Exception], ...]


class Known(NamedTuple):
    """Errors of the packages behind a command that are written for the person who gave it."""

    usage: Errors = ()
    """Asked wrongly: exit code 2; looked up before `failures`."""
    failures: Errors = ()
    """Went wrong: exit code 1."""


def run_command(command: Callable[[], object], known: Callable[[], Known]) -> None:
    """Run a command to its end. `known` is called only when something went wrong, for what it imports."""
    write_always()
    with INTERRUPTS.listening(to_the_end=True):
        try:
            command()
        except KeyboardInterrupt:
            sys.exit(INTERRUPTS.exit_code)
        except SystemExit as ending:  # Typer's way to say KeyboardInterrupt
            sys.exit(INTERRUPTS.exit_code if ending.code == INTERRUPTED else ending.code)
        except Exception as error:
            code = exit_code(error, known())
            if code is None:
                raise
            fail(sentence(error), code)


def write_always() -> None:
    """Let stdout and stderr show `?` for a character their encoding lacks, instead of ending the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def exit_code(error: BaseException, known: Known) -> int | None:
    """Return the exit code of an error a person can act on; None for a fault of the program."""
    if isinstance(error, LifecycleError):
        return exit_code(error.cause, known)
    if isinstance(error, (ConfigError, *known.usage)):
        return USAGE
    if isinstance(error, (ServiceError, OSError, *known.failures)):
        return NOT_AS_EXPECTED
    return None


def sentence(error: BaseException) -> str:
    """Return what a person is told; of an error of the system, file and reason without its number."""
    if isinstance(error, LifecycleError) and isinstance(error.cause, OSError):
        return f"{error.part} would not start: {sentence(error.cause)}"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__


def fail(told: str, code: int) -> NoReturn:
    """Print a sentence on stderr and end the process."""
    print(told, file=sys.stderr)
    sys.exit(code)


def nobody_answers(url: str, error: Exception, how: str) -> str:
    """Return what a person is told when no service is at `url`; `how` says how to start one."""
    told = f"No service answers at {url} ({reason_of(error)})."
    return f"{told} Start one with {how}, or say where it is with --url."


def reason_of(error: Exception) -> str:
    """Return why a connection could not be made or was lost, in the system's words."""
    cause = getattr(error, "os_error", None) or error
    if isinstance(cause, OSError) and (cause.errno or 0) > 0:
        return os.strerror(cause.errno or 0).lower()
    return sentence(cause)[:1].lower() + sentence(cause)[1:]


def check_output(option: str, *paths: Path | None) -> None:
    """End the process with a sentence if a file cannot be written: before work that would be lost."""
    for path in paths:
        if path is None:
            continue
        if path.is_dir():
            fail(f"{option} {path}: is a folder; a file is wanted", USAGE)
        if not path.parent.is_dir():
            fail(f"{option} {path}: there is no folder {path.parent}", USAGE)
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            fail(f"{option} {path}: may not be written", USAGE)


def shown(mark: str, instead: str, stream: IO[str]) -> str:
    """Return a mark, or what stands for it where the encoding of a stream lacks it."""
    try:
        mark.encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return instead
    return mark


@contextmanager
def busy(what: str) -> Iterator[None]:
    """Show on a terminal (stderr) what goes on and for how long, while the block runs; elsewhere nothing."""
    from rich.console import Console  # noqa: PLC0415 - `--help` needs none of it
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        progress.add_task(what, total=None)
        yield


def check_url(option: str, url: str) -> None:
    """End the process with a sentence if `url` is not the address of an HTTP service."""
    if not is_service_url(url):
        fail(
            f"{option} {url}: expected the address of a running gateway, such as http://127.0.0.1:8080", USAGE
        )


def is_service_url(url: str) -> bool:
    """Whether a URL can be the address of an HTTP service."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
