"""Every check, one after the other, and what they found on the terminal or as JSON."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from gateway.app import load_config
from gateway.doctor import machine, world
from gateway.doctor.findings import CONFIGURATION, Finding, document, exit_code, fault, ok, print_table
from gateway.runtime.config import LoadedConfig
from gateway.runtime.errors import ConfigError
from gateway.runtime.http.settings import HttpSettings
from gateway.runtime.settings import StorageSettings
from siprec.settings import RecordingSettings


def run_doctor(name: str, parts: Sequence[str], overrides: Sequence[str], *, as_json: bool) -> int:
    """Check and print; return the exit code."""
    console = Console(stderr=as_json)
    findings: list[Finding] = []
    with console.status("Looking …") as status:
        for finding in examine(name, parts, overrides):
            findings.append(finding)
            status.update(f"Looking … {finding.check}")
    if as_json:
        print(json.dumps(document(findings), indent=2))
    else:
        print_table(findings, console)
    return exit_code(findings)


def examine(name: str, parts: Sequence[str], overrides: Sequence[str]) -> Iterator[Finding]:
    """Look at the machine, and at what this configuration wants of it."""
    yield from machine.versions()
    yield from machine.clock()
    try:
        config = load_config(name, parts, overrides)
    except ConfigError as error:
        for each in error.faults:
            yield fault(
                CONFIGURATION, str(each), "correct it, then look again; `gateway check` says the same"
            )
        return
    yield ok(CONFIGURATION, f"{config.path}: no faults in {len(config.sections)} sections")
    yield from world.packages(config)
    yield machine.open_files(*world.descriptors(config))
    if wanted := world.receive_buffer_bytes(config):
        yield machine.receive_buffers(wanted)
    storage = config.section("storage", StorageSettings)
    yield machine.disk(Path(storage.folder), _least_free(config))
    running = world.is_running(config.section("http", HttpSettings))
    yield from world.ports(world.ports_of(config), running)
    yield from world.occupied(storage, parts, running)
    yield from world.database(storage, running)
    yield from world.safety(config.section("http", HttpSettings))


def _least_free(config: LoadedConfig) -> int:
    if "recording" not in config.sections:
        return 0
    return config.section("recording", RecordingSettings).storage.min_free_bytes
