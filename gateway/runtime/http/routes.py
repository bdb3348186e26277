"""What a part declares of its HTTP face.

Routes with the models they take and give, and the request they see.
"""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from aiohttp import hdrs, web

from gateway.runtime.http.auth import Principal
from gateway.runtime.http.errors import ApiError
from gateway.runtime.http.paging import PageRequest, parse_page

IDEMPOTENCY_KEY = "Idempotency-Key"
_KEY = re.compile(r"[\x21-\x7e]{1,255}\Z")


class ApiRequest:
    """One request as a handler sees it: checked, authenticated, its body and query validated.

    ``body`` is the validated model (or the raw bytes where the route takes bytes), ``query`` the validated
    query model, ``principal`` the caller, ``raw`` the aiohttp request below. Header values put into
    ``reply_headers`` go out with the answer.
    """

    __slots__ = ("_page", "body", "principal", "query", "raw", "reply_headers", "tracking_id")

    def __init__(
        self, raw: web.Request, principal: Principal, tracking_id: str, body: Any, query: Any
    ) -> None:
        self.raw = raw
        self.principal = principal
        self.tracking_id = tracking_id
        self.body = body
        self.query = query
        self.reply_headers: dict[str, str] | None = None
        self._page: PageRequest | None = None

    @property
    def params(self) -> Mapping[str, str]:
        """The parts of the path in braces, decoded."""
        return self.raw.match_info

    @property
    def page(self) -> PageRequest:
        """Which page the caller asks for (``max`` and ``cursor``); raises ``ApiError`` 400."""
        if self._page is None:
            query = self.raw.rel_url.query
            self._page = parse_page(query.get("max"), query.get("cursor"))
        return self._page

    @property
    def idempotency_key(self) -> str | None:
        """The ``Idempotency-Key`` header, if any.

        Raises ``ApiError`` 400 unless 1 to 255 visible ASCII characters.
        """
        key = self.raw.headers.get(IDEMPOTENCY_KEY)
        if key is not None and _KEY.match(key) is None:
            raise ApiError(
                400, "malformed_request", "header Idempotency-Key: 1 to 255 visible ASCII characters"
            )
        return key

    def set_header(self, name: str, value: str) -> None:
        """Send one more header with the answer."""
        if self.reply_headers is None:
            self.reply_headers = {}
        self.reply_headers[name] = value


_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Reply(NamedTuple):
    """An answer with its own status, headers or content type; ``body`` is a model, list, dict, or bytes."""

    body: Any = None
    status: int | None = None
    headers: Mapping[str, str] = _NO_HEADERS
    content_type: str = "application/json"


Handler = Callable[[ApiRequest], Awaitable[Any]]
HandlerT = TypeVar("HandlerT", bound=Handler)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation of the API and everything its documentation says."""

    method: str
    path: str
    handler: Handler
    tag: str = ""
    summary: str = ""
    description: str = ""
    operation_id: str = ""
    body: Any = None
    query: Any = None
    returns: Any = None
    status: int = 200
    roles: frozenset[str] | None = None
    errors: tuple[int, ...] = ()
    public: bool = False
    probe: bool = False
    ticket: bool = False
    paged: bool = False
    bulk: bool = False
    express: bool = False
    idempotent: bool = False
    consumes: str = "application/json"
    produces: str = "application/json"
    examples: Mapping[str, Any] = field(default_factory=dict)
    hidden: bool = False


class Routes:
    """The routes of one part, under one tag of the documentation.

    Each method is a decorator::

        @routes.post("/v1/messages", summary="Send a text", body=MessageIn, returns=MessageOut, status=202)
        async def send(request: ApiRequest) -> MessageOut: ...

    Options: ``body`` and ``returns`` are pydantic models or types (``list[MessageIn]``; ``bytes`` for raw
    bodies), ``query`` a model of the query parameters, ``roles`` who may call (default: any token),
    ``errors`` the refusals to document, ``public`` no token needed, ``probe`` for health checks, which know
    neither a token nor our names, ``ticket`` a one-use ticket in the query will do, ``paged`` documents
    ``max`` and ``cursor``, ``bulk`` allows the large body, ``express`` answers plain requests without aiohttp
    (a POST to a path without braces whose handler looks at nothing but ``request.raw.headers``),
    ``idempotent`` documents ``Idempotency-Key``. A handler returns a model, a list, a dict, ``Paged``,
    ``Reply``, None (204), or an aiohttp response of its own.
    """

    def __init__(self, tag: str, description: str = "") -> None:
        self.tag = tag
        self.description = description
        self._routes: list[Route] = []

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def __len__(self) -> int:
        return len(self._routes)

    def route(
        self,
        method: str,
        path: str,
        *,
        roles: Sequence[str] | None = None,
        errors: Sequence[int] = (),
        **options: Any,
    ) -> Callable[[HandlerT], HandlerT]:
        """Declare one route; the named methods below are what one usually calls."""

        def keep(handler: HandlerT) -> HandlerT:
            doc = (handler.__doc__ or "").strip()
            options.setdefault("description", doc)
            options.setdefault("summary", doc.partition("\n")[0].rstrip("."))
            options.setdefault("operation_id", operation_id(method, path))
            self._routes.append(
                Route(
                    method=method,
                    path=path,
                    handler=handler,
                    tag=self.tag,
                    roles=None if roles is None else frozenset(roles),
                    errors=tuple(errors),
                    **options,
                )
            )
            return handler

        return keep

    def get(self, path: str, **options: Any) -> Callable[[HandlerT], HandlerT]:
        """Declare a GET route (HEAD comes with it)."""
        return self.route(hdrs.METH_GET, path, **options)

    def post(self, path: str, **options: Any) -> Callable[[HandlerT], HandlerT]:
        """Declare a POST route."""
        return self.route(hdrs.METH_POST, path, **options)

    def put(self, path: str, **options: Any) -> Callable[[HandlerT], HandlerT]:
        """Declare a PUT route."""
        return self.route(hdrs.METH_PUT, path, **options)

    def patch(self, path: str, **options: Any) -> Callable[[HandlerT], HandlerT]:
        """Declare a PATCH route."""
        return self.route(hdrs.METH_PATCH, path, **options)

    def delete(self, path: str, **options: Any) -> Callable[[HandlerT], HandlerT]:
        """Declare a DELETE route (204 unless it returns something)."""
        return self.route(hdrs.METH_DELETE, path, **options)


def operation_id(method: str, path: str) -> str:
    """A readable, unique operation id: ``GET /v1/messages/{id}`` → ``getMessagesById``."""
    words = [method.lower()]
    for part in path.removeprefix("/v1").split("/"):
        name = re.sub(r"\W+", " ", part.partition(":")[0]).strip()
        if name:
            words.append(("By " if part.startswith("{") else "") + name)
    text = " ".join(words).split()
    return text[0] + "".join(word[:1].upper() + word[1:] for word in text[1:])
