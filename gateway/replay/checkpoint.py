"""What a stopped replay leaves behind, so that the same command takes it up again: one JSON file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from gateway.replay.carrier_player import ServedSoFar
from gateway.replay.errors import CheckpointInvalid
from gateway.replay.options import ReplayOptions
from gateway.replay.player import SentSoFar
from gateway.replay.summary import Summary


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A replay halfway: whose part it played says which of the two players' states it has."""

    of: dict[str, Any]
    """The replay it is of; another capture, role or seed cannot go on with it."""
    summary: dict[str, Any]
    """`Summary.to_state` of the messages that are settled."""
    so_far: SentSoFar | ServedSoFar
    unexpected: int = 0


_FORM: Final = TypeAdapter(Checkpoint)


def _fingerprint(options: ReplayOptions, role: str) -> dict[str, Any]:
    stat = options.file.stat()
    of = {"capture": options.file.name, "bytes": stat.st_size, "role": role, "seed": options.seed}
    if options.update and options.expect is not None:
        of["golden"] = options.expect.name  # its first part is that of the earlier run
    return of


def read_checkpoint(options: ReplayOptions, role: str) -> tuple[Checkpoint, Summary] | None:
    """What an earlier run has left, if any; raises `CheckpointInvalid` and `OSError`."""
    path = options.checkpoint
    if path is None or not path.exists():
        return None
    try:
        checkpoint = _FORM.validate_json(path.read_bytes())
        if checkpoint.of != _fingerprint(options, role):
            raise CheckpointInvalid(path.name, "it is of another replay")
        if isinstance(checkpoint.so_far, ServedSoFar) is not (role == "carrier"):
            raise CheckpointInvalid(path.name, "no checkpoint")
        return checkpoint, Summary.from_state(checkpoint.summary)
    except (ValidationError, ValueError, KeyError, TypeError, AttributeError):
        raise CheckpointInvalid(path.name, "no checkpoint") from None


def leave_checkpoint(
    options: ReplayOptions,
    role: str,
    summary: Summary,
    so_far: SentSoFar | ServedSoFar | None,
    unexpected: int,
) -> None:
    """Write it, or where a replay has ended (`so_far` None) remove what an earlier run left.

    Raises `OSError`.
    """
    path = options.checkpoint
    if path is None:
        return
    if so_far is None:
        path.unlink(missing_ok=True)
        return
    left = Checkpoint(_fingerprint(options, role), summary.to_state(), so_far, unexpected)
    unfinished = path.with_name(path.name + ".new")
    unfinished.write_bytes(_FORM.dump_json(left))
    unfinished.replace(path)
