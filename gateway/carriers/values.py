"""What every settings model of a carrier is made of."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

_LONGEST_S: Final = 10 * 366 * 86_400.0
Seconds = Annotated[float, Field(ge=0, le=_LONGEST_S)]
"""A time of at most ten years."""
SomeSeconds = Annotated[float, Field(gt=0, le=_LONGEST_S)]
"""The same, not zero."""


class Frozen(BaseModel):
    """Base of every settings model here: immutable, unknown keys refused."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        arbitrary_types_allowed=True,
        defer_build=True,
    )
