"""Fuzzing codec, framing and session: only documented errors, and the session keeps its promises."""

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.smpp.constants import DEFAULT_MAX_PDU_OCTETS
from gateway.smpp.errors import LocalProtocolError, SmppError
from gateway.smpp.events import RequestFailed, RequestReceived, ResponseReceived, SessionClosed
from gateway.smpp.framing import Framer
from gateway.smpp.matrix import Role, SessionState
from gateway.smpp.pdu import DeliverSm, Pdu, SubmitSm, decode, encode, response_to
from gateway.smpp.session import SessionSettings, SmppSession
from gateway.testing.smpp import SessionPair, pdus

NOISE = st.binary(max_size=200)


@given(NOISE)
def test_decode_raises_only_documented_errors(octets: bytes) -> None:
    with suppress(SmppError):
        decode(octets)


@st.composite
def damaged_streams(draw: st.DrawFn) -> bytes:
    """Real PDUs with octets changed, cut out or put in."""
    stream = bytearray(b"".join(encode(pdu) for pdu in draw(st.lists(pdus(), max_size=5))))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(stream)))
        stream[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(stream)


@given(damaged_streams() | NOISE, st.integers(16, 4096))
def test_framing_keeps_at_most_one_unfinished_pdu(stream: bytes, limit: int) -> None:
    framer = Framer(limit)
    taken = b"".join(framer.feed(stream))
    assert stream.startswith(taken)
    assert framer.buffered_octets < limit
    if framer.fault is None:
        assert len(taken) + framer.buffered_octets == len(stream)


@given(st.sampled_from(list(Role)), st.booleans(), st.lists(damaged_streams() | NOISE, max_size=4))
def test_a_session_survives_anything(role: Role, bound: bool, chunks: list[bytes]) -> None:
    pair = SessionPair()
    if bound:
        pair.bind()
    session = pair.session(role)
    for number, chunk in enumerate(chunks):
        session.receive_data(chunk, float(number))
        session.handle_timeout(float(number))
    for event in session.events():
        if isinstance(event, RequestReceived):
            session.respond(event.pdu, response_to(event.pdu), 9.0)
    answers = Framer(DEFAULT_MAX_PDU_OCTETS)
    for frame in answers.feed(session.data_to_send()):
        decode(frame)
    assert answers.fault is None
    assert answers.buffered_octets == 0


class TwoSessions(RuleBasedStateMachine):
    """An ESME and an SMSC talk at random: no window is exceeded, and every request ends exactly once."""

    WINDOW = 3

    def __init__(self) -> None:
        super().__init__()
        self.pair = SessionPair(SessionSettings(window=self.WINDOW), SessionSettings(window=self.WINDOW))
        self.pair.bind()
        self.asked: dict[Role, list[Pdu]] = {Role.ESME: [], Role.SMSC: []}
        self.sent: dict[Role, int] = {Role.ESME: 0, Role.SMSC: 0}
        self.ended: dict[Role, list[int]] = {Role.ESME: [], Role.SMSC: []}

    def collect(self, role: Role) -> None:
        for event in self.pair.session(role).events():
            if isinstance(event, RequestReceived):
                self.asked[role].append(event.pdu)
            elif isinstance(event, ResponseReceived | RequestFailed):
                self.ended[role].append(event.context)

    @rule(role=st.sampled_from(list(Role)))
    def send(self, role: Role) -> None:
        request = SubmitSm() if role is Role.ESME else DeliverSm()
        free = self.pair.session(role).window_free
        try:
            self.pair.session(role).send(request, self.pair.now, self.sent[role])
            assert free > 0
            self.sent[role] += 1
        except LocalProtocolError:
            assert free == 0

    @rule()
    def exchange(self) -> None:
        self.pair.exchange()

    @rule(role=st.sampled_from(list(Role)), which=st.integers(0, 5), status=st.sampled_from([0, 0x58, 0x401]))
    def respond(self, role: Role, which: int, status: int) -> None:
        self.collect(role)
        if self.asked[role]:
            request = self.asked[role].pop(which % len(self.asked[role]))
            self.pair.session(role).respond(request, response_to(request, status), self.pair.now)

    @rule(seconds=st.sampled_from([0.1, 4.0, 11.0, 31.0]))
    def wait(self, seconds: float) -> None:
        self.pair.pass_time(seconds)

    @rule(role=st.sampled_from(list(Role)))
    def unbind(self, role: Role) -> None:
        self.pair.session(role).unbind(self.pair.now)

    @precondition(lambda self: self.pair.esme.state is SessionState.CLOSED)
    @rule()
    def reconnect(self) -> None:
        self.pair.smsc.close()
        for role in Role:
            self.collect(role)
        sent, ended = self.sent, self.ended
        assert all(sorted(ended[role]) == list(range(sent[role])) for role in Role)
        self.__init__()  # type: ignore[misc]

    @invariant()
    def windows_hold(self) -> None:
        for role in Role:
            session = self.pair.session(role)
            assert session.window_used <= self.WINDOW
            assert session.window_free + session.window_used <= self.WINDOW

    def teardown(self) -> None:
        for role in Role:
            self.pair.session(role).close()
        for role in Role:
            self.collect(role)
            assert sorted(self.ended[role]) == list(range(self.sent[role]))


TwoSessions.TestCase.settings = settings(max_examples=40, stateful_step_count=30)
TestTwoSessions = TwoSessions.TestCase


@given(st.lists(st.binary(max_size=50), max_size=5))
def test_after_its_end_a_session_is_silent(chunks: list[bytes]) -> None:
    session = SmppSession(Role.SMSC, now=0.0)
    session.close()
    assert [type(event) for event in session.events()] == [SessionClosed]
    for chunk in chunks:
        session.receive_data(chunk, 1.0)
    session.receive_eof()
    session.handle_timeout(1e9)
    assert session.events() == []
    assert session.data_to_send() == b""
