"""`carriers.md`: the mock carriers of the demo world, and everything they can be told to do."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Literal, get_args, get_origin, get_type_hints

from docs.pages.markdown import code, page, table
from gateway.carriers.faults import BEHAVIOURS, CATALOGUE
from gateway.carriers.profile import DESTINATION_OUTCOMES, REFUSAL_EVENTS, CarrierProfile, Outcome
from gateway.carriers.switching import FIXED
from gateway.runtime.config import find_config, load
from gateway.settings import Networks
from gateway.smpp.constants import status_name
from gateway.smpp.receipt import ReceiptNotation

INTRODUCTION = """\
Seven networks, each a real SMPP 3.4 server on its own port, run by `gateway demo`, `gateway run` and,
alone, `gateway carriers`. Their rules are data in `config/carriers/*.yaml`, every number with its
source beside it; carriers publish little, and where nothing is published the value is modelled and says
so.

Every carrier accepts the account `guest` / `guest` for all kinds of bind. Texts from +1 202 555 0190 to
0199 belong to a registered campaign without a limit per number; any other sender is judged by the
carrier's own view of the registry."""


def render() -> str:
    """The page."""
    parts = (_networks(), _numbers(), _behaviours(), _faults(), _settings(), _events(), _restart())
    return page("Mock carriers", INTRODUCTION, *parts)


def _networks() -> Iterator[str]:
    settings = load(find_config("gateway.yaml"), {"carriers": Networks}).section("carriers", Networks)
    ports = settings.ports()
    rows = [
        (code(name), str(ports[name]), each.profile.country, each.profile.ids, _caps(each.profile))
        for name, each in settings.networks.items()
        if each.profile is not None
    ]
    yield from ("## Networks", "")
    yield from table(("Name", "Port", "Country", "Message ids", "Limits, in segments"), rows)


def _caps(profile: CarrierProfile) -> str:
    caps = profile.caps
    parts = ["registered senders only"] if profile.registration.required else []
    if caps.brand_day is not None:
        tiers = ", ".join(f"{tier.segments:,} from score {tier.score}" for tier in caps.brand_day.tiers)
        parts.append(
            f"per brand and day in {caps.brand_day.zone}: {tiers}, {caps.brand_day.unvetted:,} unvetted"
        )
    if caps.campaign_minute is not None:
        classes = ", ".join(f"{name} {most:,}" for name, most in caps.campaign_minute.classes.items())
        parts.append(f"per campaign and minute by class: {classes}")
    if caps.number is not None:
        windows = (("minute", caps.number.per_minute), ("day", caps.number.per_day))
        told = ", ".join(f"{most:,} a {window}" for window, most in windows if most is not None)
        parts.append(f"per number: {told}")
    if caps.segments_per_text is not None:
        parts.append(f"{caps.segments_per_text} per text")
    return "; ".join(parts) or "none"


def _numbers() -> Iterator[str]:
    yield from ("## Destinations with a fixed end", "")
    yield (
        "On every carrier, the last seven digits of a destination decide its end unless a handset has that "
        "number: `+1 310 555 0150` and `+1 604 555 0150` behave alike."
    )
    yield ""
    yield from table(
        ("Ends in", "What happens"), ((code(d), _end(o)) for d, o in DESTINATION_OUTCOMES.items())
    )


def _end(outcome: Outcome) -> str:
    parts = [outcome.outcome.replace("_", " ")]
    if outcome.outcome == "refused":
        name = status_name(outcome.status)
        parts = [f"refused with {code(f'0x{outcome.status:08X}')} {name}"]
        if outcome.attempts:
            parts.append(
                f"the first {outcome.attempts} times, then delivered".replace("first 1 times", "first time")
            )
    if outcome.error:
        parts.append(f"`err` {outcome.error:03d}")
    parts += [f"{CATALOGUE[fault.kind][1]}" for fault in outcome.faults]
    return "; ".join(parts)


def _behaviours() -> Iterator[str]:
    yield from ("## Behaviours", "")
    yield (
        '`PATCH /v1/carriers/NAME {"profile": "flaky"}` switches one while it runs; open binds feel it '
        "at once."
    )
    yield ""
    yield from table(
        ("Name", "What it does"), ((code(n), each.description) for n, each in BEHAVIOURS.items())
    )


def _faults() -> Iterator[str]:
    yield from ("## Faults", "")
    yield (
        '`PATCH /v1/carriers/NAME {"faults": [{"kind": "lost", "rate": 0.1}]}` adds faults to the behaviour: '
        "`rate` (0 to 1), `after` (spared first) and `count` (at most) are per bind, drawn from the "
        "carrier's seed."
    )
    yield ""
    rows = ((code(kind), stage.value, text) for kind, (stage, text) in CATALOGUE.items())
    yield from table(("Kind", "Strikes at the", "What happens"), rows)


def _settings() -> Iterator[str]:
    yield from ("## Settings", "")
    yield (
        '`PATCH /v1/carriers/NAME {"settings": {"receipts": {"notation": {"text_key": "Text", "date_digits": '
        "12}}}}` switches what a carrier is: any part of the section `profile:` of its file, in the words "
        "of the file and held to the same rules. Mappings merge into what is in force, lists and values "
        "replace it, null means what it means in the file. `GET /v1/carriers/NAME` shows all of it as "
        '`settings`; `{"settings": null}` returns to the file.'
    )
    yield ""
    yield (
        "A switch holds for what is accepted from then on, also on binds that are up: a text that was "
        "accepted before ends as planned, and its receipt is written as it would have been. Windows go on "
        "counting. `window` and `receive_window` hold for binds made from then on. Like behaviour and "
        "faults, switched settings are not kept over a restart: what shall stay belongs in the file."
    )
    yield ""
    rows = (
        (code(name), field.description or "")
        for name, field in CarrierProfile.model_fields.items()
        if name not in FIXED
    )
    yield from table(("Setting", "What it is"), rows)
    notation = (
        (code(f"receipts.notation.{each.name}"), _values(each.name)) for each in fields(ReceiptNotation)
    )
    yield from table(("Part of a receipt", "Values"), notation)
    fixed = ", ".join(code(name) for name in FIXED)
    yield f"No settings to switch here: {fixed}; the last three have keys of their own in the request."
    yield ""


def _values(field: str) -> str:
    hint = get_type_hints(ReceiptNotation)[field]
    values = get_args(hint) if get_origin(hint) is Literal else ()
    if values:
        return ", ".join(code(str(value)) for value in values)
    return {"stat": "words by message state: `{UNDELIVERABLE: FAILED}`"}.get(field, "a number, 1 to 65")


def _events() -> list[str]:
    names = ", ".join(code(name) for name in REFUSAL_EVENTS)
    return [
        "## Refusals",
        "",
        f"A carrier refuses a text for {names}. Each is told in `submit_sm_resp` or, as most aggregators do, "
        "in the receipt's `err`; which and with what code is `profile.refusals`.",
    ]


def _restart() -> list[str]:
    return [
        "",
        "## After a restart",
        "",
        "In a service with a gateway, a carrier acknowledges a text only once it is durable, in the same "
        "storage (`carriers.durable`). After a restart, or a kill, each receipt still comes at its world "
        "time to whoever binds, as often as it takes until it is acknowledged; inbound texts that no ESME "
        "has taken wait; handsets answer; `query_sm`, `cancel_sm` and `replace_sm` find what has not "
        "ended; the windows of caps count on; message ids are never given twice.",
        "",
        "Not kept: texts whose receipt was acknowledged, what filters counted, parts of long texts that a "
        "handset was waiting to complete, intermediate notifications, and what was switched over the API: "
        "receipts of texts from before are then written as the file says.",
        "",
        "`gateway carriers` alone keeps nothing, unless `--set carriers.durable=true` gives it the folder of "
        "`storage`.",
    ]
