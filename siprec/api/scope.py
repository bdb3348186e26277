"""Who may see and change what: callers stay within the organisation their token names."""

from gateway.directory.directory import Directory
from gateway.directory.model import Location, Organization, Person
from gateway.runtime.http.auth import Principal
from gateway.runtime.http.errors import ApiError
from siprec.providers.rules import Refusal

ADMINISTRATORS = ("admin", "partner")


def not_found(kind: str) -> ApiError:
    """The answer about what does not exist, or is out of the caller's reach: the two look alike."""
    return ApiError(404, "not_found", f"there is no such {kind}")


def require(refusal: Refusal | None) -> None:
    """Let pass what no rule forbids; raises `ApiError`."""
    if refusal is not None:
        raise ApiError(refusal.rule.http_status, refusal.code, str(refusal))


def _reaches(principal: Principal, organization_id: str) -> bool:
    return principal.organization_id in (None, organization_id)


def find_organization(directory: Directory, principal: Principal, organization_id: str) -> Organization:
    """Return an organisation within reach; raises `ApiError` 404."""
    found = directory.organization(organization_id)
    if found is None or not _reaches(principal, found.id):
        raise not_found("organization")
    return found


def find_location(directory: Directory, principal: Principal, location_id: str) -> Location:
    """Return a location within reach; raises `ApiError` 404."""
    found = directory.location(location_id)
    if found is None or not _reaches(principal, found.organization_id):
        raise not_found("location")
    return found


def find_person(directory: Directory, principal: Principal, person_id: str) -> Person:
    """Return a person within reach, for a person only that person; raises `ApiError` 404."""
    found = directory.person(person_id)
    if found is None or not _reaches(principal, found.organization_id):
        raise not_found("person")
    if principal.role == "person" and found.id != principal.person_id:
        raise not_found("person")
    return found
