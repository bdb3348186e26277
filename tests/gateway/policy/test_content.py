"""Emoji are told as Unicode defines them, with the `emoji` package as judge of every sequence it knows."""

import subprocess
import sys
from pathlib import Path

import emoji
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.content import has_emoji, is_international
from gateway.policy.numbers import normalise

GENERATOR = Path(__file__).with_name("generate_emoji_data.py")


@pytest.mark.parametrize(
    "body",
    [
        "😀",
        "ok 👍🏽",
        "❤️",
        "☎️ call",
        "1️⃣",
        "#⃣",
        "*️⃣",
        "🇨🇿",
        "🇨",
        "👨‍👩‍👧",
        "🏳️‍🌈",
        "⛹‍♂",
        "©️",
        "™️",
        "⌚",
        "🏴󠁧󠁢󠁳󠁣󠁴󠁿",
        "Dobrý den 🙂",
    ],
)
def test_emoji(body: str) -> None:
    assert has_emoji(body)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "plain",
        ":-)",
        "© ® ™ ℹ",
        "0123456789 # *",
        "Příliš žluťoučký kůň",
        "日本語のテキスト",
        "हिन्दी क्‍ष",
        "❤ ☎ ♥ ✔ text style",
        "€ £ § → ↔",
        "a\u200db",
        "1\u200d2",
        "x\ufe0f",
        "\ufe0f",
        "\u20e3",
    ],
)
def test_text(body: str) -> None:
    assert not has_emoji(body)


def test_every_emoji_of_the_package_is_found() -> None:
    missed = [
        key
        for key, data in emoji.EMOJI_DATA.items()
        if data["status"] <= 2 and not has_emoji(f"Hello {key} there")
    ]
    assert missed == []


def test_unqualified_single_characters_are_text() -> None:
    wrong = [
        key
        for key, data in emoji.EMOJI_DATA.items()
        if len(key) == 1 and data["status"] > 2 and has_emoji(key)
    ]
    assert wrong == []


@given(st.text(st.characters(codec="utf-8")))
def test_what_the_package_finds_in_any_text_is_found(body: str) -> None:
    known = [
        item["emoji"] for item in emoji.emoji_list(body) if emoji.EMOJI_DATA[item["emoji"]]["status"] <= 2
    ]
    assert has_emoji(body) or not known


@given(st.text(st.characters(exclude_categories=("So", "Sk", "Mn", "Cf", "Cs", "Me"), exclude_characters="")))
def test_letters_digits_and_marks_of_any_language_are_text(body: str) -> None:
    plain = "".join(char for char in body if not emoji.is_emoji(char))
    assert not has_emoji(plain)


def test_the_data_module_is_what_the_package_says() -> None:
    done = subprocess.run([sys.executable, str(GENERATOR), "--check"], check=False, capture_output=True)
    assert done.returncode == 0, "run tests/gateway/policy/generate_emoji_data.py"


@pytest.mark.parametrize(
    ("number", "domestic", "international"),
    [
        ("+12025550100", True, False),
        ("+14165550102", False, False),
        ("+17875550100", True, False),
        ("+17875550100", False, True),
        ("+17870000000", False, True),
        ("+18005550100", False, False),
        ("+12115550120", True, False),
        ("911", True, False),
        ("12345", True, False),
        ("5550100", True, False),
        ("+442079460958", True, True),
        ("+8816123456", True, True),
        ("+4412", True, True),
        ("+440000", True, True),
        ("+999123456789", True, True),
        ("+4420794609581234", True, True),
        ("+18760000000", True, True),
        ("+1876", True, True),
        ("+18769765555", True, True),
        ("00442071838750", True, True),
        ("442071838750", True, True),
    ],
)
def test_international_whether_valid_or_not(number: str, domestic: bool, international: bool) -> None:
    assert is_international(normalise(number), territories_domestic=domestic) is international
