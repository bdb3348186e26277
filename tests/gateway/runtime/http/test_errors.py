import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.runtime.errors import (
    DatabaseBusy,
    DatabaseClosed,
    DatabaseError,
    DatabaseFull,
    DatabaseOverloaded,
    DatabaseUnavailable,
    IntegrityError,
    ServiceError,
    StatementInvalid,
)
from gateway.runtime.http.errors import (
    DEFAULT_CODES,
    LONGEST_WAIT_S,
    MAX_FAULTS,
    ApiError,
    ServerStartError,
    database_away,
    error_body,
    retry_after,
    status_phrase,
)


def test_one_root() -> None:
    assert issubclass(ApiError, ServiceError)
    assert issubclass(ServerStartError, ServiceError)


def test_named_error_keeps_what_it_was_given() -> None:
    error = ApiError(422, "emoji_not_supported", "no emoji")
    assert (error.status, error.code, error.description) == (422, "emoji_not_supported", "no emoji")
    assert error.errors == (("no emoji", "emoji_not_supported"),)
    assert str(error) == "422 emoji_not_supported: no emoji"


@pytest.mark.parametrize(("status", "code"), sorted(DEFAULT_CODES.items()))
def test_every_common_status_has_a_code_and_a_description(status: int, code: str) -> None:
    error = ApiError(status)
    assert error.code == code
    assert error.description == status_phrase(status)


def test_unknown_status_still_renders() -> None:
    assert ApiError(799).description == "Error"
    assert ApiError(799).code == "error"


def test_first_of_several_faults_is_the_message() -> None:
    error = ApiError(400, errors=[("$.to: missing", "malformed_request"), ("$.x: extra", "other")])
    assert error.description == "$.to: missing"
    assert error.code == "malformed_request"


def test_faults_are_bounded() -> None:
    assert len(ApiError(400, errors=[("x", "y")] * 500).errors) == MAX_FAULTS


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1"),
        (-5, "1"),
        (0.001, "1"),
        (1, "1"),
        (1.2, "2"),
        (59.999, "60"),
        (89_999, "89999"),  # a day of 25 hours
        (31 * 86_400.5, "2678416"),
        (10**10, "2147483647"),
        (math.inf, "2147483647"),
        (-math.inf, "1"),
        (math.nan, "1"),
    ],
)
def test_retry_after(seconds: float, text: str) -> None:
    assert retry_after(seconds) == text


@given(st.floats())
def test_retry_after_is_a_whole_number_of_seconds_and_never_too_early(seconds: float) -> None:
    text = retry_after(seconds)
    assert text.isdigit()
    assert 1 <= int(text) <= LONGEST_WAIT_S
    if 0 < seconds <= LONGEST_WAIT_S:
        assert seconds <= int(text) < seconds + 1 or int(text) == 1


@pytest.mark.parametrize(
    "kind", [DatabaseBusy, DatabaseFull, DatabaseOverloaded, DatabaseUnavailable, DatabaseClosed]
)
def test_a_database_that_takes_nothing_is_a_503_with_a_time(kind: type[DatabaseError]) -> None:
    refusal = database_away(kind("connection to 10.1.2.3 refused"))
    assert refusal is not None
    assert refusal.status == 503
    assert refusal.code == f"database_{kind.__name__.removeprefix('Database').lower()}"
    assert int(refusal.reply_headers()["Retry-After"]) >= 1
    assert "10.1.2.3" not in str(refusal)


@pytest.mark.parametrize("fault", [IntegrityError("x"), StatementInvalid("x"), DatabaseError("x"), OSError()])
def test_a_fault_of_the_program_is_none_of_the_database_s_absence(fault: Exception) -> None:
    assert database_away(fault) is None


def test_retry_after_goes_into_the_headers() -> None:
    error = ApiError(429, retry_after_s=2.1, headers={"X-Scope": "number"})
    assert error.reply_headers() == {"X-Scope": "number", "Retry-After": "3"}


@given(
    st.text(),
    st.lists(st.tuples(st.text(), st.text()), max_size=5),
    st.text(alphabet=st.characters(codec="ascii"), max_size=40),
)
def test_error_body_is_always_the_documented_json(
    message: str, errors: list[tuple[str, str]], tracking_id: str
) -> None:
    document = json.loads(error_body(message, errors, tracking_id))
    assert set(document) == {"message", "errors", "trackingId"}
    assert document["trackingId"] == tracking_id
    assert [set(item) for item in document["errors"]] == [{"description", "code"}] * len(errors)
    assert [item["code"] for item in document["errors"]] == [code for _, code in errors]


def test_lone_surrogates_do_not_break_the_answer() -> None:
    assert b"\\ud800" in error_body("\ud800", [], "x")


def test_start_error_names_setting_and_address() -> None:
    text = str(ServerStartError("127.0.0.1", 8080, "http.port", "the port is taken"))
    assert "127.0.0.1:8080" in text
    assert "--set http.port=" in text
    assert "the port is taken" in text
