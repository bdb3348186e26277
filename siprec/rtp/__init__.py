"""RTP and RTCP (RFC 3550) for a recorder and for the phones that drive it.

Cores, without I/O and clock:
`packet` parse and build · `rtcp` compound packets · `reorder` arrival order to audio order, placed by
timestamp · `stats` loss and jitter · `regular` many usual packets at once · `stream` these together for one
m-line · `codecs` PCMU, PCMA, G722, opus, CN, telephone-event · `srtp` SDES-SRTP · `errors` the tree.

Edge: `aio`: `PortPool` (bound in advance, quarantined), `MediaPort` (receive, symmetric send), `Pacer`.

The receive path of a recorder::

    stream = ReceivedStream(clock_hz=decoder.clock_hz, event_payload_types=frozenset({101}))
    port.open(on_rtp=lambda data, now: take(stream.receive_data(data, now)), on_rtcp=stream.receive_rtcp)
    # each PlacedPacket: position in RTP clock units, payload, lost_before, epoch
    stream.handle_timeout(now)      # once a second is enough; stream.flush() at the end
"""
