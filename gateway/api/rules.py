"""The table of all rules over HTTP, with the mode each is in."""

from gateway.policy.pipeline import Pipeline
from gateway.policy.rules import RULES, as_table
from gateway.runtime.http.models import ApiModel
from gateway.runtime.http.paging import Paged
from gateway.runtime.http.routes import ApiRequest, Routes


class RuleOut(ApiModel):
    """One rule; `mode` is off too where the revision in force does not state its facts."""

    code: str
    direction: str
    facts: list[str]
    description: str
    http_status: int | None
    blocked_by: str
    switchable: bool
    mode: str


def rule_routes(pipeline: Pipeline) -> Routes:
    """`/v1/rules`."""
    routes = Routes("Rules", "Why a text is refused: every code, once.")

    @routes.get("/v1/rules", returns=list[RuleOut])
    async def rules(request: ApiRequest) -> Paged:
        """List every rule in the order it is judged."""
        del request
        return Paged(
            [{**row, "mode": pipeline.mode(rule).value} for row, rule in zip(as_table(), RULES, strict=True)]
        )

    return routes
