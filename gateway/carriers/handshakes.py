"""Connections of which no session comes, because one side speaks TLS and the other does not, or not so."""

from __future__ import annotations

import ssl
from typing import Final, NamedTuple

from gateway.smpp.aio import openssl_words, speaks_plain
from gateway.smpp.errors import CommandLengthInvalid

_CLIENT_HELLO: Final = 0x1603
"""A TLS handshake record, read as the upper half of a `command_length`."""


class Failure(NamedTuple):
    """Why no session came of a connection: a code, and what to look at."""

    reason: str
    told: str


def failure_of(error: Exception) -> Failure:
    """Why a TLS handshake with an ESME failed."""
    if speaks_plain(error):
        return Failure("tls_not_spoken", "the ESME speaks no TLS, which carriers.tls asks for on every port")
    if isinstance(error, ssl.SSLCertVerificationError):
        told = f"the ESME's certificate is refused ({openssl_words(error)}): see carriers.tls.client_ca_file"
        return Failure("certificate_refused", told)
    if isinstance(error, ssl.SSLError):
        words = openssl_words(error)
        if "did not return a certificate" in words:
            told = "the ESME shows no certificate, which carriers.tls.client_ca_file asks for"
            return Failure("certificate_missing", told)
        if "certificate" in words or "unknown ca" in words:
            told = f"the ESME refuses carriers.tls.certificate ({words})"
            return Failure("certificate_not_accepted", told)
        return Failure("tls_failed", f"TLS failed ({words}): versions or ciphers may not fit")
    if isinstance(error, ConnectionAbortedError | TimeoutError):
        return Failure("tls_timeout", "the ESME did not end the TLS handshake in time")
    told = "the ESME hung up in the TLS handshake: it may not trust carriers.tls.certificate, or its names"
    return Failure("tls_hung_up", told)


def speaks_tls(error: Exception) -> bool:
    """Whether what ended a session is the beginning of a TLS handshake."""
    return isinstance(error, CommandLengthInvalid) and error.command_length >> 16 == _CLIENT_HELLO
