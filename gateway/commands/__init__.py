"""Parts of the command line that `gateway.cli` puts together."""
