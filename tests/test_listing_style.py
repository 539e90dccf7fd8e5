"""How a listing looks, and what it may load."""

from __future__ import annotations

import base64
import hashlib
import re

from trio_httpd.listing_style import ICON, POLICY, STYLE


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
