"""Writes docs/benchmarks.md from the results of a run: `make bench ARGS=--write` keeps both.

    python -m loadtests.bench_page        # draws the page anew from docs/benchmarks.json

The page is a function of the JSON beside it; a test says so.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent.parent / "docs"
RESULTS, PAGE = DOCS / "benchmarks.json", DOCS / "benchmarks.md"
ABSENT = "–"

METHOD = """\
`make bench ARGS=--write` measures everything on one machine, over loopback, and writes this page. Contenders take turns, and a figure
is the median of its rounds, so that a slow minute hits all alike: **compare ratios within this page**, not figures with those of
another machine. Processes are not pinned. What was not measured, or is not installed, is shown as –.
"""

GATEWAY_METHOD = """\
20,000 texts (Jasmin: 3,000) over 50 keep-alive connections, by the same driver, to the same SMSC in another process. Latency is end to
end: from writing the HTTP request to the submit_sm's arrival. Ours is durable before it answers and runs every rule and limit; Kannel
has its file store, Jasmin its RabbitMQ, each with its own defaults. Nothing lost and nothing twice is checked on the texts' own numbers.
One text of every number goes before, as a warm-up (not to Jasmin)."""

SESSION_METHOD = """\
submit_sm of 160 characters and its answer, window 100, client and SMSC in two processes; every client talks to the same SMSC (ours)."""

THROTTLE_METHOD = """\
One reservation in four scopes (number, campaign, brand and day, carrier), 100,000 numbers at random, one process. The peers ask four
limits one after the other: they cannot take all or none, which makes a refusal cheaper for them than it should be."""

LOAD_METHOD = """\
`gateway load` from one process against servers in another that answer at once. The arrival error is how late the generator was."""

SIPREC_METHOD = """\
The whole recorder in a process of its own. A rate of calls counts if none failed and nothing was sent twice; sessions count if every
packet of both streams is in a recording."""


def render(results: Mapping[str, Any]) -> str:
    """The page."""
    parts = [
        "# Benchmarks beside peers",
        "",
        "<!-- Written by `make bench ARGS=--write` from benchmarks.json: measure anew instead of editing. -->",
        "",
        METHOD,
        *(f"- {note}" for note in results.get("notes") or ()),
        *([""] if results.get("notes") else []),
        *_machine(results),
        *_session(results.get("session") or {}),
        *_gateway(results.get("gateway") or {}),
        *_throttle(results.get("throttle") or {}),
        *_load(results.get("load") or {}),
        *_siprec(results.get("siprec") or {}),
        *_costs(results),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _machine(results: Mapping[str, Any]) -> list[str]:
    machine, peers = results.get("machine") or {}, results.get("peers") or {}
    versions = ", ".join(f"{name} {version}" for name, version in peers.items() if version)
    absent = ", ".join(name for name, version in peers.items() if not version)
    rows = [
        ("When", results.get("when")),
        ("Commit", results.get("commit")),
        (
            "Machine",
            f"{machine.get('cores')} cores, {machine.get('processor')}, {machine.get('memory_gib')} GiB",
        ),
        ("System", f"{machine.get('system')}, Python {machine.get('python')}"),
        ("Rounds of the whole gateway", results.get("rounds")),
        ("Load before", machine.get("load")),
        ("Peers", versions),
        ("Not installed", absent or "none"),
    ]
    return ["## Machine and versions", "", *table(("", ""), rows)]


def _session(found: Mapping[str, Any]) -> list[str]:
    ours = found.get("window_100")
    peers = (("smpp34", "smpp34"), ("node", "smpp (node)"), ("aiosmpplib", "aiosmpplib"))
    rows = [("ours", number(ours), "1")]
    rows += [
        (name, number(found.get(f"{key}_window_100")), times(found.get(f"ratio_{key}")))
        for key, name in peers
    ]
    return ["## SMPP client", "", SESSION_METHOD, "", *table(("", "texts a second", "ours is"), rows)]


def _gateway(found: Mapping[str, Any]) -> list[str]:
    cases = found.get("cases") or {}
    named = (
        ("ours", "gateway", "gateway"),
        ("Kannel", "kannel", "gateway"),
        ("Jasmin", "jasmin", "gateway"),
        ("ours, with receipts", "receipts", None),
        ("ours, receipts and signed webhooks", "webhooks", None),
        ("Kannel, receipts and callbacks", "kannel_dlr", "webhooks"),
        ("ours, 100 texts a request", "bulk", None),
    )
    rows = []
    for name, key, beside in named:
        case = cases.get(key) or {}
        own = cases.get(beside) or {} if beside and beside != key else {}
        finished = key in ("webhooks", "kannel_dlr")
        rate = "finished_per_second" if finished else "messages_per_second"
        lost = number(case.get("lost")) if case else ABSENT
        cells = (number(case.get(rate)), number(case.get("p50_ms")), number(case.get("p99_ms")), lost)
        rows.append((name, *cells, times(quotient(own.get(rate), case.get(rate)))))
    headings = ("", "texts a second", "p50 ms", "p99 ms", "lost", "ours is")
    return ["## Whole gateway: HTTP → durable → SMPP", "", GATEWAY_METHOD, "", *table(headings, rows)]


def _throttle(found: Mapping[str, Any]) -> list[str]:
    ours = found.get("accepted_per_s")
    peers = found.get("peers_per_s") or {}
    rows = [("ours", number(ours), "1"), ("ours, refused", number(found.get("refused_per_s")), ABSENT)]
    rows += [(name, number(rate), times(quotient(ours, rate))) for name, rate in peers.items()]
    lines = ["## Throttle", "", THROTTLE_METHOD, "", *table(("", "reservations a second", "ours is"), rows)]
    return [*lines, f"An idle key costs {number(found.get('bytes_per_idle_key'))} bytes.", ""]


def _load(found: Mapping[str, Any]) -> list[str]:
    rows = [
        (
            name.partition("_")[0].upper(),
            number(one.get("asked_per_s")),
            number(one.get("offered_per_s")),
            number(one.get("arrival_error_p50_ms")),
            number(one.get("arrival_error_p99_ms")),
            f"{one['cpu_share']:.0%}" if one.get("cpu_share") is not None else ABSENT,
            "yes" if one.get("generator_was_the_limit") else "no",
        )
        for name, one in found.items()
        if name.startswith(("smpp", "http"))
    ]
    headings = (
        "",
        "asked a second",
        "offered",
        "error p50 ms",
        "error p99 ms",
        "of a core",
        "was it the limit",
    )
    lines = ["## Load generator", "", LOAD_METHOD, "", *table(headings, rows)]
    limiter = found.get("limiter")
    if limiter:
        kept = "every limit was kept" if limiter.get("every_limit_kept") else "a limit was exceeded"
        lines += [
            f"`limiter:` {number(limiter.get('reservations'))} reservations on {number(limiter.get('keys'))} keys, with "
            f"their report, in {number(limiter.get('elapsed_s'))} s; {kept} in every window.",
            "",
        ]
    return lines


def _siprec(found: Mapping[str, Any]) -> list[str]:
    recorder = found.get("recorder") or {}
    calls, sessions = recorder.get("calls") or {}, recorder.get("sessions") or {}
    late = max((sessions.get("lag_ms") or {}).values(), default=None)
    rows = [
        ("calls a second", number(calls.get("rate")), f"p99 {number(calls.get('p99_ms'))} ms to the answer"),
        (
            "dual-stream sessions held",
            number(sessions.get("sessions")),
            f"loop late by {number(late)} ms at most",
        ),
    ]
    return ["## Recorder", "", SIPREC_METHOD, "", *table(("", "held", ""), rows)]


def _costs(results: Mapping[str, Any]) -> list[str]:
    codec, http = results.get("codec") or {}, results.get("http") or {}
    rows = [
        ("text → PDU → octets → PDU → text, a second", number(codec.get("pairs_per_second"))),
        ("encode a submit_sm, µs", number(codec.get("encode_us"))),
        ("decode a submit_sm, µs", number(codec.get("decode_us"))),
        ("bare aiohttp, µs a request", number(http.get("bare_us"))),
        ("our HTTP layer on top, µs a request", number(http.get("added_us"))),
    ]
    return ["## What things cost", "", *table(("", ""), rows)]


def table(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """Lines of a Markdown table."""
    lines = [f"| {' | '.join(headings)} |", f"|{' --- |' * len(headings)}"]
    lines += [f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return [*lines, ""]


def number(value: Any) -> str:
    """A figure as people read it, three or more digits of it."""
    if value is None:
        return ABSENT
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.3g}"


def quotient(ours: float | None, theirs: float | None) -> float | None:
    """Ours divided by theirs; None where one of them is missing."""
    return ours / theirs if ours is not None and theirs else None


def times(value: float | None) -> str:
    """A ratio."""
    return ABSENT if value is None else f"{value:.3g}×"


def write(results: Mapping[str, Any], folder: Path = DOCS) -> None:
    """Keep results and page."""
    (folder / RESULTS.name).write_text(
        json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    (folder / PAGE.name).write_text(render(results), encoding="utf-8")


if __name__ == "__main__":
    write(json.loads(RESULTS.read_text(encoding="utf-8")))
