"""What is expected other than what was recorded: golden files and rules.

A golden file is JSONL written by `--update`: a first line `{"golden": 1, …}`, then a line for each message,
`{"n": 1, "key": "9f…", "status": 0, "receipt": "DELIVRD"}`. Rules are YAML::

    tolerances: {differences: 0}
    rules:
      - when: {from: "^1202", to: "0121$", text: "(?i)stop"}
        expect: {status: [ESME_ROK], receipt: DELIVRD, response_within_s: 1, receipt_within_s: 30}

The first rule whose patterns are all found decides; a message that none fits is not judged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Protocol, TextIO

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from gateway.replay.compare import SECOND_NS, Expected, Result, Tolerances, message_key
from gateway.replay.errors import ExpectationInvalid
from gateway.runtime.yamltree import read_tree
from gateway.smpp.constants import CommandStatus
from gateway.smpp.pdu import Pdu
from gateway.smpp.receipt import STAT_WORDS
from gateway.smpp.segment import user_data
from gateway.smpp.text import decode_text

VERSION: Final = 1
_STATUSES: Final = {f"ESME_{status.name}": int(status) for status in CommandStatus}
_WORDS: Final = frozenset(STAT_WORDS.values())


class Expectation(Protocol):
    """Says what is expected of a message; None: it is not judged."""

    tolerances: Tolerances | None

    def expected(self, number: int, pdu: Pdu) -> Expected:
        """What is expected of message `number`."""


class Golden:
    """A golden file, read along with the replay; lines may stand a little out of order."""

    tolerances: Tolerances | None = None

    def __init__(self, path: Path) -> None:
        self._name = path.name
        self._records = self._read(path)
        self._ahead: dict[int, dict[str, Any]] = {}

    def expected(self, number: int, pdu: Pdu) -> Expected:
        """What the file says; raises `ExpectationInvalid` if it is about another message."""
        record = self._ahead.pop(number, None)
        while record is None:
            found = next(self._records, None)
            if found is None:
                return Expected()
            if found["n"] == number:
                record = found
            else:
                self._ahead[found["n"]] = found
        if record["key"] != message_key(pdu):
            reason = f"message {number} is another one here: the golden file belongs to another capture"
            raise ExpectationInvalid(self._name, record["line"], f"{reason}, seed or mapping of numbers")
        status = record.get("status")
        return Expected(
            statuses=None if status is None else frozenset((int(status),)),
            receipts=frozenset((record.get("receipt"),)),
        )

    def _read(self, path: Path) -> Iterator[dict[str, Any]]:
        with path.open(encoding="utf-8") as stream:
            for line, text in enumerate(stream, 1):
                try:
                    record = json.loads(text)
                    if line == 1:
                        if record["golden"] != VERSION:
                            raise ExpectationInvalid(
                                self._name, 1, f"version {record['golden']} is not known"
                            )
                        continue
                    yield {**record, "n": int(record["n"]), "key": str(record["key"]), "line": line}
                except (ValueError, KeyError, TypeError) as error:
                    raise ExpectationInvalid(self._name, line, f"no line of a golden file: {error}") from None


def write_golden_head(stream: TextIO, role: str, capture: str) -> None:
    """The first line of a golden file."""
    stream.write(json.dumps({"golden": VERSION, "role": role, "format": capture}) + "\n")


def write_golden(stream: TextIO, result: Result) -> None:
    """One message of a golden file."""
    record = {
        "n": result.number,
        "key": result.key,
        "status": result.actual.status,
        "receipt": result.actual.receipt,
    }
    stream.write(json.dumps(record, separators=(",", ":")) + "\n")


# --- rules --------------------------------------------------------------------------------------------------


class _Frozen(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, populate_by_name=True
    )


class When(_Frozen):
    """Which messages a rule is about: regular expressions, searched for."""

    source: Annotated[str, Field(alias="from")] = ""
    """In the source address."""
    to: str = ""
    """In the destination address."""
    text: str = ""
    """In the text."""

    @field_validator("source", "to", "text")
    @classmethod
    def _pattern(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from None
        return value

    def fits(self, source: str, to: str, text: str) -> bool:
        """Whether every pattern is found."""
        pairs = ((self.source, source), (self.to, to), (self.text, text))
        return all(not pattern or re.search(pattern, value) for pattern, value in pairs)


class Wanted(_Frozen):
    """What is right for them."""

    status: int | str | tuple[int | str, ...] | None = None
    """Status or statuses of the answer, as numbers or names (`ESME_ROK`)."""
    receipt: str | tuple[str, ...] | None = None
    """State or states of the receipt (`DELIVRD`); `none`: no receipt."""
    response_within_s: Annotated[float, Field(gt=0)] | None = None
    """Most seconds until the answer."""
    receipt_within_s: Annotated[float, Field(gt=0)] | None = None
    """Most seconds until the receipt."""

    @field_validator("status")
    @classmethod
    def _statuses(cls, value: Any) -> Any:
        unknown = [one for one in _listed(value) if isinstance(one, str) and one not in _STATUSES]
        if unknown:
            raise ValueError(f"{unknown[0]}: no status of SMPP 3.4; a vendor's is written as its number")
        return value

    @field_validator("receipt")
    @classmethod
    def _receipts(cls, value: Any) -> Any:
        unknown = [one for one in _listed(value) if one not in _WORDS and one != "none"]
        if unknown:
            raise ValueError(f"{unknown[0]}: expected none or one of {', '.join(sorted(_WORDS))}")
        return value

    @property
    def expected(self) -> Expected:
        """As the comparison takes it."""
        statuses = frozenset(_STATUSES[s] if isinstance(s, str) else s for s in _listed(self.status))
        receipts = frozenset(None if word == "none" else str(word) for word in _listed(self.receipt))
        return Expected(
            statuses=statuses if self.status is not None else None,
            receipts=receipts if self.receipt is not None else None,
            most_response_ns=_ns(self.response_within_s),
            most_receipt_ns=_ns(self.receipt_within_s),
        )


def _listed(value: Any) -> tuple[Any, ...]:
    if value is None:
        return ()
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def _ns(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds * SECOND_NS)


class Rule(_Frozen):
    """One rule."""

    when: When = When()
    """Which messages it is about; by default all."""
    expect: Wanted
    """What is right for them."""


class RuleTolerances(_Frozen):
    """What is tolerated."""

    differences: Annotated[int, Field(ge=0)] = 0
    """Messages that may break their rule."""


class RulesFile(_Frozen):
    """The whole file."""

    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]
    """The first that fits a message decides."""
    tolerances: RuleTolerances = RuleTolerances()
    """What is tolerated."""


class Rules:
    """Rules out of a YAML file; raises `ExpectationInvalid` with the line, and `OSError`."""

    def __init__(self, path: Path) -> None:
        path.stat()
        tree = read_tree(path, {})
        if tree.faults:
            fault = tree.faults[0]
            where = fault.path or "neither a golden file nor rules in YAML"
            raise ExpectationInvalid(path.name, fault.line, f"{where}: {fault.message}")
        try:
            self._file = RulesFile.model_validate(tree.value)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            line = tree.place(first["loc"]).line
            raise ExpectationInvalid(path.name, line, f"{where}: {first['msg']}") from None
        self._wanted = [(rule.when, rule.expect.expected) for rule in self._file.rules]
        self.tolerances: Tolerances | None = Tolerances(differences=self._file.tolerances.differences)

    def expected(self, number: int, pdu: Pdu) -> Expected:
        """What the first rule that fits says."""
        del number
        anything: Any = pdu
        octets = user_data(getattr(pdu, "short_message", b""), pdu.tlvs)
        text = decode_text(octets, getattr(pdu, "data_coding", 0))
        source, to = getattr(anything, "source_addr", ""), getattr(anything, "destination_addr", "")
        return next((wanted for when, wanted in self._wanted if when.fits(source, to, text)), Expected())


def read_expectation(path: Path) -> Expectation:
    """A golden file or rules, by content; raises `ExpectationInvalid` and `OSError`."""
    with path.open("rb") as stream:
        head = stream.read(512)
    if head.lstrip().startswith(b'{"golden"'):
        return Golden(path)
    return Rules(path)
