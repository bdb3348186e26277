"""`siprec`: the commands. Heavy imports happen inside them, so that `--help` and mistakes answer at once."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from gateway import __version__
from gateway.runtime.commands import DONE, NOT_AS_EXPECTED, USAGE, Known, check_url, run_command
from gateway.runtime.commands import fail as _fail

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

ConfigFile = Annotated[
    str, typer.Option("-c", "--config", metavar="FILE", help="Configuration; a path or a name of ours.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a dotted YAML key; may be repeated."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Url = Annotated[str, typer.Option(envvar="GATEWAY_URL", help="A running service.")]
Token = Annotated[str, typer.Option(envvar="GATEWAY_TOKEN", help="Bearer token.")]
RecordingId = Annotated[str, typer.Argument(metavar="ID", help="A recording's id.")]
LOCAL = "http://127.0.0.1:8080"


def main() -> None:
    """Entry point of the console script: turns the faults we know into one line and an exit code."""
    run_command(app, _known_errors)


def _known_errors() -> Known:
    from gateway.directory.errors import DirectoryError  # noqa: PLC0415
    from siprec.providers.errors import ProviderError  # noqa: PLC0415
    from siprec.rtp.errors import RtpError  # noqa: PLC0415
    from siprec.sip.errors import SipError, UriError  # noqa: PLC0415
    from siprec.srs.errors import RecordingError  # noqa: PLC0415

    return Known(
        usage=(UriError,), failures=(DirectoryError, ProviderError, RtpError, SipError, RecordingError)
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
    from siprec.standalone import run_standalone  # noqa: PLC0415

    sys.exit(run_standalone(config, overrides or []))


@app.command()
def call(
    scenario: Annotated[str, typer.Argument(help=f"What happens: {', '.join(SCENARIO_NAMES)}.")] = "call",
    to: Annotated[
        list[str] | None, typer.Option(metavar="SIP_URI", help="A recording server; again for a failover.")
    ] = None,
    dialect: Annotated[str, typer.Option(help=f"Dialect: {' or '.join(DIALECTS)}.")] = "broadworks",
    calls: Annotated[int, typer.Option(min=1, max=2000, help="Calls at once.")] = 1,
    duration: Annotated[float, typer.Option(min=0.1, help="Seconds the parties speak.")] = 3.0,
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

    Exit code 0 if every call was taken and every change answered as it should be.

    Examples:

        siprec call

        siprec call pause --to sip:srs@127.0.0.1:5060 --dialect rfc7866

        siprec call --to "sip:srs@127.0.0.1:5061;transport=tls" --srtp --calls 10 --json

        siprec call transfer --loss 0.02 --reorder 0.01 --skew 40
    """
    if scenario not in SCENARIO_NAMES:
        _fail(f"{scenario}: scenarios are {', '.join(SCENARIO_NAMES)}", USAGE)
    if dialect not in DIALECTS:
        _fail(f"--dialect {dialect}: dialects are {', '.join(DIALECTS)}", USAGE)
    keys = tenant.split("/", 2)
    if len(keys) != 3:
        _fail(f"--tenant {tenant}: expected service provider/group/identifier", USAGE)

    from siprec.calling.plain import CallPlan, document, run_calls  # noqa: PLC0415
    from siprec.metadata import Dialect  # noqa: PLC0415
    from siprec.phones.impairment import Weather  # noqa: PLC0415

    plan = CallPlan(
        servers=tuple(to or ["sip:srs@127.0.0.1:5060"]),
        scenario=scenario,
        dialect=Dialect(dialect),
        calls=calls,
        duration_s=duration,
        codecs=tuple(codec.strip() for codec in codecs.split(",") if codec.strip()),
        tenant=(keys[0], keys[1], keys[2]),
        host=host,
        srtp=srtp,
        weather=Weather(loss=loss, reorder=reorder, skew_ppm=skew),
        seed=seed,
    )
    from gateway.runtime.lifecycle import run  # noqa: PLC0415

    try:
        results = run(run_calls(plan))
    except OSError as error:
        _fail(f"the calls could not be made: {error}", NOT_AS_EXPECTED)
    outcome = document(plan, results)
    if as_json:
        typer.echo(json.dumps(outcome))
    else:
        _print_calls(outcome)
    sys.exit(DONE if outcome["ok"] else NOT_AS_EXPECTED)


def _print_calls(outcome: dict[str, object]) -> None:
    results = outcome["results"]
    assert isinstance(results, list)  # noqa: S101 - made by `document`
    for number, result in enumerate(results, 1):
        streams = ", ".join(
            f"stream {each['label']} {each['codec'] or 'refused'} {each['packets']} packets"
            for each in result["streams"]
        )
        word = "recorded" if result["ok"] else f"failed ({result['status'] or 'no answer'})"
        refused = "".join(f"; {each}" for each in result["refused"])
        typer.echo(f"call {number}: {word} by {result['server']}{': ' if streams else ''}{streams}{refused}")
    typer.echo(f"{outcome['calls']} calls, {outcome['failed']} failed, {outcome['packets']} packets sent")


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
        _fail(
            f"no service answers at {url}: {error}. Start one with `siprec serve` or `gateway demo`.",
            NOT_AS_EXPECTED,
        )
    sys.exit(code)


if __name__ == "__main__":
    main()
