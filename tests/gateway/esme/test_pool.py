"""Links and pools against a scripted SMSC on a real socket."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from gateway.esme.deliver import Acknowledge
from gateway.esme.errors import NotBound, UnknownCarrier
from gateway.esme.observe import LinkCollector
from gateway.esme.pool import CarrierPool, Carriers, SubmitOutcome, SubmitResult
from gateway.esme.settings import BackoffSettings, CarrierLinkSettings, EsmeSettings, RouteSettings
from gateway.esme.submission import Setback, Trouble
from gateway.runtime.metrics import Metrics
from gateway.smpp.aio import SmppConnection, SmppHandler, SmppServer, serve
from gateway.smpp.constants import CommandStatus
from gateway.smpp.matrix import SessionState
from gateway.smpp.pdu import DeliverSm, Pdu, QuerySm, QuerySmResp, SubmitSm, SubmitSmResp, response_to
from gateway.smpp.session import Direction

Script = Callable[[SmppConnection, Any], Pdu | None]


def accept(connection: SmppConnection, pdu: Any) -> Pdu:
    return response_to(pdu, message_id=f"id-{pdu.short_message.decode()}")


class ScriptedSmsc(SmppHandler):
    """Answers as it is told; keeps what it saw, in order."""

    def __init__(self) -> None:
        self.script: Script = accept
        self.bind_status = 0
        self.connections: list[SmppConnection] = []
        self.seen: list[tuple[str, float]] = []
        self.binds: list[Pdu] = []
        self.server: SmppServer | None = None

    async def listen(self, port: int = 0) -> int:
        self.server = await serve("127.0.0.1", port, handler_factory=lambda _: self)
        return self.server.port

    async def close(self) -> None:
        if self.server is not None:
            await self.server.close()

    @property
    def texts(self) -> list[str]:
        return [text for text, _ in self.seen]

    def on_bind(self, connection: SmppConnection, pdu: Any) -> Pdu:
        self.binds.append(pdu)
        self.connections.append(connection)
        return response_to(pdu, self.bind_status, **({} if self.bind_status else {"system_id": "scripted"}))

    def on_request(self, connection: SmppConnection, pdu: Any) -> Pdu | None:
        if isinstance(pdu, SubmitSm):
            self.seen.append((pdu.short_message.decode(), asyncio.get_running_loop().time()))
        return self.script(connection, pdu)


class Results(dict[str, SubmitResult]):
    """Every result by its text; a second one for the same text is an error."""

    def __call__(self, ended: list[tuple[str, SubmitResult]]) -> None:
        for context, result in ended:
            assert context not in self, f"{context} ended twice"
            self[context] = result

    def outcomes(self) -> dict[str, SubmitOutcome]:
        return {text: result.outcome for text, result in self.items()}


QUICK = BackoffSettings(min_s=0.01, max_s=0.05, jitter=0.1)


class World:
    """A scripted SMSC and the pools that bind to it."""

    def __init__(self, smsc: ScriptedSmsc, port: int) -> None:
        self.smsc, self.port = smsc, port
        self.results = Results()
        self.pools: list[CarrierPool] = []
        self.changes: list[tuple[str, str]] = []

    async def pool(self, *, start: bool = True, **options: Any) -> CarrierPool:
        given = {"deliver", "collector"}
        injected = {name: options.pop(name) for name in given & options.keys()}
        options = {"port": self.port, "system_id": "gateway", "backoff": QUICK, **options}
        pool = CarrierPool(
            "tmobile",
            CarrierLinkSettings(**options),
            rng=random.Random(1),
            on_link_change=lambda carrier, link, state: self.changes.append((link, state)),
            **injected,
        )
        self.pools.append(pool)
        await pool.start()
        if start:
            await until(lambda: all(link.bound for link in pool.links))
        return pool

    def submit(self, pool: CarrierPool, text: str, pair: str | None = None) -> Any:
        return pool.submit(SubmitSm(short_message=text.encode()), pair or text, self.results, text)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    smsc = ScriptedSmsc()
    made = World(smsc, await smsc.listen())
    yield made
    for pool in made.pools:
        await pool.stop()
    await smsc.close()


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - any state of the far side, turn by turn
            await asyncio.sleep(0)


async def test_a_thousand_messages_each_accepted_once(world: World) -> None:
    pool = await world.pool(binds=2, window=50)
    for number in range(1_000):
        world.submit(pool, str(number))
    await until(lambda: len(world.results) == 1_000)
    assert {result.message_id for result in world.results.values()} == {f"id-{n}" for n in range(1_000)}
    assert sorted(world.smsc.texts, key=int) == [str(number) for number in range(1_000)]
    assert len({id(connection) for connection in world.smsc.connections}) == 2
    assert pool.queue_length == pool.window_used == 0


async def test_results_never_come_from_inside_submit(world: World) -> None:
    pool = await world.pool()
    world.submit(pool, "a")
    assert world.results == {}
    await until(lambda: world.results)


async def test_a_pair_keeps_its_order_with_one_outstanding(world: World) -> None:
    open_requests: list[tuple[SmppConnection, Any]] = []
    most = 0

    def hold(connection: SmppConnection, pdu: Any) -> None:
        nonlocal most
        open_requests.append((connection, pdu))
        most = max(most, sum(request.short_message.startswith(b"a") for _, request in open_requests))

    world.smsc.script = hold
    pool = await world.pool(binds=2, window=10)
    for number in range(5):
        world.submit(pool, f"a{number}", pair="a")
        world.submit(pool, f"b{number}")
    await until(lambda: len(open_requests) == 6)
    while len(world.results) < 10:
        connection, pdu = open_requests.pop()
        connection.respond(pdu, accept(connection, pdu))
        done = len(world.results) + 1
        await until(lambda: len(world.results) >= done)  # noqa: B023
        if len(world.results) < 10:
            await until(lambda: open_requests)
    assert [text for text in world.smsc.texts if text.startswith("a")] == [
        f"a{number}" for number in range(5)
    ]
    assert most == 1


async def test_throttled_pauses_the_bind_and_the_same_message_goes_first(world: World) -> None:
    refused: list[str] = []

    def throttle_once(connection: SmppConnection, pdu: Any) -> Pdu:
        if pdu.short_message == b"1" and not refused:
            refused.append("1")
            return response_to(pdu, CommandStatus.RTHROTTLED)
        return accept(connection, pdu)

    world.smsc.script = throttle_once
    pool = await world.pool(window=1, throttle_pause_s=0.1)
    for number in range(4):
        world.submit(pool, str(number))
    await until(lambda: refused)
    await until(lambda: "throttled" in pool.states())
    await until(lambda: len(world.results) == 4)
    assert world.smsc.texts == ["0", "1", "1", "2", "3"]
    pause = world.smsc.seen[2][1] - world.smsc.seen[1][1]
    assert pause >= 0.099
    assert {*world.results.outcomes().values()} == {SubmitOutcome.ACCEPTED}


async def test_queue_full_delays_its_pair_alone(world: World) -> None:
    answers = iter([CommandStatus.RMSGQFUL, CommandStatus.RMSGQFUL])

    def full_twice(connection: SmppConnection, pdu: Any) -> Pdu:
        status = next(answers, 0) if pdu.short_message == b"a1" else 0
        return response_to(pdu, status) if status else accept(connection, pdu)

    world.smsc.script = full_twice
    pool = await world.pool(window=1, queue_full_wait_s=0.05)
    world.submit(pool, "a1", pair="a")
    world.submit(pool, "a2", pair="a")
    for number in range(3):
        world.submit(pool, f"b{number}")
    await until(lambda: len(world.results) == 5)
    assert [text for text in world.smsc.texts if text[0] == "a"] == ["a1", "a1", "a1", "a2"]
    assert world.smsc.texts[:4] == ["a1", "b0", "b1", "b2"]


@pytest.mark.parametrize("status", [CommandStatus.RINVSRCADR, CommandStatus.RSUBMITFAIL, 0x421])
async def test_every_other_status_ends_the_message(world: World, status: int) -> None:
    world.smsc.script = lambda _, pdu: response_to(pdu, status)
    pool = await world.pool()
    world.submit(pool, "a")
    await until(lambda: world.results)
    assert world.results["a"].outcome is SubmitOutcome.REFUSED
    assert world.results["a"].command_status == status
    assert world.smsc.texts == ["a"]


async def test_a_message_that_cannot_be_encoded_is_refused_here(world: World) -> None:
    pool = await world.pool()
    pool.submit(SubmitSm(source_addr="1" * 30), "pair", world.results, "bad")
    world.submit(pool, "good")
    await until(lambda: len(world.results) == 2)
    assert world.results["bad"].command_status == CommandStatus.RINVSRCADR
    assert world.results["good"].outcome is SubmitOutcome.ACCEPTED


async def test_a_late_answer_does_not_duplicate(world: World) -> None:
    held: list[tuple[SmppConnection, Any]] = []
    world.smsc.script = lambda connection, pdu: held.append((connection, pdu))  # type: ignore[func-returns-value]
    pool = await world.pool(request_expiry_s=0.05, late_response_wait_s=5.0)
    world.submit(pool, "a")
    await until(lambda: held and pool.window_used == 0)
    assert pool.queue_length == 1
    connection, pdu = held[0]
    connection.respond(pdu, accept(connection, pdu))
    await until(lambda: world.results)
    assert world.results["a"] == SubmitResult(
        SubmitOutcome.ACCEPTED,
        0,
        "id-a",
        True,
        SubmitSmResp(message_id="id-a", sequence_number=pdu.sequence_number),
    )
    assert world.smsc.texts == ["a"]
    assert pool.queue_length == 0


async def test_no_answer_is_retried_and_then_given_up(world: World) -> None:
    world.smsc.script = lambda connection, pdu: connection.forget(pdu)  # type: ignore[func-returns-value]
    pool = await world.pool(request_expiry_s=0.02, late_response_wait_s=0.01, submit_attempts=2)
    world.submit(pool, "a")
    await until(lambda: world.results)
    assert world.results["a"].outcome is SubmitOutcome.NO_RESPONSE
    assert world.smsc.texts == ["a", "a"]


async def test_a_lost_bind_sends_again_what_was_outstanding_and_reconnects(world: World) -> None:
    dropped: list[str] = []

    def drop_once(connection: SmppConnection, pdu: Any) -> Pdu | None:
        if not dropped:
            dropped.append(pdu.short_message.decode())
            connection.abort()
            return None
        return accept(connection, pdu)

    world.smsc.script = drop_once
    pool = await world.pool(window=3)
    for number in range(6):
        world.submit(pool, str(number))
    await until(lambda: len(world.results) == 6)
    assert {*world.results.outcomes().values()} == {SubmitOutcome.ACCEPTED}
    assert world.smsc.texts[0] == "0"
    assert sorted(world.smsc.texts[1:]) == ["0", "1", "2", "3", "4", "5"]
    assert [state for _, state in world.changes] == ["bound", "connection_lost", "bound"]


async def test_twenty_of_twenty_go_through_beside_one_that_kills_the_connection(world: World) -> None:
    def drop_poison(connection: SmppConnection, pdu: Any) -> Pdu | None:
        if pdu.short_message == b"poison":
            connection.abort()
            return None
        return accept(connection, pdu)

    world.smsc.script = drop_poison
    lost: list[str] = []
    pool = await world.pool(window=50, lost_attempts=3)
    pool.on_lost = lost.extend
    setbacks: list[tuple[str, Setback]] = []
    pool.on_setbacks = setbacks.extend
    for text in ("poison", *map(str, range(20))):
        world.submit(pool, text)
    await until(lambda: len(world.results) == 21)
    assert world.results.pop("poison").outcome is SubmitOutcome.NO_RESPONSE
    assert {*world.results.outcomes().values()} == {SubmitOutcome.ACCEPTED}
    assert {"poison", "19"} <= {*lost}
    assert {*lost} <= {text for text, _ in setbacks}
    assert {each.trouble for _, each in setbacks} == {Trouble.CONNECTION_LOST}
    assert all(each.bind == "tmobile-1" and each.sequence_number for _, each in setbacks)
    assert len(world.smsc.connections) <= 10


async def test_a_carrier_that_ends_one_connection_in_ten_submits_gets_them_all(world: World) -> None:
    chance = random.Random(5)

    def flap(connection: SmppConnection, pdu: Any) -> Pdu | None:
        if chance.random() < 0.1:
            connection.abort()
            return None
        return accept(connection, pdu)

    world.smsc.script = flap
    pool = await world.pool(window=50)
    for number in range(60):
        world.submit(pool, str(number))
    await until(lambda: len(world.results) == 60)
    assert {*world.results.outcomes().values()} == {SubmitOutcome.ACCEPTED}


async def test_a_bind_that_answers_nothing_is_replaced_and_costs_no_text(world: World) -> None:
    deaf = True

    def hear(connection: SmppConnection, pdu: Any) -> Pdu | None:
        if deaf:
            connection.stop_reading()
            connection.forget(pdu)
            return None
        return accept(connection, pdu)

    world.smsc.script = hear
    many = {"submit_attempts": 99, "lost_attempts": 99}  # a busy machine may be late, too
    pool = await world.pool(window=2, request_expiry_s=0.03, late_response_wait_s=0.01, **many)
    for number in range(5):
        world.submit(pool, str(number))
    await until(lambda: ("tmobile-1", "enquire_link_timeout") in world.changes)
    await until(lambda: len(world.smsc.connections) >= 4)
    deaf = False
    await until(lambda: len(world.results) == 5)
    assert {*world.results.outcomes().values()} == {SubmitOutcome.ACCEPTED}
    for connection in world.smsc.connections:  # those that do not read would not see the end
        connection.abort()


async def test_a_silent_bind_gets_no_more_until_it_is_heard(world: World) -> None:
    first: list[SmppConnection] = []

    def hear(connection: SmppConnection, pdu: Any) -> Pdu | None:
        if not first:
            first.append(connection)
            connection.stop_reading()
            connection.forget(pdu)
            return None
        return accept(connection, pdu)

    world.smsc.script = hear
    pool = await world.pool(window=1, request_expiry_s=0.4, late_response_wait_s=0.0)
    world.submit(pool, "a")
    await until(lambda: pool.links[0].silent)
    world.submit(pool, "b")
    assert pool.links[0].window_free == 0
    first[0].read_again()
    await until(lambda: len(world.results) == 2)
    assert {*world.results.outcomes().values()} == {SubmitOutcome.ACCEPTED}


async def test_while_unbound_nothing_is_tried_and_everything_kept(world: World) -> None:
    await world.smsc.close()
    pool = await world.pool(start=False)
    for number in range(500):
        world.submit(pool, str(number))
    await until(lambda: "waiting" in pool.states())
    assert not pool.bound
    assert pool.queue_length == 500
    assert pool.queue_oldest_s > 0
    assert world.results == {}
    await world.smsc.listen(world.port)
    await until(lambda: len(world.results) == 500)
    assert world.smsc.texts == [str(number) for number in range(500)]


async def test_a_refused_bind_is_tried_again_with_growing_waits(world: World) -> None:
    world.smsc.bind_status = CommandStatus.RINVPASWD
    pool = await world.pool(start=False, password="wrong")
    await until(lambda: len(world.smsc.binds) == 3)
    assert world.changes == []
    world.smsc.bind_status = 0
    await until(lambda: pool.bound)
    assert world.changes == [("tmobile-1", "bound")]


async def test_a_transmitter_and_receiver_pair(world: World) -> None:
    delivered: list[Pdu] = []

    class Inbound:
        def on_deliver(self, carrier: str, pdu: Pdu, acknowledge: Acknowledge) -> None:
            delivered.append(pdu)
            acknowledge(0)

    pool = await world.pool(bind_type="transmitter_receiver", deliver=Inbound())
    assert [link.name for link in pool.links] == ["tmobile-1-tx", "tmobile-1-rx"]
    by_state = {connection.state: connection for connection in world.smsc.connections}
    assert set(by_state) == {SessionState.BOUND_TX, SessionState.BOUND_RX}
    world.submit(pool, "a")
    response = await by_state[SessionState.BOUND_RX].submit(DeliverSm(short_message=b"mo"))
    assert response.command_status == 0
    await until(lambda: world.results)
    assert [pdu.short_message for pdu in delivered] == [b"mo"]  # type: ignore[attr-defined]


async def test_deliver_sm_is_answered_only_once_it_is_durable(world: World) -> None:
    pending: list[Acknowledge] = []

    class Slow:
        def on_deliver(self, carrier: str, pdu: Pdu, acknowledge: Acknowledge) -> None:
            assert carrier == "tmobile"
            pending.append(acknowledge)

    await world.pool(deliver=Slow())
    [connection] = world.smsc.connections
    answer = asyncio.ensure_future(connection.submit(DeliverSm(short_message=b"mo")))
    await until(lambda: pending)
    assert not answer.done()
    pending[0](0)
    pending[0](CommandStatus.RX_P_APPN)
    assert (await answer).command_status == 0
    assert connection.window_used == 0


async def test_a_deliver_handler_that_fails_asks_for_another_try(world: World) -> None:
    class Broken:
        def on_deliver(self, carrier: str, pdu: Pdu, acknowledge: Acknowledge) -> None:
            raise RuntimeError("disk full")

    await world.pool(deliver=Broken())
    response = await world.smsc.connections[0].submit(DeliverSm())
    assert response.command_status == CommandStatus.RX_T_APPN


async def test_a_gateway_that_only_sends_asks_for_another_try(world: World) -> None:
    await world.pool()
    response = await world.smsc.connections[0].submit(DeliverSm())
    assert response.command_status == CommandStatus.RX_T_APPN


async def test_queries_go_over_any_bind(world: World) -> None:
    world.smsc.script = lambda _, pdu: QuerySmResp(message_id=pdu.message_id, message_state=2)
    pool = await world.pool()
    response = await pool.request(QuerySm(message_id="4f"))
    assert isinstance(response, QuerySmResp)
    assert response.message_state == 2
    await pool.stop()
    with pytest.raises(NotBound, match="no bind to tmobile is up"):
        await pool.request(QuerySm(message_id="4f"))


async def test_stop_lets_outstanding_answers_come_and_returns_the_rest(world: World) -> None:
    held: list[tuple[SmppConnection, Any]] = []
    world.smsc.script = lambda connection, pdu: held.append((connection, pdu))  # type: ignore[func-returns-value]
    pool = await world.pool(window=2)
    for text in "abc":
        world.submit(pool, text)
    await until(lambda: len(held) == 2)
    stop = asyncio.ensure_future(pool.stop(wait_s=5.0))
    await until(lambda: world.results)
    assert world.results.outcomes() == {"c": SubmitOutcome.STOPPED}
    assert world.results["c"].sent is False
    for connection, pdu in held:
        connection.respond(pdu, accept(connection, pdu))
    await stop
    assert world.results["a"].outcome is world.results["b"].outcome is SubmitOutcome.ACCEPTED
    assert [*pool.states()] == ["stopped"]


async def test_withdrawn_messages_stay_here(world: World) -> None:
    held: list[Any] = []
    world.smsc.script = lambda _, pdu: held.append(pdu)  # type: ignore[func-returns-value]
    pool = await world.pool(window=1)
    first = world.submit(pool, "a")
    second = world.submit(pool, "b")
    await until(lambda: held)
    assert not pool.withdraw(first)
    assert pool.withdraw(second)
    assert pool.queue_length == 0


async def test_a_fault_in_a_result_callback_disturbs_no_other(world: World) -> None:
    pool = await world.pool()

    def broken(results: list[tuple[Any, SubmitResult]]) -> None:
        raise RuntimeError("callback")

    pool.submit(SubmitSm(short_message=b"x"), "x", broken)
    world.submit(pool, "a")
    await until(lambda: world.results)


async def test_metrics_and_taps_see_every_pdu(world: World) -> None:
    metrics = Metrics(process=False)
    frames: list[tuple[str, str, Direction]] = []
    world.smsc.script = lambda _, pdu: response_to(pdu, 0x421)
    pool = await world.pool(collector=LinkCollector(metrics))
    pool.tap = lambda carrier, link, direction, frame, pdu, now: frames.append((carrier, link, direction))
    for text in "ab":
        world.submit(pool, text)
    await until(lambda: len(world.results) == 2)
    pool.links[0].drop()
    await until(lambda: pool.bound)
    text = metrics.render().decode()
    pdus = 'gateway_smpp_pdus_total{carrier="tmobile",command="submit_sm'
    for line in (
        pdus + '",direction="out",status="ESME_ROK"} 2.0',
        pdus + '_resp",direction="in",status="vendor"} 2.0',
        'gateway_submit_latency_seconds_count{carrier="tmobile"} 2.0',
        'gateway_smpp_binds{carrier="tmobile",state="bound"} 1.0',
        'gateway_smpp_binds{carrier="tmobile",state="waiting"} 0.0',
        'gateway_smpp_window_used{carrier="tmobile"} 0.0',
    ):
        assert line in text
    assert frames[:2] == [("tmobile", "tmobile-1", Direction.OUT)] * 2
    assert ("tmobile", "tmobile-1", Direction.IN) in frames


async def test_carriers_hold_pools_and_routes(world: World) -> None:
    links = {
        name: CarrierLinkSettings(port=world.port, system_id=name, backoff=QUICK)
        for name in ("tmobile", "att")
    }
    settings = EsmeSettings(
        carriers=links, routes=RouteSettings(prefixes={"+1310": "tmobile"}, default="att")
    )
    carriers = Carriers(settings)
    seen: list[str] = []
    carriers.set_tap(lambda carrier, *_: seen.append(carrier))
    await carriers.start()
    await until(lambda: all(pool.bound for pool in carriers.pools.values()))
    name = carriers.routes.carrier_for("+13105550120")
    assert name == "tmobile"
    world.submit(carriers.pool(name), "a")
    await until(lambda: world.results)
    with pytest.raises(UnknownCarrier, match=r"add esme\.carriers\.sprint"):
        carriers.pool("sprint")
    assert {*seen} == {"tmobile", "att"}
    await carriers.drain(1.0)
    await carriers.stop()
    assert not any(pool.bound for pool in carriers.pools.values())
