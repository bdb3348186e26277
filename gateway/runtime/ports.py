"""Ports for servers that another process starts: benchmarks, tests, pairs of phones beside their recorder.

A server in this process binds port 0 and asks what it got. One that is started elsewhere must be told a
number that is still free when it comes to bind it: so it is taken from below the range the system gives to
the near ends of passing connections, and from a random place, for several callers look at once.
"""

import random
import socket
from contextlib import ExitStack

LOWEST, HIGHEST = 20_000, 32_000
"""The range looked in: above the services people know, below Linux's `ip_local_port_range`."""

_TRIES = 200


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """`count` ports free on `host`, for TCP and UDP; all different. Raises `OSError` if there are none."""
    with ExitStack() as held:
        return [_take(host, held) for _ in range(count)]


def _take(host: str, held: ExitStack) -> int:
    for _ in range(_TRIES):
        port = random.randrange(LOWEST, HIGHEST)  # noqa: S311 - a place to look, no secret
        with ExitStack() as pair:
            try:
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    pair.enter_context(socket.socket(socket.AF_INET, kind)).bind((host, port))
            except OSError:
                continue
            held.enter_context(pair.pop_all())
            return port
    raise OSError(f"no free port on {host} between {LOWEST} and {HIGHEST}")
