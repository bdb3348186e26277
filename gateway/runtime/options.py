"""Options that several commands have, of `gateway` and of `siprec`."""

from typing import Annotated

import typer

ConfigFile = Annotated[
    str, typer.Option("-c", "--config", metavar="FILE", help="Configuration; a path or a name of ours.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a dotted YAML key; may be repeated."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
GatewayUrl = Annotated[str, typer.Option(envvar="GATEWAY_URL", help="A running gateway.")]
Token = Annotated[str, typer.Option(envvar="GATEWAY_TOKEN", help="Bearer token.")]
