"""What every API has: health, readiness, metrics, docs."""

import re
from typing import Any

import pytest
from swagger_ui_bundle import swagger_ui_path

from gateway.runtime.http.docs import _FILES
from gateway.runtime.http.pages import SECURITY_HEADERS


async def test_alive_and_ready(serve: Any) -> None:
    api = await serve([])
    alive = await api.call("GET", "/healthz", token=None)
    assert alive.json["status"] == "ok"
    assert alive.json["uptimeSeconds"] >= 0
    ready = await api.call("GET", "/readyz", token=None)
    assert (ready.status, ready.json) == (200, {"ready": True, "problems": []})


async def test_not_ready_says_why(serve: Any) -> None:
    api = await serve([])
    api.health.add_part("database", lambda: False)
    answer = await api.call("GET", "/readyz", token=None)
    assert (answer.status, answer.json) == (503, {"ready": False, "problems": ["database is not ready"]})
    assert answer.headers["Retry-After"] == "1"
    assert (await api.call("GET", "/healthz", token=None)).status == 200


async def test_not_alive_is_a_503(serve: Any) -> None:
    api = await serve([])
    api.health.add_liveness(lambda: False)
    answer = await api.call("GET", "/healthz", token=None)
    assert (answer.status, answer.json["status"]) == (503, "failed")


async def test_metrics_in_prometheus_words(serve: Any) -> None:
    api = await serve([])
    api.metrics.counter("gateway_tests_total", "Tests.").inc(3)
    answer = await api.call("GET", "/metrics", token=None, headers={"Accept-Encoding": "identity"})
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert b"gateway_tests_total 3.0\n" in answer.body


async def test_metrics_are_compressed_for_those_who_ask(serve: Any) -> None:
    api = await serve([])
    for n in range(100):
        api.metrics.counter(f"gateway_filler{n}_total", "Something to compress.").inc()
    async with api.client.get(api.server.url + "/metrics") as response:
        assert response.headers["Content-Encoding"] == "gzip"
        assert b"gateway_filler99_total" in await response.read()


async def test_the_docs_page_works_offline_under_a_strict_policy(serve: Any) -> None:
    api = await serve([])
    page = await api.call("GET", "/docs", token=None)
    assert page.status == 200
    for name, value in SECURITY_HEADERS.items():
        assert page.headers[name] == value
    policy = page.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    html = page.body.decode()
    assert "https://" not in html
    assert "<style" not in html
    assert " style=" not in html
    assert not re.search(r"<script(?![^>]*\bsrc=)", html)
    for link in re.findall(r'(?:src|href)="(/[^"]+)"', html):
        answer = await api.call("GET", link, token=None)
        assert answer.status == 200, link
        assert answer.headers["X-Content-Type-Options"] == "nosniff" or link == "/openapi.json"


async def test_the_documents_url_in_our_script_is_served(serve: Any) -> None:
    api = await serve([])
    script = (await api.call("GET", "/docs/init.js", token=None)).body.decode()
    (url,) = re.findall(r'url: "([^"]+)"', script)
    assert (await api.call("GET", url, token=None)).json["openapi"] == "3.0.3"


async def test_swagger_ui_comes_from_the_installed_package(serve: Any) -> None:
    api = await serve([])
    bundle = await api.call("GET", "/docs/swagger-ui-bundle.js", token=None)
    assert bundle.body == (swagger_ui_path / "swagger-ui-bundle.js").read_bytes()
    assert bundle.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert "max-age" in bundle.headers["Cache-Control"]


@pytest.mark.parametrize("name", ["index.html", "..%2finit.js", "%2e%2e", "swagger-ui.js.map", "x"])
async def test_no_other_file_can_be_had(serve: Any, name: str) -> None:
    api = await serve([])
    assert (await api.call("GET", f"/docs/{name}", token=None)).status == 404


def test_every_docs_file_is_installed() -> None:
    assert all(path.is_file() for path in _FILES.values())


async def test_files_are_revalidated(serve: Any) -> None:
    api = await serve([])
    first = await api.call("GET", "/docs/init.js", token=None)
    again = await api.call(
        "GET", "/docs/init.js", token=None, headers={"If-None-Match": first.headers["ETag"]}
    )
    assert again.status == 304
