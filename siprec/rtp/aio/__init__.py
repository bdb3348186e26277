"""Sockets for media: a pool of port pairs bound in advance, their receive path, and paced sending.

    pool = PortPool.open("127.0.0.1", pairs=500, first_port=40_000)
    pair = pool.acquire(loop.time())                   # PortsUnavailableError when all are lent
    port = MediaPort(pair, loop)
    port.open(on_rtp=lambda data, now: …, on_rtcp=lambda data, now: …, remote=("192.0.2.9", 58_014))
    port.send_rtcp(datagram)
    port.close(); pool.release(pair, loop.time())      # rests, then is emptied and lent again

Binding, watching and closing four sockets costs 130–230 µs a call, so it is done once. Each wake-up of the
loop takes ONE datagram from the socket: draining it costs an extra system call that nearly always finds
nothing. Symmetric RTP (RFC 4961): we send to where packets come from; another source is ignored while the
first one speaks. Loss in the kernel is read from /proc/net/udp, where one look tells it for all sockets.
"""

from siprec.rtp.aio.pacer import PacedStream, Pacer
from siprec.rtp.aio.pool import PortPair, PortPool, bind_pair, kernel_drops
from siprec.rtp.aio.port import MAX_DATAGRAM_BYTES, Address, DatagramHandler, MediaPort, is_sendable

__all__ = [
    "MAX_DATAGRAM_BYTES",
    "Address",
    "DatagramHandler",
    "MediaPort",
    "PacedStream",
    "Pacer",
    "PortPair",
    "PortPool",
    "bind_pair",
    "is_sendable",
    "kernel_drops",
]
