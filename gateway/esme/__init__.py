"""The gateway's binds to carriers: routes, links, windows, and what a carrier's answer means.

`pool.Carriers` is what the rooms above hold: `routes.carrier_for(destination)`, `pool(name).submit(pdu, pair,
on_results, context)`. `sendqueue` decides (pure), `link` and `pool` move bytes. `deliver.DeliverHandler` is
what the rooms above give.
"""
