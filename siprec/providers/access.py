"""Who may do what with a recording (webex.md C4, C5): the product's table, by the caller's relation to it."""

from collections.abc import Mapping
from dataclasses import dataclass

from siprec.providers.model import Action, Filing, Provider, Relation
from siprec.providers.rules import Refusal, refuse

NOTHING: frozenset[Action] = frozenset()
EVERYTHING = frozenset(Action)
QUARANTINE: Mapping[Relation, frozenset[Action]] = {
    Relation.ORGANIZATION: EVERYTHING,
    Relation.PARTNER: EVERYTHING,
}
"""A recording nobody's account takes is for those who can say whose it is."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. organization_id None reaches every organisation.

    provider: the provider the caller is. administers: organisations whose account at a provider the caller
    administers, as (organisation, provider) (C14).
    """

    role: str
    organization_id: str | None = None
    person_id: str | None = None
    provider: str | None = None
    administers: frozenset[tuple[str, str]] = frozenset()

    def reaches(self, organization_id: str | None) -> bool:
        """Whether the caller's token reaches into an organisation; into no organisation only one without."""
        return self.organization_id in (None, organization_id)


def relations(caller: Caller, filing: Filing) -> frozenset[Relation]:
    """How the caller stands to the recording."""
    owner = filing.owner
    found = set()
    if caller.role == "provider":
        return frozenset({Relation.PROVIDER} if caller.provider == owner.provider != "" else ())
    if not caller.reaches(owner.organization_id):
        return frozenset()
    if caller.role == "person" and owner.person_id is not None and caller.person_id == owner.person_id:
        found.add(Relation.PERSON)
    if caller.role == "admin":
        found.add(Relation.ORGANIZATION)
    if caller.role == "partner":
        found.add(Relation.PARTNER)
    if (caller.role == "dubber_admin" and owner.provider == "dubber") or (
        (owner.organization_id, owner.provider) in caller.administers
    ):
        found.add(Relation.ACCOUNT_ADMIN)
    return frozenset(found)


def allowed(caller: Caller, filing: Filing, providers: Mapping[str, Provider]) -> frozenset[Action]:
    """What the caller may do with the recording; nothing means that it does not exist for the caller."""
    grants = _grants(filing, providers)
    return frozenset().union(*(grants.get(each, NOTHING) for each in relations(caller, filing)))


def _grants(filing: Filing, providers: Mapping[str, Provider]) -> Mapping[Relation, frozenset[Action]]:
    if filing.quarantined:
        return QUARANTINE
    provider = providers.get(filing.owner.provider)
    product = provider.products.get(filing.owner.product) if provider else None
    return product.access if product else QUARANTINE


def check_access(
    caller: Caller, filing: Filing, providers: Mapping[str, Provider], action: Action
) -> Refusal | None:
    """Refuse what the caller may not do with a recording it may list (C4, C5)."""
    if action in allowed(caller, filing, providers):
        return None
    provider = providers.get(filing.owner.provider)
    product = provider.products.get(filing.owner.product) if provider else None
    if product is not None and Action.PLAY not in product.access.get(Relation.ORGANIZATION, NOTHING):
        return refuse("recording_private", product.title)
    return refuse("recording_not_yours", action.value)
