"""Typed write intents: a NamedTuple of bind parameters with the statement that takes them.

```python
@writes(insert(messages).values(id=bindparam("id"), state=bindparam("state")))
class InsertMessage(NamedTuple):
    id: int
    state: str
```
"""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Executable

_T = TypeVar("_T", bound=type)


def writes(statement: Executable, *, rank: int = 0) -> Callable[[_T], _T]:
    """Give a NamedTuple its SQLAlchemy Core statement; a batch runs its statements in ascending `rank`.

    The field names are the statement's bind parameters. `gateway.runtime.database` reads both attributes.
    """

    def give(intent: _T) -> _T:
        intent.statement = statement  # type: ignore[attr-defined]
        intent.rank = rank  # type: ignore[attr-defined]
        return intent

    return give
