"""The load generator: open-loop arrivals, honest percentiles, a judge, budgets.

`profile` and `settings` say what to do, `mix` who sends what, `arrivals` when, `pacing` in time, `targets`
against what; `tally` counts, `conformance` and `judge` check the limits kept, `report`, `page`, `live` tell.
"""
