"""The simulated Webex App's WebSocket: a person texts, and sees texts arrive and states change."""

import json
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from gateway.api.messages import TEXTERS, MessageIn, outbound
from gateway.directory.directory import Directory
from gateway.messages.documents import message_document
from gateway.messages.intake import Intake, Refusal
from gateway.runtime.http.endpoint import malformed
from gateway.runtime.http.errors import ApiError
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
            frame = json.loads(data)
            if not isinstance(frame, dict) or frame.pop("type", None) != "send":
                return _refused(None, 400, "malformed_request", 'a frame is {"type": "send", …}')
        except ValueError:
            return _refused(None, 400, "malformed_request", "a frame is a JSON object")
        ref = frame.pop("ref", None)
        try:
            body = MessageIn.model_validate(frame)
            outcome = await intake.accept(outbound(body, request.principal, directory))
        except ValidationError as error:
            fault = malformed(error, "$")
            return _refused(ref, fault.status, fault.code, fault.description)
        except ApiError as error:
            return _refused(ref, error.status, error.code, error.description)
        if isinstance(outcome, Refusal):
            refusal = _refused(ref, outcome.http_status, outcome.code, outcome.description)
            refusal["blockedBy"] = outcome.blocked_by
            if outcome.retry_after_s is not None:
                refusal["retryAfter"] = outcome.retry_after_s
            return refusal
        return {"type": "accepted", "ref": ref, "message": message_document(outcome)}

    return routes


def _refused(ref: Any, status: int, code: str, description: str) -> dict[str, Any]:
    errors = [{"description": description, "code": code}]
    return {"type": "refused", "ref": ref, "status": status, "errors": errors, "blockedBy": "gateway"}
