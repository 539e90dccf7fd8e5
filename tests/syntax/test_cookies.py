from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_httpd._syntax.cookies import CookieAttributes, format_cookie, parse_cookies


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


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ({}, "a=1; Path=/; SameSite=Lax"),
        ({"path": None, "samesite": None}, "a=1"),
        (
            {"max_age": 60, "expires": 0, "path": None, "samesite": None},
            "a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        ),
        (
            {"domain": "a.test", "path": "/x", "samesite": "Strict"},
            "a=1; Domain=a.test; Path=/x; SameSite=Strict",
        ),
        (
            {"secure": True, "httponly": True, "partitioned": True, "samesite": "None"},
            "a=1; Path=/; SameSite=None; Secure; HttpOnly; Partitioned",
        ),
    ],
)
def test_a_cookie_has_its_attributes(attributes: dict[str, Any], text: str) -> None:
    assert format_cookie("a", "1", CookieAttributes(**attributes)) == text


@pytest.mark.parametrize(
    ("name", "value", "attributes", "error"),
    [
        ("a b", "1", {}, "not a cookie name"),
        ("", "1", {}, "not a cookie name"),
        ("a", "1; Domain=x", {}, "not a cookie value"),
        ("a", "1 2", {}, "not a cookie value"),
        ("a", "é", {}, "not a cookie value"),
        ("a", "1\r\nX: y", {}, "not a cookie value"),
        ("a", "1", {"path": "/; Domain=x"}, "not an attribute"),
        ("a", "1", {"domain": "x\n"}, "not an attribute"),
        ("a", "1", {"samesite": "None"}, "has to be secure"),
        ("a", "1", {"partitioned": True}, "has to be secure"),
        ("a", "1", {"samesite": "lax"}, "samesite is"),
    ],
)
def test_a_cookie_that_would_be_misread_is_refused(
    name: str, value: str, attributes: dict[str, Any], error: str
) -> None:
    with pytest.raises(ValueError, match=error):
        format_cookie(name, value, CookieAttributes(**attributes))


@given(st.text(), st.text())
def test_what_is_set_is_what_comes_back(name: str, value: str) -> None:
    try:
        text = format_cookie(name, value, CookieAttributes(path=None, samesite=None))
    except ValueError:
        return
    assert list(parse_cookies(text)) == [(name, value)]
