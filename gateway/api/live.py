"""The simulated Webex App's WebSocket: a person texts, and sees texts arrive and states change."""

import json
from typing import Any

from aiohttp import web
from pydantic import ValidationError
from pydantic_core import from_json

from gateway.api.messages import TEXTERS, MessageIn, outbound
from gateway.directory.directory import Directory
from gateway.messages.documents import message_document
from gateway.messages.intake import Intake, Refusal
from gateway.runtime.http.endpoint import failure, malformed
from gateway.runtime.http.errors import ApiError, retry_after
from gateway.runtime.http.routes import ApiRequest, Routes
from gateway.runtime.http.stream import EventStream, parse_patterns
from gateway.runtime.http.stream_serving import serve_websocket


def app_routes(intake: Intake, directory: Directory, stream: EventStream) -> Routes:
    """`/v1/app`."""
    routes = Routes("Webex App", "A WebSocket for the simulated Webex App.")

    @routes.get(
        "/v1/app",
        ticket=True,
        roles=TEXTERS,
        returns=bytes,
        produces="application/json",
        errors=(400, 426, 503),
    )
    async def connect(request: ApiRequest) -> web.StreamResponse:
        """Open the WebSocket.

        Frames in: `{"type": "send", "ref"?, "to", "text", "from"?, "personId"?, "files"?, "client"?}`. Frames
        out: `{"type": "accepted", "ref", "message"}`, `{"type": "refused", "ref", "status", "errors",
        "blockedBy", "retryAfter"?}`, and the events of `/v1/stream` that concern the caller.
        """
        query = request.raw.rel_url.query
        viewer = stream.open(request.principal, parse_patterns(query.get("events")))

        async def receive(socket: web.WebSocketResponse, text: str) -> None:
            await socket.send_str(json.dumps(await answer(text, request)))

        return await serve_websocket(request.raw, viewer, receive, {"trackingid": request.tracking_id})

    async def answer(data: str, request: ApiRequest) -> dict[str, Any]:
        try:
            frame = from_json(data, allow_inf_nan=False)  # bounds how deep it nests
        except ValueError as error:
            return _refused(None, ApiError(400, "malformed_request", f"a frame is a JSON object: {error}"))
        if not isinstance(frame, dict) or frame.pop("type", None) != "send":
            return _refused(None, ApiError(400, "malformed_request", 'a frame is {"type": "send", …}'))
        ref = frame.pop("ref", None)
        try:
            body = MessageIn.model_validate(frame)
            outcome = await intake.accept(outbound(body, request.principal, directory))
        except ValidationError as error:
            return _refused(ref, malformed(error, "$"))
        except ApiError as error:
            return _refused(ref, error)
        except Exception as fault:
            return _refused(ref, failure(fault, request.tracking_id, "GET /v1/app"))
        if isinstance(outcome, Refusal):
            status, wait_s = outcome.http_status, outcome.retry_after_s
            refusal = ApiError(status, outcome.code, outcome.description, retry_after_s=wait_s)
            return _refused(ref, refusal, outcome.blocked_by)
        return {"type": "accepted", "ref": ref, "message": message_document(outcome)}

    return routes


def _refused(ref: Any, refusal: ApiError, blocked_by: str = "gateway") -> dict[str, Any]:
    errors = [{"description": description, "code": code} for description, code in refusal.errors]
    frame = {
        "type": "refused",
        "ref": ref,
        "status": refusal.status,
        "errors": errors,
        "blockedBy": blocked_by,
    }
    if refusal.retry_after_s is not None:
        frame["retryAfter"] = int(retry_after(refusal.retry_after_s))
    return frame
