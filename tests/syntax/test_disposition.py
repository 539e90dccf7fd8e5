from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_httpd._syntax.disposition import format_disposition
from trio_httpd._syntax.fields import encode_field


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("a.txt", 'filename="a.txt"'),
        ("a b;c=d'.txt", 'filename="a b;c=d\'.txt"'),
        ("na\xefve.txt", "filename=\"na_ve.txt\"; filename*=UTF-8''na%C3%AFve.txt"),
        ("\u20ac.txt", "filename=\"_.txt\"; filename*=UTF-8''%E2%82%AC.txt"),
        ("50%.txt", "filename=\"50_.txt\"; filename*=UTF-8''50%25.txt"),
        ('a"b.txt', "filename=\"a_b.txt\"; filename*=UTF-8''a%22b.txt"),
        ("a'*()\u2603", "filename=\"a'*()_\"; filename*=UTF-8''a%27%2A%28%29%E2%98%83"),
        ("../a\\b.txt", 'filename=".._a_b.txt"'),
        ("a\r\nX: y", 'filename="a__X: y"'),
        ("a\x7f\x85\udcff", 'filename="a___"'),
    ],
)
def test_a_name_is_told_so_that_any_browser_gets_it_right(filename: str, expected: str) -> None:
    assert format_disposition(filename) == f"attachment; {expected}"


def test_a_kind_may_be_another_and_a_name_may_lack() -> None:
    assert format_disposition("a", "inline") == 'inline; filename="a"'
    assert format_disposition("", "inline") == "inline"
    with pytest.raises(ValueError, match="not a kind"):
        format_disposition("a", "in line")


@given(st.text(min_size=1))
def test_any_name_can_be_told(filename: str) -> None:
    value = format_disposition(filename)
    encode_field("Content-Disposition", value)
    match = re.fullmatch(
        r"attachment; filename=\"([^\"%\\/]+)\"(?:; filename\*=UTF-8''([\x21-\x7e]+))?", value
    )
    assert match is not None
    told = unquote(match[2]) if match[2] else match[1]
    assert len(told) == len(filename)
    assert all(a in (b, "_") for a, b in zip(told, filename, strict=True))
