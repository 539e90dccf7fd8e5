"""How a listing looks, and what it may load."""

from __future__ import annotations

import base64
import hashlib
import re
from itertools import product

import pytest

from trio_httpd._static.listing.style import ICON, POLICY, STYLE


def test_the_policy_lets_in_this_style_and_pictures_that_are_in_it() -> None:
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    assert POLICY.split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    ]


def test_the_style_can_stand_in_a_page() -> None:
    assert "</style" not in STYLE
    assert STYLE.count("{") == STYLE.count("}")
    assert not set('"<> #') & set(ICON)


def test_both_schemes_have_all_colours() -> None:
    light, dark = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    assert re.findall("--[a-z]+", light) == re.findall("--[a-z]+", dark)


def luminance(colour: str) -> float:
    """Return the relative luminance of ``#rrggbb`` (WCAG 2.2)."""
    shares = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", [0, 1])
@pytest.mark.parametrize(
    ("text", "background"),
    [*product(["text", "faint", "link"], ["page", "over"]), ("mark", "marked")],
)
def test_all_text_can_be_read_in_both_schemes(scheme: int, text: str, background: str) -> None:
    colours = dict(
        re.findall(
            "--([a-z]+): (#[0-9a-f]{6});", re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)[scheme]
        )
    )
    assert contrast(colours[text], colours[background]) >= 4.5  # WCAG 2.2, 1.4.3 (AA).
