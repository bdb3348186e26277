"""Everything of a profile is a switch: what goes over the wire before and after, one row per setting."""

import asyncio
import random
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.carriers.behaviour import draw_latency
from gateway.carriers.errors import SettingFixed
from gateway.carriers.profile import CarrierProfile, Latency, Registration
from gateway.carriers.switching import FIXED, changed, switches
from gateway.smpp.constants import CommandStatus
from gateway.smpp.pdu import QuerySm, QuerySmResp, SubmitSm, SubmitSmResp, encode
from gateway.smpp.receipt import read_receipt
from gateway.smpp.udh import ESM_UDHI

SECOND = 1_000_000_000
UNDELIVERABLE = "13105550151"
SUBMITTED = {"registered_delivery": 1}
ESMES_NUMBER = "+12025550190"


async def the_end(world, esme, *submits: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """The responses to some texts, and all that a minute brings."""
    responses = [await esme.submit(**SUBMITTED | fields) for fields in submits or ({},)]
    world.clock.advance(60)
    return responses, await esme.quiet()


async def receipt_text(world, esme) -> str:
    _, [receipt] = await the_end(world, esme, {"destination": UNDELIVERABLE})
    return receipt.short_message.decode("latin-1")


async def field(world, esme, begin: str, end: str = " ") -> str:
    """What stands in a receipt between two marks."""
    text = await receipt_text(world, esme)
    return text.partition(begin)[2].partition(end)[0] if begin in text else "absent"


async def receipt_id(world, esme) -> str:
    [response], [receipt] = await the_end(world, esme)
    written = read_receipt(receipt.short_message).message_id
    same = {response.message_id: "same", f"{int(response.message_id):x}": "hex"}
    return same.get(written, written)


async def segments_told(world, esme) -> list[int]:
    parts = [{"text": bytes((5, 0, 3, 9, 2, n)) + b"part", "esm_class": ESM_UDHI} for n in (1, 2)]
    responses, receipts = await the_end(world, esme, *parts)
    ids = [response.message_id for response in responses]
    return [ids.index(read_receipt(one.short_message).message_id) + 1 for one in receipts]


def told(response, receipts: list[Any]) -> str:
    """A text's status, or the state and error of its receipt."""
    if response.command_status:
        return CommandStatus(response.command_status).name
    for one in receipts:
        receipt = read_receipt(one.short_message, tlvs=one.tlvs)
        if receipt.message_id == response.message_id:
            return f"{receipt.state.name} {receipt.error}"
    return "no receipt"


async def end(world, esme, **fields) -> str:
    [response], receipts = await the_end(world, esme, fields)
    return told(response, receipts)


async def second_end(world, esme) -> str:
    """How the second of two texts of one moment ends."""
    (_, response), receipts = await the_end(world, esme, {}, {})
    return told(response, receipts)


async def receipt_after(world, esme) -> float:
    """World seconds until a receipt."""
    await esme.submit(**SUBMITTED)
    sent_ns = world.clock.now_ns()
    world.clock.advance(600)
    [receipt] = await esme.until(1)
    return round((read_receipt(receipt.short_message).done_ns - sent_ns) / SECOND / 60) * 60


async def answered_first(world, esme) -> type:
    """Which of two requests is answered first."""
    order: list[type] = []
    both = asyncio.Event()

    def on_response(_: None, response: Any) -> None:
        order.append(type(response))
        if len(order) == 2:
            both.set()

    esme.connection.submit_nowait(
        SubmitSm(source_addr="12025550190", destination_addr="13105557000"), on_response, None
    )
    esme.connection.submit_nowait(QuerySm(message_id="0"), on_response, None)
    async with asyncio.timeout(10):
        await both.wait()
    return order[0]


async def inbound_form(world, esme) -> list[int]:
    """TLVs of a long inbound text."""
    world.carriers[0].inject("+13105557000", ESMES_NUMBER, "long " * 60)
    return sorted({tlv.tag for one in await esme.until(2) for tlv in one.tlvs})


async def reply(world, esme) -> str:
    await esme.submit(destination="13105557000")
    world.clock.advance(2)
    world.clock.advance(2)
    return b"".join(one.short_message for one in await esme.quiet()).decode() or "none"


async def system_id(world, esme) -> str:
    return str((await world.esme(world.carriers[0])).connection.peer_system_id)


LATE = {"kind": "fixed", "seconds": 120.0}
SPAM = [{"cause": "spam", "phrases": ["hello"]}]
REJECTED = "REJECTED 000"
DELIVERED = "DELIVERED 000"
ROWS: list[tuple[str, Any, Any, Any, Any]] = [
    ("response latency", {"response_latency": {"seconds": 0.05}}, answered_first, SubmitSmResp, QuerySmResp),
    ("receipt latency", {"receipt_latency": LATE}, receipt_after, 0.0, 120.0),
    *[
        (f"receipt {name} {value}", {"receipts": {"notation": {name: value}}}, look, before, after)
        for name, value, look, before, after in [
            ("text_key", "Text", lambda w, e: field(w, e, " Text:"), "absent", "hello"),
            ("text_key", "absent", lambda w, e: field(w, e, " text:"), "hello", "absent"),
            ("text", "empty", lambda w, e: field(w, e, " text:"), "hello", ""),
            ("date_digits", 12, lambda w, e: field(w, e, "done date:"), "2609211413", "260921141421"),
            ("date_digits", 14, lambda w, e: field(w, e, "submit date:"), "2609211413", "20260921141420"),
            (
                "counts",
                "null",
                lambda w, e: field(w, e, " sub:", " submit"),
                "001 dlvrd:000",
                "null dlvrd:null",
            ),
            ("counts", "absent", lambda w, e: field(w, e, " dlvrd:"), "000", "absent"),
            ("error", "decimal4", lambda w, e: field(w, e, " err:"), "001", "0001"),
            ("error", "absent", lambda w, e: field(w, e, " err:"), "001", "absent"),
            ("stat", {"UNDELIVERABLE": "FAILED"}, lambda w, e: field(w, e, " stat:"), "UNDELIV", "FAILED"),
            ("id", "hex_of_decimal", receipt_id, "same", "hex"),
            ("where", "tlvs", lambda w, e: field(w, e, " stat:"), "UNDELIV", "absent"),
        ]
    ],
    ("receipt of the last", {"receipts": {"segments": "last"}}, segments_told, [1, 2], [2]),
    ("receipt of the first", {"receipts": {"segments": "first"}}, segments_told, [1, 2], [1]),
    ("outcomes", {"outcomes": [{"outcome": "rejected", "error": 7}]}, end, DELIVERED, "REJECTED 007"),
    (
        "digits",
        {"digits": {"5557000": {"outcome": "refused", "status": 0x58}}},
        end,
        DELIVERED,
        "RTHROTTLED",
    ),
    ("numbers", {"numbers": ["+1604*"]}, end, DELIVERED, "RINVDSTADR"),
    ("blocked sources", {"blocked_sources": [ESMES_NUMBER]}, end, DELIVERED, REJECTED),
    ("blocked destinations", {"blocked_destinations": ["+1310*"]}, end, DELIVERED, REJECTED),
    ("filters", {"filters": SPAM}, end, DELIVERED, REJECTED),
    ("registration", {"registration": {"required": True}}, end, DELIVERED, REJECTED),
    ("cap of a number", {"caps": {"number": {"per_minute": 1}}}, second_end, DELIVERED, REJECTED),
    ("throughput", {"caps": {"throughput": 0.001}}, second_end, DELIVERED, "RTHROTTLED"),
    (
        "segments per text",
        {"caps": {"segments_per_text": 1}},
        lambda w, e: end(w, e, text=bytes((5, 0, 3, 9, 2, 1)) + b"part", esm_class=ESM_UDHI),
        DELIVERED,
        "RINVMSGLEN",
    ),
    (
        "refusals",
        {"blocked_sources": [ESMES_NUMBER], "refusals": {"source_blocklisted": {"error": 4481}}},
        end,
        DELIVERED,
        "REJECTED 4481",
    ),
    (
        "validity",
        {"receipt_latency": LATE, "validity": {"default_seconds": 30}},
        end,
        DELIVERED,
        "EXPIRED 027",
    ),
    (
        "handsets",
        {"handsets": [{"numbers": ["+13105557000"], "state": "answers", "reply": "mine"}]},
        reply,
        "none",
        "mine",
    ),
    ("inbound form", {"text": {"inbound": "sar"}}, inbound_form, [], [0x20C, 0x20E, 0x20F]),
    ("system id", {"system_id": "OTHER"}, system_id, "SMSC", "OTHER"),
]


def switch(carrier, part: dict[str, Any]) -> None:
    carrier.adopt(changed(carrier.profile, part))


@pytest.mark.parametrize(
    ("part", "look", "before", "after"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
async def test_a_switch_changes_what_goes_over_the_wire(world, part, look, before, after):
    carrier = await world.carrier()
    esme = await world.esme(carrier)
    assert await look(world, esme) == before
    switch(carrier, part)
    assert await look(world, esme) == after


@pytest.mark.parametrize(
    ("ids", "written"), [("hex", r"[0-9A-F]+[A-F][0-9A-F]*|[0-9A-F]{13,16}"), ("uuid", r"[0-9a-f]{8}-.{27}")]
)
async def test_message_ids_in_another_notation_stay_unique(world, ids, written):
    carrier = await world.carrier()
    esme = await world.esme(carrier)
    first = (await esme.submit()).message_id
    assert re.fullmatch("[0-9]{18,19}", first)
    switch(carrier, {"ids": ids})
    found = [(await esme.submit()).message_id for _ in range(3)]
    assert all(re.fullmatch(written, one) for one in found)
    assert len({first, *found}) == 4


async def test_what_was_accepted_before_keeps_its_plan_and_notation(world, profile_of):
    carrier = await world.carrier(profile_of(receipts={"other_bind": False}))
    esme = await world.esme(carrier)
    await esme.submit(**SUBMITTED)
    switch(
        carrier,
        {
            "receipts": {"notation": {"text_key": "Text"}},
            "outcomes": [{"outcome": "rejected"}],
            "receipt_latency": LATE,
        },
    )
    await esme.submit(**SUBMITTED)
    world.clock.advance(1)
    [old] = await esme.quiet()
    world.clock.advance(119)
    [new] = await esme.quiet()
    assert b"stat:DELIVRD err:000 text:" in old.short_message
    assert b"stat:REJECTD err:000 Text:" in new.short_message


async def test_the_window_to_come_is_that_of_the_profile_then(world):
    carrier = await world.carrier()
    old = await world.esme(carrier)
    switch(carrier, {"window": 1, "queue_limit": 2, "kept_texts": 1})
    new = await world.esme(carrier, "rx")
    assert sorted(one.window_free for one in carrier.connections) == [1, 100]
    old.connection.abort()
    new.connection.abort()
    await old.connection.wait_closed()
    await new.connection.wait_closed()
    for n in range(3):
        carrier.inject("+13105557000", ESMES_NUMBER, f"text {n}")
    assert (carrier.state().waiting, carrier.state().dropped) == (2, 1)


async def test_windows_go_on_counting_and_filters_that_stay_as_well(world, profile_of):
    burst = [{"cause": "burst", "count": "messages", "limit": 2, "window_seconds": 3600}]
    carrier = await world.carrier(profile_of(filters=burst, caps={"number": {"per_day": 10}}))
    esme = await world.esme(carrier)
    assert await end(world, esme) == await end(world, esme) == DELIVERED
    switch(carrier, {"ids": "hex"})
    assert await end(world, esme) == REJECTED, "the filter still knows the two"
    switch(carrier, {"filters": [], "caps": {"number": {"per_day": 3}}})
    assert [await end(world, esme), await end(world, esme)] == [DELIVERED, REJECTED], "so does the window"
    switch(carrier, {"caps": {"number": {"per_day": 3, "zone": "America/Toronto"}}})
    assert await end(world, esme) == DELIVERED, "a day that ends elsewhere is another day"
    switch(carrier, {"caps": {"number": None}})
    assert await second_end(world, esme) == DELIVERED


async def test_a_named_behaviour_goes_before_the_throughput(world):
    carrier = await world.carrier()
    carrier.configure("throttling")
    switch(carrier, {"caps": {"throughput": 1000}})
    assert carrier.enforcement.throughput == 5.0
    carrier.configure("healthy")
    assert carrier.enforcement.throughput == 1000


async def test_the_registry_goes_on_unless_registrations_are_switched(world):
    carrier = await world.carrier()
    row = {"numbers": [ESMES_NUMBER], "brand": "b", "campaign": "c"}
    carrier.replace_registrations([Registration.model_validate(row)])
    switch(carrier, {"registration": {"required": True}})
    esme = await world.esme(carrier)
    assert await end(world, esme) == DELIVERED
    switch(carrier, {"registration": {"registrations": [row | {"active": False}]}})
    assert await end(world, esme) == REJECTED


async def test_the_same_switches_at_the_same_moments_give_the_same_bytes(another_world):
    async def play() -> list[bytes]:
        async with another_world() as world:
            carrier = await world.carrier()
            esme = await world.esme(carrier)
            sent: list[bytes] = []
            for part in (
                {"receipt_latency": {"kind": "lognormal", "seconds": 2, "spread": 0.5}},
                {"outcomes": [{"weight": 2}, {"outcome": "expired"}], "ids": "uuid"},
                {"receipts": {"notation": {"date_digits": 14}}},
            ):
                switch(carrier, part)
                responses, receipts = await the_end(world, esme, *({"text": bytes((n,))} for n in b"abcd"))
                sent += map(encode, [*responses, *receipts])
            return sent

    assert await play() == await play()


# --- the document -------------------------------------------------------------------------------------------


def test_no_change_is_no_change(profile_of):
    made = profile_of(
        filters=[{"cause": "spam", "count": "similar", "limit": 3, "window_seconds": 60}],
        receipts={"notation": {"stat": {"DELIVERED": "OK"}}},
        switched_off={"wait_seconds": None},
    )
    assert changed(made, {}) == made
    assert changed(made, switches(made)) == made, "what is shown can be sent back"


def test_every_setting_is_a_switch_or_says_why_not(profile_of):
    assert set(switches(profile_of())) | set(FIXED) == set(CarrierProfile.model_fields)
    assert set(switches(profile_of())).isdisjoint(FIXED)


def test_passwords_are_not_shown(profile_of):
    account = {"system_id": "guest", "password": "s3cr3t"}
    assert "s3cr3t" not in str(switches(profile_of(accounts=[account])))


@pytest.mark.parametrize("name", FIXED)
def test_what_is_no_switch(profile_of, name):
    with pytest.raises(SettingFixed, match=f"{name} is no setting to switch"):
        changed(profile_of(), {name: None})


@pytest.mark.parametrize(
    ("part", "place", "complaint"),
    [
        ({"ids": "octal"}, ("ids",), "Input should be"),
        ({"surprise": 1}, ("surprise",), "Extra inputs"),
        ({"caps": None}, ("caps",), "valid dictionary"),
        ({"receipt_latency": {"seconds": -1}}, ("receipt_latency", "seconds"), "greater than"),
        ({"receipt_latency": {"seconds": 1e300}}, ("receipt_latency", "seconds"), "less than"),
        ({"receipts": {"notation": {"date_digits": 11}}}, ("receipts", "notation", "date_digits"), "10, 12"),
        (
            {"receipts": {"notation": {"stat": {"UNDELIV": "FAILED"}}}},
            ("receipts", "notation"),
            "message state",
        ),
        (
            {"receipts": {"notation": {"stat": {"EXPIRED": "ÜBER"}}}},
            ("receipts", "notation"),
            "visible ASCII",
        ),
        ({"receipts": {"notation": {"id_digits": 10**9}}}, ("receipts", "notation"), "1 to 65"),
        ({"caps": {"number": {"zone": "Mars/Base"}}}, ("caps", "number", "zone"), "no IANA time zone"),
        ({"blocked_sources": ["+1..+12"]}, ("blocked_sources",), "neither a number"),
    ],
)
def test_a_change_is_held_to_the_rules_of_the_file(profile_of, part, place, complaint):
    with pytest.raises(ValidationError, match=complaint) as refused:
        changed(profile_of(), part)
    assert [fault["loc"] for fault in refused.value.errors()] == [place]
    with pytest.raises(ValidationError) as read:
        profile_of(**part)
    assert [fault["loc"] for fault in read.value.errors()] == [place], "the file says the same"


@given(st.floats(0, 20), st.floats(0, 1e9), st.integers(0, 1000))
def test_a_latency_is_a_number_whatever_is_drawn(spread, seconds, seed):
    latency = Latency(kind="lognormal", seconds=min(seconds, 3e8), spread=spread, most_seconds=60.0)
    assert 0 <= draw_latency(latency, random.Random(seed)) <= 60.0
