"""The page's files: all served, all our own, nothing inline, nothing from elsewhere."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.dashboard import dashboard_routes
from gateway.dashboard.routes import POLICY, STATIC
from gateway.runtime.http import Health, HttpServer, HttpSettings, build_app
from gateway.runtime.metrics import Metrics

FILES = sorted(path for path in STATIC.rglob("*") if path.is_file())
INDEX = (STATIC / "index.html").read_bytes()
MODULES = [path for path in FILES if path.suffix == ".js"]


@pytest.fixture
async def page() -> AsyncIterator[Any]:
    settings = HttpSettings(port=0)
    app = build_app(
        [dashboard_routes()], [], Metrics(process=False), Health(), "Test", "1", settings=settings
    )
    server = HttpServer(app, settings)
    await server.start()
    async with aiohttp.ClientSession(server.url) as client:
        yield client
    await server.stop()


async def test_the_page_is_served_under_the_strict_policy(page: Any) -> None:
    async with page.get("/") as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        assert response.headers["Content-Security-Policy"] == POLICY
        assert (await response.read()) == INDEX


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(STATIC).as_posix())
async def test_every_file_is_served_with_its_type(page: Any, path: Path) -> None:
    types = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
    async with page.get(f"/page/{path.relative_to(STATIC).as_posix()}") as response:
        assert response.status == 200
        assert response.headers["Content-Type"].startswith(types[path.suffix])
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert await response.read() == path.read_bytes()  # noqa: ASYNC240


@pytest.mark.parametrize(
    "path", ["../routes.py", "%2e%2e/routes.py", "js", "nothing.js", "js/../../__init__.py"]
)
async def test_nothing_else_is_served(page: Any, path: str) -> None:
    async with page.get(f"/page/{path}") as response:
        assert response.status == 404


def test_nothing_is_inline_and_nothing_is_from_elsewhere() -> None:
    html = (STATIC / "index.html").read_text()
    assert not re.search(r"\sstyle=|\son\w+=|<style|javascript:", html)
    assert not re.search(r"<script(?![^>]*\bsrc=)", html)
    for path in FILES:
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|//cdn", text), path.name


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_peers_words_never_become_markup(path: Path) -> None:
    text = path.read_text()
    for danger in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert danger not in text


def test_everything_the_page_loads_exists() -> None:
    html = (STATIC / "index.html").read_text()
    for link in re.findall(r'(?:src|href)="/page/([^"]+)"', html):
        assert (STATIC / link).is_file(), link
    for path in MODULES:
        for target in re.findall(r'from "(\.[^"]+)"', path.read_text()):
            assert (path.parent / target).resolve().is_file(), f"{path.name} imports {target}"


def test_every_element_a_module_asks_for_is_in_the_page() -> None:
    ids = set(re.findall(r'\bid="([^"]+)"', (STATIC / "index.html").read_text()))
    for path in MODULES:
        wanted = set(re.findall(r'byId\("([^"]+)"\)', path.read_text()))
        assert wanted <= ids, (path.name, wanted - ids)


def test_every_field_has_a_label_and_ids_are_unique() -> None:
    html = (STATIC / "index.html").read_text()
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    labelled = set(re.findall(r'<label[^>]*\bfor="([^"]+)"', html))
    fields = set(re.findall(r'<(?:input|select|textarea)[^>]*\bid="([^"]+)"', html))
    assert fields == labelled
    for reference in re.findall(r'aria-labelledby="([^"]+)"', html):
        assert reference in ids
    symbols = {name.removeprefix("i-") for name in ids if name.startswith("i-")}
    used = {name for path in MODULES for name in re.findall(r'\bicon\("([a-z]+)"\)', path.read_text())}
    assert used <= symbols


def test_every_view_is_in_the_navigation() -> None:
    html = (STATIC / "index.html").read_text()
    views = {path.stem for path in (STATIC / "js" / "views").glob("*.js")}
    assert set(re.findall(r'<a href="#/([a-z]+)"', html)) == views


def test_every_class_the_page_uses_is_styled() -> None:
    css = "".join(path.read_text() for path in (STATIC / "css").glob("*.css"))
    used = set(" ".join(re.findall(r'class="([^"]+)"', (STATIC / "index.html").read_text())).split())
    for path in MODULES:
        used |= set(" ".join(re.findall(r'className: "([^"]+)"', path.read_text())).split())
    unstyled = {name for name in used if not re.search(rf"\.{re.escape(name)}\b", css)}
    assert unstyled == set()


def test_only_the_tokens_know_a_colour() -> None:
    for path in (STATIC / "css").glob("*.css"):
        if path.name == "tokens.css":
            continue
        found = re.findall(r"#[0-9a-fA-F]{3,8}\b|rgb\(", path.read_text())
        assert found == [], path.name
