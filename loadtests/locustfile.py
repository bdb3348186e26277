"""Texts for those who live in Locust: `locust -f loadtests/locustfile.py --host http://127.0.0.1:8080`.

Locust is no dependency of this project: `pip install locust` in an environment of your own. Its users wait for their
answers (a closed loop), so a target that stalls slows the load down with it; `gateway load` is open-loop and shows the
stall. Settings by environment: GATEWAY_TOKEN, LOAD_FIRST_NUMBER and LOAD_NUMBERS (senders), LOAD_HOSTILE (share of the
hostile among the users).
"""

import itertools
import os
import random

from locust import HttpUser, between, task

TOKEN = os.environ.get("GATEWAY_TOKEN", "demo-admin")
FIRST_NUMBER = int(os.environ.get("LOAD_FIRST_NUMBER", "+12025550100").lstrip("+"))
NUMBERS = int(os.environ.get("LOAD_NUMBERS", "1"))
HOSTILE = float(os.environ.get("LOAD_HOSTILE", "0.1"))
REFUSED = {400, 401, 403, 422, 429, 503}
counter = itertools.count(1)


class Person(HttpUser):
    """A person with a number, who texts now and then; being throttled is an answer, not a failure."""

    wait_time = between(0.5, 2.0)
    weight = max(round(100 * (1 - HOSTILE)), 1)

    def on_start(self) -> None:
        self.number = f"+{FIRST_NUMBER + random.randrange(NUMBERS)}"
        self.client.headers["Authorization"] = f"Bearer {TOKEN}"

    def text(self, name: str, expected: set[int], **body: object) -> None:
        document = {"from": self.number, "to": f"+1310200{random.randrange(10_000):04}", **body}
        with self.client.post("/v1/messages", json=document, name=name, catch_response=True) as response:
            if response.status_code in expected:
                response.success()
            else:
                response.failure(f"{response.status_code}: {response.text[:200]}")

    @task
    def send(self) -> None:
        self.text("text", {202, 429, 503}, text=f"Locust {next(counter)}")


class Mallory(Person):
    """Sends what must be refused; being served is the failure."""

    weight = round(100 * HOSTILE)

    @task
    def send(self) -> None:
        name, body = random.choice(
            [
                ("emoji", {"text": "\N{GRINNING FACE} hello"}),
                ("mms", {"text": "look", "files": ["https://files.example/picture.jpg"]}),
                ("international", {"text": "hello", "to": "+447700900123"}),
                ("malformed", {"text": ["not", "a", "text"]}),
            ]
        )
        self.text(name, REFUSED, **body)
