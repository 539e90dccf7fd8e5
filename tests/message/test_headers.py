from __future__ import annotations

import pytest

from trio_httpd import Headers

HEADERS = Headers(
    [("Accept", "a;q=1, b"), ("X-One", "1"), ("accept", "C"), ("Connection", "Close, ,Foo")]
)


def test_names_have_no_case() -> None:
    assert HEADERS["x-ONE"] == "1"
    assert "ACCEPT" in HEADERS


def test_combined_joins_all_lines() -> None:
    assert HEADERS.combined("accept") == "a;q=1, b, C"
    assert HEADERS.combined("x-none") is None


def test_elements_are_those_of_all_lines() -> None:
    assert HEADERS.elements("Accept") == ["a;q=1", "b", "C"]
    assert HEADERS.elements("x-none") == []


def test_flags_are_a_set_without_case() -> None:
    assert HEADERS.flags("connection") == {"close", "foo"}


def test_single_is_the_one_value_or_none() -> None:
    assert HEADERS.single("x-one") == "1"
    assert HEADERS.single("accept") is None
    assert HEADERS.single("x-none") is None


def test_headers_cannot_change() -> None:
    with pytest.raises(TypeError):
        HEADERS["x"] = "y"  # type: ignore[index]
