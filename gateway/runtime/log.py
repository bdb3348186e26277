"""Logs for operators: one line per change of state, JSON or console, never a text or a number.

A logger is made once per room (`_log = get_logger("smpp")`), also before `configure` has run, and follows
every later `configure`. A line below the level costs one call of an empty function. Lines go to what
`sys.stderr` is when they are written; one that cannot be written is lost, and disturbs nobody.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import sys
from collections.abc import Callable, MutableMapping
from typing import Any, TextIO, cast

import structlog

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
REDACTED = "[redacted]"

PRIVATE_KEYS = frozenset(
    """
    text texts body message_text short_message message_payload payload content udh
    from from_ from_number to to_ to_number source_addr destination_addr dest_addr
    number numbers tn tns msisdn phone phone_number caller callee calling called
    password secret token authorization api_key ticket signature
    """.split()  # noqa: SIM905 - a list of words reads better
)
"""Keys whose values never reach a log, whoever passes them."""

_NUMBER = re.compile(r"\+\d{7,15}(?!\d)")

Processor = Callable[[Any, str, MutableMapping[str, Any]], Any]


def redact(_logger: Any, _method: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Structlog processor: hide private keys, and numbers in E.164 inside any other string."""
    for key, value in event_dict.items():
        if key in PRIVATE_KEYS:
            event_dict[key] = REDACTED
        elif isinstance(value, str) and "+" in value:
            event_dict[key] = _NUMBER.sub(REDACTED, value)
    return event_dict


def _nothing(_event: str, **_values: Any) -> None:
    """Stand in for a method below the level."""


class _StandardError(io.TextIOBase):
    """Whatever `sys.stderr` is at the moment: a stream taken once may be replaced and closed by its owner."""

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):  # closed, a broken pipe, a full disk
            if sys.stderr is not None:  # a process without a console has none
                sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            if sys.stderr is not None:
                sys.stderr.flush()

    def isatty(self) -> bool:
        return sys.stderr is not None and not sys.stderr.closed and sys.stderr.isatty()


class RoomLogger:
    """The logger of one room; its methods are bound anew at every `configure`."""

    __slots__ = ("critical", "debug", "error", "info", "room", "warning")

    debug: Callable[..., None]
    info: Callable[..., None]
    warning: Callable[..., None]
    error: Callable[..., None]
    critical: Callable[..., None]

    def __init__(self, room: str) -> None:
        self.room = room

    def exception(self, event: str, **values: Any) -> None:
        """Log an error with the traceback of the exception being handled."""
        self.error(event, exc_info=True, **values)

    def bind(self, **values: Any) -> Any:
        """Return a structlog logger of this room that adds `values` to every line."""
        return _lines.bind(room=self.room, **values)


_rooms: dict[str, RoomLogger] = {}
_standard_error = cast(TextIO, _StandardError())
_level: int
_lines: Any  # a structlog logger of our own: structlog's configuration belongs to the program we are used in


def get_logger(room: str) -> RoomLogger:
    """Return the logger of a room: always the same object for the same name."""
    logger = _rooms.get(room)
    if logger is None:
        logger = _rooms[room] = RoomLogger(room)
        _bind(logger)
    return logger


def configure(level: str = "info", json: bool | None = None, stream: TextIO | None = None) -> None:
    """Set the level and shape of all logs. `json` None: JSON unless `stream` (stderr) is a terminal.

    Colours are used on a terminal only, and never with NO_COLOR set. Raises `ValueError`
    for an unknown level.
    """
    if level not in LEVELS:
        raise ValueError(f"unknown log level {level!r}: one of {', '.join(LEVELS)}")
    target = stream or _standard_error
    shared, closing = _shape(json, target)
    _write(LEVELS[level], [*shared, *closing], target)
    _forget_standard_library()
    _adopt_standard_library(shared, closing, target)


def unconfigure() -> None:
    """Go back to what holds before `configure`: warnings, to stderr; libraries are left alone."""
    target = _standard_error
    shared, closing = _shape(None, target)
    _write(LEVELS["warning"], [*shared, *closing], target)
    _forget_standard_library()


def _shape(json: bool | None, target: TextIO) -> tuple[list[Any], list[Any]]:
    """Return the processors every line passes, ours and the libraries', and those that make it text."""
    terminal = target.isatty()
    as_json = not terminal if json is None else json
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
    ]
    if as_json:
        renderer: Any = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=terminal and not os.environ.get("NO_COLOR"))
    return shared, [structlog.processors.format_exc_info, redact, renderer]


def _write(level: int, processors: list[Any], target: TextIO) -> None:
    """Have every room write the lines of `level` and above to `target`."""
    global _level, _lines  # noqa: PLW0603 - one log configuration per process, as the standard library has
    _level = level
    _lines = structlog.wrap_logger(
        structlog.PrintLogger(target),
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        context_class=dict,
    )
    for logger in _rooms.values():
        _bind(logger)


def _bind(logger: RoomLogger) -> None:
    bound = _lines.bind(room=logger.room)
    for method, number in LEVELS.items():
        setattr(logger, method, getattr(bound, method) if number >= _level else _nothing)


def _adopt_standard_library(shared: list[Any], closing: list[Any], stream: TextIO) -> None:
    """Bring the lines of libraries (asyncio, aiohttp, alembic) into the same shape, from warning up."""
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *closing],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    handler.gateway_runtime = True  # type: ignore[attr-defined]
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(max(_level, logging.WARNING))


def _forget_standard_library() -> None:
    root = logging.getLogger()
    for ours in [handler for handler in root.handlers if getattr(handler, "gateway_runtime", False)]:
        root.removeHandler(ours)
        root.setLevel(logging.WARNING)


unconfigure()
