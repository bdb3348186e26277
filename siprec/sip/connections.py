"""Streams an endpoint has open: limits on how many, how slow and how idle they may be."""

from collections import Counter
from collections.abc import Callable

from siprec.sip.core import EndpointConfig
from siprec.sip.flow import Flow
from siprec.sip.stream import Item, StreamParser


class Connection:
    """One stream: its parser, and when it must have finished a message or said something."""

    __slots__ = (
        "_limits",
        "_quiet_until",
        "_unfinished_until",
        "armed",
        "flow",
        "incoming",
        "on_timeout",
        "open",
        "parser",
    )

    def __init__(
        self,
        flow: Flow,
        config: EndpointConfig,
        on_timeout: Callable[["Connection", str], None],
        now: float,
        *,
        incoming: bool,
    ) -> None:
        self.flow = flow
        self.incoming = incoming
        self.parser = StreamParser(config.parse)
        self.open = True
        self.on_timeout = on_timeout
        self.armed: float | None = None
        self._limits = config
        self._quiet_until = now + config.idle_timeout_s
        self._unfinished_until: float | None = now + config.message_timeout_s if incoming else None

    def receive_data(self, data: bytes, now: float) -> list[Item]:
        """Take bytes; a message once begun must end within `message_timeout_s`, however it trickles."""
        self._quiet_until = now + self._limits.idle_timeout_s
        items = self.parser.receive_data(data)
        if not self.parser.pending:
            self._unfinished_until = None
        elif items or self._unfinished_until is None:
            self._unfinished_until = now + self._limits.message_timeout_s
        return items

    def next_deadline(self) -> float | None:
        """Return when the stream is to be given up."""
        if not self.open:
            return None
        if self._unfinished_until is None:
            return self._quiet_until
        return min(self._quiet_until, self._unfinished_until)

    def handle_timeout(self, now: float) -> None:
        """Report why the stream is to be closed."""
        unfinished = self._unfinished_until is not None and now >= self._unfinished_until
        self.on_timeout(self, "no complete message in time" if unfinished else "idle")


class ConnectionTable:
    """Open streams by number, counted per source."""

    __slots__ = ("_by_number", "_config", "_per_source")

    def __init__(self, config: EndpointConfig) -> None:
        self._config = config
        self._by_number: dict[int, Connection] = {}
        self._per_source: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._by_number)

    def get(self, number: int) -> Connection | None:
        """Return an open stream."""
        return self._by_number.get(number)

    def admit(self, connection: Connection) -> bool:
        """Enter a stream; False where the peer, or all peers together, have too many."""
        host = connection.flow.host
        if connection.incoming and (
            len(self._by_number) >= self._config.max_connections
            or self._per_source[host] >= self._config.max_connections_per_source
        ):
            return False
        self._by_number[connection.flow.connection or 0] = connection
        self._per_source[host] += 1
        return True

    def remove(self, number: int) -> Connection | None:
        """Forget a stream and return it; unknown ones are ignored."""
        connection = self._by_number.pop(number, None)
        if connection is None:
            return None
        connection.open = False
        host = connection.flow.host
        self._per_source[host] -= 1
        if not self._per_source[host]:
            del self._per_source[host]
        return connection
