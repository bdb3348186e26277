"""`metrics.md`: what a built service really registers."""

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from docs.pages.markdown import code, page, table
from gateway.app import Service

INTRODUCTION = """\
`GET /metrics` gives these in Prometheus' text format; on loopback it needs no token. Units are base
units, labels are bounded (what a peer could choose is folded to `other`, `vendor` or `unknown`), and no
label ever holds a telephone number, an id or a text.

Besides these, prometheus_client's `process_…` metrics (memory, CPU, open files) are there on Linux."""

#: What begins each name, and the heading of that group.
GROUPS = {
    "gateway_": "Gateway",
    "carrier_": "Mock carriers",
    "siprec_": "Recording",
    "": "Service",
}


def render(service: Service) -> str:
    """The page."""
    return page("Metrics", INTRODUCTION, _groups(service))


def families(service: Service) -> list[Metric]:
    """Every family of the service's registry but those of the process, by name."""
    found = service.world.metrics.registry.collect()
    return sorted((each for each in found if not each.name.startswith("process_")), key=lambda one: one.name)


def _groups(service: Service) -> Iterator[str]:
    labels = service.world.metrics.label_names()
    left = families(service)
    for prefix, title in GROUPS.items():
        group = [family for family in left if family.name.startswith(prefix)]
        left = [family for family in left if family not in group]
        if group:
            yield from (f"## {title}", "")
            yield from table(
                ("Metric", "Kind", "Labels", "What it counts"), (_row(each, labels) for each in group)
            )


def _row(family: Metric, labels: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    name = f"{family.name}_total" if family.type == "counter" else family.name
    names = labels.get(name) or getattr(family, "_labelnames", ())  # a collector's families know their own
    return code(name), family.type, " ".join(code(each) for each in names), family.documentation
