"""SDES-SRTP (RFC 3711, keys by RFC 4568) through libsrtp: one session per stream and direction.

session = SrtpSession("AES_CM_128_HMAC_SHA1_80", key)     # 30 bytes: master key and salt
rtp = session.unprotect(datagram)                         # SrtpError: authentication, replay
"""

from collections.abc import Callable

from pylibsrtp import Error, Policy, Session

from siprec.rtp.errors import SrtpError

KEY_BYTES = 30

_PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
}
SUITES = tuple(_PROFILES)


class SrtpSession:
    """Protects what we send or unprotects what we receive, RTP and RTCP."""

    __slots__ = ("_session",)

    def __init__(self, suite: str, key: bytes, *, inbound: bool = True) -> None:
        """Raises SrtpError for an unknown suite or a key of the wrong length."""
        profile = _PROFILES.get(suite)
        if profile is None or len(key) != KEY_BYTES:
            raise SrtpError(f"suite {suite!r} with {len(key)} bytes of key")
        any_ssrc = Policy.SSRC_ANY_INBOUND if inbound else Policy.SSRC_ANY_OUTBOUND
        self._session = Session(Policy(key=bytes(key), ssrc_type=any_ssrc, srtp_profile=profile))

    def protect(self, packet: bytes) -> bytes:
        """RTP to SRTP."""
        return self._run(self._session.protect, packet)

    def protect_rtcp(self, packet: bytes) -> bytes:
        """RTCP to SRTCP."""
        return self._run(self._session.protect_rtcp, packet)

    def unprotect(self, packet: bytes) -> bytes:
        """SRTP to RTP; raises SrtpError for a forged, replayed or malformed packet."""
        return self._run(self._session.unprotect, packet)

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        """SRTCP to RTCP; raises SrtpError likewise."""
        return self._run(self._session.unprotect_rtcp, packet)

    @staticmethod
    def _run(operation: Callable[[bytes], bytes], packet: bytes) -> bytes:
        try:
            return operation(packet)
        except (Error, ValueError) as error:
            raise SrtpError(str(error)) from None
