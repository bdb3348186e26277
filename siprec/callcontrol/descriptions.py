"""Session descriptions between the call control and phones, with what `a=record` is to show."""

from collections.abc import Callable

from siprec import sdp
from siprec.callcontrol.call import Leg
from siprec.phones.softkeys import RecordStatus
from siprec.sip import Request, Response


class Descriptions:
    """Offers and answers for legs. codecs: best first. status: what a leg's phone is to show."""

    def __init__(self, codecs: tuple[str, ...], status: Callable[[Leg], RecordStatus]) -> None:
        self._codecs = codecs
        self._status = status

    def negotiate(self, theirs: sdp.SessionDescription | None) -> sdp.Stream | None:
        """The first stream both sides can speak, None where there is none."""
        if theirs is None:
            return None
        streams = sdp.negotiate(theirs, codecs=self._codecs, srtp=False)
        return next((stream for stream in streams if stream.accepted), None)

    def offer(self, leg: Leg) -> sdp.SessionDescription:
        """Our offer to a leg, with what it is to show; the version grows with each change."""
        address, port = leg.local
        status = self._status(leg)
        leg.shown = status
        outgoing = sdp.Outgoing(
            port=port,
            codecs=sdp.codecs_named(*self._codecs, "telephone-event"),
            direction=sdp.Direction.SENDRECV,
            record=status.value if leg.record_aware else None,
        )
        fresh = sdp.offer([outgoing], address=address, session_id=leg.id, username="callcontrol")
        leg.described = sdp.with_next_version(leg.described, fresh)
        return leg.described

    def answer(self, leg: Leg) -> sdp.SessionDescription:
        """Our answer to a leg's last offer."""
        assert leg.offer is not None  # noqa: S101 - a leg that asks has offered
        streams = sdp.negotiate(leg.offer, codecs=self._codecs, srtp=False)
        address, port = leg.local
        chosen = next(stream.index for stream in streams if stream.accepted)
        ends = [sdp.Local(address, port) if stream.index == chosen else None for stream in streams]
        status = self._status(leg)
        leg.shown = status
        fresh = sdp.answer(
            leg.offer,
            streams,
            ends,
            session_id=leg.id,
            username="callcontrol",
            sends=True,
            record=status.value if leg.record_aware else None,
        )
        leg.described = sdp.with_next_version(leg.described, fresh)
        return leg.described


def read_description(message: Request | Response) -> sdp.SessionDescription | None:
    """The SDP a message carries, None where it carries none that can be read."""
    content_type = message.headers.get("content-type") or ""
    if content_type.partition(";")[0].strip().lower() != sdp.CONTENT_TYPE:
        return None
    try:
        return sdp.parse(message.body)
    except sdp.SdpError:
        return None
