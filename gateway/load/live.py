"""What a person sees while a run is under way: a live table in a terminal, a line now and then elsewhere."""

import time
from types import TracebackType
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.table import Table

from gateway.load.address import without_password
from gateway.load.profile import Profile
from gateway.load.snapshot import Snapshot

TERMINAL_S: Final = 1.0
"""Drawing takes a few milliseconds, in which nothing is sent: once a second is seldom enough."""
LINES_S: Final = 5.0


class LiveView:
    """Shows snapshots; a context manager. `take` is called as often as one likes."""

    def __init__(self, profile: Profile, console: Console) -> None:
        self._profile = profile
        self._console = console
        self._title = f"{profile.name} → {without_password(profile.target)}"
        self._live: Live | None = None
        if console.is_terminal:
            self._live = Live(console=console, auto_refresh=False, transient=True)
        self._last_s = time.monotonic()
        self._before: tuple[float, int] = (0.0, 0)

    def __enter__(self) -> "LiveView":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def take(self, snapshot: Snapshot) -> None:
        """Show a snapshot, if the last one has been shown for long enough."""
        now_s = time.monotonic()
        if now_s - self._last_s < (TERMINAL_S if self._live is not None else LINES_S):
            return
        rate = self._rate(snapshot, now_s)
        self._last_s = now_s
        if self._live is not None:
            self._live.update(self.table(snapshot, rate), refresh=True)
        else:
            self._console.print(line(snapshot, rate), highlight=False)

    def _rate(self, snapshot: Snapshot, now_s: float) -> float:
        settled = snapshot.tally.offered + snapshot.hostile.offered
        before, self._before = self._before, (now_s, settled)
        return (settled - before[1]) / (now_s - before[0]) if before[0] else settled / (now_s - self._last_s)

    def table(self, snapshot: Snapshot, rate: float) -> Table:
        """Return a snapshot as a table."""
        tally = snapshot.tally
        table = Table(title=self._title, show_header=False, min_width=60)
        table.add_row("time", f"{snapshot.elapsed_s:,.0f} of {snapshot.duration_s:,.0f} s")
        table.add_row("settled", f"{tally.offered:,} ({rate:,.0f} a second), {snapshot.pending:,} under way")
        for code, count in tally.codes.most_common(8):
            table.add_row(f"  {code}", f"{count:,}")
        if snapshot.hostile.offered:
            table.add_row("hostile", f"{snapshot.hostile.offered:,}")
        for word, histogram in (("latency", tally.latency), ("arrival error", tally.lateness)):
            shown = " · ".join(f"p{p:g} {us / 1000:,.2f}" for p, us in histogram.percentiles((50, 99, 100)))
            table.add_row(f"{word} (ms)", shown)
        return table


def line(snapshot: Snapshot, rate: float) -> str:
    """Return a snapshot as a line."""
    tally = snapshot.tally
    p50, p99 = (us / 1000 for _, us in tally.latency.percentiles((50, 99)))
    return (
        f"{snapshot.elapsed_s:.0f} s: {tally.offered:,} settled ({rate:,.0f} a second), accepted "
        f"{tally.accepted:,}, refused {tally.refused:,}, failed {tally.failed:,}, under way "
        f"{snapshot.pending:,}, p50 {p50:,.2f} ms, p99 {p99:,.2f} ms"
    )
