"""Findings as a person and as a program read them."""

import io
import json

import pytest
from rich.console import Console

from gateway.doctor.findings import (
    CONFIGURATION,
    document,
    exit_code,
    fault,
    ok,
    print_table,
    warning,
)

GOOD, BAD = ok("disk", "10 GiB free"), fault("ports", "TCP 127.0.0.1:8080 is taken", "stop what uses it")
SO_SO = warning("clock", "nothing keeps it right", "run chrony")
WRONG = fault(CONFIGURATION, "my.yaml:3:1: unknown key", "correct it")


@pytest.mark.parametrize(
    ("findings", "code"),
    [([], 0), ([GOOD, SO_SO], 0), ([GOOD, BAD], 1), ([BAD, WRONG], 2), ([WRONG], 2)],
)
def test_the_exit_code_tells_what_kind_of_fault(findings, code):
    assert exit_code(findings) == code
    assert document(findings)["ok"] is (code == 0)


def test_a_program_reads_the_same():
    assert json.loads(json.dumps(document([SO_SO]))) == {
        "ok": True,
        "checks": [
            {
                "check": "clock",
                "level": "warning",
                "found": "nothing keeps it right",
                "advice": "run chrony",
            }
        ],
    }


def printed(*findings, **options) -> str:
    out = io.StringIO()
    print_table(findings, Console(file=out, width=80, **options))
    return out.getvalue()


@pytest.mark.parametrize(
    ("findings", "last"),
    [
        ((GOOD,), "All is well."),
        ((GOOD, BAD), "1 fault."),
        ((BAD, BAD, SO_SO), "2 faults and 1 warning."),
        ((SO_SO, SO_SO), "2 warnings."),
    ],
)
def test_the_last_line_sums_up(findings, last):
    assert printed(*findings).splitlines()[-1] == last


def test_marks_need_no_colour_and_advice_stands_below():
    text = printed(GOOD, SO_SO, BAD)
    assert [line.split()[0] for line in text.splitlines() if line.strip()[:1] in "✓!✗" and line.strip()] == [
        *"✓!✗"
    ]
    assert "→ stop what uses it" in text
    assert "\x1b" not in text


def test_marks_are_words_where_the_terminal_has_no_such_signs():
    written = io.BytesIO()
    out = io.TextIOWrapper(written, encoding="ascii", errors="replace", write_through=True)
    print_table((GOOD, SO_SO, BAD), Console(file=out, width=80))
    lines = written.getvalue().decode().splitlines()
    words = [line.strip("| ").split()[0] for line in lines if line.strip("| ")]
    assert [word for word in words if word in ("ok", "!", "fault")] == ["ok", "!", "fault"]
    assert not any("?" in line for line in lines)


def test_what_was_found_is_never_markup():
    assert "[bold]x[/]" in printed(ok("disk", "[bold]x[/]"), force_terminal=True)
