"""Why a bind is not up, in words a person can act on: what happened, and which setting to look at."""

import os
import socket
import ssl
from typing import Final, NamedTuple

from gateway.esme.settings import CarrierLinkSettings
from gateway.smpp.aio import openssl_words, speaks_plain
from gateway.smpp.constants import CommandStatus, status_name
from gateway.smpp.errors import BindFailed, CommandLengthInvalid
from gateway.smpp.events import CloseReason, SessionClosed


class Outage(NamedTuple):
    """Why a bind is not up."""

    reason: str
    """A code, one of a few dozen: `certificate_expired`, `connection_refused`, `ESME_RINVPASWD`, …"""
    told: str
    """A sentence that names what to look at."""


_CERTIFICATE: Final = {
    9: ("certificate_not_valid_yet", "the carrier's clock or ours is wrong"),
    10: ("certificate_expired", "the carrier has to renew it; {tls}.verify: false takes it as it is"),
    62: ("certificate_name", "set {tls}.server_name to a name that it holds, or correct {link}.host"),
    64: ("certificate_name", "set {tls}.server_name to a name that it holds, or correct {link}.host"),
}
"""By OpenSSL's X509_V_ERR_…: the code, and what to do."""
_UNTRUSTED: Final = "give the CA that signed it, or the certificate itself, as {tls}.ca_file"
_UNTRUSTED_CODES: Final = frozenset({2, 18, 19, 20, 21, 27})
_TLS_RECORDS: Final = frozenset({0x1403, 0x1503, 0x1603, 0x1703})
"""Type and version of a TLS record, read as the upper half of an SMPP `command_length`."""
_BIND_ADVICE: Final = {
    CommandStatus.RINVPASWD: "see {link}.password",
    CommandStatus.RINVSYSID: "see {link}.system_id",
    CommandStatus.RBINDFAIL: "see {link}: the account may lack the right, or have all its binds already",
    CommandStatus.RALYBND: "see {link}.binds: the account has all its binds already",
}
_ENDS: Final = {
    CloseReason.PEER_UNBOUND: "the carrier has unbound",
    CloseReason.CONNECTION_LOST: "the carrier closed the connection without an unbind",
    CloseReason.ENQUIRE_LINK_TIMEOUT: "the carrier answered nothing any more, enquire_link neither",
    CloseReason.INACTIVITY: "nothing was to be sent for inactivity_s",
    CloseReason.FATAL_ERROR: "what the carrier sent is no SMPP",
    CloseReason.PEER_STOPPED_READING: "the carrier took nothing any more",
    CloseReason.ABORTED: "we cut the connection",
}


def outage_of(error: Exception, carrier: str, settings: CarrierLinkSettings) -> Outage:
    """Why connecting or binding failed with this error."""
    reason, told = _outage(error, settings)
    link = f"esme.carriers.{carrier}"
    where = f"{settings.host}:{settings.port}"
    return Outage(reason, told.format(link=link, tls=f"{link}.tls", where=where))


def ended(closed: SessionClosed) -> Outage:
    """Why a session that was bound has ended."""
    error = closed.error if closed.reason is CloseReason.FATAL_ERROR else None
    told = _ENDS.get(closed.reason, closed.reason.value.replace("_", " "))
    return Outage(closed.reason.value, f"{told}: {error}" if error is not None else told)


def _outage(error: Exception, settings: CarrierLinkSettings) -> tuple[str, str]:
    if isinstance(error, BindFailed):
        return _unbound(error, settings)
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate(error)
    if isinstance(error, ssl.SSLError):
        return _tls(error)
    if isinstance(error, TimeoutError):
        advice = " (with TLS: a carrier that speaks none may be silent)" if settings.tls is not None else ""
        return "connect_timeout", f"{{where}} does not answer within {{link}}.bind_timeout_s{advice}"
    if isinstance(error, socket.gaierror):
        return "unknown_host", "there is no such host: see {link}.host"
    if isinstance(error, ConnectionRefusedError):
        return "connection_refused", "nobody listens on {where}: see {link}.host and port"
    if isinstance(error, ConnectionError) and settings.tls is not None:
        told = (
            "{where} closed the connection in the TLS handshake: it may speak plain SMPP (remove {tls}), "
            "ask for a certificate ({tls}.certificate_file), or share no TLS version with us"
        )
        return "tls_hung_up", told
    if isinstance(error, OSError):
        known = error.errno is not None and error.errno > 0
        detail = os.strerror(error.errno or 0).lower() if known else str(error) or type(error).__name__
        return "connection_failed", f"{{where}} cannot be reached: {_plain(detail)}"
    return type(error).__name__, _plain(str(error) or type(error).__name__)


def _certificate(error: ssl.SSLCertVerificationError) -> tuple[str, str]:
    code, advice = _CERTIFICATE.get(error.verify_code, ("certificate_invalid", "see {tls}"))
    if error.verify_code in _UNTRUSTED_CODES:
        code, advice = "certificate_untrusted", _UNTRUSTED
    return code, f"the carrier's certificate is refused ({_plain(openssl_words(error))}): {advice}"


def _tls(error: ssl.SSLError) -> tuple[str, str]:
    words = _plain(openssl_words(error))
    if speaks_plain(error):
        return (
            "tls_not_spoken",
            f"{{where}} speaks no TLS ({words}): remove {{tls}}, or give the port of its TLS",
        )
    if "certificate" in words or "unknown ca" in words:
        told = f"the carrier refuses our certificate, or lacks one ({words}): see {{tls}}.certificate_file"
        return "certificate_refused", told
    return "tls_failed", f"TLS with {{where}} failed ({words}): versions or ciphers may not fit"


def _unbound(error: BindFailed, settings: CarrierLinkSettings) -> tuple[str, str]:
    """A bind that was refused, or never answered."""
    cause = error.__cause__
    if error.command_status:
        status = status_name(error.command_status)
        advice = _BIND_ADVICE.get(error.command_status, "see {link}")  # type: ignore[call-overload]
        return status, f"the carrier refuses the bind ({status}): {advice}"
    if isinstance(cause, ssl.SSLError):
        return _tls(cause)
    speaks_tls = isinstance(cause, CommandLengthInvalid) and cause.command_length >> 16 in _TLS_RECORDS
    if settings.tls is None and speaks_tls:
        return "tls_expected", "{where} speaks TLS: set {tls}, or give the port of its plain SMPP"
    if error.reason == CloseReason.CONNECTION_LOST.value:
        advice = (
            "it may expect TLS, then set {tls}"
            if settings.tls is None
            else "it may ask for a certificate, then set {tls}.certificate_file"
        )
        return error.reason, f"{{where}} closed the connection before it answered the bind: {advice}"
    if error.reason == CloseReason.FATAL_ERROR.value:
        return error.reason, f"{{where}} speaks no SMPP ({_plain(str(cause))})"
    if error.reason == CloseReason.BIND_TIMEOUT.value:
        return error.reason, "{where} does not answer the bind within {link}.bind_timeout_s"
    return error.reason, _plain(error.reason.replace("_", " "))


def _plain(text: str) -> str:
    """Others' words, which may hold braces, as a part of a sentence to be filled in."""
    return text.replace("{", "{{").replace("}", "}}")


__all__ = ["Outage", "ended", "outage_of"]
