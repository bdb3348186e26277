"""What was begun and ends by itself or is stopped, captures and replays: listed, shown, stopped."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from gateway.runtime.http.errors import ApiError
from gateway.runtime.http.models import ApiModel
from gateway.runtime.http.paging import Paged
from gateway.runtime.http.routes import ApiRequest, Routes


class Run(Protocol):
    """One of them."""

    id: str


R = TypeVar("R", bound=Run)


class Runs(NamedTuple, Generic[R]):
    """Where they are kept, and what is told of them."""

    noun: str
    """`capture`: in paths as `/v1/captures`."""
    all: Callable[[], Iterable[R]]
    get: Callable[[str], R | None]
    stop: Callable[[str], R]
    out: Callable[[R], ApiModel]
    missing: Callable[[], ApiError]
    """What is raised where there is none of that id."""

    def find(self, request: ApiRequest) -> R:
        """The one in the path; raises `ApiError`."""
        found = self.get(request.params["id"])
        if found is None:
            raise self.missing()
        return found

    def add_to(self, routes: Routes, returns: Any, roles: Sequence[str], *, stop_does: str) -> None:
        """Declare the listing, the showing and the stopping; `stop_does` describes the last."""
        path = f"/v1/{self.noun}s"

        async def listing(request: ApiRequest) -> Paged:
            del request
            return Paged([self.out(each) for each in self.all()])

        async def show(request: ApiRequest) -> ApiModel:
            return self.out(self.find(request))

        async def stop(request: ApiRequest) -> ApiModel:
            return self.out(self.stop(self.find(request).id))

        listing.__doc__ = f"List the {self.noun}s of this run."
        show.__doc__ = f"Show one {self.noun}."
        stop.__doc__ = stop_does
        routes.get(path, returns=list[returns], roles=roles, paged=True)(listing)
        routes.get(path + "/{id}", returns=returns, roles=roles, errors=(404,))(show)
        routes.post(path + "/{id}/stop", returns=returns, roles=roles, errors=(404,))(stop)
