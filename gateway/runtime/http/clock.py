"""World time over HTTP: read it, advance it, speed it up, freeze it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from gateway.runtime.bus import Bus
from gateway.runtime.clock import WorldClock
from gateway.runtime.errors import ClockError
from gateway.runtime.http.errors import ApiError
from gateway.runtime.http.models import ApiModel
from gateway.runtime.http.routes import ApiRequest, Routes
from gateway.runtime.http.wire import format_ns


@dataclass(frozen=True, slots=True)
class ClockChanged:
    """The world jumped, or runs at another speed now."""

    name: ClassVar[str] = "clock.changed"
    now_ns: int
    mode: str
    speed: float


class ClockOut(ApiModel):
    """The world's moment and how it runs."""

    now: str
    mode: str
    speed: float


class ClockChange(ApiModel):
    """Exactly one of the three."""

    advance: float | None = Field(None, ge=0, description="Seconds to move forward.")
    speed: float | None = Field(None, gt=0, le=1_000_000, description="World seconds per real second.")
    freeze: Literal[True] | None = Field(None, description="Stop the world at its present moment.")

    @model_validator(mode="after")
    def _exactly_one(self) -> "ClockChange":
        if sum(value is not None for value in (self.advance, self.speed, self.freeze)) != 1:
            raise ValueError("give exactly one of advance, speed, freeze")
        return self


def clock_routes(clock: WorldClock, bus: Bus, durable: Callable[[], Awaitable[None]] | None = None) -> Routes:
    """`/v1/clock`; `durable` waits until a change outlives the process."""
    routes = Routes("Clock", "World time: everything a rule sees. Protocol timers never follow it.")
    clock.on_change(lambda: bus.publish(ClockChanged(clock.now_ns(), clock.mode, clock.speed)))

    @routes.get("/v1/clock", returns=ClockOut)
    async def show(request: ApiRequest) -> ClockOut:
        """Tell the world's time."""
        del request
        return _now(clock)

    @routes.post("/v1/clock", body=ClockChange, returns=ClockOut, roles=("admin",), errors=(400, 409))
    async def change(request: ApiRequest) -> ClockOut:
        """Move or bend the world's time; what falls due on the way happens in order.

        A restart goes on from there, see `clock.resume`.
        """
        body: ClockChange = request.body
        if durable is not None:
            await durable()  # where nothing can be stored, nothing is moved: who tries again moves it once
        try:
            if body.advance is not None:
                clock.advance(body.advance)
            elif body.speed is not None:
                clock.set_speed(body.speed)
            else:
                clock.freeze()
        except ClockError as error:
            raise ApiError(409, "clock_not_changed", str(error)) from None
        if durable is not None:
            await durable()
        return _now(clock)

    return routes


def _now(clock: WorldClock) -> ClockOut:
    values: dict[str, Any] = {"now": format_ns(clock.now_ns()), "mode": clock.mode, "speed": clock.speed}
    return ClockOut(**values)
