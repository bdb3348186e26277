"""Recording providers (webex.md C): Dubber, Imagicle and CallCabinet as data, and their rules.

Pure: `model` (products, accounts, subscribers, filings), `rules` (every refusal with its code and fact),
`access` (who may list, play, delete), `book` (accounts and subscribers as they stand), `provisioning` (what
accepting, enabling and ordering open, C8, C14), `tenants` (whose a recording is, C15), `retention` (C4, C9).
Edge: `store` (tables and write intents), `desk` (check, make durable, make visible, tell).
"""
