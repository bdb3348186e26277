"""Write `gateway/policy/emoji_data.py` from the Unicode data that the `emoji` package carries.

    python tests/gateway/policy/generate_emoji_data.py          write it
    python tests/gateway/policy/generate_emoji_data.py --check  exit 1 if it is out of date

The package repeats Unicode's emoji-test.txt (UTS #51): a single code point that is fully qualified there has
Emoji_Presentation; one that is unqualified is an emoji only with variation selector 16.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

import emoji

TARGET = Path(__file__).parents[3] / "gateway" / "policy" / "emoji_data.py"
COMPONENT, FULLY_QUALIFIED = 1, 2
REGIONAL_INDICATORS = range(0x1F1E6, 0x1F200)
KEYCAP_BASES = "#*0123456789"


def ranges(points: Iterable[int]) -> str:
    """Return the body of a regular expression class that matches exactly `points`."""
    spans: list[list[int]] = []
    for point in sorted(set(points)):
        if spans and spans[-1][1] == point - 1:
            spans[-1][1] = point
        else:
            spans.append([point, point])
    return "".join(
        f"\\U{first:08x}" if first == last else f"\\U{first:08x}-\\U{last:08x}" for first, last in spans
    )


def source() -> str:
    """Return the module's text."""
    single = {ord(key): data["status"] for key, data in emoji.EMOJI_DATA.items() if len(key) == 1}
    presentation = {point for point, status in single.items() if status <= FULLY_QUALIFIED}
    # Skin tones, hair components and regional indicators have the property too (UTS #51).
    presentation.update(REGIONAL_INDICATORS)
    every = set(single) | presentation | {ord(base) for base in KEYCAP_BASES}
    version = max(data["E"] for data in emoji.EMOJI_DATA.values())
    lines = [
        f'"""Unicode emoji properties, Emoji {version:g}; generated, do not edit.',
        "",
        "Source: Unicode emoji-test.txt (UTS #51) by way of the `emoji` package;",
        "written by tests/gateway/policy/generate_emoji_data.py.",
        '"""',
        "",
        *constant("EMOJI_PRESENTATION", "Characters that are drawn as emoji by themselves.", presentation),
        "",
        *constant("EMOJI", "Characters that variation selector 16 or a sequence makes emoji.", every),
    ]
    return "\n".join(lines) + "\n"


def constant(name: str, meaning: str, points: Iterable[int]) -> list[str]:
    """Return the lines of one string constant, wrapped."""
    body = ranges(points)
    width = 90
    pieces, rest = [], body
    while rest:
        cut = len(rest) if len(rest) <= width else rest.rfind("\\", 0, width)
        if rest[cut - 1] == "-":
            cut = rest.rfind("\\", 0, cut - 1)
        pieces.append(rest[:cut])
        rest = rest[cut:]
    return [f"{name} = (", *(f'    "{piece}"' for piece in pieces), ")", f'"""{meaning}"""']


def main() -> int:
    """Write the module, or compare it."""
    text = source()
    if "--check" in sys.argv[1:]:
        return int(TARGET.read_text(encoding="utf-8") != text)
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
