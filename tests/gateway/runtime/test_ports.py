"""Ports that are free, and stay so until a server elsewhere takes them."""

import socket

import pytest

from gateway.runtime import ports
from gateway.runtime.ports import free_ports


def test_ports_are_free_for_tcp_and_udp_and_all_different() -> None:
    found = free_ports(20)
    assert len(set(found)) == 20
    for port in found:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_INET, kind) as server:
                server.bind(("127.0.0.1", port))


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_taken_port_is_passed_over(monkeypatch: pytest.MonkeyPatch, kind: socket.SocketKind) -> None:
    taken, free = free_ports(2)
    offered = iter([taken, taken, free])
    monkeypatch.setattr(ports.random, "randrange", lambda *_: next(offered))
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.bind(("127.0.0.1", taken))
        assert free_ports(1) == [free]


def test_none_free_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    [taken] = free_ports(1)
    monkeypatch.setattr(ports, "LOWEST", taken)
    monkeypatch.setattr(ports, "HIGHEST", taken + 1)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", taken))
        with pytest.raises(OSError, match=f"no free port on 127.0.0.1 between {taken}"):
            free_ports(1)
