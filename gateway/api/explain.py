"""What every rule makes of a text that nobody sends."""

from gateway.api.messages import MessageIn, VerdictOut, outbound
from gateway.directory.directory import Directory
from gateway.messages.intake import Intake
from gateway.messages.verdicts import explained
from gateway.runtime.http.errors import ApiError
from gateway.runtime.http.paging import Paged
from gateway.runtime.http.routes import ApiRequest, Routes
from gateway.smpp.text import TextError


def explain_routes(intake: Intake, directory: Directory) -> Routes:
    """`/v1/rules/explain`."""
    routes = Routes("Rules")

    @routes.post("/v1/rules/explain", body=MessageIn, returns=list[VerdictOut], errors=(400, 403))
    async def explain(request: ApiRequest) -> Paged:
        """Say what every rule makes of a text, without sending or counting it.

        Every verdict is given, not only the first refusal, those of the limits included.
        """
        text = outbound(request.body, request.principal, directory)
        try:
            return Paged([explained(one) for one in intake.explain(text)])
        except TextError:
            raise ApiError(400, "malformed_request", "$.text: it holds half a surrogate pair") from None

    return routes
