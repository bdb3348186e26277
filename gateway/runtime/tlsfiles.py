"""The PEM files that settings name for TLS: judged before anything starts, each fault at its own setting.

A settings model says with `tls_files` which of its fields hold them; `tls_check` finds every such model.
"""

from __future__ import annotations

import ssl
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from gateway.runtime.crosschecks import CrossCheck, CrossFault, TlsFiles, models_in
from gateway.runtime.errors import TlsFilesUnusable


class _Protected(Exception):
    """A key wants a passphrase."""


def tls_check(sections: Collection[str]) -> CrossCheck:
    """Return a check of the TLS files that these sections name; those of others are another machine's."""

    def check(found: Mapping[str, Any]) -> Iterator[CrossFault]:
        for name in sections:
            for path, model in models_in(found.get(name), (name,)):
                for fault in file_faults(model):
                    bases = tuple((*path, *base) for base in fault.rests_on)
                    yield CrossFault((*path, *fault.at), fault.message, bases)

    return check


def file_faults(settings: BaseModel) -> Iterator[CrossFault]:
    """Yield what is wrong with the TLS files of one model, none for one that names no files."""
    files: TlsFiles | None = getattr(type(settings), "tls_files", None)
    if files is None:
        return
    certificate, key, authorities = (_path(settings, field) for field in files)
    if certificate is not None:
        yield from _pair_faults(files, certificate, key)
    if authorities is not None and (told := _no_certificates(authorities)):
        yield CrossFault((files.authorities,), told)


def server_context(setting: str, settings: BaseModel) -> ssl.SSLContext:
    """Return a server's context of a model's files; peers must show a certificate where it names
    authorities. `setting` is where the model stands. Raises `TlsFilesUnusable`.
    """
    certificate, key, authorities = _files(setting, settings)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    if authorities is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authorities)
    return context


def client_context(setting: str, settings: BaseModel) -> ssl.SSLContext:
    """Return a client's context of a model's files; without authorities the system's are trusted.

    `setting` is where the model stands. Raises `TlsFilesUnusable`.
    """
    certificate, key, authorities = _files(setting, settings)
    context = ssl.create_default_context(cafile=authorities)
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context


def _files(setting: str, settings: BaseModel) -> tuple[Path | None, Path | None, Path | None]:
    faults = [f"{setting}.{fault.at[0]}: {fault.message}" for fault in file_faults(settings)]
    if faults:
        raise TlsFilesUnusable(faults)
    files: TlsFiles = type(settings).tls_files  # type: ignore[attr-defined]
    certificate, key, authorities = (_path(settings, field) for field in files)
    return certificate, key, authorities


def _path(settings: BaseModel, field: str) -> Path | None:
    given = getattr(settings, field) if field else None
    return None if given is None else Path(given)


def _pair_faults(files: TlsFiles, certificate: Path, key: Path | None) -> Iterator[CrossFault]:
    lacks_certificate, lacks_key = _no_certificates(certificate), None if key is None else _unreadable(key)
    if lacks_certificate:
        yield CrossFault((files.certificate,), lacks_certificate)
    if lacks_key:
        yield CrossFault((files.key,), lacks_key)
    if lacks_certificate or lacks_key:
        return
    field, told = files.key if key is not None else files.certificate, ""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_no_passphrase)
    except _Protected:
        told = "the key has a passphrase, which nobody can type here: take it off (openssl pkey -in … -out …)"
    except ssl.SSLError as error:
        if "MISMATCH" in (error.reason or ""):
            told = f"is not the key of {certificate} ({files.certificate}): give the two that belong together"
        elif error.reason:
            told = f"OpenSSL refuses it: {error.reason.replace('_', ' ').lower()}"
        else:
            file = key or certificate
            told = f"{file} holds no private key: PEM with -----BEGIN PRIVATE KEY----- is wanted"
    if told:
        yield CrossFault((field,), told, ((files.certificate,), (files.key,)))


def _no_certificates(path: Path) -> str | None:
    """What is wrong with a file that has to hold certificates; None if nothing is."""
    told = _unreadable(path)
    if told is None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
        except ssl.SSLError:
            return f"{path} holds no certificate: PEM with -----BEGIN CERTIFICATE----- is wanted"
    return told


def _unreadable(path: Path) -> str | None:
    try:
        with path.open("rb"):
            return None
    except FileNotFoundError:
        where = "" if path.is_absolute() else f" (in {Path.cwd()}, where the program was started)"
        return f"there is no file {path}{where}"
    except IsADirectoryError:
        return f"{path} is a folder; a PEM file is wanted"
    except OSError as error:
        return f"{path} cannot be read: {(error.strerror or str(error)).lower()}"


def _no_passphrase() -> str:
    raise _Protected
