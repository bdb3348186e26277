"""`gateway`: the commands. Heavy imports happen inside them, so that `--help` and mistakes answer at once."""

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from gateway import __version__
from gateway.commands import traffic
from gateway.runtime.commands import USAGE, Known, check_url, fail, run_command
from gateway.runtime.completion import completing
from gateway.runtime.memory import begin_without_collector
from gateway.runtime.options import AsJson, ConfigFile, GatewayUrl, Overrides, Token

EVERY_PART = ("texting", "carriers", "recording")

app = typer.Typer(
    name="gateway",
    help="Reference simulator for business telephony: texting with 10DLC-true carriers, SIPREC recording.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Entry point of the console script: turns the faults we know into one line and an exit code."""
    run_command(app, _known_errors)


def _known_errors() -> Known:
    from gateway.carriers.errors import CarrierError, CarrierUnknown  # noqa: PLC0415
    from gateway.directory.errors import DirectoryError  # noqa: PLC0415
    from gateway.esme.errors import EsmeError  # noqa: PLC0415
    from gateway.registry.errors import RegistryError  # noqa: PLC0415
    from gateway.replay.errors import ReplayError  # noqa: PLC0415
    from gateway.smpp.errors import SmppError  # noqa: PLC0415
    from siprec.callcontrol.errors import CallingError  # noqa: PLC0415
    from siprec.providers.errors import ProviderError  # noqa: PLC0415
    from siprec.rtp.errors import RtpError  # noqa: PLC0415
    from siprec.sip.errors import SipError  # noqa: PLC0415
    from siprec.srs.errors import RecordingError  # noqa: PLC0415

    return Known(
        usage=(CarrierUnknown, ReplayError),
        failures=(
            *(CarrierError, DirectoryError, EsmeError, RegistryError, SmppError),
            *(CallingError, ProviderError, RtpError, SipError, RecordingError),
        ),
    )


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gateway {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Reference simulator for business telephony."""


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Play the tour, then stop.")] = False,
    as_json: AsJson = False,
    speed: Annotated[float, typer.Option(help="World seconds per real second.", min=0.001)] = 1.0,
    overrides: Overrides = None,
) -> None:
    """Start everything on loopback, play the tour, print what happened, keep serving.

    Examples:

        gateway demo

        gateway demo --once --json

        gateway demo --set http.port=9090
    """
    begin_without_collector()
    from gateway.demo.run import run_demo  # noqa: PLC0415

    sys.exit(run_demo(once=once, as_json=as_json, speed=speed, overrides=overrides or []))


@app.command()
def run(
    config: ConfigFile = "gateway.yaml",
    only: Annotated[
        str, typer.Option(metavar="PARTS", help=f"Parts to run, by commas: {', '.join(EVERY_PART)}.")
    ] = ",".join(EVERY_PART),
    overrides: Overrides = None,
) -> None:
    """Run the service; SIGTERM drains and exits 0.

    Examples:

        gateway run -c gateway.yaml

        gateway run --only carriers --set carriers.port=3000
    """
    begin_without_collector()
    from gateway.app import run_service  # noqa: PLC0415

    sys.exit(run_service(config, _parts(only), overrides or []))


@app.command()
def check(
    config: Annotated[str, typer.Argument(metavar="FILE", help="Configuration to check.")],
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Check a configuration; every fault as `file:line:col: message`, exit code 2 if there is one.

    Examples:

        gateway check gateway.yaml

        gateway check gateway.yaml --json
    """
    from gateway.app import load_config  # noqa: PLC0415
    from gateway.runtime.errors import ConfigError  # noqa: PLC0415

    try:
        loaded = load_config(config, EVERY_PART, overrides or [])
    except ConfigError as error:
        if not as_json:
            raise
        typer.echo(json.dumps({"file": config, "faults": [asdict(fault) for fault in error.faults]}))
        sys.exit(USAGE)
    if as_json:
        typer.echo(json.dumps({"file": str(loaded.path), "faults": [], "sections": list(loaded.sections)}))
    else:
        typer.echo(f"{loaded.path}: no faults in {len(loaded.sections)} sections")


@app.command()
def doctor(
    config: ConfigFile = "gateway.yaml",
    only: Annotated[
        str, typer.Option(metavar="PARTS", help=f"Parts that would run, by commas: {', '.join(EVERY_PART)}.")
    ] = ",".join(EVERY_PART),
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Look at machine and configuration: versions, clock, limits, disk, ports, database, safety.

    Exit code 0: nothing keeps it from running, 1: something does, 2: the configuration has faults.

    Examples:

        gateway doctor

        gateway doctor -c gateway.yaml --only recording

        gateway doctor --json
    """
    from gateway.doctor.run import run_doctor  # noqa: PLC0415

    sys.exit(run_doctor(config, _parts(only), overrides or [], as_json=as_json))


@app.command()
def schema() -> None:
    """Print the JSON Schema of the configuration, for editors.

    Example:

        gateway schema > gateway.schema.json
    """
    from gateway.runtime.schema import file_schema  # noqa: PLC0415
    from gateway.settings import EVERY_SECTION  # noqa: PLC0415

    typer.echo(json.dumps(file_schema(EVERY_SECTION), indent=2))


@app.command()
def carriers(
    config: ConfigFile = "gateway.yaml",
    carrier: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Only this carrier; may be repeated.",
            autocompletion=completing("config/carriers"),
        ),
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port of the first carrier; the next ones follow.")] = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Run the mock carriers alone, for anyone's ESME (account `guest` / `guest`).

    With `--json` one line on stdout says where each of them listens once all of them do.

    Examples:

        gateway carriers

        gateway carriers --carrier tmobile --port 2775

        gateway carriers --set carriers.port=0 --json
    """
    begin_without_collector()
    from gateway.app import run_service  # noqa: PLC0415
    from gateway.demo.tables import carriers_json, print_carriers  # noqa: PLC0415

    extra = list(overrides or [])
    if port is not None:
        extra.append(f"carriers.port={port}")
        extra += [f"carriers.networks.{name}.port={port + place}" for place, name in enumerate(carrier or ())]
    sys.exit(
        run_service(
            config, ("carriers",), extra, tuple(carrier or ()), carriers_json if as_json else print_carriers
        )
    )


@app.command()
def rules(as_json: AsJson = False) -> None:
    """Show every rule: its code, what it stands on, who refuses, and whether it can be switched off.

    Example:

        gateway rules --json
    """
    from gateway.policy.rules import as_table  # noqa: PLC0415

    table = as_table()
    if as_json:
        typer.echo(json.dumps(table, indent=2))
        return
    from gateway.demo.tables import print_rules  # noqa: PLC0415

    print_rules(table)


@app.command()
def send(
    text: Annotated[str, typer.Argument(help="What to say.")],
    source: Annotated[str, typer.Option("--from", metavar="TN", help="The person's number.")],
    to: Annotated[str, typer.Option(metavar="TN", help="The recipient's number.")],
    url: GatewayUrl = "http://127.0.0.1:8080",
    token: Token = "demo-admin",  # noqa: S107 - the demo world's
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the final state.", min=0)] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Send one text through a running gateway and follow it to its final state.

    Example:

        gateway send --from +12025550100 --to +13105550120 "Your appointment is at ten"
    """
    from gateway.demo.send import send_and_follow  # noqa: PLC0415

    check_url("--url", url)

    sys.exit(send_and_follow(url, token, source, to, text, timeout_s=timeout, as_json=as_json))


traffic.add_to(app)


def _parts(only: str) -> tuple[str, ...]:
    chosen = tuple(part.strip() for part in only.split(",") if part.strip())
    unknown = [part for part in chosen if part not in EVERY_PART]
    if unknown or not chosen:
        fail(f"--only {only}: parts are {', '.join(EVERY_PART)}", USAGE)
    return chosen


if __name__ == "__main__":
    main()
