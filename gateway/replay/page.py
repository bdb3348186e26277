"""A report as one HTML page that needs nothing else: no script, nothing fetched. Light and dark."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #667085; --line: #d0d5dd;
  --ground: #fff; --good: #087443; --bad: #b42318; --warn: #b54708 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #98a2b3; --line: #344054;
  --ground: #10151d; --good: #47cd89; --bad: #f97066; --warn: #fdb022 } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground);
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem } table { border-collapse: collapse }
td, th { border-bottom: 1px solid var(--line); padding: .25rem .8rem .25rem 0; text-align: left;
  vertical-align: top } td.number { text-align: right; font-variant-numeric: tabular-nums }
.good { color: var(--good) } .bad { color: var(--bad) } .soft { color: var(--soft) }
.warn { color: var(--warn) } pre { overflow: auto; font-size: 13px }
svg { width: 100%; height: auto } .axis { stroke: var(--line) }
svg text { fill: var(--soft); font: 11px system-ui, sans-serif }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem }
.legend i { display: inline-block; width: .8rem; height: .8rem; margin-right: .4rem }
"""


def html_page(title: str, body: Iterable[str]) -> str:
    """A page of these parts (HTML); the title is text."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
        f"<body>{''.join(body)}</body></html>\n"
    )
