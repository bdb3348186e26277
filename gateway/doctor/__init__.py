"""`gateway doctor`: looks at machine and configuration before somebody else finds out.

`findings` is what a check says, `machine` looks at limits, disk, clock and versions, `world` at what the
configuration wants: ports, database, tokens; `run` puts them together and prints them.
"""
