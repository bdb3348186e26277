"""Units, compose file, image: each says what the program, its configuration and its ports are."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field

from docs.pages import cli
from gateway.app import load_config
from gateway.doctor import world
from gateway.runtime.config import find_config
from gateway.settings import PARTS

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "config/systemd").glob("*.service"))
INSTALLED = "/opt/sms-siprec-gateway/bin"
OURS = "/etc/sms-siprec-gateway/gateway.yaml"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Limit(_Part):
    soft: int
    hard: int


class Container(_Part):
    """What of the Compose Specification we use."""

    image: str
    build: str | None = None
    profiles: list[str] = []
    command: list[str] = []
    environment: dict[str, str] = {}
    ports: list[str] = Field(default=[], min_length=1)
    volumes: list[str] = []
    depends_on: list[str] = []
    restart: Literal["no", "always", "on-failure", "unless-stopped"] = "no"
    stop_grace_period: str = "10s"
    read_only: bool = False
    tmpfs: list[str] = []
    cap_drop: list[str] = []
    security_opt: list[str] = []
    ulimits: dict[Literal["nofile"], Limit] = {}


class Compose(_Part):
    name: str
    services: dict[str, Container]
    volumes: dict[str, None]


@pytest.fixture(scope="module")
def compose() -> Compose:
    return Compose.model_validate(yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8")))


def overrides(container: Container) -> list[str]:
    words = container.command
    return [words[place + 1] for place, word in enumerate(words) if word == "--set"]


def published(container: Container) -> set[tuple[int, str]]:
    """(port in the container, protocol) of everything published."""
    found = set()
    for each in container.ports:
        ports, _, protocol = each.partition("/")
        first, _, last = ports.rpartition(":")[2].partition("-")
        found |= {(port, protocol or "tcp") for port in range(int(first), int(last or first) + 1)}
    return found


def test_only_the_gateway_runs_unless_monitoring_is_asked_for(compose: Compose):
    assert {name: one.profiles for name, one in compose.services.items()} == {
        "gateway": [],
        "prometheus": ["monitoring"],
        "grafana": ["monitoring"],
    }


def test_everything_is_published_on_loopback_only(compose: Compose):
    ports = [port for one in compose.services.values() for port in one.ports]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_what_is_mounted_is_there(compose: Compose):
    mounted = [each.split(":")[0] for one in compose.services.values() for each in one.volumes]
    assert [each for each in mounted if each.startswith(".") and not (ROOT / each).exists()] == []
    named = {each for each in mounted if not each.startswith(".")}
    assert named == set(compose.volumes)


def test_the_gateway_s_settings_are_valid_and_its_ports_published(compose: Compose, monkeypatch):
    gateway = compose.services["gateway"]
    for name, value in gateway.environment.items():
        monkeypatch.setenv(name, value)
    config = load_config("gateway.yaml", tuple(PARTS), overrides(gateway))
    inside = {(each.port, "udp" if each.datagram else "tcp") for each in world.ports_of(config)}
    beside = {(5070, "udp"), (5070, "tcp")}  # the phones live in the container too
    assert inside - beside <= published(gateway)
    media = config.section("recording").media
    assert {(port, "udp") for port in range(media.first_port, media.last_port + 1)} <= published(gateway)
    assert (media.last_port + 1 - media.first_port) // 2 == media.port_pairs
    assert config.section("carriers").host == config.section("http").host == "0.0.0.0"
    guests = {
        address
        for network in config.section("carriers").networks.values()
        for account in network.profile.accounts
        if account.system_id == "guest"
        for address in account.allowed_addresses
    }
    assert gateway.environment["GUEST_NETWORK"] in guests


def test_strangers_come_from_this_machine_only_unless_told_otherwise(monkeypatch):
    monkeypatch.delenv("GUEST_NETWORK", raising=False)
    config = load_config("gateway.yaml", ("carriers",), ())
    for network in config.section("carriers").networks.values():
        for account in network.profile.accounts:
            assert set(account.allowed_addresses) <= {"127.0.0.0/8", "::1/128"}


def test_prometheus_in_compose_scrapes_the_gateway_by_the_same_configuration(compose: Compose, config: Path):
    alone, inside = (
        yaml.safe_load((config / "prometheus" / name).read_text(encoding="utf-8"))
        for name in ("prometheus.yml", "compose.yml")
    )
    (scrape,) = inside["scrape_configs"]
    (target,) = scrape["static_configs"][0]["targets"]
    host = target.partition(":")[0]
    assert host in compose.services
    assert f"http.allowed_hosts=[{host}]" in overrides(compose.services["gateway"])
    scrape["static_configs"] = alone["scrape_configs"][0]["static_configs"]
    assert inside == alone


def test_grafana_finds_its_source_and_boards(compose: Compose, config: Path):
    provisioning = config / "grafana/provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())["datasources"]
    variable = source["url"].removeprefix("${").removesuffix("}")
    grafana = compose.services["grafana"]
    assert grafana.environment[variable] == "http://prometheus:9090"
    (provider,) = yaml.safe_load((provisioning / "dashboards/gateway.yml").read_text())["providers"]
    mounts = dict(each.removesuffix(":ro").split(":") for each in grafana.volumes)
    assert mounts["./config/grafana/dashboards"] == provider["options"]["path"]
    home = Path(grafana.environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (config / "grafana/dashboards" / home.name).is_file()


def test_the_image_exposes_what_is_published(compose: Compose):
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    exposed = published(
        Container(image="", ports=re.findall(r"^EXPOSE (.*)$", text, re.MULTILINE)[0].split())
    )
    assert published(compose.services["gateway"]) == exposed


def test_the_image_installs_pins_that_are_there():
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "--require-hashes" in text
    for variant in ("runtime", "full"):
        assert (ROOT / f"requirements/{variant}.txt").is_file()


def directives(unit: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in unit.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_units_start_commands_that_there_are(unit: Path):
    found = directives(unit)
    for line in (*found["ExecStart"], *found["ExecStartPre"]):
        program, *words = line.split()
        assert program.startswith(INSTALLED + "/")
        name = f"{Path(program).name} {words[0]}"
        options = {option for each in cli.commands()[name].params for option in each.opts}
        assert {word for word in words if word.startswith("-")} <= options
        assert OURS in words
    assert found["WorkingDirectory"] == [f"/var/lib/{found['StateDirectory'][0]}"]
    assert int(found["LimitNOFILE"][0]) >= world.descriptors(load_config("gateway.yaml", tuple(PARTS), ()))[1]


def test_a_unit_for_each_way_to_run():
    assert [unit.stem for unit in UNITS] == ["mock-carriers", "siprec-recorder", "sms-siprec-gateway"]
    started = {directives(unit)["ExecStart"][0].split()[1] for unit in UNITS}
    assert started == {"run", "serve", "carriers"}


@pytest.mark.system("systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_understands_them(unit: Path, tool, tmp_path: Path):
    installed = tmp_path / unit.name
    text = unit.read_text(encoding="utf-8").replace(INSTALLED, str(Path(sys.executable).parent))
    installed.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [tool("systemd-analyze"), "verify", "--man=no", str(installed)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def wheel_sources() -> dict[str, str]:
    """What goes into the wheel besides the packages: where it is, where it goes."""
    project: Any = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    forced: dict[str, str] = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    return forced


def test_the_image_is_built_of_everything_the_wheel_needs():
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    build = text.partition("hatchling build")[0]
    copied = {word for line in re.findall(r"^COPY (.*)$", build, re.MULTILINE) for word in line.split()[:-1]}
    ignored = set((ROOT / ".dockerignore").read_text(encoding="utf-8").split())
    needed = {name.partition("/")[0] for name in wheel_sources()} | {"gateway", "siprec", "pyproject.toml"}
    assert needed <= copied
    assert not ignored & (copied | {"requirements"})


def test_the_wheel_carries_what_operators_need():
    forced = wheel_sources()
    assert forced["config"] == "gateway/_config"
    for name in ("prometheus/alerts.yml", "grafana/dashboards/texting.json", "systemd/mock-carriers.service"):
        assert (find_config("gateway.yaml").parent / name).is_file()
