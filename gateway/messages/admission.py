"""The throttle at intake: one reservation per text over all scopes (architecture section 7)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from gateway.messages.intake import Admitted, Judged, Refusal, refusal_of
from gateway.messages.ledger import Ledger
from gateway.policy import rules
from gateway.policy.pipeline import Judgement, Pipeline
from gateway.policy.verdict import Mode, Verdict
from gateway.registry.model import Campaign
from gateway.runtime.bus import Bus
from gateway.runtime.metrics import Metrics
from gateway.throttle.limiter import Granted, Limiter, Plan, Refused
from gateway.throttle.scopes import CODES, Scope, ScopeKeys
from gateway.throttle.search import delays
from gateway.throttle.store import delete_reservation, insert_reservation

SECOND_NS = 1_000_000_000
_new = tuple.__new__  # without the frame of a named tuple's own: one is made for every text
#: Plans kept at hand: one per (sender, campaign, carrier) that texts.
MAX_PLANS = 100_000

#: Limits at once of which is remembered that they were told.
MAX_TOLD = 10_000


@dataclass(frozen=True, slots=True)
class LimitReached:
    """A limit has no room for a text, which is refused or waits; told once until it has room again."""

    name: ClassVar[str] = "limit.reached"
    scope: str
    key: str
    code: str
    carrier: str
    retry_after_s: float | None
    organization_id: str | None

    def as_payload(self) -> Mapping[str, object]:
        """What streams and webhooks are told: a number or person stays out of it."""
        personal = self.scope in (Scope.NUMBER.value, Scope.PERSON.value)
        return {
            "scope": self.scope,
            "key": None if personal else self.key,
            "code": self.code,
            "carrier": self.carrier,
            "retryAfter": self.retry_after_s,
            "organizationId": self.organization_id,
        }


class Throttle:
    """Asks the limiter and says its answer in intake's words.

    `counts_per_number(campaign, carrier)` tells where a campaign's class is capped per number; `pipeline`
    in which mode each limit's rule is: a limit that is off counts nothing; one in shadow refuses nothing, and
    counts what it would have let pass, so that it watches what enforcing it would do.
    """

    def __init__(
        self,
        limiter: Limiter,
        ledger: Ledger,
        bus: Bus,
        metrics: Metrics,
        counts_per_number: Callable[[Campaign, str], bool],
        pipeline: Pipeline,
    ) -> None:
        self.limiter = limiter
        self._ledger = ledger
        self._bus = bus
        self._counts_per_number = counts_per_number
        self._pipeline = pipeline
        self._modes = {rule.code: pipeline.mode(rule) for rule in rules.THROTTLES}
        self._off = frozenset(scope for scope in Scope if self._modes[CODES[scope]] is Mode.OFF)
        self._lenient = frozenset(code for code, mode in self._modes.items() if mode is not Mode.ENFORCE)
        self._told_until_ns: dict[tuple[Scope, str], int] = {}
        self._plans: dict[tuple[str, str | None, str], Plan] = {}
        decisions = metrics.counter(
            "gateway_throttle_decisions_total", "Reservations asked of the limiter", ("scope", "decision")
        )
        self._granted = decisions.labels("all", "granted")
        self._queued = decisions.labels("all", "queued")
        self._decisions = decisions

    def reserve_all(
        self, numbered: Sequence[tuple[Judged, int]], now_ns: int
    ) -> Sequence[Admitted | Refusal]:
        """Take room for each text (with its id), in order: in every scope, or in none."""
        if self._lenient:  # a text may be asked about again: nobody may be asked about meanwhile
            return [self._reserve(judged, message_id, now_ns) for judged, message_id in numbered]
        plans = [self._plan(judged, now_ns) for judged, _ in numbered]
        reserve = self.limiter.reserve
        answers = [
            reserve(plan, judged.cost, now_ns, judged.text.destination.e164, message_id)
            for plan, (judged, message_id) in zip(plans, numbered, strict=True)
        ]
        for answer in answers:
            if answer.__class__ is not Granted or answer.release_ns > answer.reserved_ns:
                break
        else:  # as nearly always: all may go at once
            self._granted.inc(len(answers))
            return [_admitted(answer, ()) for answer in answers]  # type: ignore[arg-type]
        return [
            self._said(plan, answer, judged, (), now_ns)
            for plan, answer, (judged, _) in zip(plans, answers, numbered, strict=True)
        ]

    def _reserve(self, judged: Judged, message_id: int, now_ns: int) -> Admitted | Refusal:
        """Ask without the scopes whose rule is off or only watched, once they have refused."""
        plan = self._plan(judged, now_ns)
        shadowed: list[Verdict] = []
        while True:
            destination = judged.text.destination.e164
            answer = self.limiter.reserve(plan, judged.cost, now_ns, destination, message_id)
            if isinstance(answer, Granted) or answer.code not in self._lenient:
                return self._said(plan, answer, judged, shadowed, now_ns)
            plan = self._without(plan, answer, shadowed, now_ns)

    def _said(
        self,
        plan: Plan,
        answer: Granted | Refused,
        judged: Judged,
        shadowed: Sequence[Verdict],
        now_ns: int,
    ) -> Admitted | Refusal:
        """Count and tell the limiter's answer."""
        if isinstance(answer, Refused):
            self._decisions.labels(answer.scope.value, answer.code).inc()
            if self._bus.wanted(LimitReached):
                self._tell(plan.keys, answer, judged, now_ns)
            return _refusal(answer, judged.cost)
        if answer.release_ns > answer.reserved_ns:
            self._queued.inc()
            if self._bus.wanted(LimitReached):
                for delay in delays(plan, now_ns):
                    self._tell(plan.keys, delay, judged, now_ns)
        else:
            self._granted.inc()
        return _admitted(answer, shadowed)

    def explain(self, judged: Judged, now_ns: int) -> list[Judgement]:
        """Say what every limit makes of a text, without taking room; one that is off is not asked."""
        plan = self._plan(judged, now_ns)
        asked = self.limiter.ask(plan, judged.cost, now_ns, judged.text.destination.e164)
        full = {refused.code for refused in asked}
        return [
            Judgement(rule, self._modes[rule.code], Verdict(rule) if rule.code in full else None)
            for rule in rules.THROTTLES
        ]

    def refund(self, reservation: object, now_ns: int) -> None:
        """Give the room back: the text did not go."""
        if isinstance(reservation, Granted):
            self.limiter.refund(reservation, now_ns)
            self._ledger.database.write_soon(delete_reservation(reservation))

    def forget(self) -> None:
        """Campaigns or terms have changed: ask anew what each text counts in."""
        self._plans.clear()
        self.limiter.invalidate()

    def _without(self, plan: Plan, refused: Refused, shadowed: list[Verdict], now_ns: int) -> Plan:
        """Return the plan but for the scope that refused, whose rule is off or only watched."""
        if self._modes[refused.code] is Mode.SHADOW:
            self._pipeline.shadow(Verdict(rules.find(refused.code)), shadowed)
        return self.limiter.plan(plan.keys._replace(**{refused.scope.value: None}), now_ns)

    def _tell(self, keys: ScopeKeys, refused: Refused, judged: Judged, now_ns: int) -> None:
        """Say that a limit is reached: once until it has room again, however many texts are refused."""
        key = dict(zip(Scope, keys, strict=True))[refused.scope] or ""
        if self._told_until_ns.get((refused.scope, key), 0) > now_ns:
            return
        if len(self._told_until_ns) >= MAX_TOLD:
            self._told_until_ns.clear()
        if refused.retry_after_ns is not None:
            self._told_until_ns[refused.scope, key] = now_ns + refused.retry_after_ns
        person = judged.snapshot.person
        self._bus.publish(
            LimitReached(
                refused.scope.value,
                key,
                refused.code,
                judged.carrier,
                None if refused.retry_after_ns is None else refused.retry_after_ns / SECOND_NS,
                person.organization_id if person is not None else None,
            )
        )

    def _plan(self, judged: Judged, now_ns: int) -> Plan:
        source = judged.text.source.e164
        campaign = judged.snapshot.campaign
        key = (source, campaign.id if campaign is not None else None, judged.carrier)
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= MAX_PLANS:
                self._plans.clear()
            person, carrier = judged.snapshot.person, judged.carrier
            person_id = organization_id = None
            if person is not None:
                person_id, organization_id = person.id, person.organization_id
            keys = self.keys(source, person_id, organization_id, campaign, carrier)
            plan = self._plans[key] = self.limiter.plan(keys, now_ns)
        return plan

    def keys(
        self,
        source: str,
        person_id: str | None,
        organization_id: str | None,
        campaign: Campaign | None,
        carrier: str,
    ) -> ScopeKeys:
        """Return what a text from `source` to a number of `carrier` counts in."""
        keys = ScopeKeys.of(
            number=source,
            person=person_id,
            campaign=campaign.id if campaign is not None else None,
            brand=campaign.brand_id if campaign is not None else None,
            carrier=carrier,
            organization=organization_id,
            campaign_counts_per_number=campaign is not None and self._counts_per_number(campaign, carrier),
        )
        return keys._replace(**{scope.value: None for scope in self._off}) if self._off else keys


def _admitted(granted: Granted, shadowed: Sequence[Verdict]) -> Admitted:
    return _new(Admitted, (granted.release_ns, (insert_reservation(granted),), granted, shadowed))


def _refusal(answer: Refused, segments: int) -> Refusal:
    rule = rules.find(answer.code)
    if answer.retry_after_ns is None:
        return refusal_of(
            Verdict(rule, f"a text of {segments} segments never fits it: waiting does not help")
        )
    return refusal_of(Verdict(rule), answer.retry_after_ns / SECOND_NS)
