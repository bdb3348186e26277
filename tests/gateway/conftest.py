"""Commands as people give them, in this process: a new one would cost a second each."""

import datetime
import gc
import ipaddress
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway import cli
from gateway.runtime.interrupts import HANDLED, INTERRUPTS


class Ended(NamedTuple):
    """A command that has ended."""

    code: int
    out: str
    err: str


@contextmanager
def commands_own_signals() -> Iterator[None]:
    """A command ends with its process; here what it knows of signals ends with the block."""
    before = {number: signal.getsignal(number) for number in HANDLED}
    try:
        yield
    finally:
        INTERRUPTS.forget()
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.fixture
def gateway_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Ended]]:
    """Run `gateway` with these words; what it makes of the collector's steps and of signals is undone."""
    monkeypatch.setenv("NO_COLOR", "1")
    thresholds = gc.get_threshold()

    def run(*words: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["gateway", *map(str, words)])
        with commands_own_signals(), pytest.raises(SystemExit) as ending:
            cli.main()
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Ended(int(ending.value.code or 0), out, err)

    yield run
    gc.set_threshold(*thresholds)


class Certificates:
    """Certificates of a CA of the tests' own: `NAME.pem` with `NAME.key` in one folder.

    `ca`; `good` for localhost and 127.0.0.1, `expired`, `selfsigned` and `wrong` (another name); `client`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._now = datetime.datetime.now(datetime.UTC)
        self._ca_key = ec.generate_private_key(ec.SECP256R1())
        self._make("ca", (), ca=True)
        here = (x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        self._make("good", here)
        self._make("expired", here, last_day=-2)
        self._make("selfsigned", here, selfsigned=True)
        self._make("wrong", (x509.DNSName("other.example"),))
        self._make("client", (x509.DNSName("client.example"),))

    def pem(self, name: str) -> str:
        """Path of a certificate."""
        return str(self.folder / f"{name}.pem")

    def key(self, name: str) -> str:
        """Path of its key."""
        return str(self.folder / f"{name}.key")

    def _make(
        self,
        name: str,
        names: tuple[x509.GeneralName, ...],
        *,
        last_day: int = 20,
        selfsigned: bool = False,
        ca: bool = False,
    ) -> None:
        key = self._ca_key if ca else ec.generate_private_key(ec.SECP256R1())
        signer = key if selfsigned else self._ca_key
        issuer = name if selfsigned else "ca"
        usage = dict.fromkeys(
            (
                *("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
                *("encipher_only", "decipher_only"),
            ),
            False,
        )
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - datetime.timedelta(days=30))
            .not_valid_after(self._now + datetime.timedelta(days=last_day))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(digital_signature=True, key_cert_sign=ca, crl_sign=ca, **usage), critical=True
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
            )
        )
        if names:
            certificate = certificate.add_extension(x509.SubjectAlternativeName(names), critical=False)
        pem = certificate.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        Path(self.pem(name)).write_bytes(pem)
        Path(self.key(name)).write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates to speak TLS with."""
    return Certificates(tmp_path_factory.mktemp("certificates"))
