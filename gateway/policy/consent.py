"""Opt-outs and the spam block in force: changed durably, told on the bus, asked without waiting.

With `store` the only modules of the rules that touch a database. A STOP takes effect at once, an end of an
opt-out only when it is durable: nobody is texted unasked. What a keyword changes is stored in the transaction
of the text that brought it, so that the one is never durable without the other.
"""

from collections.abc import Callable

from gateway.directory.directory import Directory
from gateway.directory.model import Organization
from gateway.policy.abuse import SenderUnblocked, SpamBlock, SpamReport
from gateway.policy.optout import (
    Keyword,
    KeywordAction,
    KeywordOutcome,
    KeywordTable,
    OptOut,
    OptOutList,
    OptOutScope,
    RecipientOptedIn,
    RecipientOptedOut,
    apply_keyword,
    scope_key,
)
from gateway.policy.settings import BusinessTextingSettings
from gateway.policy.store import (
    RecordOptOutChange,
    load_opt_outs,
    load_spam_block,
    opt_out_intent,
    spam_intent,
)
from gateway.registry.registry import Registry
from gateway.runtime.bus import Bus
from gateway.runtime.database import Database, DatabaseError
from gateway.runtime.ids import new_id


class Consent:
    """Who may not be texted, and who may not text.

    Args:
        settings: Keywords, the reach of a STOP, when reports block.
        directory: Whose numbers are concerned.
        registry: Their campaigns and brands, for wider reaches.
        database: Where every change is kept.
        bus: Where it is told.
        now_ns: World time.
        on_opt_out: Told the sending number of every new opt-out, for filters that count them.
    """

    def __init__(
        self,
        settings: BusinessTextingSettings,
        *,
        directory: Directory,
        registry: Registry,
        database: Database,
        bus: Bus,
        now_ns: Callable[[], int],
        on_opt_out: Callable[[str, int], None] = lambda _number, _now_ns: None,
    ) -> None:
        self.opt_outs = OptOutList()
        self.spam_block: SpamBlock = settings.spam_block()
        self.now_ns = now_ns
        self.directory = directory
        self._keywords: KeywordTable = settings.opt_out.keyword_table()
        self._replies = settings.opt_out.replies
        self._scope = settings.opt_out.scope
        self._registry = registry
        self._database = database
        self._bus = bus
        self._on_opt_out = on_opt_out
        self._storing: dict[tuple[str, str], tuple[KeywordOutcome, int]] = {}

    async def load(self) -> None:
        """Bring both lists to where they stood."""
        await load_opt_outs(self._database, self.opt_outs)
        await load_spam_block(self._database, self.spam_block)

    def classify(self, body: str) -> Keyword | None:
        """Return the keyword that an inbound text is, if it is one."""
        return self._keywords.classify(body)

    def hear(self, keyword: Keyword, recipient: str, number: str) -> "Heard":
        """Begin to carry out what a recipient wrote to a number.

        A STOP is in force from here on; a START once `Heard.settle` is called. Write `Heard.intents` in the
        transaction of the text that brought the keyword, then settle it, or abandon it where the write
        failed.
        """
        _, key = self.reach(number)
        known = self.opt_outs.find(recipient, key)
        if keyword.action is KeywordAction.IN:
            change = None if known is None else RecipientOptedIn(known)
            return Heard(self, keyword, recipient, number, change)
        outcome = self.apply(keyword, recipient, number)
        if keyword.action is KeywordAction.OUT:
            outcome = self._begin(outcome, (recipient, key))
        return Heard(self, keyword, recipient, number, outcome.change, outcome)

    def _begin(self, outcome: KeywordOutcome, entry: tuple[str, str]) -> KeywordOutcome:
        """A STOP is being stored; one more of the same person meanwhile stores it too: the first may fail."""
        known, texts = self._storing.get(entry, (outcome, 0))
        if outcome.change is not None:
            known, texts = outcome, 0
        if known.change is not None:
            self._storing[entry] = known, texts + 1
        return known

    def stored(self, entry: tuple[str, str]) -> bool:
        """A text that brought this STOP is durable. False: another one was before."""
        return self._storing.pop(entry, None) is not None

    def lost(self, entry: tuple[str, str]) -> None:
        """A text that brought this STOP could not be stored; with the last of them it never came."""
        outcome, texts = self._storing.pop(entry, (None, 0))
        if outcome is None:
            return
        if texts > 1:
            self._storing[entry] = outcome, texts - 1
        else:
            self.opt_outs.remove(*entry)

    def apply(self, keyword: Keyword, recipient: str, number: str) -> KeywordOutcome:
        """Change the list in memory; the answer names the business, never the person (webex.md B10)."""
        scope, key = self.reach(number)
        return apply_keyword(
            self.opt_outs,
            keyword,
            recipient=recipient,
            scope=scope,
            scope_key=key,
            business_identity=self._identity(number),
            now_ns=self.now_ns(),
        )

    def told(self, change: RecipientOptedOut | RecipientOptedIn, number: str) -> None:
        """Tell of a change that is durable."""
        if isinstance(change, RecipientOptedOut):
            self._on_opt_out(number, self.now_ns())
        self._bus.publish(change)

    def answer(self, outcome: KeywordOutcome) -> str | None:
        """Return the text to answer with, if keywords are answered."""
        return outcome.reply if self._replies else None

    async def opt_out(self, recipient: str, number: str, origin: str = "administrator") -> OptOut:
        """Put a recipient on the list; one who is there stays as they were."""
        scope, key = self.reach(number)
        known = self.opt_outs.find(recipient, key)
        if known is not None:
            return known
        entry = OptOut(recipient, scope, key, self.now_ns(), origin)
        change = self.opt_outs.add(entry)
        try:
            await self._database.write(opt_out_intent(RecipientOptedOut(entry), self.now_ns()))
        except DatabaseError:  # asked again, it must not find itself
            self.opt_outs.remove(recipient, key)
            raise
        if change is not None:
            self.told(change, number)
        return entry

    async def opt_in(self, entry: OptOut) -> None:
        """Take a recipient off the list."""
        await self._database.write(opt_out_intent(RecipientOptedIn(entry), self.now_ns()))
        change = self.opt_outs.remove(entry.recipient, entry.scope_key)
        if change is not None:
            self._bus.publish(change)

    async def report(self, sender: str, reporter: str) -> SpamReport:
        """Take a report of spam (webex.md B9)."""
        report = SpamReport(new_id(), sender, reporter, self.now_ns())
        await self._database.write(spam_intent(report, self.now_ns()))
        change = self.spam_block.report(report)
        if change is not None:
            self._bus.publish(change)
        return report

    async def lift(self, sender: str) -> bool:
        """Let a blocked sender text again; False: it is not blocked."""
        if not self.spam_block.is_blocked(sender):
            return False
        await self._database.write(spam_intent(SenderUnblocked(sender), self.now_ns()))
        change = self.spam_block.lift(sender)
        if change is not None:
            self._bus.publish(change)
        return True

    def reach(self, number: str) -> tuple[OptOutScope, str]:
        """Return what a STOP to `number` ends."""
        campaign = self._registry.campaign_of(number)
        return scope_key(
            self._scope,
            number=number,
            campaign_id=campaign.id if campaign else None,
            brand_id=campaign.brand_id if campaign else None,
        )

    def organization_of(self, entry: OptOut) -> str | None:
        """Return the organisation an opt-out is about."""
        if entry.scope is OptOutScope.NUMBER:
            number = self.directory.number(entry.scope_key)
            return number.organization_id if number else None
        campaign = self._registry.campaigns.get(entry.scope_key)
        brand = self._registry.brands.get(campaign.brand_id if campaign else entry.scope_key)
        return brand.organization_id if brand else None

    def _identity(self, number: str) -> str:
        owner = self._owner(number)
        return "" if owner is None else owner.business_identity or owner.name

    def _owner(self, number: str) -> Organization | None:
        held = self.directory.number(number)
        return self.directory.organization(held.organization_id) if held else None


class Heard:
    """A keyword on its way to being durable; made by `Consent.hear`."""

    __slots__ = ("_change", "_consent", "_keyword", "_number", "_outcome", "_recipient", "intents")

    def __init__(
        self,
        consent: Consent,
        keyword: Keyword,
        recipient: str,
        number: str,
        change: RecipientOptedOut | RecipientOptedIn | None,
        outcome: KeywordOutcome | None = None,
    ) -> None:
        self._consent, self._keyword = consent, keyword
        self._recipient, self._number = recipient, number
        self._change, self._outcome = change, outcome
        self.intents: tuple[RecordOptOutChange, ...] = (
            () if change is None else (opt_out_intent(change, consent.now_ns()),)
        )
        """What to write together with the text."""

    def settle(self) -> str | None:
        """The write is durable: return the answer to send, if any."""
        consent, outcome, entry = self._consent, self._outcome, self._opted_out
        if entry is not None and not consent.stored(entry):
            return None
        if outcome is None:
            outcome = consent.apply(self._keyword, self._recipient, self._number)
        if outcome.change is not None:
            consent.told(outcome.change, self._number)
        return consent.answer(outcome)

    def abandon(self) -> None:
        """The write failed: a STOP is as if it had never come. The carrier will send the text again."""
        if self._opted_out is not None:
            self._consent.lost(self._opted_out)

    @property
    def _opted_out(self) -> tuple[str, str] | None:
        """Recipient and scope of the opt-out that this began."""
        if not isinstance(self._change, RecipientOptedOut):
            return None
        return self._change.opt_out.recipient, self._change.opt_out.scope_key
