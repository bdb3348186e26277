"""`gateway`: the commands. Heavy imports happen inside them, so that `--help` and mistakes answer at once."""

import json
import sys
from typing import Annotated, Any

import typer

from gateway import __version__
from gateway.runtime.commands import USAGE, Known, check_url, run_command
from gateway.runtime.commands import fail as _fail
from gateway.runtime.memory import begin_without_collector

EVERY_PART = ("texting", "carriers", "recording")

app = typer.Typer(
    name="gateway",
    help="Reference simulator for business telephony: texting with 10DLC-true carriers, SIPREC recording.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigFile = Annotated[
    str, typer.Option("-c", "--config", metavar="FILE", help="Configuration; a path or a name of ours.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a dotted YAML key; may be repeated."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


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
    from siprec.rtp.errors import RtpError  # noqa: PLC0415
    from siprec.sip.errors import SipError  # noqa: PLC0415
    from siprec.srs.errors import RecordingError  # noqa: PLC0415

    return Known(
        usage=(CarrierUnknown, ReplayError),
        failures=(
            *(CarrierError, DirectoryError, EsmeError, RegistryError, SmppError),
            *(RtpError, SipError, RecordingError),
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
) -> None:
    """Check a configuration; every fault as `file:line:col: message`, exit code 2 if there is one.

    Example:

        gateway check gateway.yaml
    """
    from gateway.app import load_config  # noqa: PLC0415

    loaded = load_config(config, EVERY_PART, overrides or [])
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
    from gateway.runtime.config import json_schema  # noqa: PLC0415
    from gateway.settings import EVERY_SECTION  # noqa: PLC0415

    typer.echo(json.dumps(json_schema(EVERY_SECTION), indent=2))


@app.command()
def carriers(
    config: ConfigFile = "gateway.yaml",
    carrier: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this carrier; may be repeated.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port of the first carrier; the next ones follow.")] = None,
    overrides: Overrides = None,
) -> None:
    """Run the mock carriers alone, for anyone's ESME (account `guest` / `guest`).

    Examples:

        gateway carriers

        gateway carriers --carrier tmobile --port 2775
    """
    begin_without_collector()
    from gateway.app import run_service  # noqa: PLC0415
    from gateway.demo.tables import print_carriers  # noqa: PLC0415

    extra = list(overrides or [])
    if port is not None:
        extra.append(f"carriers.port={port}")
        extra += [f"carriers.networks.{name}.port={port + place}" for place, name in enumerate(carrier or ())]
    sys.exit(run_service(config, ("carriers",), extra, tuple(carrier or ()), print_carriers))


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
    url: Annotated[
        str, typer.Option(envvar="GATEWAY_URL", help="A running gateway.")
    ] = "http://127.0.0.1:8080",
    token: Annotated[str, typer.Option(envvar="GATEWAY_TOKEN", help="Bearer token.")] = "demo-admin",  # noqa: S107
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the final state.")] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Send one text through a running gateway and follow it to its final state.

    Example:

        gateway send --from +12025550100 --to +13105550120 "Your appointment is at ten"
    """
    from gateway.demo.send import send_and_follow  # noqa: PLC0415

    check_url("--url", url)

    sys.exit(send_and_follow(url, token, source, to, text, timeout_s=timeout, as_json=as_json))


@app.command()
def replay(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Capture: pcap, pcapng, JSONL, or a log.")],
    role: Annotated[
        str | None,
        typer.Option("--as", metavar="ROLE", help="carrier, esme or users; default: the majority's."),
    ] = None,
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="As carrier.")] = "127.0.0.1:2775",
    account: Annotated[
        str | None, typer.Option(metavar="NAME:PASSWORD", help="As carrier: who may bind; default: loopback.")
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(metavar="URL", help="smpp://user:password@host:port, or http://host:port as users."),
    ] = None,
    token: Annotated[
        str, typer.Option(envvar="GATEWAY_TOKEN", help="Bearer token, as users.")
    ] = "demo-admin",  # noqa: S107
    carrier: Annotated[
        str, typer.Option(metavar="NAME", help="Mock carrier, as esme without --target.")
    ] = "tmobile",
    world: Annotated[
        str | None,
        typer.Option(metavar="auto|FILE", help="auto: made of the capture's numbers; or map onto FILE's."),
    ] = None,
    save_world: Annotated[
        str | None, typer.Option(metavar="FILE", help="As users: leave the configuration that auto made.")
    ] = None,
    pseudonyms: Annotated[
        bool, typer.Option("--pseudonyms", help="Replace every number by a pseudonym.")
    ] = False,
    speed: Annotated[str, typer.Option(metavar="N|max", help="World seconds per real second.")] = "1",
    seed: Annotated[int, typer.Option(help="Of the carrier and the pseudonyms.")] = 1,
    window: Annotated[int, typer.Option(help="Requests outstanding per bind.", min=1)] = 10,
    wait: Annotated[float, typer.Option(help="World seconds to wait for late receipts.", min=0)] = 30.0,
    expect: Annotated[str | None, typer.Option(metavar="FILE", help="Golden file or rules.")] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Write --expect as the golden file of this run.")
    ] = False,
    tolerate: Annotated[int, typer.Option(help="Messages that may differ.", min=0)] = 0,
    any_refusal: Annotated[
        bool, typer.Option("--any-refusal", help="One refusal is as good as another.")
    ] = False,
    report: Annotated[
        list[str] | None, typer.Option(metavar="FILE", help=".html, .xml (JUnit) or .json; may be repeated.")
    ] = None,
    afresh: Annotated[bool, typer.Option("--afresh", help="Do not take up a stopped replay.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let a capture happen again, against a running system of ours or anyone's, and judge every message.

    Exit code 0: as expected, 1: not, 2: the capture or an option cannot be used.

    Examples:

        gateway replay monday.pcap --speed max --world auto

        gateway replay access.log --as esme --target smpp://guest:guest@127.0.0.1:2775 --speed 10

        gateway replay monday.pcapng --as carrier --listen 127.0.0.1:2775 --report monday.html

        gateway replay monday.pcap --as users --speed max --world auto

        gateway replay monday.pcap --as users --target http://127.0.0.1:8080 --world gateway.yaml

        gateway replay monday.pcap --speed max --world auto --expect golden.jsonl --update
    """
    from pathlib import Path  # noqa: PLC0415

    from gateway.replay.command import replay_command  # noqa: PLC0415
    from gateway.replay.compare import Tolerances  # noqa: PLC0415
    from gateway.replay.options import ROLES, ReplayOptions  # noqa: PLC0415
    from gateway.replay.pace import parse_speed  # noqa: PLC0415
    from gateway.replay.worlds import AUTO  # noqa: PLC0415

    if role is not None and role not in ROLES:
        _fail(f"--as {role}: roles are {', '.join(ROLES)}", USAGE)
    if update and expect is None:
        _fail("--update writes what --expect names: give both", USAGE)
    try:
        factor = parse_speed(speed)
    except ValueError:
        _fail(f"--speed {speed}: expected max, or a number above 0 and up to 1,000,000", USAGE)
    own_gateway: Any = None
    if role == "users" and world == AUTO:
        from gateway.testing.texting import running_gateway as own_gateway  # noqa: PLC0415
    options = ReplayOptions(
        Path(file), role, listen, account, target, token, carrier, world, pseudonyms=pseudonyms,
        speed=factor, seed=seed, window=window, grace_s=wait, update=update,
        expect=Path(expect) if expect else None, save_world=Path(save_world) if save_world else None,
        tolerances=Tolerances(any_refusal=any_refusal, differences=tolerate),
    )  # fmt: skip
    sys.exit(
        replay_command(
            options,
            reports=[Path(one) for one in report or ()],
            as_json=as_json,
            afresh=afresh,
            open_gateway=own_gateway,
        )
    )


@app.command()
def load(
    profile: Annotated[
        str | None,
        typer.Argument(
            metavar="PROFILE", help="A profile's file, or the name of one of ours; none: list ours."
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="http(s)://, ws(s)://, smpp(s)://user:password@host:port, sip:… or limiter:"
        ),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.001, help="Requests a second: the average, or a ramp's highest.")
    ] = None,
    duration: Annotated[float | None, typer.Option(min=0.1, help="Seconds in which requests arrive.")] = None,
    requests: Annotated[int | None, typer.Option(min=1, help="Stop after so many.")] = None,
    connections: Annotated[int | None, typer.Option(min=1, max=10_000, help="Connections.")] = None,
    window: Annotated[int | None, typer.Option(min=1, max=10_000, help="Outstanding on each.")] = None,
    token: Annotated[
        str | None, typer.Option(envvar="GATEWAY_TOKEN", help="Bearer token, HTTP and WebSocket.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Other requests at other times.")] = None,
    report: Annotated[
        list[str] | None, typer.Option(metavar="FILE", help=".html or .json; may be repeated.")
    ] = None,
    remote: Annotated[bool, typer.Option("--remote", help="The target may be another machine.")] = False,
    as_json: AsJson = False,
) -> None:
    """Load a target, open loop, and judge what came back by the profile's budgets.

    Exit code 0: every budget kept, 1: not, or nobody answers, 2: the profile or an option cannot be used.

    Examples:

        gateway load

        gateway load limiter --report limiter.html

        gateway load carrier --target smpp://guest:guest@127.0.0.1:2775 --rate 50 --duration 20

        gateway load my.yaml --json
    """
    from pathlib import Path  # noqa: PLC0415

    from gateway.load.command import list_profiles, load_command  # noqa: PLC0415
    from gateway.load.profile import find_profile, read_profile  # noqa: PLC0415

    if profile is None:
        sys.exit(list_profiles(as_json=as_json))
    chosen = read_profile(find_profile(profile)).with_options(
        target=target, rate=rate, duration_s=duration, requests=requests, connections=connections,
        window=window, token=token, seed=seed,
    )  # fmt: skip
    reports = [Path(one) for one in report or ()]
    sys.exit(load_command(chosen, reports=reports, as_json=as_json, remote=remote))


@app.command()
def record(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Where to: JSONL if named .jsonl, else pcap.")],
    url: Annotated[
        str, typer.Option(envvar="GATEWAY_URL", help="A running gateway.")
    ] = "http://127.0.0.1:8080",
    token: Annotated[str, typer.Option(envvar="GATEWAY_TOKEN", help="Bearer token.")] = "demo-admin",  # noqa: S107
    duration: Annotated[float | None, typer.Option(help="Seconds; default: until Ctrl-C.", min=0)] = None,
    mask_text: Annotated[bool, typer.Option("--mask-text", help="Replace texts by asterisks.")] = False,
    rotate: Annotated[int, typer.Option(metavar="MIB", help="Size of a file.", min=1, max=4096)] = 64,
    max_files: Annotated[int, typer.Option(help="Files kept, the latest.", min=1, max=1000)] = 1000,
) -> None:
    """Capture a running gateway's SMPP traffic; as JSONL with its verdicts.

    Examples:

        gateway record monday.pcap

        gateway record monday.jsonl --duration 60 --mask-text
    """
    from pathlib import Path  # noqa: PLC0415

    from gateway.demo.record import record as run_record  # noqa: PLC0415

    check_url("--url", url)

    sys.exit(
        run_record(
            url,
            token,
            Path(file),
            duration_s=duration,
            mask_text=mask_text,
            rotate_mib=rotate,
            max_files=max_files,
        )
    )


def _parts(only: str) -> tuple[str, ...]:
    chosen = tuple(part.strip() for part in only.split(",") if part.strip())
    unknown = [part for part in chosen if part not in EVERY_PART]
    if unknown or not chosen:
        _fail(f"--only {only}: parts are {', '.join(EVERY_PART)}", USAGE)
    return chosen


if __name__ == "__main__":
    main()
