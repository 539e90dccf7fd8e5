"""What a client chose is shown at a bounded length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_httpd._syntax.quoting import MOST_QUOTED, quoted


@pytest.mark.parametrize("value", ["", "a'\n", b"\xff", bytearray(b"a"), None, {"a": 1}])
def test_a_short_value_is_its_repr(value: object) -> None:
    assert quoted(value) == repr(value)


def test_a_value_of_just_that_length_is_whole() -> None:
    assert quoted("a" * MOST_QUOTED) == repr("a" * MOST_QUOTED)


@pytest.mark.parametrize("value", ["\n" * 5000, b"\xff" * 5000, bytearray(b"'" * 5000)])
def test_the_beginning_of_a_long_text_is_shown_with_dots_after_the_quotes(
    value: str | bytes | bytearray,
) -> None:
    assert quoted(value) == f"{value[:MOST_QUOTED]!r}..."


def test_another_value_is_cut_by_its_repr() -> None:
    assert quoted(["a" * 5000]) == "['" + "a" * (MOST_QUOTED - 2) + "..."


@given(st.text() | st.binary() | st.lists(st.text()))
def test_no_value_is_shown_at_more_than_ten_characters_for_each(value: object) -> None:
    shown = quoted(value)
    assert shown.isprintable()
    assert len(shown) <= 10 * MOST_QUOTED + 20  # "\U0010ffff"
