import pytest
from pydantic import ValidationError

from gateway.runtime.http.settings import HttpSettings, TokenSettings, is_loopback


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "[::1]"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com", "", "localhost.example"])
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("open_pages", "host", "expected"),
    [
        ("loopback", "127.0.0.1", True),
        ("loopback", "0.0.0.0", False),
        ("always", "0.0.0.0", True),
        ("never", "127.0.0.1", False),
    ],
)
def test_who_sees_pages_without_a_token(open_pages: str, host: str, expected: bool) -> None:
    assert HttpSettings(host=host, open_pages=open_pages).pages_open is expected


@pytest.mark.parametrize(
    "fields",
    [{"role": "admin"}, {"role": "admin", "token": ""}, {"role": "admin", "token": "a", "sha256": "0" * 64}],
    ids=["none", "empty", "both"],
)
def test_a_token_is_exactly_one_secret(fields: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        TokenSettings(**fields)


def test_tls_needs_both_files() -> None:
    with pytest.raises(ValidationError, match="go together"):
        HttpSettings(tls_certificate="a.pem")


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(ValidationError):
        HttpSettings(prot=8080)


def test_secrets_do_not_print() -> None:
    assert "hush" not in repr(HttpSettings(tokens=[{"token": "hush", "role": "admin"}]))


def test_every_field_is_described() -> None:
    for model in (HttpSettings, TokenSettings):
        assert all(field.description for field in model.model_fields.values())
