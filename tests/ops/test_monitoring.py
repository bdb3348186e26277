"""Prometheus and Grafana: rules are tested by promtool, links resolve, queries name what there is."""

import asyncio
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import pytest
import yaml

from docs import generate
from docs.pages import metrics as page
from gateway.demo.client import ApiClient
from gateway.runtime.ports import free_ports

ROOT = Path(__file__).parents[2]
BOARDS = sorted(path.name for path in (ROOT / "config/grafana/dashboards").glob("*.json"))
#: What Prometheus itself, and prometheus_client's process collector, bring.
TARGET = frozenset({"job", "instance"})
BROUGHT = {
    "up": TARGET,
    "process_start_time_seconds": TARGET,
    "process_cpu_seconds_total": TARGET,
    "process_open_fds": TARGET,
    "process_max_fds": TARGET,
}
SELECTOR = re.compile(r"\b([a-z][a-z0-9_]*_[a-z0-9_]+|up)\s*(?:\{([^}]*)\})?")
GROUPING = re.compile(r"\bby\s*\(([^)]*)\)")
MATCHER = re.compile(r'([a-z_]+)\s*(?:=~|!~|!=|=)\s*"')
FUNCTIONS = {"histogram_quantile", "label_values"}


def alerts() -> list[dict]:
    groups = yaml.safe_load((ROOT / "config/prometheus/alerts.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def board(name: str) -> dict:
    return json.loads((ROOT / "config/grafana/dashboards" / name).read_text(encoding="utf-8"))


def queries(name: str) -> Iterator[tuple[str, str]]:
    """(where, query) of panels, variables and annotations."""
    document = board(name)
    for panel in document["panels"]:
        for target in panel.get("targets", ()):
            yield f"{name}: {panel['title']}", target["expr"]
    for variable in document["templating"]["list"]:
        if variable["type"] == "query":
            inner = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"])
            assert inner is not None, variable
            yield f"{name}: variable {variable['name']}", f'{inner[1]}{{{inner[2]}=""}}'
    for annotation in document["annotations"]["list"]:
        yield f"{name}: {annotation['name']}", annotation["expr"]


@pytest.fixture(scope="module")
def known() -> dict[str, set[str]]:
    """Labels by the name of every series a service can show."""

    async def read() -> dict[str, set[str]]:
        found = {name: set(labels) for name, labels in BROUGHT.items()}
        async with generate.built_service() as service:
            names = service.world.metrics.label_names()
            for family in page.families(service):
                name = f"{family.name}_total" if family.type == "counter" else family.name
                labels = set(names.get(name) or getattr(family, "_labelnames", ())) | TARGET
                if family.type == "histogram":
                    found[f"{name}_bucket"] = labels | {"le"}
                    found[f"{name}_count"] = found[f"{name}_sum"] = labels
                else:
                    found[name] = labels
        return found

    return asyncio.run(read())


def faults(query: str, known: dict[str, set[str]]) -> list[str]:
    """What a query names and no service has."""
    query = query.replace("$__rate_interval", "5m")
    bare = re.sub(r'"[^"]*"', '""', query)
    bare = GROUPING.sub(" ", bare)
    found, grouped = [], [each.strip() for names in GROUPING.findall(query) for each in names.split(",")]
    used: set[str] = set()
    for name, matchers in SELECTOR.findall(bare):
        if name in FUNCTIONS:
            continue
        if name not in known:
            found.append(f"no metric {name}")
            continue
        used |= known[name]
        labels = MATCHER.findall(matchers)
        found += [f"{name} has no label {label}" for label in labels if label not in known[name]]
    return found + [f"nothing here has the label {label}" for label in grouped if label not in used]


@pytest.mark.parametrize("query", ["gateway_nothing_total", 'up{carrier="x"}', "sum by (carrier) (up)"])
def test_the_check_finds_what_is_wrong(query: str, known: dict[str, set[str]]):
    assert faults(query, known) != []


@pytest.mark.parametrize("name", BOARDS)
def test_every_panel_asks_for_what_there_is(name: str, known: dict[str, set[str]]):
    asked = list(queries(name))
    assert len(asked) > 8
    assert {where: found for where, query in asked if (found := faults(query, known))} == {}


def test_there_is_a_board_for_each_half_of_the_work():
    assert BOARDS == ["carriers.json", "recording.json", "texting.json", "throttling.json"]


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_is_one_a_person_can_read(name: str):
    document = board(name)
    panels = [panel for panel in document["panels"] if panel["type"] != "row"]
    assert [panel["title"] for panel in panels if not panel["description"]] == []
    assert len({panel["id"] for panel in document["panels"]}) == len(document["panels"])
    places = [panel["gridPos"] for panel in document["panels"]]
    assert [place for place in places if place["x"] + place["w"] > 24] == []
    covered = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(covered) == len(set(covered)), "panels overlap"


def test_every_metric_of_ours_is_on_a_board(known: dict[str, set[str]]):
    asked = " ".join(query for name in BOARDS for _, query in queries(name))
    ours = {
        name
        for name in known
        if name not in BROUGHT and not name.endswith(("_count", "_sum", "_swept_total"))
    }
    assert sorted(name for name in ours if name not in asked) == []


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_every_alert_asks_for_what_there_is(alert: dict, known: dict[str, set[str]]):
    assert faults(alert["expr"], known) == []
    assert alert["labels"]["severity"] in ("page", "ticket")
    assert alert["annotations"]["summary"]


def test_every_alert_has_its_runbook_and_every_section_its_alert():
    wanted, there = set(), set()
    for alert in alerts():
        path, _, anchor = alert["annotations"]["runbook_url"].partition("#")
        assert anchor == alert["alert"].lower()
        assert (ROOT / path).is_file(), path
        wanted.add((path, alert["alert"]))
    for file in (ROOT / "docs/runbooks").glob("*.md"):
        text = file.read_text(encoding="utf-8")
        there |= {
            (f"docs/runbooks/{file.name}", name) for name in re.findall(r"^## (.+)$", text, re.MULTILINE)
        }
    assert there == wanted


def test_runbooks_name_metrics_that_there_are(known: dict[str, set[str]]):
    named = {
        name
        for file in (ROOT / "docs/runbooks").glob("*.md")
        for name in re.findall(r"\b(?:gateway|siprec|carrier)_[a-z_]+\b", file.read_text(encoding="utf-8"))
    }
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in known}
    assert sorted(named - families - set(known)) == []


@pytest.mark.system("promtool")
def test_promtool_likes_configuration_and_rules(config: Path, tool: Callable[[str], str]):
    folder = config / "prometheus"
    for arguments in (["check", "config", "prometheus.yml"], ["check", "rules", "alerts.yml"]):
        done = subprocess.run(
            [tool("promtool"), *arguments], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.system("promtool")
def test_promtool_tries_every_alert(config: Path, tool: Callable[[str], str]):
    folder = config / "prometheus"
    tried = yaml.safe_load((folder / "alerts_test.yml").read_text(encoding="utf-8"))["tests"]
    fired, quiet = set(), set()
    for case in (case for test in tried for case in test["alert_rule_test"]):
        (fired if case["exp_alerts"] else quiet).add(case["alertname"])
    assert fired == quiet == {alert["alert"] for alert in alerts()}
    done = subprocess.run(
        [tool("promtool"), "test", "rules", "alerts_test.yml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.system("prometheus")
async def test_a_real_prometheus_scrapes_a_running_world(start, config, tool, tmp_path: Path):
    service = await start()
    async with ApiClient(service.http.url, "demo-alice") as alice:
        for place in range(3):
            status, _ = await alice.post("/v1/messages", {"to": "+13105550150", "text": f"Number {place}"})
            assert status == 202
    document = yaml.safe_load((config / "prometheus/prometheus.yml").read_text(encoding="utf-8"))
    document["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    document["rule_files"] = [str(config / "prometheus" / name) for name in document["rule_files"]]
    document["scrape_configs"][0]["static_configs"] = [{"targets": [service.http.url.partition("//")[2]]}]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    log = (tmp_path / "prometheus.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        *(tool("prometheus"), f"--config.file={tmp_path / 'prometheus.yml'}"),
        *(f"--storage.tsdb.path={tmp_path / 'tsdb'}", f"--web.listen-address={url.partition('//')[2]}"),
        stdout=log,
        stderr=log,
    )
    try:
        async with aiohttp.ClientSession(base_url=url) as session:
            await scraped(session)
            (accepted,) = await asked(session, 'gateway_messages_accepted_total{direction="outbound"}')
            assert float(accepted["value"][1]) == 3
            assert accepted["metric"]["job"] == "gateway"
            await every_query_is_understood(session)
            async with session.get("/api/v1/rules") as answer:
                groups = (await answer.json())["data"]["groups"]
            rules = [rule for group in groups for rule in group["rules"]]
            assert {rule["name"] for rule in rules} == {alert["alert"] for alert in alerts()}
            assert [rule["name"] for rule in rules if rule["health"] == "err"] == []
            firing = {rule["name"] for rule in rules if rule["state"] == "firing"}
            assert firing <= {"RecordingDiskLow"}, "a healthy world rings no bell"
    finally:
        process.terminate()
        await process.wait()
        log.close()


async def scraped(session: aiohttp.ClientSession) -> None:
    """Wait until Prometheus is up and has scraped the gateway."""
    async with asyncio.timeout(30):
        while True:
            try:
                async with session.get("/api/v1/targets") as answer:
                    targets = (await answer.json())["data"]["activeTargets"]
                if [target["health"] for target in targets] == ["up"] and await asked(session, "up == 1"):
                    return
            except (aiohttp.ClientError, KeyError, ValueError):
                pass
            await asyncio.sleep(0.1)


async def asked(session: aiohttp.ClientSession, query: str) -> list[dict]:
    async with session.get("/api/v1/query", params={"query": query}) as answer:
        document = await answer.json()
    assert document["status"] == "success", f"{query}: {document}"
    return document["data"]["result"]


async def every_query_is_understood(session: aiohttp.ClientSession) -> None:
    for name in BOARDS:
        for where, query in queries(name):
            if ": variable " not in where:
                filled = re.sub(r"\$__rate_interval", "5m", query)
                await asked(session, re.sub(r"\$(instance|carrier|scope|provider)", ".*", filled))
