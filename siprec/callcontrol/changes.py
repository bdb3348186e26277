"""What happens in a call that talks: hold, softkeys, transfer (RFC 3515, RFC 5589), conference, hanging up.

A conference is asked for by a REFER to `sip:conference@…` with Replaces (RFC 3891) naming the other call: as
modelled, no standard has it.
"""

from siprec import sdp
from siprec.callcontrol.addressing import refer_target
from siprec.callcontrol.call import Leg, Transfer
from siprec.callcontrol.descriptions import read_description
from siprec.callcontrol.ringing import Ringing
from siprec.sip import Response
from siprec.sip.server_transactions import ServerTransaction

CONFERENCE = "conference"


class Changes(Ringing):
    """Changes of calls."""

    def _changed(self, transaction: ServerTransaction, leg: Leg, now: float) -> None:
        """A re-INVITE: hold, a softkey, a new address. A body without a usable offer gets 488."""
        request, call = transaction.request, leg.call
        offer = read_description(request)
        if offer is None and request.method == "INVITE" and not request.body:
            offer = leg.offer
        stream = self._descriptions.negotiate(offer)
        if offer is None or stream is None or stream.codec is None:
            self._endpoint.respond(transaction, 488, now=now)
            return
        leg.offer, leg.stream, leg.busy = offer, stream, True
        call.sound.aim(leg.id, stream.codec, stream.remote)
        preference = offer.media[stream.index].record_preference
        if preference is not None and leg.user is not None:
            self._recorded.press(call, leg.user.address, preference, now)
        self._hold(leg, not offer.direction_of(stream.index).receives or stream.remote is None, now)
        leg.busy = False
        self._endpoint.respond(
            transaction,
            200,
            body=self._descriptions.answer(leg).encode(),
            content_type=sdp.CONTENT_TYPE,
            now=now,
        )

    def _reinvite_answered(self, leg: Leg, response: Response, now: float) -> None:
        if response.status == 491:
            leg.shown = None
            self._later(leg, now)
            return
        stream = self._descriptions.negotiate(read_description(response)) if response.status < 300 else None
        if stream is not None and stream.codec is not None:
            leg.stream = stream
            leg.call.sound.aim(leg.id, stream.codec, stream.remote)
        self._show(leg.call, now)

    def _referred(self, transaction: ServerTransaction, leg: Leg, now: float) -> None:
        """REFER: to a number (blind), to a call by Replaces (attended), to the conference."""
        request, call = transaction.request, leg.call
        target, replaces = refer_target(request)
        dialog = leg.dialog
        if target is None or dialog is None:
            self._endpoint.respond(transaction, 400, now=now)
            return
        consulted = self._leg_of(replaces) if replaces is not None else None
        if replaces is not None and (consulted is None or consulted.call is call):
            # Not 481: that would end the dialog in which we were asked (RFC 5057 §5.1).
            self._endpoint.respond(transaction, 404, now=now)
            return
        self._endpoint.respond(transaction, 202, now=now)
        transfer = Transfer(leg, dialog, request.cseq.number)
        if consulted is None:
            self._notify(transfer, 100, now)
            self._log(call, "transfer", leg.party.aor, target)
            self._ring(call, target, now, transfer)
        else:
            self._join_calls(transfer, consulted, now, stays=target == CONFERENCE)

    def _leg_of(self, replaces: tuple[str, str, str]) -> Leg | None:
        """The leg whose dialog Replaces names; its tags may be seen from either side."""
        call_id, to_tag, from_tag = replaces
        for dialog, leg in self._dialogs.items():
            if dialog.call_id == call_id and {dialog.local_tag, dialog.remote_tag} == {to_tag, from_tag}:
                return leg
        return None

    def _join_calls(self, transfer: Transfer, consulted: Leg, now: float, *, stays: bool) -> None:
        """The parties of the consultation come into the first call; the referrer stays, or leaves."""
        call, other = transfer.referrer.call, consulted.call
        for leg in other.others(consulted):
            other.legs.remove(leg)
            leg.call = call
            call.legs.append(leg)
            self._world.take_over(leg.id, other.sound, call.sound)
            self._recorded.move(leg, other, call)
            self._log(other, "moved", leg.party.aor, str(call.id))
            self._log(call, "joined", leg.party.aor)
        self._notify(transfer, 200, now)
        self._leave(consulted, now)
        self._end(other, now)
        if transfer.referrer.held:
            self._hold(transfer.referrer, False, now)
        if not stays:
            self._leave(transfer.referrer, now)
        self._recorded.partners(call)
        self._log(call, "conference" if stays else "transfer", transfer.referrer.party.aor)
        self._show(call, now)

    def _leg_over(self, leg: Leg, now: float) -> None:
        """A phone hung up: the call ends unless others can go on."""
        call = leg.call
        held = leg.held
        self._forget(leg, now)
        if call.ended:
            return
        if call.pending or len(call.up) >= 2:
            if held:
                self._recorded.held(call, any(each.held for each in call.up))
            self._recorded.partners(call)
            self._show(call, now)
            return
        self._end(call, now)
