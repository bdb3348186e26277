"""Whatever an ESME does in whatever order: each acknowledged text ends once, and is told once."""

import asyncio
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.carriers.bind import CarrierBind
from gateway.carriers.journal import Stored
from gateway.carriers.profile import CarrierProfile
from gateway.carriers.smsc import Carrier
from gateway.carriers.tables import ChangeText, InsertBinds, InsertText
from gateway.runtime.clock import WorldClock
from gateway.smpp.constants import MessageState
from gateway.smpp.pdu import CancelSm, DeliverSmResp, QuerySm, ReplaceSm, SubmitSm, encode
from gateway.smpp.receipt import read_receipt
from gateway.smpp.times import format_relative

SECOND = 1_000_000_000
START = 1_790_000_000 * SECOND
PROFILE = CarrierProfile.model_validate(
    {
        "accounts": [{"system_id": "guest", "password": "guest"}],
        "receipt_latency": {"kind": "uniform", "seconds": 0, "spread": 10},
        "outcomes": [{"weight": 3}, {"outcome": "undeliverable", "error": 5}, {"outcome": "rejected"}],
        "handsets": [{"numbers": ["+13105550121"], "state": "off"}],
    }
)
DESTINATIONS = ["13105557000", "13105557001", "13105550121"]

submits = st.tuples(
    st.just("submit"),
    st.sampled_from(DESTINATIONS),
    st.none() | st.integers(1, 15),
    st.none() | st.integers(1, 9),
)
others = st.tuples(st.sampled_from(["cancel", "replace", "query"]), st.integers(0, 30))
clearances = st.tuples(st.just("cancel_all"), st.sampled_from(DESTINATIONS))
waits = st.tuples(st.just("advance"), st.floats(0, 8))
connections = st.tuples(st.sampled_from(["lose", "regain"]))


class Wire:
    """A connection in memory; what is sent while it is lost comes back as abandoned."""

    def __init__(self, mailbox):
        self.mailbox, self.up = mailbox, True
        self.received, self.unanswered, self.responses = [], [], []

    def respond(self, request, response):
        self.responses.append(response)

    @property
    def window_free(self):
        return 3 - len(self.unanswered) if self.up else 0

    def submit_nowait(self, pdu, on_response, context):
        self.unanswered.append((pdu, on_response, context))

    def answer(self):
        while self.unanswered:
            pdu, on_response, context = self.unanswered.pop(0)
            self.received.append(pdu)
            on_response(context, DeliverSmResp())

    def lose(self):
        self.up = False
        for _, on_response, context in reversed(self.unanswered):
            on_response(context, TimeoutError())
        self.unanswered.clear()

    def regain(self):
        self.up = True
        self.mailbox.pump()


class Life:
    def __init__(self, journal=None):
        self.ids = []
        self.begin(START, journal)

    def begin(self, now_ns, journal, stored=None):
        self.clock = WorldClock(now_ns, frozen=True)
        self.carrier = Carrier("test", PROFILE, self.clock, journal=journal)
        if stored is not None:
            self.carrier.take_up(stored)
        self.wire = Wire(self.carrier.mailbox("guest"))
        self.carrier.mailbox("guest").add_receiver(self.wire)
        self.bind = CarrierBind(self.carrier, self.wire)
        self.bind.account = PROFILE.accounts[0]
        self.bind.behaviour = self.carrier.new_behaviour(PROFILE.accounts[0])

    def ask(self, pdu):
        return self.bind.on_request(self.wire, pdu)

    def submit(self, destination, validity_s, schedule_s):
        answer = self.ask(
            SubmitSm(
                source_addr="12025550190",
                destination_addr=destination,
                registered_delivery=1,
                validity_period=format_relative(validity_s * SECOND) if validity_s else "",
                schedule_delivery_time=format_relative(schedule_s * SECOND) if schedule_s else "",
            )
        )
        assert answer.command_status == 0
        self.ids.append(answer.message_id)

    def of(self, pdu_class, index):
        if self.ids:
            message_id = self.ids[index % len(self.ids)]
            fields = {"registered_delivery": 1} if pdu_class is ReplaceSm else {}
            self.ask(pdu_class(message_id=message_id, source_addr="12025550190", **fields))

    def cancel(self, index):
        self.of(CancelSm, index)

    def replace(self, index):
        self.of(ReplaceSm, index)

    def query(self, index):
        self.of(QuerySm, index)

    def cancel_all(self, destination):
        self.ask(CancelSm(source_addr="12025550190", destination_addr=destination))

    def advance(self, seconds):
        self.clock.advance(seconds)
        self.wire.answer()

    def lose(self):
        self.wire.lose()

    def regain(self):
        self.wire.regain()


@settings(max_examples=150, deadline=None)
@given(st.lists(submits | submits | others | clearances | waits | connections, max_size=40))
def test_each_text_ends_once_and_is_told_once(steps):
    async def live():
        life = Life()
        for name, *arguments in steps:
            getattr(life, name)(*arguments)
        life.regain()
        for _ in range(len(life.ids) + 1):
            life.advance(100)
        receipts = [read_receipt(pdu.short_message, tlvs=pdu.tlvs) for pdu in life.wire.received]
        assert sorted(receipt.message_id for receipt in receipts) == sorted(life.ids)
        for receipt in receipts:
            answer = life.ask(QuerySm(message_id=receipt.message_id, source_addr="12025550190"))
            assert answer.message_state == receipt.state != MessageState.ENROUTE
        assert life.carrier.state().waiting == 0
        assert life.clock.in_flight == 0
        assert life.clock.next_due_ns() is None

    asyncio.run(live())


class Journal:
    """Rows in memory: what was kept is stored at a commit, and a kill forgets what was not."""

    idle = True

    def __init__(self):
        self.texts, self.ordinal = {}, 0
        self.kept, self.answers = [], []
        self.new_id = count(1).__next__

    def keep(self, intent):
        self.kept.append(intent)

    def then(self, answer):
        self.answers.append(answer)

    def count_bind(self, carrier, ordinal):
        self.ordinal = ordinal

    def commit(self):
        for intent in sorted(self.kept, key=lambda one: one.rank):
            if isinstance(intent, InsertText):
                self.texts[intent.id] = intent
            elif isinstance(intent, ChangeText):
                fields = intent._asdict()
                key = fields.pop("id_")
                self.texts[key] = self.texts[key]._replace(**fields)
            else:
                del self.texts[intent.id]
        answers, self.kept, self.answers = self.answers, [], []
        for answer in answers:
            answer(True)

    def left(self):
        self.kept, self.answers = [], []
        binds = [InsertBinds("test", self.ordinal)]
        return Stored([self.texts[key] for key in sorted(self.texts)], [], [], binds)


class ManyLives(Life):
    """A carrier whose process ends at any moment, and begins again."""

    def __init__(self):
        self.journal = Journal()
        super().__init__(self.journal)

    def ask(self, pdu):
        answer = super().ask(pdu)
        self.journal.commit()
        return answer if answer is not None else self.wire.responses.pop()

    def commit(self):
        self.journal.commit()

    def kill(self):
        received, now_ns = self.wire.received, self.clock.now_ns()
        self.begin(now_ns, self.journal, self.journal.left())
        self.wire.received = received


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        submits
        | submits
        | others
        | clearances
        | waits
        | connections
        | st.tuples(st.sampled_from(["kill", "kill", "commit"])),
        max_size=40,
    )
)
def test_whenever_its_process_ends_each_text_is_told_the_same_end(steps):
    async def live():
        life = ManyLives()
        for name, *arguments in steps:
            getattr(life, name)(*arguments)
        life.regain()
        for _ in range(len(life.ids) + 1):
            life.advance(100)
        told = {}
        for pdu in life.wire.received:
            receipt = read_receipt(pdu.short_message, tlvs=pdu.tlvs)
            told.setdefault(receipt.message_id, set()).add(encode(pdu))
        assert sorted(told) == sorted(life.ids)
        assert all(len(ends) == 1 for ends in told.values()), "told again, it is the same to the byte"
        life.commit()
        assert not life.journal.texts
        assert life.clock.in_flight == 0

    asyncio.run(live())
