"""What bodies and answers look like: camelCase outside, snake_case inside, unknown keys refused."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class ApiModel(BaseModel):
    """Base of every body and answer of the API."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        extra="forbid",
        frozen=True,
        defer_build=True,  # built when first used: a service starts a fifth of a second earlier
    )


class ErrorItem(ApiModel):
    """One fault: what is wrong, for a person, and its stable code."""

    description: str
    code: str


class ErrorDocument(ApiModel):
    """Every error the API answers with."""

    message: str
    errors: list[ErrorItem]
    tracking_id: str


class TicketOut(ApiModel):
    """A one-use ticket for the ``ticket`` query parameter of ``/v1/stream`` and WebSocket routes."""

    ticket: str
    expires_in: float
