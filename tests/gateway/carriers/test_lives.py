"""Whatever an ESME does in whatever order: each acknowledged text ends once, and is told once."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.carriers.bind import CarrierBind
from gateway.carriers.profile import CarrierProfile
from gateway.carriers.smsc import Carrier
from gateway.runtime.clock import WorldClock
from gateway.smpp.constants import MessageState
from gateway.smpp.pdu import CancelSm, DeliverSmResp, QuerySm, ReplaceSm, SubmitSm
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
        self.received, self.unanswered = [], []

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
    def __init__(self):
        self.clock = WorldClock(START, frozen=True)
        self.carrier = Carrier("test", PROFILE, self.clock)
        self.wire = Wire(self.carrier.mailbox("guest"))
        self.carrier.mailbox("guest").add_receiver(self.wire)
        self.bind = CarrierBind(self.carrier, self.wire)
        self.bind.account = PROFILE.accounts[0]
        self.bind.behaviour = self.carrier.new_behaviour(PROFILE.accounts[0])
        self.ids = []

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
