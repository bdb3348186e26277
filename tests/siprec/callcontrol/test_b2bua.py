"""The call control on a virtual network: signalling alone, sound and forks noted down."""

from collections.abc import Callable
from typing import Any

import pytest

from siprec import sdp
from siprec.callcontrol.b2bua import CallControl, endpoint_config
from siprec.callcontrol.call import Call, Fork, Media, RecordedUser
from siprec.callcontrol.recording import RecordingOptions, Told
from siprec.callcontrol.registrar import Registrar
from siprec.callcontrol.subscribers import Subscriber
from siprec.callcontrol.switch import RETRY_S, CallControlSettings
from siprec.phones.document import Party, RecordedCall
from siprec.phones.softkeys import RecordingKeys
from siprec.rtp.errors import PortsUnavailableError
from siprec.sip import EndpointConfig
from siprec.sip.events import DialogEnded, Event, RequestReceived, ResponseReceived
from siprec.testing.network import Node, VirtualNetwork, Weather

from .conftest import NUMBERS

HOSTS = {"alice": "192.0.2.11", "bob": "192.0.2.12", "carol": "192.0.2.13"}
CONTROL = "192.0.2.1"
OUTSIDE = ("+13105550120", "192.0.2.99")


def from_text(request: Any) -> str:
    return request.headers.get("from") or ""


class NotedFork:
    def __init__(self, user: RecordedUser, call: RecordedCall, told: Told | None) -> None:
        self.user, self.call, self.done = user, call, [("start", told)]

    def pause(self, told: Told | None) -> None:
        self.done.append(("pause", told))

    def resume(self, told: Told | None) -> None:
        self.done.append(("resume", told))

    def report(self, told: Told) -> None:
        self.done.append(("report", told))

    def hold(self, held: bool) -> None:
        self.done.append(("hold" if held else "unhold", None))

    def transfer(self, other: Party) -> None:
        self.done.append((f"transfer {other.aor}", None))

    def conference(self, joined: tuple[Party, ...]) -> None:
        self.done.append((f"conference {' '.join(party.aor for party in joined)}", None))

    def stop(self, told: Told | None, kept: bool) -> None:
        self.done.append(("stop", told))


class NotedMedia:
    """Says what was asked of it; `left` ports remain."""

    def __init__(self, world: "NotedWorld") -> None:
        self.world, self.did, self.legs = world, [], set()

    def open(self, leg: int) -> tuple[str, int]:
        if self.world.ports <= 0:
            raise PortsUnavailableError(1, 0, "a test")
        self.world.ports -= 1
        self.legs.add(leg)
        return CONTROL, 20_000 + 2 * leg

    def aim(self, leg: int, codec: sdp.Codec, remote: Any) -> None:
        self.did.append(("aim", remote))

    def play(self, name: str, *, forked: bool = False) -> None:
        self.did.append(("play", name))

    def hold(self, leg: int, held: bool) -> None:
        self.did.append(("hold", held))

    def delay(self, milliseconds: int) -> None:
        self.did.append(("delay", milliseconds))

    def record_message(self, leg: int) -> None:
        self.did.append(("message", leg))

    def close(self, leg: int) -> None:
        if leg in self.legs:
            self.legs.remove(leg)
            self.world.ports += 1

    def end(self) -> None:
        for leg in list(self.legs):
            self.close(leg)


class NotedWorld:
    def __init__(self, network: VirtualNetwork, ports: int) -> None:
        self.network, self.ports = network, ports
        self.medias: list[NotedMedia] = []
        self.forks: list[NotedFork] = []

    def media(self, call: Call, on_played: Callable[[str], None]) -> Media:
        self.medias.append(NotedMedia(self))
        return self.medias[-1]

    def take_over(self, leg: int, source: Any, target: Any) -> None:
        source.legs.remove(leg)
        target.legs.add(leg)

    def fork(self, user: RecordedUser, call: RecordedCall, told: Told | None) -> Fork:
        self.forks.append(NotedFork(user, call, told))
        return self.forks[-1]

    def now(self) -> float:
        return self.network.now

    def now_ns(self) -> int:
        return round(self.network.now * 1e9)


class Telephone:
    """A scripted phone: answers at once unless told otherwise."""

    def __init__(self, stage: "Stage", name: str, host: str) -> None:
        self.stage, self.name, self.node = stage, name, self._add(stage, host)
        self.answer: int | None = 200
        self.reinvite_answers: list[int] = []
        self.messages: list[Any] = []
        self.requests: list[Any] = []
        self.responses: list[Any] = []
        self.dialogs: list[Any] = []
        self.ended = 0

    def _add(self, stage: "Stage", host: str) -> Node:
        node = stage.network.add(
            host, config=EndpointConfig(supported=("replaces", "record-aware"), session_timer=None)
        )
        node.on_event = self.on_event
        return node

    def sdp(self, *attributes: str, direction: sdp.Direction = sdp.Direction.SENDRECV) -> bytes:
        offer = sdp.offer(
            [sdp.Outgoing(30_000, direction=direction)], address=self.node.address[0], session_id=1
        )
        media = offer.media[0].with_attributes(*attributes)
        return sdp.SessionDescription(offer.lines, (media,)).encode()

    def on_event(self, event: Event) -> None:
        endpoint, now = self.node.endpoint, self.stage.network.now
        if isinstance(event, RequestReceived):
            self.requests.append(event.request)
            self.messages.append(event.request)
            if event.request.method != "INVITE":
                endpoint.respond(event.transaction, 200, now=now)
            elif event.dialog is not None:
                status = self.reinvite_answers.pop(0) if self.reinvite_answers else 200
                self._respond(event.transaction, status)
            elif self.answer is not None:
                self._respond(event.transaction, self.answer)
            else:
                endpoint.respond(event.transaction, 180, now=now)
        elif isinstance(event, ResponseReceived):
            self.responses.append(event.response)
            self.messages.append(event.response)
            answered = event.transaction.request.method == "INVITE" and 200 <= event.response.status < 300
            if answered and event.dialog not in self.dialogs:
                self.dialogs.append(event.dialog)
        elif isinstance(event, DialogEnded):
            self.ended += 1

    def _respond(self, transaction: Any, status: int) -> None:
        body = self.sdp() if status < 300 else b""
        dialog = self.node.endpoint.respond(
            transaction,
            status,
            body=body,
            content_type=sdp.CONTENT_TYPE if body else None,
            now=self.stage.network.now,
        )
        if dialog is not None and dialog not in self.dialogs and status < 300:
            self.dialogs.append(dialog)

    def invite(self, target: str, body: bytes | None = None) -> Any:
        return self.node.endpoint.request(
            "INVITE",
            f"sip:{target}@{CONTROL}:5060",
            from_=f"<sip:{self.name}@{CONTROL}>",
            body=self.sdp() if body is None else body,
            content_type=sdp.CONTENT_TYPE,
            now=self.stage.network.now,
        )

    def send(self, method: str, *, headers: Any = (), body: bytes = b"") -> Any:
        return self.node.endpoint.send(
            self.dialogs[0],
            method,
            headers=headers,
            body=body,
            content_type=sdp.CONTENT_TYPE if body else None,
            now=self.stage.network.now,
        )

    def bye(self) -> None:
        self.node.endpoint.bye(self.dialogs[0], now=self.stage.network.now)

    @property
    def statuses(self) -> list[int]:
        return [response.status for response in self.responses]

    @property
    def shown(self) -> list[str]:
        """`a=record` of every description this phone was sent."""
        found = []
        for message in self.messages:
            if message.body.startswith(b"v=0"):
                found.append(sdp.parse(message.body).media[0].record)
        return [each for each in found if each is not None]


class Stage:
    def __init__(
        self, *, ports: int = 20, weather: Weather | None = None, seed: int = 0, **users: Any
    ) -> None:
        self.network = VirtualNetwork(seed, weather)
        self.world = NotedWorld(self.network, ports)
        self.ports = ports
        subscribers = {
            name: Subscriber(name, name.title(), NUMBERS[name], **users.get(name, {})) for name in HOSTS
        }
        self.registrar = Registrar(subscribers, None, {number: name for name, number in NUMBERS.items()})
        self.node = self.network.add(CONTROL, config=endpoint_config())
        self.control = CallControl(
            CallControlSettings(
                "calling.example", {OUTSIDE[0]: f"sip:{OUTSIDE[0]}@{OUTSIDE[1]}"}, ring_s=5.0
            ),
            self.node.endpoint,
            self.registrar,
            subscribers.get,
            self.world,
        )
        self.node.on_event = lambda event: self.control.handle(event, self.network.now)
        self.phones = {name: Telephone(self, name, host) for name, host in (*HOSTS.items(), OUTSIDE)}
        for name in HOSTS:
            self.register(name)

    def register(self, name: str) -> None:
        phone = self.phones[name]
        phone.node.endpoint.request(
            "REGISTER",
            f"sip:{CONTROL}",
            to=f"<sip:{name}@{CONTROL}>",
            from_=f"<sip:{name}@{CONTROL}>",
            headers=[("contact", f"<sip:{name}@{phone.node.address[0]}:5060>")],
            now=self.network.now,
        )
        self.run(10.0 if self.network.weather.loss else 0.1)
        phone.responses.clear()

    def run(self, seconds: float = 1.0) -> None:
        until = self.network.now + seconds
        while True:
            due = self.control.next_deadline()
            step = min(until, self.network.now + 0.05 if due is None else max(due, self.network.now))
            self.network.run(min(step, self.network.now + 0.05))
            if due is not None and due <= self.network.now:
                self.control.handle_timeout(self.network.now)
            if self.network.now >= until:
                self.network.run(until)
                return

    def connect(self, caller: str = "alice", target: str = "bob") -> None:
        self.phones[caller].invite(target)
        self.run()
        assert 200 in self.phones[caller].statuses

    def nothing_is_left(self) -> bool:
        return not self.control.calls and self.world.ports == self.ports


def always(**changes: Any) -> dict[str, Any]:
    return {"options": RecordingOptions(RecordingKeys.ALWAYS, **changes)}


def pausable(**changes: Any) -> dict[str, Any]:
    return {"options": RecordingOptions(RecordingKeys.ALWAYS_WITH_PAUSE, **changes)}


def test_a_call_is_two_dialogs_and_ends_on_both_sides() -> None:
    stage = Stage()
    stage.connect()
    alice, bob = stage.phones["alice"], stage.phones["bob"]
    invite = next(request for request in bob.requests if request.method == "INVITE")
    assert invite.call_id != alice.dialogs[0].call_id
    assert from_text(invite).startswith('"Alice" <sip:+12025550100@calling.example>')
    assert {remote[0] for what, remote in stage.world.medias[0].did if what == "aim"} == {
        HOSTS["alice"],
        HOSTS["bob"],
    }
    bob.bye()
    stage.run()
    assert (alice.ended, bob.ended) == (1, 1)
    assert stage.nothing_is_left()


def test_ringing_is_passed_on_once() -> None:
    stage = Stage()
    stage.phones["bob"].answer = None
    stage.phones["alice"].invite("bob")
    stage.run(3)
    assert [status for status in stage.phones["alice"].statuses if status > 100] == [180]
    stage.run(3)
    assert stage.phones["alice"].statuses[-1] == 480
    assert stage.nothing_is_left()


def test_cancel_stops_the_ringing() -> None:
    stage = Stage()
    bob, alice = stage.phones["bob"], stage.phones["alice"]
    bob.answer = None
    transaction = alice.invite("bob")
    stage.run()
    alice.node.endpoint.cancel(transaction, now=stage.network.now)
    stage.run()
    assert alice.statuses[-1] == 487
    assert bob.ended == 1
    assert stage.nothing_is_left()


@pytest.mark.parametrize("body", [b"", b"nonsense", b"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nt=0 0\r\n"])
def test_without_a_usable_offer_there_is_no_call(body: bytes) -> None:
    stage = Stage()
    stage.phones["alice"].invite("bob", body)
    stage.run()
    assert stage.phones["alice"].statuses[-1] == 488
    assert stage.nothing_is_left()


@pytest.mark.parametrize("ports", [0, 1])
def test_without_ports_callers_are_asked_to_come_back(ports: int) -> None:
    stage = Stage(ports=ports)
    stage.phones["alice"].invite("bob")
    stage.run()
    assert stage.phones["alice"].statuses[-1] == 503
    assert stage.nothing_is_left()


def test_a_stranger_who_claims_nobody_is_refused() -> None:
    stage = Stage()
    stage.phones["alice"].name = "mallory"
    stage.phones["alice"].invite("bob")
    stage.run()
    assert stage.phones["alice"].statuses[-1] == 403


def test_the_outside_calls_in_by_its_address() -> None:
    stage = Stage()
    stage.connect(OUTSIDE[0], NUMBERS["bob"])
    invite = stage.phones["bob"].requests[0]
    assert from_text(invite).startswith(f"<sip:{OUTSIDE[0]}@calling.example>")


def test_refer_to_nonsense_and_to_no_call() -> None:
    stage = Stage()
    stage.connect()
    alice = stage.phones["alice"]
    alice.send("REFER", headers=[("refer-to", "<tel:+1>")])
    stage.run()
    assert alice.statuses[-1] == 400
    alice.send("REFER", headers=[("refer-to", "<sip:carol@x?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>")])
    stage.run()
    assert alice.statuses[-1] == 404
    assert len(stage.control.calls) == 1
    assert not alice.ended


def test_blind_transfer_is_told_to_the_referrer_and_to_the_recorder() -> None:
    stage = Stage(alice=always())
    stage.connect()
    bob = stage.phones["bob"]
    bob.send("REFER", headers=[("refer-to", f"<sip:carol@{CONTROL}>")])
    stage.run()
    told = [request.body.split()[1] for request in bob.requests if request.method == "NOTIFY"]
    assert told == [b"100", b"200"]
    assert bob.ended == 1
    assert len(stage.phones["carol"].dialogs) == 1
    assert [what for what, _ in stage.world.forks[0].done] == [
        "start",
        "transfer sip:+14165550102@calling.example",
    ]
    stage.phones["carol"].bye()
    stage.run()
    assert stage.nothing_is_left()


def test_a_referrer_who_hangs_up_at_once_does_not_end_the_transfer() -> None:
    stage = Stage()
    stage.connect()
    stage.phones["carol"].answer = None
    stage.phones["bob"].send("REFER", headers=[("refer-to", f"<sip:carol@{CONTROL}>")])
    stage.run(0.5)
    stage.phones["bob"].bye()
    stage.run(0.5)
    (call,) = stage.control.calls
    assert (len(call.up), len(call.pending)) == (1, 1)
    stage.run(6)
    assert stage.phones["alice"].ended == 1
    assert stage.nothing_is_left()


def test_commands_of_a_recording_in_their_order() -> None:
    stage = Stage(alice=pausable())
    stage.connect()
    alice, bob = stage.phones["alice"], stage.phones["bob"]
    (fork,) = stage.world.forks
    stage.control.fork_started(fork.user, stage.network.now)
    stage.run()
    assert alice.shown[-1] == bob.shown[-1] == "on"
    for preference in ("pause", "on"):
        alice.send("INVITE", body=alice.sdp(f"recordpref:{preference}"))
        stage.run()
    assert alice.shown[-2:] == ["paused", "on"]
    assert bob.shown[-2:] == ["paused", "on"]
    alice.send("INVITE", body=alice.sdp(direction=sdp.Direction.SENDONLY))
    stage.run()
    alice.bye()
    stage.run()
    assert [what for what, _ in fork.done] == ["start", "pause", "resume", "hold", "stop"]
    assert stage.nothing_is_left()


def test_a_key_that_is_not_shown_is_not_obeyed() -> None:
    stage = Stage(alice=always())
    stage.connect()
    stage.control.fork_started(stage.world.forks[0].user, stage.network.now)
    stage.run()
    alice, bob = stage.phones["alice"], stage.phones["bob"]
    for phone in (alice, bob):
        phone.send("INVITE", body=phone.sdp("recordpref:off"))
        stage.run()
        assert phone.statuses[-1] == 200
    assert [what for what, _ in stage.world.forks[0].done] == ["start"]


def test_a_phone_that_is_busy_is_shown_the_icon_later() -> None:
    stage = Stage(alice=always())
    stage.connect()
    alice = stage.phones["alice"]
    alice.reinvite_answers = [491, 491]
    stage.control.fork_started(stage.world.forks[0].user, stage.network.now)
    stage.run(4 * RETRY_S)
    offers = [request for request in alice.requests if request.method == "INVITE"]
    assert len(offers) == 3
    assert alice.shown[-1] == "on"


def test_a_recorder_that_fails_takes_the_icon_with_it() -> None:
    stage = Stage(alice=always())
    stage.connect()
    user = stage.world.forks[0].user
    stage.control.fork_started(user, stage.network.now)
    stage.run()
    stage.control.fork_failed(user, stage.network.now)
    stage.run()
    assert stage.phones["alice"].shown[-2:] == ["on", "off"]


def test_requests_outside_any_call() -> None:
    stage = Stage()
    endpoint = stage.phones["alice"].node.endpoint
    for method, status in (("OPTIONS", 200), ("INFO", 481), ("REFER", 481)):
        endpoint.request(method, f"sip:bob@{CONTROL}", now=stage.network.now)
        stage.run()
        assert stage.phones["alice"].statuses[-1] == status


@pytest.mark.parametrize("seed", range(6))
def test_lost_and_doubled_messages_leave_one_call_and_then_none(seed: int) -> None:
    weather = Weather(loss=0.2, duplicate=0.1, jitter_s=0.05)
    stage = Stage(weather=weather, seed=seed, alice=always())
    stage.control.settings = CallControlSettings("calling.example", ring_s=60.0)
    stage.phones["alice"].invite("bob")
    stage.run(20)
    assert len(stage.phones["bob"].dialogs) == 1
    assert len(stage.control.calls) == 1
    assert len(stage.world.forks) == 1
    stage.phones["alice"].bye()
    stage.run(60)
    assert stage.phones["bob"].ended == 1
    assert stage.nothing_is_left()
    assert [what for what, _ in stage.world.forks[0].done] == ["start", "stop"]
