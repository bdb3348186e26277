"""Texts for those who live in Locust: `from gateway.load.locustfile import Mallory, Person` is a locustfile.

Locust is no dependency of this project: `pip install locust` beside it. Its users wait for their answers (a
closed loop), so a target that stalls slows the load down with it; `gateway load` is open-loop and shows the
stall. Settings by environment: GATEWAY_TOKEN, LOAD_FIRST_NUMBER and LOAD_NUMBERS (senders), LOAD_HOSTILE
(share of the hostile among the users).
"""

import itertools
import os
import random
from typing import Any

from locust import HttpUser, between, task  # type: ignore[import-not-found]

__all__ = ["Mallory", "Person"]

TOKEN = os.environ.get("GATEWAY_TOKEN", "demo-admin")
FIRST_NUMBER = int(os.environ.get("LOAD_FIRST_NUMBER", "+12025550100").lstrip("+"))
NUMBERS = int(os.environ.get("LOAD_NUMBERS", "1"))
HOSTILE = float(os.environ.get("LOAD_HOSTILE", "0.1"))
SERVED = frozenset((202, 429, 503))
REFUSED = frozenset((400, 401, 403, 422, 429, 503))
HOSTILITIES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("emoji", {"text": "\N{GRINNING FACE} hello"}),
    ("mms", {"text": "look", "files": ["https://files.example/picture.jpg"]}),
    ("international", {"text": "hello", "to": "+447700900123"}),
    ("malformed", {"text": ["not", "a", "text"]}),
)
_counter = itertools.count(1)


class Person(HttpUser):  # type: ignore[misc]
    """A person with a number, who texts now and then; being throttled is an answer, not a failure."""

    wait_time = between(0.5, 2.0)
    weight = max(round(100 * (1 - HOSTILE)), 1)

    def on_start(self) -> None:
        """Take a number, and the token."""
        self.number = f"+{FIRST_NUMBER + random.randrange(NUMBERS)}"  # noqa: S311 - traffic
        self.client.headers["Authorization"] = f"Bearer {TOKEN}"

    def text(self, name: str, expected: frozenset[int], **body: object) -> None:
        """Send one text; any status but those expected is a failure."""
        handset = f"+1310200{random.randrange(10_000):04}"  # noqa: S311 - traffic
        document = {"from": self.number, "to": handset, **body}
        with self.client.post("/v1/messages", json=document, name=name, catch_response=True) as response:
            if response.status_code in expected:
                response.success()
            else:
                response.failure(f"{response.status_code}: {response.text[:200]}")

    @task  # type: ignore[untyped-decorator]
    def send(self) -> None:
        """Send a text."""
        self.text("text", SERVED, text=f"Locust {next(_counter)}")


class Mallory(Person):
    """Sends what must be refused; being served is the failure."""

    weight = round(100 * HOSTILE)

    @task  # type: ignore[untyped-decorator]
    def send(self) -> None:
        """Send what must be refused."""
        name, body = random.choice(HOSTILITIES)  # noqa: S311 - traffic
        self.text(name, REFUSED, **body)
