"""Outbound texts come in here: normalised, judged, admitted, stored; only then is the sender told 202.

Texts that come in one turn of the loop, over many connections or in one bulk request, are taken in together;
the one wait of a text's way in is that for its commit.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NamedTuple, Protocol

from gateway.directory.model import AppVersion, ClientKind, Person
from gateway.messages.dispatch import Dispatch
from gateway.messages.events import MessageRefused
from gateway.messages.intents import InsertIdempotencyKey, InsertMessage
from gateway.messages.ledger import Ledger
from gateway.messages.model import Direction, Message, State, message_row
from gateway.messages.outbound import SubmitTerms, measure
from gateway.messages.senders import Senders
from gateway.messages.settings import MessagesSettings
from gateway.messages.verdicts import VerdictLog
from gateway.policy import rules
from gateway.policy.numbers import NumberInfo, NumberKind, normalise
from gateway.policy.pipeline import Judgement, Pipeline
from gateway.policy.snapshot import Snapshot, Text
from gateway.policy.verdict import Mode, Verdict
from gateway.runtime.ids import IdSource
from gateway.smpp.text import TextError

SECOND_NS = 1_000_000_000
_new = tuple.__new__  # without the frame of a named tuple's own: several are made for every text
# bound once: an enumeration's member costs ten times a name, and these are asked for every text
_OUTBOUND, _QUEUED, _ACCEPTED = Direction.OUTBOUND, State.QUEUED, State.ACCEPTED
_REFERENCE_MASK = 0xFFFF
_HALF_A_PAIR = Verdict(rules.MALFORMED, "it holds half a surrogate pair")
_QUEUE_FULL = Verdict(rules.find("queue_full"))
_UNSERVED = Verdict(rules.DESTINATION_INVALID, "no carrier serves it")
_NO_NUMBER = NumberInfo("", NumberKind.INVALID, None)


class OutboundText(NamedTuple):
    """What a sender asks for. `source` is the number given, or None to take the person's own."""

    destination: str
    body: str
    person: Person | None
    source: str | None = None
    has_media: bool = False
    client: ClientKind | None = None
    app_version: AppVersion | None = None
    opt_out_exempt: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a text was not taken: what the API tells the sender."""

    code: str
    description: str
    http_status: int
    blocked_by: str
    retry_after_s: float | None = None


class Judged(NamedTuple):
    """A text as the rules saw it, before it has a key."""

    text: Text
    snapshot: Snapshot
    carrier: str
    cost: int
    """Its segments."""
    encoding: str = "gsm7"
    """`gsm7` or `ucs2`."""
    shadowed: list[Verdict] | None = None
    """What rules in shadow mode would have refused."""


class Admitted(NamedTuple):
    """The limiter's yes: when the text may go, what makes that durable, what to refund it by."""

    release_ns: int
    intents: tuple[Any, ...] = ()
    reservation: object = None
    shadowed: Sequence[Verdict] = ()
    """What limits in shadow mode would have refused."""


class Taken(NamedTuple):
    """A text the rules and the limiter let pass, and the write intents that make it durable."""

    message: Message
    intents: tuple[Any, ...]
    reservation: object


_Answer = asyncio.Future[Message | Refusal]


class Admission(Protocol):
    """The throttle as intake sees it."""

    def reserve_all(
        self, numbered: Sequence[tuple[Judged, int]], now_ns: int
    ) -> Sequence[Admitted | Refusal]:
        """Take room for each text (with its id), in order: in every scope, or in none."""

    def explain(self, judged: Judged, now_ns: int) -> list[Judgement]:
        """Say what every limit makes of a text, without taking room."""

    def refund(self, reservation: object, now_ns: int) -> None:
        """Give the room back: the text did not go."""


class Intake:
    """Takes outbound texts in, from the API, the WebSocket and the gateway's own replies."""

    def __init__(
        self,
        *,
        senders: Senders,
        pipeline: Pipeline,
        admission: Admission,
        carrier_of: Callable[[str], str],
        terms_of: Callable[[str], SubmitTerms],
        ledger: Ledger,
        dispatch: Dispatch,
        settings: MessagesSettings,
        ids: IdSource,
    ) -> None:
        self._senders = senders
        self._pipeline = pipeline
        self._verdicts = VerdictLog(pipeline)
        self._admission = admission
        self._carrier_of = carrier_of
        self._terms_of = terms_of
        self._ledger = ledger
        self._dispatch = dispatch
        self._ids = ids
        self._validity_ns = round(settings.validity_s * SECOND_NS)
        self._queue_limit = settings.queue_limit
        self._asked: list[tuple[OutboundText, tuple[str, str, str] | None, _Answer]] = []

    def explain(self, request: OutboundText) -> list[Judgement]:
        """What every rule says of a request; counts and stores nothing."""
        judged = self._facts(request)
        now_ns = self._ledger.clock.now_ns()
        judgements = self._pipeline.explain_outbound(judged.text, judged.snapshot, now_ns)
        return [*judgements, *self._admission.explain(judged, now_ns)]

    async def accept(
        self, request: OutboundText, idempotency: tuple[str, str, str] | None = None
    ) -> Message | Refusal:
        """Judge, admit and store a text; it is durable when this returns a `Message`.

        `idempotency` is (caller, key, digest of the request). Raises the database's errors; the room taken in
        the limiter is then given back.
        """
        loop = asyncio.get_running_loop()
        answer: _Answer = loop.create_future()
        if not self._asked:
            loop.call_soon(self._take_asked)
        self._asked.append((request, idempotency, answer))
        return await answer

    def _take_asked(self) -> None:
        """Take in, step by step, what was asked in this turn of the loop, and store it.

        Texts with an idempotency key are stored each for itself: the database may refuse the key.
        """
        asked, self._asked = self._asked, []
        try:
            outcomes = self.take_all([request for request, _, _ in asked])
        except Exception as error:
            for _, _, answer in asked:
                _fail(answer, error)
            return
        together: list[tuple[Taken, _Answer]] = []
        for (_, idempotency, answer), outcome in zip(asked, outcomes, strict=True):
            if isinstance(outcome, Refusal):
                _tell(answer, outcome)
            elif idempotency is None:
                together.append((outcome, answer))
            else:
                message = outcome.message
                key = InsertIdempotencyKey(*idempotency, message.id, message.created_ns)
                self._keep([(outcome, answer)], (*outcome.intents, key))
        if together:
            self._keep(together, [one for taken, _ in together for one in taken.intents])

    def _keep(self, taken: "list[tuple[Taken, _Answer]]", intents: Sequence[Any]) -> None:
        self._ledger.clock.begin()
        try:
            durable = self._ledger.database.write(*intents)
        except Exception as error:
            self._lost(taken, error)
        else:
            durable.add_done_callback(partial(self._kept, taken))

    def _kept(self, taken: "list[tuple[Taken, _Answer]]", durable: "asyncio.Future[None]") -> None:
        """The commit has come: hand the texts on, then tell who asked."""
        error = durable.exception()
        if error is not None:
            self._lost(taken, error)
            return
        self._ledger.clock.end()
        try:
            self._hand_on([each for each, _ in taken])
        except Exception as fault:  # they are durable, and the next start sends them
            for _, answer in taken:
                _fail(answer, fault)
            raise
        for each, answer in taken:
            _tell(answer, each.message)

    def _lost(self, taken: "list[tuple[Taken, _Answer]]", error: BaseException) -> None:
        self._ledger.clock.end()
        for each, answer in taken:
            self._give_back(each)
            _fail(answer, error)

    def take_all(self, requests: Sequence[OutboundText]) -> "list[Taken | Refusal]":
        """As `accept` for each, in order, up to the commit: `settle` is owed to every `Taken`.

        Step by step over all texts, not text by text: see `Pipeline.check_outbound_all`. A text that is
        refused keeps no other back.
        """
        outcomes: list[Any] = [self._read(request) for request in requests]
        now_ns = self._ledger.clock.now_ns()
        outcomes = passed = _go_on(outcomes, self._judge, now_ns)
        for step in (self._serve, self._reserve, self._store):
            outcomes = _go_on(outcomes, step, now_ns)
        for request, one, outcome in zip(requests, passed, outcomes, strict=True):
            if outcome.__class__ is Refusal:
                self._refused(request, outcome)
                if one.__class__ is Judged and not one.text.opt_out_exempt:
                    text = one.text
                    self._pipeline.take_back(text.source.e164, text.destination.e164, text.body, now_ns)
        return outcomes

    def _read(self, request: OutboundText) -> Judged | Refusal:
        try:
            return self._facts(request)
        except TextError:
            return refusal_of(_HALF_A_PAIR)

    def _judge(self, judged: list[Judged], now_ns: int) -> list[Judged | Refusal]:
        """Put texts before the rules."""
        shadowing = self._pipeline.shadowing
        notes: list[list[Verdict] | None] = [[] if shadowing else None for _ in judged]
        asked = [(text, snapshot) for text, snapshot, *_ in judged]
        verdicts = self._pipeline.check_outbound_all(asked, now_ns, notes)
        if not shadowing and verdicts.count(None) == len(verdicts):
            return judged  # type: ignore[return-value]
        return [
            refusal_of(verdict) if verdict is not None else one._replace(shadowed=note) if note else one
            for one, verdict, note in zip(judged, verdicts, notes, strict=True)
        ]

    def _serve(self, judged: list[Judged], now_ns: int) -> list[Judged | Refusal]:
        """Refuse what no bind serves and what no queue has room for."""
        del now_ns
        dispatch, limit = self._dispatch, self._queue_limit
        carriers = {one.carrier for one in judged}
        if all(dispatch.serves(each) and dispatch.waiting(each) < limit for each in carriers):
            return judged  # type: ignore[return-value]
        return [self._turned_away(one.carrier) or one for one in judged]

    def _turned_away(self, carrier: str) -> Refusal | None:
        if not self._dispatch.serves(carrier):
            return refusal_of(_UNSERVED)
        full = self._dispatch.waiting(carrier) >= self._queue_limit
        return refusal_of(_QUEUE_FULL) if full and self._enforced(_QUEUE_FULL) else None

    def _reserve(self, judged: list[Judged], now_ns: int) -> "list[tuple[int, Judged, Admitted] | Refusal]":
        """Number texts and take their room in the limiter."""
        numbered = list(zip(judged, self._ids.new_ids(len(judged)), strict=True))
        admitted = self._admission.reserve_all(numbered, now_ns)
        return [
            answer if isinstance(answer, Refusal) else (message_id, one, answer)
            for (one, message_id), answer in zip(numbered, admitted, strict=True)
        ]

    def _store(self, admitted: "list[tuple[int, Judged, Admitted]]", now_ns: int) -> "list[Taken]":
        """Make the texts, and what makes them durable."""
        messages = [self._message(*one, now_ns) for one in admitted]
        rows = [_new(InsertMessage, message_row(message)) for message in messages]
        return [
            _new(Taken, (message, (row, *answer.intents), answer.reservation))
            for message, row, (_, _, answer) in zip(messages, rows, admitted, strict=True)
        ]

    def _enforced(self, verdict: Verdict) -> bool:
        mode = self._pipeline.mode(verdict.rule)
        if mode is Mode.SHADOW:
            self._pipeline.shadow(verdict, None)
        return mode is Mode.ENFORCE

    async def settle(self, taken: Sequence["Taken"]) -> None:
        """Store texts in one transaction, all or none, then hand them on."""
        if not taken:
            return
        clock = self._ledger.clock
        intents = [one for each in taken for one in each.intents]
        clock.begin()
        try:
            await self._ledger.database.write(*intents)
        except Exception:
            for each in taken:
                self._give_back(each)
            raise
        finally:
            clock.end()
        self._hand_on(taken)

    def _give_back(self, taken: "Taken") -> None:
        """A text was not stored: its room, and its place in what the filters count."""
        message = taken.message
        self._admission.refund(taken.reservation, self._ledger.clock.now_ns())
        self._pipeline.take_back(message.source, message.destination, message.text, message.created_ns)

    def _hand_on(self, taken: Sequence["Taken"]) -> None:
        self._ledger.accepted([each.message for each in taken])
        self._dispatch.take_all([(each.message, each.reservation) for each in taken])

    def _facts(self, request: OutboundText) -> Judged:
        person = request.person
        source = _source(request)
        destination = normalise(request.destination)
        carrier = self._carrier_of(destination.e164)
        cost, encoding = measure(request.body, self._terms_of(carrier))
        _, body, _, _, has_media, client, app_version, exempt = request
        text = _new(Text, (source, destination, body, cost, has_media, client, app_version, exempt))
        snapshot = self._senders.snapshot(person, source.e164, destination.e164, carrier)
        return _new(Judged, (text, snapshot, carrier, cost, encoding, None))

    def _message(self, message_id: int, judged: Judged, admitted: Admitted, now_ns: int) -> Message:
        text, snapshot, carrier, cost, encoding, shadowed = judged
        source, destination, body, _, _, client, app_version, _ = text
        person, release_ns = snapshot.person, admitted.release_ns
        if admitted.shadowed:
            shadowed = [*(shadowed or ()), *admitted.shadowed]
        return Message(
            message_id,
            _OUTBOUND,
            _QUEUED if release_ns > now_ns else _ACCEPTED,
            source.e164,
            destination.e164,
            body,
            encoding,
            cost,
            carrier,
            now_ns,
            release_ns,
            release_ns + self._validity_ns,
            now_ns,
            person.organization_id if person is not None else None,
            person.id if person is not None else None,
            # Any number will do, as long as two texts under way to one handset differ.
            message_id >> 12 & _REFERENCE_MASK ^ message_id & _REFERENCE_MASK,
            None,
            None,
            self._verdicts.document(shadowed),
            _client(client, app_version) if client or app_version else None,
        )

    def _refused(self, request: OutboundText, refusal: Refusal) -> None:
        person = request.person
        self._ledger.refused(
            MessageRefused(
                refusal.code,
                refusal.blocked_by,
                refusal.http_status,
                person.organization_id if person is not None else None,
                person.id if person is not None else None,
            )
        )


def _go_on(outcomes: list[Any], step: Callable[[list[Any], int], Sequence[Any]], now_ns: int) -> list[Any]:
    """Take those that no step has refused yet through the next one; refusals stay in their places."""
    alive = [one for one in outcomes if one.__class__ is not Refusal]
    results = step(alive, now_ns)
    if len(alive) == len(outcomes):
        return list(results)
    following = iter(results)
    return [one if one.__class__ is Refusal else next(following) for one in outcomes]


def _tell(answer: _Answer, outcome: Message | Refusal) -> None:
    if not answer.done():  # who asked may have gone
        answer.set_result(outcome)


def _fail(answer: _Answer, error: BaseException) -> None:
    if not answer.done():
        answer.set_exception(error)


def refusal_of(verdict: Verdict, retry_after_s: float | None = None) -> Refusal:
    """A rule's verdict in the API's words."""
    return Refusal(
        verdict.code,
        verdict.description,
        verdict.http_status or 422,
        verdict.blocked_by.value,
        retry_after_s,
    )


_known = lru_cache(maxsize=16_384)(normalise)  # those who text are few; whom they text are not


def _source(request: OutboundText) -> NumberInfo:
    if request.source is not None:
        return _known(request.source)
    if request.person is not None and request.person.number is not None:
        return _known(request.person.number)
    return _NO_NUMBER


def _client(kind: ClientKind | None, app_version: AppVersion | None) -> str:
    version = ".".join(map(str, app_version)) if app_version else None
    return json.dumps({"kind": kind.value if kind else None, "version": version})
