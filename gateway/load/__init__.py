"""The load generator: open-loop arrivals, honest percentiles, a judge, budgets.

`profile` says what to do, `arrivals` when, `targets` against what; `tally` counts, `judge` checks the limits
kept, `report` tells.
"""
