"""Tracking ids: one name per request, in the answer's ``trackingid`` header and in every error."""

import itertools
import os
import re
from collections.abc import Callable

_CALLERS = re.compile(r"[A-Za-z0-9._:-]{1,96}\Z")


def tracking_ids(prefix: str | None = None) -> Callable[[str | None], str]:
    """A source of tracking ids: give it the caller's own id (or None), take ``[caller's_]PREFIX_n``.

    A caller's id that is too long or holds odd characters is left out rather than echoed.
    """
    base = prefix or f"GW_{os.urandom(6).hex()}"
    count = itertools.count(1)
    own = f"{base}_%x"

    def next_id(caller: str | None = None) -> str:
        name = own % next(count)
        if caller is None or _CALLERS.match(caller) is None:
            return name
        return f"{caller}_{name}"

    return next_id
