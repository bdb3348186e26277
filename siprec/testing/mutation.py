"""Broken messages for fuzzing: bytes with a few changes of the kinds that break parsers.

mutated(sip_request(), random.Random(7), 3)     # the same for the same random generator
"""

import random
import re

TOKENS = (
    *(b"\r\n", b"\n", b"\r", b" ", b"\x00", b"\xff"),
    *(b";", b",", b"<", b">", b'"', b"\\", b"=", b":", b"/", b"&", b"@", b"%", b"--"),
)
"""What structures text in SIP, MIME, SDP and XML."""
EDGES = (
    *(b"0", b"1", b"65535", b"65536", b"70000", b"-1", b"4294967296", b"99999999999999999999"),
    *(b"0.0.0.0", b""),
)
"""What takes the place of a word or number."""
_WORD = re.compile(rb"[0-9]+(?:\.[0-9]+)*|[A-Za-z-]+")


def mutated(data: bytes, rng: random.Random, changes: int) -> bytes:
    """Return the bytes with so many changes: something put in, cut, repeated, flipped, or a word replaced."""
    made = bytearray(data)
    for _ in range(changes):
        at = rng.randrange(len(made) + 1)
        match rng.randrange(6):
            case 0:
                made[at:at] = rng.choice(TOKENS)
            case 1:
                del made[at : at + rng.randint(1, 30)]
            case 2:
                cut = rng.randrange(len(made) + 1)
                made[at:at] = made[cut : cut + rng.randint(1, 80)]
            case 3:
                made[at : at + 1] = bytes([rng.randrange(256)])
            case _:
                words = list(_WORD.finditer(made))
                if words:
                    word = rng.choice(words)
                    made[word.start() : word.end()] = rng.choice(EDGES)
    return bytes(made)
