"""What a call is made of, and what the call control needs of the world around it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from siprec import sdp
from siprec.callcontrol.recording import RecordingControl, Told
from siprec.callcontrol.subscribers import Subscriber
from siprec.phones.document import Party, RecordedCall
from siprec.phones.softkeys import RecordStatus
from siprec.sip import Dialog
from siprec.sip.client_transactions import ClientTransaction
from siprec.sip.server_transactions import ServerTransaction

MAILBOX = 0
"""The leg of a voice mailbox: it has no phone."""


class Media(Protocol):
    """The sound of one call (`siprec.callcontrol.media.CallMedia`)."""

    def open(self, leg: int) -> tuple[str, int]:
        """Our end of a leg."""

    def aim(self, leg: int, codec: sdp.Codec, remote: tuple[str, int] | None) -> None:
        """The leg is in the mix, and hears it there."""

    def play(self, name: str, *, forked: bool = False) -> None:
        """Play a prompt to every party."""

    def hold(self, leg: int, held: bool) -> None:
        """A party put the call on hold, or took it back."""

    def delay(self, milliseconds: int) -> None:
        """Let no voice pass for a while."""

    def record_message(self, leg: int) -> None:
        """Keep what the leg says from now on."""

    def close(self, leg: int) -> None:
        """A leg is over."""

    def end(self) -> None:
        """The call is over."""


class Fork(Protocol):
    """A recording session under way."""

    def pause(self, told: Told | None) -> None:
        """Pause, then tell."""

    def resume(self, told: Told | None) -> None:
        """Tell, then resume."""

    def report(self, told: Told) -> None:
        """Tell."""

    def hold(self, held: bool) -> None:
        """The call is on hold, or taken back."""

    def transfer(self, other: Party) -> None:
        """Another party took the other's place."""

    def conference(self, joined: tuple[Party, ...]) -> None:
        """These are in the call as well."""

    def stop(self, told: Told | None, kept: bool) -> None:
        """Tell, then end."""


class World(Protocol):
    """What the call control asks for: sound, forks, the world's time."""

    def media(self, call: "Call", on_played: Callable[[str], None]) -> Media:
        """The sound of a new call."""

    def take_over(self, leg: int, source: Media, target: Media) -> None:
        """Move a leg from one call to another."""

    def fork(self, user: "RecordedUser", call: RecordedCall, told: Told | None) -> Fork:
        """Fork the leg of a user; the outcome comes by `CallControl.fork_started` and `fork_failed`."""

    def now(self) -> float:
        """Wire time."""

    def now_ns(self) -> int:
        """World time."""


@dataclass(eq=False, slots=True)
class Leg:
    """One phone in a call. `user` is None for the outside; `described` our last SDP towards it."""

    id: int
    call: "Call"
    party: Party
    user: Subscriber | None
    local: tuple[str, int]
    dialog: Dialog | None = None
    invite_in: ServerTransaction | None = None
    invite_out: ClientTransaction | None = None
    offer: sdp.SessionDescription | None = None
    stream: sdp.Stream | None = None
    described: sdp.SessionDescription | None = None
    up: bool = False
    held: bool = False
    record_aware: bool = False
    shown: RecordStatus | None = RecordStatus.OFF
    """What our last description said; None: it did not arrive."""
    busy: bool = False
    """A re-INVITE of its own is being answered: the answer will show what there is to show."""
    transfer: "Transfer | None" = None


@dataclass(eq=False, slots=True)
class Transfer:
    """A REFER under way: who asked, and in which dialog the outcome is told (RFC 3515)."""

    referrer: Leg
    dialog: Dialog
    refer_cseq: int


@dataclass(eq=False, slots=True)
class RecordedUser:
    """A user of a call whose recording settings decide, and the fork that follows."""

    user: Subscriber
    leg_id: int
    call: "Call"
    control: RecordingControl
    outgoing: bool
    other: Party
    joined: tuple[Party, ...] = ()
    """Whoever else is in the call."""
    fork: Fork | None = None


@dataclass(frozen=True, slots=True)
class Happened:
    """A line of a call's log. at_ns: world time. what: `played`, `told`, `pressed`, `record`, `joined` …"""

    at_ns: int
    what: str
    who: str = ""
    detail: str = ""


@dataclass(eq=False, slots=True)
class Call:
    """A call: legs, their sound, and who of them is recorded."""

    id: int
    began_ns: int = 0
    sip_call_id: str = ""
    """Of the INVITE it began with."""
    media: Media | None = None
    legs: list[Leg] = field(default_factory=list)
    recorded: list[RecordedUser] = field(default_factory=list)
    connected: bool = False
    ended: bool = False
    target: str = ""
    mailbox: Subscriber | None = None
    message_of: Party | None = None
    """Who talks to the mailbox."""
    ring_until: float | None = None
    ringing: bool = False
    last_status: int = 480
    log: list[Happened] = field(default_factory=list)

    @property
    def sound(self) -> Media:
        """The call's sound."""
        assert self.media is not None  # noqa: S101 - given before the first leg
        return self.media

    @property
    def up(self) -> list[Leg]:
        """Legs that talk."""
        return [leg for leg in self.legs if leg.up]

    @property
    def pending(self) -> list[Leg]:
        """Legs that are rung."""
        return [leg for leg in self.legs if leg.invite_out is not None and not leg.up]

    @property
    def caller(self) -> Leg | None:
        """The leg whose INVITE we have not answered."""
        return next((leg for leg in self.legs if leg.invite_in is not None), None)

    def others(self, leg: Leg) -> list[Leg]:
        """Who else talks."""
        return [each for each in self.up if each is not leg]
