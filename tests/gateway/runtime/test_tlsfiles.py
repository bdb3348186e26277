"""Files for TLS: every way they can be wrong is told at its setting, before anything starts."""

import errno
import os
import ssl
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import BaseModel

from gateway.runtime.crosschecks import TlsFiles
from gateway.runtime.errors import TlsFilesUnusable
from gateway.runtime.tlsfiles import client_context, file_faults, server_context, tls_check


class Settings(BaseModel):
    """As the models of each section are."""

    tls_files: ClassVar[TlsFiles] = TlsFiles("cert", "key", "ca")

    cert: str | None = None
    key: str | None = None
    ca: str | None = None


class Room(BaseModel):
    """Where they stand."""

    doors: dict[str, Settings] = {}


def told(settings: BaseModel) -> dict[str, str]:
    return {str(fault.at[0]): fault.message for fault in file_faults(settings)}


@pytest.fixture
def right(certificates: Any) -> dict[str, str]:
    return {"cert": certificates.pem("good"), "key": certificates.key("good"), "ca": certificates.pem("ca")}


def test_what_is_right_is_told_nothing(right: dict[str, str]) -> None:
    assert told(Settings()) == told(Settings(**right)) == told(Room()) == {}
    assert told(Settings(ca=right["ca"])) == {}
    assert server_context("room", Settings(**right)).verify_mode is ssl.CERT_REQUIRED
    assert server_context("room", Settings(**right | {"ca": None})).verify_mode is ssl.CERT_NONE
    assert client_context("room", Settings(**right)).verify_mode is ssl.CERT_REQUIRED


def test_a_key_in_the_file_of_its_certificate(right: dict[str, str], tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(Path(right["cert"]).read_bytes() + Path(right["key"]).read_bytes())
    assert told(Settings(cert=str(both))) == {}
    assert "holds no private key" in told(Settings(cert=right["cert"]))["cert"]


@pytest.mark.parametrize("field", ["cert", "key", "ca"])
def test_a_file_that_is_not_there(right: dict[str, str], field: str) -> None:
    assert told(Settings(**right | {field: "/nowhere/x.pem"})) == {field: "there is no file /nowhere/x.pem"}


@pytest.mark.parametrize("field", ["cert", "key", "ca"])
def test_a_relative_path_is_told_with_the_folder(
    right: dict[str, str], field: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    faults = told(Settings(**right | {field: "x.pem"}))
    assert faults == {field: f"there is no file x.pem (in {tmp_path}, where the program was started)"}


@pytest.mark.parametrize(
    ("field", "lacks"), [("cert", "certificate"), ("key", "private key"), ("ca", "cert")]
)
def test_a_file_that_holds_something_else(
    right: dict[str, str], field: str, lacks: str, tmp_path: Path
) -> None:
    (tmp_path / "x.pem").write_text("hello")
    faults = told(Settings(**right | {field: str(tmp_path / "x.pem")}))
    assert list(faults) == [field]
    assert f"x.pem holds no {lacks}" in faults[field]
    assert "-----BEGIN" in faults[field]


@pytest.mark.parametrize("field", ["cert", "key", "ca"])
def test_a_folder(right: dict[str, str], field: str, tmp_path: Path) -> None:
    faults = told(Settings(**right | {field: str(tmp_path)}))
    assert faults == {field: f"{tmp_path} is a folder; a PEM file is wanted"}


def test_a_file_nobody_may_read(
    right: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text("x")
    opened = Path.open

    def refuse(path: Path, *how: Any) -> Any:  # root may read everything
        if path.name == "key":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, *how)

    monkeypatch.setattr(Path, "open", refuse)
    told_of = told(Settings(**right | {"key": str(tmp_path / "key")}))
    assert "cannot be read: permission denied" in told_of["key"]


def test_a_pair_that_does_not_match(right: dict[str, str], certificates: Any) -> None:
    faults = told(Settings(**right | {"key": certificates.key("client")}))
    assert faults == {"key": f"is not the key of {right['cert']} (cert): give the two that belong together"}


def test_a_key_with_a_passphrase_asks_nobody(right: dict[str, str], tmp_path: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "key").write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    faults = told(Settings(**right | {"key": str(tmp_path / "key")}))
    assert "the key has a passphrase" in faults["key"]


def test_all_of_them_at_once(tmp_path: Path) -> None:
    missing = {name: str(tmp_path / name) for name in ("cert", "key", "ca")}
    with pytest.raises(TlsFilesUnusable) as caught:
        server_context("carriers.tls", Settings(**missing))
    assert str(caught.value).splitlines() == [
        f"carriers.tls.{name}: there is no file {tmp_path / name}" for name in ("cert", "key", "ca")
    ]
    with pytest.raises(TlsFilesUnusable, match=r"esme\.ca: there is no file"):
        client_context("esme", Settings(ca=missing["ca"]))


def test_only_the_sections_asked_for_are_judged() -> None:
    room = Room(doors={"front": Settings(ca="/nowhere/x.pem")})
    (fault,) = tls_check(("house", "attic"))({"house": room, "cellar": room})
    assert (fault.at, fault.message) == (("house", "doors", "front", "ca"), "there is no file /nowhere/x.pem")
