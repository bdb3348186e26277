"""Write intents compiled for the driver: one SQL string and a row shape per intent and dialect.

An intent is a `NamedTuple` whose fields are the bind parameters of its class attribute `statement`
(SQLAlchemy Core); `rank` orders statements inside a batch. The driver's `executemany` gets the tuples as they
are; only where the SQL wants another order, constants or converted types is a row built for each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, ClassVar, Protocol

from sqlalchemy import Delete, Insert, TextClause, Update
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql.compiler import SQLCompiler

from gateway.runtime.errors import StatementInvalid

RowBuilder = Callable[[Any], Sequence[Any]]


class WriteIntent(Protocol):
    """What `Database.write` takes: a NamedTuple with a statement and a rank.

    The statement is an insert, an update, a delete, or SQL that every engine knows.
    """

    statement: ClassVar[Any]
    _fields: ClassVar[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Compiled:
    """An intent's SQL in one dialect; `build_row` is None where the tuple itself is the row.

    `stores` is false for a statement that only asks: it is in no measure of what is stored.
    """

    rank: int
    sql: str
    build_row: RowBuilder | None
    stores: bool = True

    def rows(self, intents: list[Any]) -> list[Any]:
        """Return the parameter rows of these intents."""
        return intents if self.build_row is None else [self.build_row(intent) for intent in intents]


def compile_intent(intent_type: type[Any], dialect: Dialect) -> Compiled:
    """Compile an intent's statement for a positional dialect.

    Raises `StatementInvalid` where the statement has parameters the intent lacks, or reverse.
    """
    statement = getattr(intent_type, "statement", None)
    fields: tuple[str, ...] = getattr(intent_type, "_fields", ())
    if not isinstance(statement, Insert | Update | Delete | TextClause):
        raise StatementInvalid(f"{intent_type.__name__}.statement is no insert, update or delete")
    try:
        compiled = statement.compile(dialect=dialect)
    except SQLAlchemyError as error:
        raise StatementInvalid(f"{intent_type.__name__}: {error}") from error
    if not isinstance(compiled, SQLCompiler):  # pragma: no cover - DML always compiles to it
        raise StatementInvalid(f"{intent_type.__name__}: not compiled as SQL")
    names = list(compiled.positiontup or ())
    _refuse_unfit(intent_type, fields, names, compiled)
    return Compiled(
        getattr(intent_type, "rank", 0),
        compiled.string,
        _row_builder(fields, names, compiled),
        not isinstance(statement, TextClause),
    )


def _refuse_unfit(
    intent_type: type[Any], fields: tuple[str, ...], names: list[str], compiled: SQLCompiler
) -> None:
    constants = compiled.params
    missing = [name for name in names if name not in fields and compiled.binds[name].required]
    missing += [name for name in names if name not in fields and name not in constants]
    unused = [field for field in fields if field not in names]
    expanding = [name for name in names if compiled.binds[name].expanding]
    if missing:
        raise StatementInvalid(f"{intent_type.__name__} lacks {', '.join(dict.fromkeys(missing))}")
    if unused:
        raise StatementInvalid(f"{intent_type.__name__}: its statement does not use {', '.join(unused)}")
    if expanding:
        raise StatementInvalid(f"{intent_type.__name__}: IN lists cannot be run for many rows at once")


def _row_builder(fields: tuple[str, ...], names: list[str], compiled: SQLCompiler) -> RowBuilder | None:
    converters = {name: convert for name, convert in compiled._bind_processors.items() if name in names}
    constants = {name: value for name, value in compiled.params.items() if name not in fields}
    if not converters and not constants:
        if tuple(names) == fields:
            return None
        if len(names) > 1:
            return itemgetter(*(fields.index(name) for name in names))
    steps = [_step(name, fields, constants, converters.get(name)) for name in names]
    return lambda intent: tuple([step(intent) for step in steps])


def _step(
    name: str, fields: tuple[str, ...], constants: dict[str, Any], convert: Any
) -> Callable[[Sequence[Any]], Any]:
    if name not in fields:
        value = convert(constants[name]) if convert else constants[name]
        return lambda _intent: value
    take = itemgetter(fields.index(name))
    return (lambda intent: convert(take(intent))) if convert else take
