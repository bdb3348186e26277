"""Bulk requests with an `Idempotency-Key`: however often one is repeated, no text of it goes twice."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from gateway.messages.intake import Intake, Refusal, Taken
from gateway.messages.intents import InsertIdempotencyKey
from gateway.messages.model import Message
from gateway.messages.store import MessageStore
from gateway.runtime.database import IntegrityError
from gateway.runtime.http.errors import ApiError

ATTEMPTS = 5
"""Times a request is looked up anew because another one of its key came first."""

Take = Callable[[Sequence[Any]], Awaitable[list[Taken | Refusal]]]
"""What intake makes of items, up to the commit."""


async def take_once(
    store: MessageStore, intake: Intake, caller: str, key: str, items: Sequence[Any], take: Take
) -> list[Message | Taken | Refusal]:
    """Take in, durably, those of the items that no request of this key has brought yet.

    Of the others the text they made stands in the answer, as it is by now; what was refused is tried anew.
    The key itself is kept beside those of the items, with the first text: a single text cannot be sent with
    it any more, nor a batch with a single text's. Raises `ApiError` 409 where the key was used for another
    request, and the database's errors.
    """
    digest = hashlib.sha256(json.dumps(items, sort_keys=True).encode()).hexdigest()
    keys = _item_keys(key, len(items))
    for attempt in range(1, ATTEMPTS + 1):
        outcomes: dict[str, Message | Taken | Refusal] = {}
        outcomes |= await _earlier(store, caller, [key, *keys], digest)
        unmarked = [] if outcomes.pop(key, None) is not None else [key]
        fresh = [index for index, name in enumerate(keys) if name not in outcomes]
        for index, outcome in zip(fresh, await take([items[index] for index in fresh]), strict=True):
            name = keys[index]
            if isinstance(outcome, Taken):
                outcomes[name] = _marked(outcome, caller, [name, *unmarked], digest)
                unmarked = []
            else:
                outcomes[name] = outcome
        try:
            await intake.settle([each for each in outcomes.values() if isinstance(each, Taken)])
        except IntegrityError:
            if attempt == ATTEMPTS:
                raise
        else:
            return [outcomes[name] for name in keys]
    raise AssertionError("the last attempt returns or raises")


def _item_keys(key: str, count: int) -> list[str]:
    """The key of each item: no header can hold a space, so that none is the key of another request."""
    short = hashlib.sha256(key.encode()).hexdigest()
    return [f"{short} {index}" for index in range(count)]


def _marked(taken: Taken, caller: str, keys: Sequence[str], digest: str) -> Taken:
    """The text, stored together with its keys."""
    text = taken.message
    marks = [InsertIdempotencyKey(caller, key, digest, text.id, text.created_ns) for key in keys]
    return taken._replace(intents=(*taken.intents, *marks))


async def _earlier(
    store: MessageStore, caller: str, keys: Sequence[str], digest: str
) -> dict[str, Message | Refusal]:
    """What items of these keys became before, by key."""
    known = await store.known_keys(caller, keys)
    if any(one.digest != digest for one in known.values()):
        raise ApiError(409, "idempotency_key_reused", "this Idempotency-Key was used for another request")
    texts = await store.get_all([one.message_id for one in known.values()]) if known else {}
    gone = Refusal("message_not_found", "the text it made is not kept any more", 404, "gateway")
    return {name: texts.get(one.message_id, gone) for name, one in known.items()}
