"""Call recording over HTTP: recordings, providers, and settings (webex.md C, D)."""
