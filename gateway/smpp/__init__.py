"""SMPP 3.4, both roles.

A core without I/O: `pdu` (every PDU, its grammar and codec), `framing`, `session` (`SmppSession`, one state
machine for ESME and SMSC) with its `matrix`, `timers`, `window` and `events`; payloads in `text`, `segment`,
`receipt` and `times`. `aio` puts sessions on sockets and is the only module here that does I/O. `errors`
draws the error tree.
"""
