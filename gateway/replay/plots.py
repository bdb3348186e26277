"""Plots as inline SVG: lines over time, bars over durations. No script, nothing fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, log10
from typing import Final

WIDTH, HEIGHT = 900, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 12, 28
_COLOURS: Final = {"offered": "#667085", "accepted": "#1570ef", "delivered": "#16a34a", "refused": "#d92d20"}
_MORE: Final = ("#f79009", "#9e77ed", "#0e9384", "#dd2590", "#854a0e", "#475467")
_SECOND_NS: Final = 1_000_000_000
_EMPTY: Final = '<p class="soft">Nothing to show.</p>'


def line_plot(series: Mapping[str, Sequence[int]], width_s: float) -> str:
    """Counts per second over time, a line a series; `width_s` seconds lie between two points."""
    size = max((len(values) for values in series.values()), default=0)
    if not size:
        return _EMPTY
    most = nice(max(max(values) for values in series.values()) / width_s)
    lines, legend = [], []
    for name, colour in _coloured(series):
        points = " ".join(
            f"{_x(index, size):.1f},{_y(value / width_s, most):.1f}"
            for index, value in enumerate(series[name])
        )
        lines.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{points}">'
            f"<title>{escape(name)}</title></polyline>"
        )
        legend.append(f'<span><i style="background:{colour}"></i>{escape(name)}</span>')
    end = _span((size - 1) * width_s)
    labels = [(_LEFT, "0 s", "start"), (WIDTH - _RIGHT, end, "end")]
    return (
        _svg("\n".join(lines), most, labels, "messages per second")
        + f'<p class="legend">{"".join(legend)}</p>'
    )


def bar_plot(buckets: Mapping[int, int]) -> str:
    """How many durations (nanoseconds: count) there were, on a logarithmic axis of tenths of a decade."""
    if not buckets:
        return _EMPTY
    tenths: dict[int, int] = {}
    for value_ns, count in buckets.items():
        tenth = round(10 * log10(max(value_ns, 1_000) / _SECOND_NS))
        tenths[tenth] = tenths.get(tenth, 0) + count
    first, last = min(tenths), max(tenths)
    size, most = last - first + 2, nice(max(tenths.values()))
    wide = (WIDTH - _LEFT - _RIGHT) / size * 0.8
    bars = [
        f'<rect x="{_x(tenth - first, size):.1f}" y="{_y(count, most):.1f}" width="{wide:.1f}" '
        f'height="{_y(0, most) - _y(count, most):.1f}" fill="#1570ef">'
        f"<title>{count} about {_span(10 ** (tenth / 10))}</title></rect>"
        for tenth, count in sorted(tenths.items())
    ]
    labels = [
        (_x(tenth - first, size) + wide / 2, _span(10 ** (tenth / 10)), "middle")
        for tenth in sorted({first, (first + last) // 2, last})
    ]
    return _svg("\n".join(bars), most, labels, "messages")


def nice(value: float) -> float:
    """The least of 1, 2, 5 × 10ⁿ that is not below `value`."""
    if value <= 0:
        return 1.0
    power = 10.0 ** (ceil(log10(value)) - 1)
    return next((step * power for step in (1, 2, 5, 10) if step * power >= value * 0.999_999), 10 * power)


def _coloured(series: Mapping[str, Sequence[int]]) -> list[tuple[str, str]]:
    others = [name for name in series if name not in _COLOURS]
    known = [(name, colour) for name, colour in _COLOURS.items() if name in series]
    return known + [(name, _MORE[index % len(_MORE)]) for index, name in enumerate(others)]


def _x(index: float, size: int) -> float:
    return _LEFT + index * (WIDTH - _LEFT - _RIGHT) / max(1, size - 1)


def _y(value: float, most: float) -> float:
    return HEIGHT - _BOTTOM - value * (HEIGHT - _TOP - _BOTTOM) / most


def _svg(body: str, most: float, labels: Sequence[tuple[float, str, str]], unit: str) -> str:
    grid = "".join(
        f'<line class="axis" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{_y(part, 1):.1f}" '
        f'y2="{_y(part, 1):.1f}"/>'
        f'<text x="{_LEFT - 6}" y="{_y(most * part, most) + 4:.1f}" text-anchor="end">{most * part:g}</text>'
        for part in (0, 0.5, 1)
    )
    below = "".join(
        f'<text x="{x:.1f}" y="{HEIGHT - 10}" text-anchor="{anchor}">{escape(text)}</text>'
        for x, text, anchor in labels
    )
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{unit}">{grid}{body}{below}</svg>'


def _span(seconds: float) -> str:
    """A duration in the unit it is read in."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1_000:.3g} ms"
