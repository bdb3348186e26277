"""The facts about a sender are remembered until one of them changes, and never longer."""

from dataclasses import replace
from typing import Any

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.directory import Directory, Location, Number, Organization, Person
from gateway.messages import senders
from gateway.messages.senders import Senders
from gateway.policy.abuse import SpamBlock, SpamReport
from gateway.policy.optout import OptOut, OptOutList, OptOutScope
from gateway.policy.snapshot import DEFAULT_TERMS
from gateway.registry import Brand, Campaign, CampaignStatus, Registry
from gateway.registry.model import IdentityStatus

TNS = ("+12025550100", "+12025550101")
PEOPLE = ("alice", "bob")
CARRIERS = ("att", "bell")
HANDSETS = ("+13105550120", "+13105550121")
STATUSES = (CampaignStatus.CONFIRMED, CampaignStatus.SUSPENDED)


class SendersMachine(RuleBasedStateMachine):
    """Administrators change what they like; whoever asks anew finds what was remembered."""

    @initialize()
    def begin(self) -> None:
        self.directory = Directory(
            [
                Organization("acme", "Acme"),
                Location("washington", "acme", "Washington"),
                *(Number(tn, "acme", "washington") for tn in TNS),
                *(
                    Person(name, "acme", "washington", name, number=tn)
                    for name, tn in zip(PEOPLE, TNS, strict=True)
                ),
            ]
        )
        self.registry = Registry()
        self.registry.put_brand(Brand("b", "acme", "Acme"))
        self.registry.put_campaign(Campaign("c", "b", "UCAAS_LOW"))
        self.opt_outs, self.spam = OptOutList(), SpamBlock(threshold=1)
        self.kept = self.senders()
        self.reports = 0

    def senders(self) -> Senders:
        return Senders(
            self.directory,
            self.registry,
            self.opt_outs,
            self.spam,
            DEFAULT_TERMS,
            lambda carrier: carrier if carrier == "att" else None,
        )

    @rule(changed=st.sampled_from(["texting_addon", "hipaa"]), value=st.booleans())
    def change_organization(self, changed: str, value: bool) -> None:
        self.directory.put(replace(self.directory.organizations["acme"], **{changed: value}))

    @rule(value=st.booleans())
    def change_location(self, value: bool) -> None:
        self.directory.put(replace(self.directory.locations["washington"], cisco_pstn=value))

    @rule(tn=st.sampled_from(TNS), value=st.booleans())
    def change_number(self, tn: str, value: bool) -> None:
        self.directory.put(replace(self.directory.numbers[tn], authorized=value))

    @rule(name=st.sampled_from(PEOPLE), value=st.sampled_from([True, False, None]))
    def change_person(self, name: str, value: bool | None) -> None:
        if name in self.directory.people:
            self.directory.put(replace(self.directory.people[name], texting_override=value))

    @rule(name=st.sampled_from(PEOPLE), tn=st.sampled_from(TNS))
    def hire_or_fire(self, name: str, tn: str) -> None:
        if name in self.directory.people:
            self.directory.remove_person(name)
        elif self.directory.person_by_number(tn) is None:
            self.directory.put(Person(name, "acme", "washington", name, number=tn))

    @rule(tn=st.sampled_from(TNS))
    def assign_or_release(self, tn: str) -> None:
        if self.registry.release(tn) is None:
            self.registry.put_campaign(replace(self.registry.campaigns["c"], status=STATUSES[0]))
            self.registry.assign(tn, "c")

    @rule(status=st.sampled_from(STATUSES))
    def change_campaign(self, status: CampaignStatus) -> None:
        self.registry.put_campaign(replace(self.registry.campaigns["c"], status=status))

    @rule(identity=st.sampled_from(list(IdentityStatus)))
    def change_brand(self, identity: IdentityStatus) -> None:
        self.registry.put_brand(replace(self.registry.brands["b"], identity=identity))

    @rule(tn=st.sampled_from(TNS))
    def report_or_lift(self, tn: str) -> None:
        self.reports += 1
        if self.spam.lift(tn) is None:
            self.spam.report(SpamReport(self.reports, tn, "somebody", self.reports))

    @rule(tn=st.sampled_from(TNS), handset=st.sampled_from(HANDSETS))
    def opt_out_or_in(self, tn: str, handset: str) -> None:
        if self.opt_outs.remove(handset, tn) is None:
            self.opt_outs.add(opt_out(handset, tn))

    @invariant()
    def what_is_remembered_is_so(self) -> None:
        if not hasattr(self, "kept"):
            return
        fresh = self.senders()
        for tn in TNS:
            person = self.directory.person_by_number(tn)
            for carrier in CARRIERS:
                for handset in HANDSETS:
                    asked: Any = (person, tn, handset, carrier)
                    assert self.kept.snapshot(*asked) == fresh.snapshot(*asked)


def opt_out(handset: str, tn: str) -> OptOut:
    return OptOut(handset, OptOutScope.NUMBER, tn, 1, "keyword")


SendersMachine.TestCase.settings = hypothesis_settings(max_examples=30, stateful_step_count=25, deadline=None)
TestSendersMachine = SendersMachine.TestCase


def test_it_is_the_same_snapshot_until_something_changes() -> None:
    machine = SendersMachine()
    machine.begin()
    alice = machine.directory.people["alice"]
    first = machine.kept.snapshot(alice, TNS[0], HANDSETS[0], "att")
    assert machine.kept.snapshot(alice, TNS[0], HANDSETS[1], "att") is first
    machine.change_person("bob", True)
    assert machine.kept.snapshot(alice, TNS[0], HANDSETS[0], "att") is not first


def test_senders_beyond_bounds_make_room(monkeypatch: Any) -> None:
    monkeypatch.setattr(senders, "MAX_KNOWN", 2)
    machine = SendersMachine()
    machine.begin()
    for carrier in ("a", "b", "c", "d"):
        machine.kept.snapshot(machine.directory.people["alice"], TNS[0], HANDSETS[0], carrier)
        assert len(machine.kept._known) <= 2
