"""The rules in order: the first refusal stops, `explain` gives every verdict.

The order is the table's: who the sender is, then the registration, then the text, then the filters of the
hops it passes on its way to the carrier.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from gateway.policy import content, entitlement, registration, rules
from gateway.policy.filters import FilterChain, Hit, fold
from gateway.policy.numbers import NumberInfo
from gateway.policy.rules import FACTS_IN_FORCE, FILTERS, RULES, TRIAL, Revision, in_force
from gateway.policy.snapshot import DEFAULT_TERMS, PolicyTerms, Snapshot, Text
from gateway.policy.verdict import BlockedBy, Mode, Rule, Verdict

Check = Callable[[Text, Snapshot, int], Verdict | None]
"""One rule: the text, the facts, world time in nanoseconds; None or the refusal."""

_OPTED_OUT = Verdict(rules.RECIPIENT_OPTED_OUT)
_REPORTED = Verdict(rules.SPAM_BLOCKED, "the sender is reported as spam", cause="spam")


def recipient_opted_in(text: Text, snapshot: Snapshot, _now_ns: int) -> Verdict | None:
    """The recipient has not opted out; the confirmation of an opt-out is exempt."""
    return _OPTED_OUT if snapshot.opted_out and not text.opt_out_exempt else None


def sender_not_reported(_text: Text, snapshot: Snapshot, _now_ns: int) -> Verdict | None:
    """B9: the sender is not on the gateway's own spam block."""
    return _REPORTED if snapshot.spam_reported else None


OUTBOUND: tuple[tuple[Rule, Check], ...] = (
    (rules.MALFORMED, content.well_formed),
    (rules.ORGANIZATION_NOT_ELIGIBLE, entitlement.organization_eligible),
    (rules.ADDON_MISSING, entitlement.addon_bought),
    (rules.LOCATION_NOT_CISCO_PSTN, entitlement.location_cisco_pstn),
    (rules.NO_PRIMARY_NUMBER, entitlement.primary_number),
    (rules.APP_TOO_OLD, entitlement.app_version),
    (rules.TEXTING_DISABLED, entitlement.texting_on),
    (rules.DESKTOP_ONLY, entitlement.desktop_client),
    (rules.NUMBER_NOT_AUTHORIZED, registration.number_authorized),
    (rules.NUMBER_NOT_IN_CAMPAIGN, registration.number_in_campaign),
    (rules.CAMPAIGN_NOT_ACTIVE, registration.campaign_active),
    (rules.MMS_NOT_SUPPORTED, content.no_mms),
    (rules.DESTINATION_INVALID, content.destination_valid),
    (rules.INTERNATIONAL_NOT_SUPPORTED, content.domestic),
    (rules.EMOJI_NOT_SUPPORTED, content.no_emoji),
    (rules.MESSAGE_TOO_LONG, content.short_enough),
    (rules.RECIPIENT_OPTED_OUT, recipient_opted_in),
    (rules.SPAM_BLOCKED, sender_not_reported),
)
"""Checks of an outbound text, in the order of the table; CONTENT_BLOCKED is the hops' own."""

OF_THE_SENDER: frozenset[Check] = frozenset(
    {
        entitlement.organization_eligible,
        entitlement.addon_bought,
        entitlement.location_cisco_pstn,
        entitlement.primary_number,
        entitlement.app_version,
        entitlement.texting_on,
        entitlement.desktop_client,
        registration.number_authorized,
        registration.number_in_campaign,
        registration.campaign_active,
        sender_not_reported,
    }
)
"""Checks that see of a text only its source and what it claims of its client, and never the time."""

MAX_CLEARED = 32_768
"""Senders' facts of which is remembered that they passed those checks."""

INBOUND: tuple[tuple[Rule, Check], ...] = (
    (rules.MALFORMED_INBOUND, content.well_formed_inbound),
    (rules.MMS_NOT_SUPPORTED_INBOUND, content.no_mms_inbound),
    (rules.INTERNATIONAL_NOT_SUPPORTED_INBOUND, content.domestic_inbound),
    (rules.EMOJI_NOT_SUPPORTED_INBOUND, content.no_emoji_inbound),
    (rules.RECIPIENT_UNKNOWN, entitlement.recipient_known),
    (rules.RECIPIENT_TEXTING_DISABLED, entitlement.recipient_texting_on),
)


class Hop(NamedTuple):
    """A place on the way that may block at its own discretion (B5)."""

    party: BlockedBy
    chain: FilterChain


class Judgement(NamedTuple):
    """What `explain` says of one rule; `verdict` None: the text passes it."""

    rule: Rule
    mode: Mode
    verdict: Verdict | None


class Pipeline:
    """The rules of one configuration, compiled: checks that are off are not called at all.

    Args:
        revision: Which revision of the product's description is in force (webex.md, table after B10).
        modes: Mode by code; unlisted codes are enforced. Rules that are not switchable ignore it.
        terms: Settings the checks compare with; give `pipeline.terms` to every snapshot.
        hops: Discretionary filters, in the order a text meets them.
        on_shadow: Told every verdict of a rule in shadow mode.
    """

    def __init__(
        self,
        *,
        revision: Revision = Revision.T4,
        modes: Mapping[str, Mode] = {},
        terms: PolicyTerms = DEFAULT_TERMS,
        hops: Sequence[Hop] = (),
        on_shadow: Callable[[Verdict], None] | None = None,
    ) -> None:
        self.revision = revision
        self.terms = terms._replace(trial_eligible=TRIAL not in FACTS_IN_FORCE[revision])
        self._modes = dict(modes)
        self._on_shadow = on_shadow
        self._outbound = self._compile(OUTBOUND)
        self._of_sender = tuple(check for check, _ in self._outbound if check in OF_THE_SENDER)
        self._of_text = tuple(check for check, _ in self._outbound if check not in OF_THE_SENDER)
        # by the snapshot's id, which is its own as long as it is kept here
        self._cleared: dict[int, tuple[Snapshot, NumberInfo]] = {}
        self._inbound = self._compile(INBOUND)
        self.hops = tuple(hop for hop in hops if hop.chain) if FILTERS in FACTS_IN_FORCE[revision] else ()
        """The parties' filters; none where the revision does not state B5, whatever their cause."""
        self.shadowing = any(self.mode(rule) is Mode.SHADOW for rule in RULES)
        """Whether any rule is in shadow mode."""
        self._folding = any(hop.chain.folding for hop in self.hops)

    @property
    def modes(self) -> Mapping[str, Mode]:
        """The modes that were set, by code."""
        return self._modes

    def mode(self, rule: Rule) -> Mode:
        """Return how the rule is applied; OFF too where the revision does not state it."""
        if not in_force(rule, self.revision):
            return Mode.OFF
        return self._modes.get(rule.code, Mode.ENFORCE) if rule.switchable else Mode.ENFORCE

    def check_outbound(
        self, text: Text, snapshot: Snapshot, now_ns: int, shadowed: list[Verdict] | None = None
    ) -> Verdict | None:
        """Return the first refusal of an outbound text, or None; counts it in the hops' filters.

        What rules in shadow mode would have refused is added to `shadowed`. Filters look for improper use by
        a sender: they are not shown the gateway's own answers to STOP, START and HELP.
        """
        return self.check_outbound_all([(text, snapshot)], now_ns, [shadowed])[0]

    def check_outbound_all(
        self,
        asked: Sequence[tuple[Text, Snapshot]],
        now_ns: int,
        shadowed: Sequence[list[Verdict] | None],
    ) -> list[Verdict | None]:
        """As `check_outbound` for each, in order.

        It goes rule by rule over all texts, not text by text over all rules: code that runs a hundred times
        in a row stays at hand in the processor, which halves what a text costs.
        """
        suspects = self._suspect_senders(asked, now_ns)
        for check in self._of_text:
            found = [check(text, snapshot, now_ns) for text, snapshot in asked]
            if found.count(None) < len(found):
                suspects.update(place for place, verdict in enumerate(found) if verdict is not None)
        verdicts: list[Verdict | None] = [None] * len(asked)
        for place in suspects:
            text, snapshot = asked[place]
            verdicts[place] = self._first_refusal(self._outbound, text, snapshot, now_ns, shadowed[place])
        if not self.hops:
            return verdicts
        alive = [
            place
            for place, verdict in enumerate(verdicts)
            if verdict is None and not asked[place][0].opt_out_exempt
        ]
        texts, notes = [asked[place][0] for place in alive], [shadowed[place] for place in alive]
        for place, verdict in zip(alive, self._pass_hops(texts, now_ns, notes), strict=True):
            verdicts[place] = verdict
        return verdicts

    def _suspect_senders(self, asked: Sequence[tuple[Text, Snapshot]], now_ns: int) -> set[int]:
        """The places of texts that a check of the sender has something against.

        The facts of a sender who passed them all are remembered: until they change there is nothing to ask.
        """
        cleared = self._cleared
        unknown = [
            place
            for place, (text, snapshot) in enumerate(asked)
            if (known := cleared.get(id(snapshot))) is None
            or known[1] is not text.source
            or text.client is not None
            or text.app_version is not None
        ]
        suspects: set[int] = set()
        if not unknown:
            return suspects
        for check in self._of_sender:
            suspects.update(place for place in unknown if check(*asked[place], now_ns) is not None)
        if len(cleared) + len(unknown) > MAX_CLEARED:
            cleared.clear()
        for place in unknown:
            text, snapshot = asked[place]
            if place not in suspects and text.client is None and text.app_version is None:
                cleared[id(snapshot)] = snapshot, text.source
        return suspects

    def take_back(self, source: str, destination: str, body: str, now_ns: int) -> None:
        """Forget in the hops' filters a text that passed them and was refused afterwards, by a limit say.

        `now_ns` is the moment it was checked at.
        """
        for hop in self.hops:
            hop.chain.take_back(source, destination, body, now_ns)

    def check_inbound(
        self, text: Text, snapshot: Snapshot, now_ns: int, shadowed: list[Verdict] | None = None
    ) -> Verdict | None:
        """Return the first refusal of an inbound text, or None; see `check_outbound`."""
        return self._first_refusal(self._inbound, text, snapshot, now_ns, shadowed)

    def explain_outbound(self, text: Text, snapshot: Snapshot, now_ns: int) -> list[Judgement]:
        """Return the judgement of every outbound rule, refused or not, whatever its mode; counts nothing."""
        judgements = [
            Judgement(rule, self.mode(rule), check(text, snapshot, now_ns)) for rule, check in OUTBOUND
        ]
        for hop in self.hops:
            hit = hop.chain.peek(text.source.e164, text.destination.e164, text.body, now_ns)
            verdict = None if hit is None else _by_hop(hop, hit)
            rule = rules.CONTENT_BLOCKED if verdict is None else verdict.rule
            judgements.append(Judgement(rule, self.mode(rule), verdict))
        return judgements

    def explain_inbound(self, text: Text, snapshot: Snapshot, now_ns: int) -> list[Judgement]:
        """Return the judgement of every inbound rule, refused or not, whatever its mode."""
        return [Judgement(rule, self.mode(rule), check(text, snapshot, now_ns)) for rule, check in INBOUND]

    def record_opt_out(self, source: str, now_ns: int) -> None:
        """Tell the hops' filters that a recipient of `source` has opted out."""
        for hop in self.hops:
            hop.chain.record_opt_out(source, now_ns)

    def _compile(self, table: tuple[tuple[Rule, Check], ...]) -> tuple[tuple[Check, bool], ...]:
        return tuple(
            (check, self.mode(rule) is Mode.ENFORCE)
            for rule, check in table
            if self.mode(rule) is not Mode.OFF
        )

    def _first_refusal(
        self,
        steps: tuple[tuple[Check, bool], ...],
        text: Text,
        snapshot: Snapshot,
        now_ns: int,
        shadowed: list[Verdict] | None,
    ) -> Verdict | None:
        for check, enforced in steps:
            verdict = check(text, snapshot, now_ns)
            if verdict is not None:
                if enforced:
                    return verdict
                self.shadow(verdict, shadowed)
        return None

    def _pass_hops(
        self, texts: Sequence[Text], now_ns: int, shadowed: Sequence[list[Verdict] | None]
    ) -> list[Verdict | None]:
        """Show texts to one hop after the other, each until one refuses it."""
        verdicts: list[Verdict | None] = [None] * len(texts)
        folding = self._folding
        alive: Sequence[int] = range(len(texts))
        asked = [
            (text.source.e164, text.destination.e164, text.body, fold(text.body) if folding else [])
            for text in texts
        ]
        for hop in self.hops:
            hits = hop.chain.judge_all(asked, now_ns)
            if hits.count(None) == len(hits):
                continue
            for place, hit in zip(alive, hits, strict=True):
                if hit is not None:
                    verdict = _by_hop(hop, hit)
                    if self._refuses(verdict, shadowed[place]):
                        verdicts[place] = verdict
            asked = [one for place, one in zip(alive, asked, strict=True) if verdicts[place] is None]
            alive = [place for place in alive if verdicts[place] is None]
        return verdicts

    def _refuses(self, verdict: Verdict, shadowed: list[Verdict] | None) -> bool:
        mode = self.mode(verdict.rule)
        if mode is Mode.SHADOW:
            self.shadow(verdict, shadowed)
        return mode is Mode.ENFORCE

    def shadow(self, verdict: Verdict, shadowed: list[Verdict] | None) -> None:
        """Count a verdict that refuses nothing."""
        if shadowed is not None:
            shadowed.append(verdict)
        if self._on_shadow is not None:
            self._on_shadow(verdict)


def _by_hop(hop: Hop, hit: Hit) -> Verdict:
    rule = rules.SPAM_BLOCKED if hit.cause == "spam" else rules.CONTENT_BLOCKED
    return Verdict(rule, f"{hit.cause}: {hit.detail}", hit.cause, hop.party)
