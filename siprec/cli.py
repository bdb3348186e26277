"""`siprec`: the commands. Heavy imports happen inside them, so that `--help` and mistakes answer at once."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from gateway import __version__
from gateway.runtime.commands import NOT_AS_EXPECTED, USAGE, Known, check_url, nobody_answers, run_command
from gateway.runtime.commands import fail as _fail
from gateway.runtime.completion import completing
from gateway.runtime.memory import begin_without_collector
from gateway.runtime.options import AsJson, ConfigFile, Overrides, Token

SCENARIO_NAMES = ("call", "pause", "hold", "transfer")
DIALECTS = ("broadworks", "rfc7866")

app = typer.Typer(
    name="siprec",
    help="SIPREC by itself: a recording server, simulated phones that are recorded, and the recordings.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
recordings = typer.Typer(
    help="Recordings of a running service: list, show, export.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(recordings, name="recordings")

Url = Annotated[str, typer.Option(envvar="GATEWAY_URL", help="A running service.")]
RecordingId = Annotated[str, typer.Argument(metavar="ID", help="A recording's id.")]
LOCAL = "http://127.0.0.1:8080"


def main() -> None:
    """Entry point of the console script: turns the faults we know into one line and an exit code."""
    run_command(app, _known_errors)


def _known_errors() -> Known:
    from gateway.directory.errors import DirectoryError  # noqa: PLC0415
    from siprec.callcontrol.errors import CallingError  # noqa: PLC0415
    from siprec.providers.errors import ProviderError  # noqa: PLC0415
    from siprec.rtp.errors import RtpError  # noqa: PLC0415
    from siprec.sip.errors import SipError, UriError  # noqa: PLC0415
    from siprec.srs.errors import RecordingError  # noqa: PLC0415

    return Known(
        usage=(UriError,),
        failures=(CallingError, DirectoryError, ProviderError, RtpError, SipError, RecordingError),
    )


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"siprec {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """SIPREC by itself."""


@app.command()
def serve(config: ConfigFile = "gateway.yaml", overrides: Overrides = None) -> None:
    """Run the recording server with its providers and API, without the texting half.

    Examples:

        siprec serve

        siprec serve --set recording.sip.udp_port=5080 --set recording.sip.tcp_port=5080

        siprec serve -c my.yaml --set recording.profile.plain_invite=record
    """
    begin_without_collector()
    from siprec.standalone import run_standalone  # noqa: PLC0415

    sys.exit(run_standalone(config, overrides or []))


@app.command()
def call(
    context: typer.Context,
    scenario: Annotated[
        str,
        typer.Argument(
            help=f"A scenario of the library (--list), a scenario file, or a plain call: "
            f"{', '.join(SCENARIO_NAMES)}.",
            autocompletion=completing("config/scenarios", *SCENARIO_NAMES),
        ),
    ] = "call",
    list_scenarios: Annotated[bool, typer.Option("--list", help="Show the library of scenarios.")] = False,
    to: Annotated[
        list[str] | None, typer.Option(metavar="SIP_URI", help="A recording server; again for a failover.")
    ] = None,
    dialect: Annotated[
        str | None,
        typer.Option(help=f"Dialect: {' or '.join(DIALECTS)}; default: the scenario's, or broadworks."),
    ] = None,
    calls: Annotated[int, typer.Option(min=1, max=2000, help="Plain calls at once.")] = 1,
    pairs: Annotated[
        int | None,
        typer.Option(min=1, max=500, help="That many pairs of phones talk at once, each recorded."),
    ] = None,
    duration: Annotated[float, typer.Option(min=0.1, help="Seconds the parties of plain calls speak.")] = 3.0,
    codecs: Annotated[str, typer.Option(help="Codecs offered, by commas.")] = "PCMU,PCMA,G722",
    tenant: Annotated[
        str, typer.Option(metavar="SP/GROUP/ID", help="Service provider, external group, identifier.")
    ] = "acme-sp/acme-dental/alice@acme-dental.example",
    loss: Annotated[float, typer.Option(min=0, max=1, help="Share of RTP packets that get lost.")] = 0.0,
    reorder: Annotated[float, typer.Option(min=0, max=1, help="Share that overtake one another.")] = 0.0,
    skew: Annotated[float, typer.Option(help="Clock skew of the sender, parts per million.")] = 0.0,
    srtp: Annotated[bool, typer.Option("--srtp", help="Offer SDES-SRTP.")] = False,
    host: Annotated[str, typer.Option(help="Our own address.")] = "127.0.0.1",
    seed: Annotated[int | None, typer.Option(help="Repeat the same calls.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make recorded calls, as simulated phones, to our recording server or anyone's.

    A **scenario** of the library has phones that register and call through a simulated call control, which
    forks to the recorder; everything it expects is checked, and without `--to` a recorder of our own is
    started, so that what is in the recordings is checked too. A **plain** call is the fork alone, without
    phones, to the server of `--to` (default: ours at 127.0.0.1:5060). With `--pairs` many phones talk.

    Exit code 0 if everything is as it must be.

    Examples:

        siprec call --list

        siprec call pause-announcement

        siprec call conference --to sip:srs@127.0.0.1:5060

        siprec call my-scenario.yaml --json

        siprec call --duration 2

        siprec call pause --to sip:srs@127.0.0.1:5060 --dialect rfc7866

        siprec call --to "sip:srs@127.0.0.1:5061;transport=tls" --srtp --calls 10 --json

        siprec call transfer --loss 0.02 --reorder 0.01 --skew 40

        siprec call --pairs 50 --duration 60
    """
    if dialect is not None and dialect not in DIALECTS:
        _fail(f"--dialect {dialect}: dialects are {', '.join(DIALECTS)}", USAGE)
    for server in to or ():
        _check_sip_uri(server)
    from siprec.calling import commands  # noqa: PLC0415

    if list_scenarios:
        commands.show_library(as_json=as_json)
    elif pairs is not None:
        _only(context, "--pairs", "calls", "tenant", "loss", "reorder", "skew", "srtp", "codecs", "seed")
        commands.call_pairs(pairs, duration, tuple(to or ()), dialect or "broadworks", host, as_json=as_json)
    elif scenario in SCENARIO_NAMES:
        keys = tenant.split("/", 2)
        if len(keys) != 3:
            _fail(f"--tenant {tenant}: expected service provider/group/identifier", USAGE)
        commands.call_plain(
            as_json=as_json,
            servers=tuple(to or ["sip:srs@127.0.0.1:5060"]),
            scenario=scenario,
            dialect=dialect or "broadworks",
            calls=calls,
            duration_s=duration,
            codecs=tuple(codec.strip() for codec in codecs.split(",") if codec.strip()),
            tenant=(keys[0], keys[1], keys[2]),
            host=host,
            srtp=srtp,
            weather=(loss, reorder, skew),
            seed=seed,
        )
    else:
        _only(context, "a scenario of the library", "calls", "duration", "tenant", "loss", "reorder", "skew",
              "srtp", "codecs", "seed")  # fmt: skip
        commands.call_scenario(scenario, tuple(to or ()), dialect, host, as_json=as_json)


def _check_sip_uri(text: str) -> None:
    from siprec.sip.errors import UriError  # noqa: PLC0415
    from siprec.sip.uri import SipUri, parse_uri  # noqa: PLC0415

    try:
        usable = isinstance(parse_uri(text), SipUri)
    except UriError:
        usable = False
    if not usable:
        _fail(f"--to {text}: expected the address of a recorder, such as sip:srs@127.0.0.1:5060", USAGE)


def _only(context: typer.Context, what: str, *plain: str) -> None:
    """Refuse options that mean nothing here."""
    given = [name for name in plain if str(context.get_parameter_source(name)).endswith("COMMANDLINE")]
    if given:
        _fail(f"--{given[0]} is for plain calls, not for {what}", USAGE)


@recordings.command("list")
def list_(
    provider: Annotated[str | None, typer.Option(help="Only this provider's.")] = None,
    person: Annotated[str | None, typer.Option(help="Only this person's.")] = None,
    state: Annotated[str | None, typer.Option(help="recording, sealed or failed.")] = None,
    quarantined: Annotated[
        bool | None, typer.Option("--quarantined/--filed", help="Only in, or only out of quarantine.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 50,
    url: Url = LOCAL,
    token: Token = "demo-admin",  # noqa: S107 - the demo's
    as_json: AsJson = False,
) -> None:
    """List recordings, newest first.

    Examples:

        siprec recordings list

        siprec recordings list --provider dubber --token demo-alice --json

        siprec recordings list --quarantined
    """
    from siprec.browsing import Service, list_recordings  # noqa: PLC0415

    query = {
        "provider": provider,
        "personId": person,
        "state": state,
        "quarantined": None if quarantined is None else str(quarantined).lower(),
    }
    _browse(lambda: list_recordings(Service(url, token), limit, as_json=as_json, **query), url)


@recordings.command()
def show(
    recording_id: RecordingId,
    url: Url = LOCAL,
    token: Token = "demo-admin",  # noqa: S107 - the demo's
    as_json: AsJson = False,
) -> None:
    """Show one recording, with what the token may see of it.

    Example:

        siprec recordings show 0d3kz7m1x8000 --token demo-alice
    """
    from siprec.browsing import Service, show_recording  # noqa: PLC0415

    _browse(lambda: show_recording(Service(url, token), recording_id, as_json=as_json), url)


@recordings.command()
def export(
    recording_id: RecordingId,
    to: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where to; default: the id.")] = None,
    url: Url = LOCAL,
    token: Token = "demo-admin",  # noqa: S107 - the demo's
    as_json: AsJson = False,
) -> None:
    """Write a recording's audio, sidecar and metadata documents into a folder.

    Example:

        siprec recordings export 0d3kz7m1x8000 --to call --token demo-alice
    """
    from siprec.browsing import Service, export_recording  # noqa: PLC0415

    folder = to or Path(recording_id)
    _browse(lambda: export_recording(Service(url, token), recording_id, folder, as_json=as_json), url)


def _browse(work: Callable[[], int], url: str) -> NoReturn:
    import aiohttp  # noqa: PLC0415

    from siprec.browsing import RefusedError  # noqa: PLC0415

    check_url("--url", url)
    try:
        code = work()
    except RefusedError as error:
        _fail(f"refused: {error}", NOT_AS_EXPECTED)
    except aiohttp.ClientError as error:
        _fail(nobody_answers(url, error, "`siprec serve` or `gateway demo`"), NOT_AS_EXPECTED)
    sys.exit(code)


if __name__ == "__main__":
    main()
