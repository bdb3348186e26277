"""Simulated phones and the recording client in them.

`audio` what parties say · `impairment` what the network does to it · `document` the metadata of a call ·
`forking` plan, bodies, answers, outcomes · `src` the recording client as a machine · `sending` one stream ·
`src_aio` the client on sockets: `SimulatedSrc.fork(plan, call)`.
"""
