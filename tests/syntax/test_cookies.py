from __future__ import annotations

import pytest

from trio_httpd._syntax.cookies import parse_cookies


@pytest.mark.parametrize(
    ("value", "pairs"),
    [
        ("", []),
        ("a=1; b=2", [("a", "1"), ("b", "2")]),
        ("a=1;a=2", [("a", "1"), ("a", "2")]),
        ('a="x y"', [("a", "x y")]),
        ('a="', [("a", '"')]),
        ("a=b=c", [("a", "b=c")]),
        ("lonely; =nameless; a=", [("a", "")]),
    ],
)
def test_cookies_are_pairs_in_order(value: str, pairs: list[tuple[str, str]]) -> None:
    assert list(parse_cookies(value)) == pairs
