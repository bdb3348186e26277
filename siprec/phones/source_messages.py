"""What a recording client's requests carry: From, headers, bodies, an SDP whose version grows. Pure."""

import random
from collections.abc import Callable, Sequence
from uuid import UUID

from siprec import sdp
from siprec.metadata import Dialect, Metadata
from siprec.phones.document import RecordedCall
from siprec.phones.forking import FIRST_BROADWORKS_CSEQ, LocalStream, SourcePlan, body_of, describe
from siprec.sip.errors import UriError
from siprec.sip.uri import parse_uri


class SourceMessages:
    """The words of one forked call, in the dialect of its plan."""

    def __init__(
        self,
        plan: SourcePlan,
        streams: Sequence[LocalStream],
        new_uuid: Callable[[], UUID],
        rng: random.Random,
    ) -> None:
        self._plan = plan
        self._streams = tuple(streams)
        self._new_uuid = new_uuid
        self._random = rng
        self._sdp_id = rng.getrandbits(31)
        self._sdp: sdp.SessionDescription | None = None

    @property
    def is_broadworks(self) -> bool:
        """Whether this is the dialect Webex Calling speaks."""
        return self._plan.dialect is Dialect.BROADWORKS

    def begin(self) -> None:
        """Another server is asked: versions are counted anew."""
        self._sdp = None

    def first_cseq(self) -> int:
        """The number of the first request."""
        return FIRST_BROADWORKS_CSEQ + self._random.randrange(10**6) if self.is_broadworks else 1

    def from_(self, call: RecordedCall) -> str:
        """Who called, as a From."""
        party = call.user if call.outgoing else call.other
        name = (party.name or "").replace("\\", "").replace('"', "")
        address = _sendable(party.aor)
        return f'"{name}" <{address}>' if name else f"<{address}>"

    def headers(self, accepted: Sequence[str]) -> list[tuple[str, str]]:
        """The headers of the first INVITE beside those any has. accepted: body types."""
        accept = ("accept", ", ".join(accepted))
        if not self.is_broadworks:
            return [("require", "siprec"), accept]
        correlation = self._new_uuid()
        return [
            accept,
            ("recv-info", ""),
            ("supported", ""),
            ("privacy", "none"),
            ("mime-version", "1.0"),
            ("x-broadworks-correlation-info", str(correlation)),
            ("session-id", f"{correlation.hex};remote={'0' * 32}"),
        ]

    def description(self, labels: Sequence[str], *, paused: bool) -> sdp.SessionDescription:
        """Our SDP as it is now; the version grows with each change."""
        fresh = describe(self._plan, self._streams, labels, self._sdp_id, paused=paused)
        self._sdp = sdp.with_next_version(self._sdp, fresh)
        return self._sdp

    def body(
        self, document: Metadata | None, description: sdp.SessionDescription | None
    ) -> tuple[str, bytes]:
        """Content-Type and body."""
        return body_of(self._plan.dialect, document, description, f"boundary-{self._sdp_id:x}")


def _sendable(aor: str) -> str:
    """An aor as a URI a From can hold: the BroadWorks dialect's is opaque, a bare `user@host` as a rule."""
    for uri in (aor, f"sip:{aor}"):
        try:
            return str(parse_uri(uri))
        except UriError:
            continue
    return "sip:anonymous@anonymous.invalid"
