"""Opt-out, opt-in and help keywords, and who has opted out of whom (10dlc.md, Opt-out keywords). Pure.

A keyword is the whole message: trimmed, whatever its case. "STOP PLEASE" is not one.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, NamedTuple


class KeywordAction(Enum):
    """What a keyword asks for."""

    OUT = "out"
    IN = "in"
    HELP = "help"


class OptOutScope(Enum):
    """What a STOP ends: texts from this number, from any number of its campaign, or of its brand."""

    NUMBER = "number"
    CAMPAIGN = "campaign"
    BRAND = "brand"


class Keyword(NamedTuple):
    """A recognised keyword and the language it answers in."""

    action: KeywordAction
    language: str


KEYWORDS: Mapping[str, Mapping[KeywordAction, tuple[str, ...]]] = {
    "en": {
        KeywordAction.OUT: (
            "STOP",
            "STOPALL",
            "UNSUBSCRIBE",
            "CANCEL",
            "END",
            "QUIT",
            "REVOKE",
            "OPTOUT",
            "OPT OUT",
        ),
        KeywordAction.IN: ("START", "UNSTOP"),
        KeywordAction.HELP: ("HELP", "INFO"),
    },
    "fr": {
        KeywordAction.OUT: ("ARRET", "ARRÊT"),
        KeywordAction.IN: ("DEBUT", "DÉBUT"),
        KeywordAction.HELP: ("AIDE",),
    },
    "es": {
        KeywordAction.OUT: ("ALTO", "PARAR"),
        KeywordAction.IN: ("INICIAR",),
        KeywordAction.HELP: ("AYUDA",),
    },
}
"""English and the Canadian words are 10dlc.md's; French opt-in and the Spanish words are modelled on them."""

REPLIES: Mapping[str, Mapping[KeywordAction, str]] = {
    "en": {
        KeywordAction.OUT: "{name}: You are unsubscribed and will get no more texts. Reply START to resume.",
        KeywordAction.IN: "{name}: You are subscribed again. Reply STOP to unsubscribe, HELP for help.",
        KeywordAction.HELP: "{name}: For help, call this number. Reply STOP to unsubscribe.",
    },
    "fr": {
        KeywordAction.OUT: "{name} : désabonnement confirmé. Répondez DEBUT pour reprendre les messages.",
        KeywordAction.IN: "{name} : vous êtes de nouveau abonné. Répondez ARRET pour vous désabonner.",
        KeywordAction.HELP: "{name} : pour de l'aide, appelez ce numéro. Répondez ARRET pour arrêter.",
    },
    "es": {
        KeywordAction.OUT: "{name}: baja confirmada, no recibirá más mensajes. Responda INICIAR para volver.",
        KeywordAction.IN: "{name}: está suscrito de nuevo. Responda ALTO para darse de baja.",
        KeywordAction.HELP: "{name}: para ayuda, llame a este número. Responda ALTO para darse de baja.",
    },
}
"""Answers by language; `{name}` is the business identity, never a person's name (webex.md B10)."""


class KeywordTable:
    """The keywords that are listened to, by configured language."""

    def __init__(
        self,
        languages: Sequence[str] = ("en", "fr", "es"),
        extra: Mapping[KeywordAction, tuple[str, ...]] = {},
    ) -> None:
        """Take the words of `languages`, and `extra` ones that answer in the first language.

        Raises:
            KeyError: a language is not known.
        """
        self._keywords: dict[str, Keyword] = {}
        for language in languages:
            for action, words in KEYWORDS[language].items():
                self._listen(action, words, language)
        for action, more in extra.items():
            self._listen(action, more, languages[0])
        self._longest = max(map(len, self._keywords))

    def classify(self, body: str) -> Keyword | None:
        """Return the keyword that `body` is, if it is one."""
        if len(body) > self._longest + 16:
            return None
        return self._keywords.get(_canonical(body))

    def _listen(self, action: KeywordAction, words: Iterable[str], language: str) -> None:
        for word in words:
            self._keywords.setdefault(_canonical(word), Keyword(action, language))


def _canonical(body: str) -> str:
    return unicodedata.normalize("NFC", body.strip()).casefold()


@dataclass(frozen=True, slots=True)
class OptOut:
    """One recipient's standing refusal of texts within a scope."""

    recipient: str
    scope: OptOutScope
    scope_key: str
    """The sending number, campaign id or brand id."""
    since_ns: int
    origin: str
    """`keyword` or `administrator`."""


@dataclass(frozen=True, slots=True)
class RecipientOptedOut:
    """A recipient will get no more texts of a scope."""

    name: ClassVar[str] = "optout.added"
    opt_out: OptOut


@dataclass(frozen=True, slots=True)
class RecipientOptedIn:
    """A recipient takes texts of a scope again."""

    name: ClassVar[str] = "optout.removed"
    opt_out: OptOut


class OptOutList:
    """Who has opted out: one look-up per scope that is in use."""

    def __init__(self, opt_outs: Iterable[OptOut] = ()) -> None:
        self._entries: dict[tuple[str, str], OptOut] = {}
        for entry in opt_outs:
            self.add(entry)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[OptOut]:
        return iter(self._entries.values())

    def contains(self, recipient: str, scope_key: str) -> bool:
        """Return whether `recipient` has opted out of `scope_key`."""
        return (recipient, scope_key) in self._entries

    def contains_any(self, recipient: str, scope_keys: Iterable[str | None]) -> bool:
        """Return whether `recipient` has opted out of any of the number, campaign and brand given."""
        return any((recipient, key) in self._entries for key in scope_keys if key is not None)

    def after(self, moment_ns: int, recipient: str, scope_keys: Iterable[str | None]) -> bool:
        """Return whether `recipient` has opted out of any of them later than at that moment."""
        found = (self._entries.get((recipient, key)) for key in scope_keys if key is not None)
        return any(entry is not None and entry.since_ns > moment_ns for entry in found)

    def find(self, recipient: str, scope_key: str) -> OptOut | None:
        """Return the entry, if there is one."""
        return self._entries.get((recipient, scope_key))

    def add(self, opt_out: OptOut) -> RecipientOptedOut | None:
        """Add an entry; None: it was there before, and stays as it was."""
        key = (opt_out.recipient, opt_out.scope_key)
        if key in self._entries:
            return None
        self._entries[key] = opt_out
        return RecipientOptedOut(opt_out)

    def remove(self, recipient: str, scope_key: str) -> RecipientOptedIn | None:
        """Remove an entry; None: there was none."""
        opt_out = self._entries.pop((recipient, scope_key), None)
        return None if opt_out is None else RecipientOptedIn(opt_out)


class KeywordOutcome(NamedTuple):
    """What a keyword did: the change of the list to make durable, and the answer to send, if any."""

    change: RecipientOptedOut | RecipientOptedIn | None
    reply: str | None


def apply_keyword(
    opt_outs: OptOutList,
    keyword: Keyword,
    *,
    recipient: str,
    scope: OptOutScope,
    scope_key: str,
    business_identity: str,
    now_ns: int,
    replies: Mapping[str, Mapping[KeywordAction, str]] = REPLIES,
) -> KeywordOutcome:
    """Carry a keyword out: change the list, and answer once.

    A STOP from somebody who has already opted out, or a START from somebody who has not, changes nothing and
    is not answered: one confirmation text only.
    """
    reply = replies[keyword.language][keyword.action].format(name=business_identity)
    if keyword.action is KeywordAction.HELP:
        return KeywordOutcome(None, reply)
    change: RecipientOptedOut | RecipientOptedIn | None
    if keyword.action is KeywordAction.OUT:
        change = opt_outs.add(OptOut(recipient, scope, scope_key, now_ns, "keyword"))
    else:
        change = opt_outs.remove(recipient, scope_key)
    return KeywordOutcome(change, None if change is None else reply)


def scope_key(
    scope: OptOutScope, *, number: str, campaign_id: str | None = None, brand_id: str | None = None
) -> tuple[OptOutScope, str]:
    """Return what a STOP to `number` ends; a number in no campaign falls back to itself."""
    if scope is OptOutScope.CAMPAIGN and campaign_id is not None:
        return scope, campaign_id
    if scope is OptOutScope.BRAND and brand_id is not None:
        return scope, brand_id
    return OptOutScope.NUMBER, number
