"""Where the recorder listens for SIP, how it presents itself there, and what the system gives it less of than
it asked for.
"""

import asyncio
import errno
import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from siprec.sip import EndpointConfig
from siprec.sip.aio import Listening, SipEdge
from siprec.sip.parse import ParseRules
from siprec.sip.session_timer import SessionTimerPolicy
from siprec.sip.sockets import local_address_towards
from siprec.sip.tls import ensure_certificate, server_context
from siprec.srs.errors import AddressUnusable
from siprec.srs.intake import ACCEPT
from siprec.srs.settings import RecorderSettings, SipSettings, TlsSettings

METHODS = ("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "UPDATE", "INFO", "PRACK")
FILES_PER_SESSION = 3
OTHER_FILES = 256


def endpoint_config(settings: RecorderSettings) -> EndpointConfig:
    """Return how the recorder presents itself in SIP."""
    sip = settings.sip
    return EndpointConfig(
        contact_user="srs",
        contact_features=";+sip.srs",
        methods=METHODS,
        supported=("timer", "siprec"),
        accept=ACCEPT,
        parse=ParseRules(lenient=sip.lenient),
        session_timer=SessionTimerPolicy(interval_s=sip.session_interval_seconds),
        retry_after_s=settings.retry_after_seconds,
        requests_per_second_per_source=sip.requests_per_second_per_source,
    )


def advertised(sip: SipSettings, host: str) -> str:
    """Return the address peers are told instead of the one that is bound."""
    if sip.advertise is not None:
        return sip.advertise
    return local_address_towards() if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared, not bound


async def listen(edge: SipEdge, sip: SipSettings, certificates: Path) -> list[Listening]:
    """Bind every address there is a setting for; a certificate that is not given is made in `certificates`.

    Raises `AddressUnusable`.
    """
    bound: list[Listening] = []
    if sip.udp_port is not None:
        with _naming("udp_port", sip.host, sip.udp_port):
            bound.append(
                await edge.listen_udp(
                    sip.host, sip.udp_port, advertise=sip.advertise, buffer_bytes=sip.receive_buffer_bytes
                )
            )
    if sip.tcp_port is not None:
        with _naming("tcp_port", sip.host, sip.tcp_port):
            bound.append(await edge.listen_tcp(sip.host, sip.tcp_port, advertise=sip.advertise))
    if sip.tls is not None:
        bound.append(await _listen_tls(edge, sip, sip.tls, certificates))
    return bound


async def _listen_tls(edge: SipEdge, sip: SipSettings, tls: TlsSettings, certificates: Path) -> Listening:
    if tls.certificate is not None and tls.key is not None:
        certificate, key = Path(tls.certificate), Path(tls.key)
    else:
        names = list(dict.fromkeys([advertised(sip, sip.host), sip.host, "localhost"]))
        certificate, key = await asyncio.to_thread(ensure_certificate, certificates, names)
    context = server_context(certificate, key, None if tls.client_ca is None else Path(tls.client_ca))
    with _naming("tls.port", sip.host, tls.port):
        return await edge.listen_tls(sip.host, tls.port, context, advertise=sip.advertise)


@contextmanager
def _naming(setting: str, host: str, port: int) -> Iterator[None]:
    """Name the setting of an address that cannot be listened on; raises `AddressUnusable`."""
    try:
        yield
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        reason = "the port is taken" if taken else (error.strerror or str(error))
        raise AddressUnusable(setting, host, port, reason) from error


def limits_passed(settings: RecorderSettings, listening: Sequence[Listening]) -> list[str]:
    """Compare what is asked for with what the system gives; return what the operator should know."""
    asked, pairs, sessions = (
        settings.sip.receive_buffer_bytes,
        settings.media.port_pairs,
        settings.max_sessions,
    )
    found = [
        f"SIP receive buffer is {each.receive_buffer_bytes} of {asked} bytes: raise net.core.rmem_max"
        for each in listening
        if 0 < each.receive_buffer_bytes < asked
    ]
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * pairs + FILES_PER_SESSION * sessions + OTHER_FILES
    if files < needed:
        found.append(f"open files are limited to {files}, {needed} may be needed: raise ulimit -n")
    if pairs < 2 * sessions:
        found.append(f"{pairs} port pairs hold {pairs // 2} dual-stream calls, max_sessions is {sessions}")
    return found
