"""What administrative routes share: a caller's reach, pages in the order of keys, partial changes."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from gateway.directory.directory import Directory
from gateway.policy.verdict import Verdict
from gateway.runtime.http.auth import Principal
from gateway.runtime.http.errors import ApiError
from gateway.runtime.http.models import ApiModel
from gateway.runtime.http.paging import Paged
from gateway.runtime.http.routes import ApiRequest

T = TypeVar("T")

ADMINISTRATORS = ("admin", "partner")
"""Roles that read and change what Control Hub shows."""


def may_see_organization(principal: Principal, organization_id: str | None) -> bool:
    """Whether the caller's token reaches into that organisation; a token without one reaches everywhere."""
    return principal.organization_id is None or principal.organization_id == organization_id


def organization_of(request: ApiRequest, directory: Directory, wanted: str | None) -> str:
    """The organisation a request is for: the caller's unless one is named; raises `ApiError` 400 or 404."""
    organization_id = wanted or request.principal.organization_id
    if organization_id is None:
        raise ApiError(400, "malformed_request", "$.organizationId: say for which organisation")
    known = directory.organization(organization_id) is not None
    if not known or not may_see_organization(request.principal, organization_id):
        raise not_found("organization")
    return organization_id


def not_found(kind: str) -> ApiError:
    """The answer about what does not exist, or is another organisation's: the two look alike."""
    return ApiError(404, "not_found", f"there is no such {kind}")


def refusal(verdict: Verdict) -> ApiError:
    """An administrative rule's refusal as an answer."""
    return ApiError(verdict.http_status or 409, verdict.code, verdict.description)


def page_by(
    request: ApiRequest, entries: Iterable[T], key: Callable[[T], str], show: Callable[[T], Any]
) -> Paged:
    """Return the page asked for, in the order of keys; the cursor is the last key shown."""
    ordered = sorted(entries, key=key)
    cursor = request.page.cursor
    if cursor:
        ordered = [entry for entry in ordered if key(entry) > str(cursor[0])]
    shown = ordered[: request.page.max]
    more = (key(shown[-1]),) if len(ordered) > len(shown) else None
    return Paged([show(entry) for entry in shown], more)


def given(body: ApiModel, *nullable: str) -> dict[str, Any]:
    """Return the fields a partial change names; raises `ApiError` 400 for null where it is no value."""
    changes = body.model_dump(by_alias=False, exclude_unset=True)
    for name, value in changes.items():
        if value is None and name not in nullable:
            raise ApiError(400, "malformed_request", f"{name}: null is not a value of this field")
    return changes
