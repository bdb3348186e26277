"""The way from an aiohttp request to a handler and back, with as little in between as possible.

One closure per route does what a chain of middlewares would: gate, body, validation, handler, answer, metric.
`Endpoints.handler` is that way for aiohttp, `Endpoints.express` the same for `express`, which hands over a
whole body and takes bytes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Any, Final, NamedTuple, cast

from aiohttp import hdrs, web
from multidict import CIMultiDict, istr
from prometheus_client import Histogram
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, to_json

from gateway.runtime.http.errors import ApiError, database_away, error_body, status_phrase
from gateway.runtime.http.express import ExpressRequest, serialise
from gateway.runtime.http.gate import Gate
from gateway.runtime.http.paging import Paged, next_link
from gateway.runtime.http.routes import ApiRequest, Reply, Route
from gateway.runtime.http.settings import HttpSettings
from gateway.runtime.log import get_logger
from gateway.runtime.metrics import Metrics

TRACKING_ID: Final = istr("trackingid")
JSON: Final = "application/json"
_CONTENT_TYPE: Final = istr("Content-Type")
_SERVER: Final = istr("Server")
_NOSNIFF: Final = istr("X-Content-Type-Options")
_CACHE: Final = istr("Cache-Control")
_SERVER_NAME: Final = "gateway"
_JSON_TYPES: Final = frozenset({JSON, "application/json; charset=utf-8", "application/json;charset=utf-8"})
MAX_VALIDATION_FAULTS: Final = 50
LATENCY_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

AiohttpHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ExpressHandler = Callable[[ExpressRequest, bytes], Awaitable[bytes]]
_log = get_logger("http")


class Answer(NamedTuple):
    """What goes back, before it is put into aiohttp's words or into bytes."""

    status: int
    headers: dict[str, str]
    body: bytes | None

    def response(self) -> web.Response:
        """The answer as aiohttp sends it."""
        return web.Response(body=self.body, status=self.status, headers=CIMultiDict(self.headers))


class RouteSeconds(dict[str, Callable[[float], None]]):
    """Observers of one route by the first digit of a status, each made when first needed.

    Most routes never answer with most classes: a hundred routes would be ten thousand series of zeros.
    """

    def __init__(self, seconds: Histogram, route: str) -> None:
        super().__init__()
        self._seconds = seconds
        self._route = route

    def __missing__(self, digit: str) -> Callable[[float], None]:
        observe = self[digit] = self._seconds.labels(self._route, f"{digit}xx").observe
        return observe


class Endpoints:
    """Makes aiohttp handlers of routes; holds what they share."""

    def __init__(
        self,
        gate: Gate,
        settings: HttpSettings,
        metrics: Metrics,
        next_tracking_id: Callable[[str | None], str],
    ) -> None:
        self.gate = gate
        self._settings = settings
        self._next_tracking_id = next_tracking_id
        self._seconds = metrics.histogram(
            "gateway_http_request_seconds",
            "Time from a parsed HTTP request to its answer, by route and status class.",
            ("route", "status"),
            LATENCY_BUCKETS,
        )

    def handler(self, route: Route) -> AiohttpHandler:
        """The aiohttp handler of ``route``."""
        admit = self.gate.admit
        next_tracking_id = self._next_tracking_id
        call = route.handler
        read_body = self._body_reader(route)
        read_query = _query_reader(route)
        render = _renderer(route)
        label, observe = self._observer(route)

        async def handle(raw: web.Request) -> web.StreamResponse:
            started = perf_counter()
            tracking_id = next_tracking_id(raw.headers.get(TRACKING_ID))
            response: web.StreamResponse
            try:
                principal = admit(raw, route)
                body = None if read_body is None else await read_body(raw)
                query = None if read_query is None else read_query(raw)
                request = ApiRequest(raw, principal, tracking_id, body, query)
                result = await call(request)
                if isinstance(result, web.StreamResponse):
                    response = _named(result, tracking_id)
                else:
                    response = render(result, request).response()
            except ApiError as refusal:
                response = refused(refusal, tracking_id).response()
            except web.HTTPException as refusal:
                response = refused(ApiError(refusal.status), tracking_id).response()
            except ConnectionError:
                raise
            except Exception as fault:
                response = failed(fault, tracking_id, label).response()
            observe[str(response.status)[0]](perf_counter() - started)
            return response

        return handle

    def express(self, route: Route) -> ExpressHandler:
        """The same way for a request that `express` has read whole: a static path, a JSON body."""
        admit = self.gate.admit
        next_tracking_id = self._next_tracking_id
        call = route.handler
        decode = _decoder(route)
        render = _renderer(route)
        label, observe = self._observer(route)

        async def handle(express: ExpressRequest, data: bytes) -> bytes:
            started = perf_counter()
            raw = cast(web.Request, express)  # it has what a gate and an express route look at
            tracking_id = next_tracking_id(express.headers.get(TRACKING_ID))
            try:
                principal = admit(raw, route)
                body = decode(express.headers.get(_CONTENT_TYPE, JSON), data)
                request = ApiRequest(raw, principal, tracking_id, body, None)
                answer = render(await call(request), request)
            except ApiError as refusal:
                answer = refused(refusal, tracking_id)
            except Exception as fault:
                answer = failed(fault, tracking_id, label)
            observe[str(answer.status)[0]](perf_counter() - started)
            return serialise(answer.status, answer.headers, answer.body)

        return handle

    def body_limit(self, route: Route) -> int:
        """Most bytes of a body of this route."""
        return self._settings.max_bulk_body_bytes if route.bulk else self._settings.max_body_bytes

    def _observer(self, route: Route) -> tuple[str, RouteSeconds]:
        """The route's name, and its latency metric by the first digit of a status."""
        label = f"{route.method} {route.path}"
        return label, RouteSeconds(self._seconds, label)

    def _body_reader(self, route: Route) -> Callable[[web.Request], Awaitable[Any]] | None:
        if route.body is None:
            return None
        limit = self.body_limit(route)
        timeout_s = self._settings.body_timeout_s
        if route.body is bytes:

            async def read_bytes(raw: web.Request) -> Any:
                return await read_limited(raw, limit, timeout_s)

            return read_bytes
        decode = _decoder(route)

        async def read_model(raw: web.Request) -> Any:
            media_type = raw.headers.get(_CONTENT_TYPE, JSON)
            if media_type not in _JSON_TYPES:
                check_media_type(media_type)
            content = raw.content
            if content.is_eof() and hdrs.CONTENT_ENCODING not in raw.headers:
                data = content.read_nowait()
                if len(data) > limit:
                    raise too_large(limit)
            else:
                data = await read_limited(raw, limit, timeout_s)
            return decode(media_type, data)

        return read_model


def _decoder(route: Route) -> Callable[[str, bytes], Any]:
    """Make the validated body of a media type and bytes."""
    validate: Callable[[bytes], Any] | None = None

    def decode(media_type: str, data: bytes) -> Any:
        nonlocal validate
        if media_type not in _JSON_TYPES:
            check_media_type(media_type)
        if validate is None:  # at the first request: a start need not build what may never be asked
            validate = TypeAdapter(route.body).validator.validate_json
        try:
            return validate(data)
        except ValidationError as fault:
            raise malformed(fault, "$") from None

    return decode


def _query_reader(route: Route) -> Callable[[web.Request], Any] | None:
    if route.query is None:
        return None
    validate: Callable[[Any], Any] | None = None

    def read_query(raw: web.Request) -> Any:
        nonlocal validate
        if validate is None:
            validate = TypeAdapter(route.query).validate_python
        try:
            return validate({name: value for name, value in raw.rel_url.query.items() if name != "ticket"})
        except ValidationError as fault:
            raise malformed(fault, "query") from None

    return read_query


def _named(response: web.StreamResponse, tracking_id: str) -> web.StreamResponse:
    """A handler's own aiohttp response, with the tracking id where it has not begun."""
    if not response.prepared:
        response.headers[TRACKING_ID] = tracking_id
    return response


def _renderer(route: Route) -> Callable[[Any, ApiRequest], Answer]:
    status = route.status

    def render(result: Any, request: ApiRequest) -> Answer:
        if isinstance(result, Reply):
            for name, value in result.headers.items():
                request.set_header(name, value)
            body = (
                result.body if result.body is None or isinstance(result.body, bytes) else to_json(result.body)
            )
            default = 204 if body is None else status
            return answer(body, result.status or default, request, result.content_type)
        if isinstance(result, BaseModel):
            return answer(result.__pydantic_serializer__.to_json(result), status, request)
        if result is None:
            return answer(None, 204, request)
        if isinstance(result, Paged):
            if result.next_cursor is not None:
                request.set_header("Link", link_to_next(request.raw, result))
            return answer(to_json({"items": result.items}, by_alias=True), status, request)
        return answer(to_json(result, by_alias=True), status, request)

    return render


def answer(body: bytes | None, status: int, request: ApiRequest, content_type: str = JSON) -> Answer:
    """A finished answer of the API with the headers every answer carries."""
    headers = _common(request.tracking_id, None if body is None else content_type)
    if request.reply_headers is not None:
        headers.update(request.reply_headers)
    return Answer(status, headers, body)


def refused(refusal: ApiError, tracking_id: str) -> Answer:
    """The answer to a request that was refused."""
    headers = _common(tracking_id, JSON)
    headers.update(refusal.reply_headers())
    body = error_body(refusal.description, refusal.errors, tracking_id)
    return Answer(refusal.status, headers, body)


def _common(tracking_id: str, content_type: str | None) -> dict[str, str]:
    headers: dict[str, str] = {} if content_type is None else {_CONTENT_TYPE: content_type}
    headers[TRACKING_ID] = tracking_id
    headers[_NOSNIFF] = "nosniff"
    headers[_CACHE] = "no-store"
    headers[_SERVER] = _SERVER_NAME
    return headers


def failed(fault: Exception, tracking_id: str, label: str) -> Answer:
    """The answer to a request whose handler broke."""
    return refused(failure(fault, tracking_id, label), tracking_id)


def failure(fault: Exception, tracking_id: str, label: str) -> ApiError:
    """What a caller is told whose handler broke: 503 while the database is away, else 500.

    A 500 is logged once, without payload: only the exception's class and where it was raised, for its text
    may quote a message or a number. That the database is away the database has logged.
    """
    away = database_away(fault)
    if away is not None:
        return away
    _log.error("http.handler_failed", route=label, tracking_id=tracking_id, **where(fault))
    return ApiError(500, "internal_error", "the gateway failed on this request; the log has the tracking id")


def where(fault: BaseException) -> dict[str, Any]:
    """An exception's class and the innermost places it passed, as ``file:line function``."""
    places: list[str] = []
    trace = fault.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return {"error": type(fault).__name__, "trace": places[-8:]}


def link_to_next(raw: web.Request, page: Paged) -> str:
    """The ``Link`` value that leads from this page to the next."""
    return next_link(
        f"{raw.scheme}://{raw.host}", raw.path, list(raw.rel_url.query.items()), page.next_cursor or ()
    )


def check_media_type(value: str) -> None:
    """Let JSON media types through (RFC 6839 §3.1); raises ``ApiError`` 415."""
    media_type, _, parameters = value.partition(";")
    media_type = media_type.strip().lower()
    charset = parameters.strip().lower().removeprefix("charset=").strip('" ')
    if (media_type == JSON or (media_type.startswith("application/") and media_type.endswith("+json"))) and (
        charset in ("", "utf-8", "utf8")
    ):
        return
    raise ApiError(
        415, "unsupported_media_type", "send JSON in UTF-8: header `Content-Type: application/json`"
    )


def too_large(limit: int) -> ApiError:
    """The refusal of a body beyond ``limit`` bytes; the connection closes, the rest is not read."""
    return ApiError(
        413, "body_too_large", f"the body is larger than {limit} bytes", headers={"Connection": "close"}
    )


async def read_limited(raw: web.Request, limit: int, timeout_s: float) -> bytes:
    """The whole body, at most ``limit`` bytes (after decompression) and ``timeout_s`` seconds.

    Raises ``ApiError`` 400 (broken body), 408 (too slow) or 413.
    """
    length = raw.content_length
    if length is not None and length > limit:
        raise too_large(limit)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(timeout_s):
            while chunk := await raw.content.readany():
                size += len(chunk)
                if size > limit:
                    raise too_large(limit)
                chunks.append(chunk)
    except TimeoutError:
        raise ApiError(
            408, "body_too_slow", "the body did not arrive in time", headers={"Connection": "close"}
        ) from None
    except web.RequestPayloadError:
        raise ApiError(
            400, "malformed_request", "the body could not be read as its headers announce"
        ) from None
    return b"".join(chunks)


def malformed(fault: ValidationError, root: str) -> ApiError:
    """All faults of a body or query as one 400, each with its path; values are never echoed."""
    details = fault.errors(include_url=False, include_context=False, include_input=False)
    return ApiError(400, errors=[describe(item, root) for item in details[:MAX_VALIDATION_FAULTS]])


def describe(item: ErrorDetails, root: str) -> tuple[str, str]:
    """(description, code) of one validation fault: ``$.items[3].text: Field required``."""
    if item["type"] in ("model_type", "model_attributes_type", "dataclass_type"):
        told = "Input should be an object"  # pydantic would name our class
    else:
        told = item["msg"].removeprefix("Value error, ")
    return f"{json_path(item['loc'], root)}: {told}", "malformed_request"


def json_path(loc: Sequence[int | str], root: str = "$") -> str:
    """A pydantic location as a JSON path; keys chosen by the caller are shortened."""
    parts = [root]
    for step in loc:
        parts.append(f"[{step}]" if isinstance(step, int) else f".{step[:64]}")
    return "".join(parts)


def not_found_or_method(allowed: Sequence[str]) -> ApiError:
    """404 for an unknown path, 405 with ``Allow`` for a known one."""
    if allowed:
        listed = ", ".join(sorted(allowed))
        return ApiError(405, "method_not_allowed", f"this path knows {listed}", headers={"Allow": listed})
    return ApiError(404, "not_found", f"{status_phrase(404)}: /docs lists every path")
