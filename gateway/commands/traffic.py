"""The commands that play, load and record traffic: `gateway replay`, `gateway load`, `gateway record`.

Heavy imports happen inside them, as in `gateway.cli`.
"""

import sys
from typing import Annotated, Any

import typer

from gateway.runtime.commands import USAGE, check_url, fail
from gateway.runtime.completion import completing
from gateway.runtime.options import AsJson, GatewayUrl, Token


def add_to(app: typer.Typer) -> None:
    """Declare them."""
    for command in (replay, load, record):
        app.command()(command)


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
        str,
        typer.Option(
            metavar="NAME",
            help="Mock carrier, as esme without --target.",
            autocompletion=completing("config/carriers"),
        ),
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
        fail(f"--as {role}: roles are {', '.join(ROLES)}", USAGE)
    if update and expect is None:
        fail("--update writes what --expect names: give both", USAGE)
    try:
        factor = parse_speed(speed)
    except ValueError:
        fail(f"--speed {speed}: expected max, or a number above 0 and up to 1,000,000", USAGE)
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


def load(
    profile: Annotated[
        str | None,
        typer.Argument(
            metavar="PROFILE",
            help="A profile's file, or the name of one of ours; none: list ours.",
            autocompletion=completing("loadtests"),
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


def record(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Where to: JSONL if named .jsonl, else pcap.")],
    url: GatewayUrl = "http://127.0.0.1:8080",
    token: Token = "demo-admin",  # noqa: S107 - the demo world's
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
