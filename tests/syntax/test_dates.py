from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_httpd._syntax.dates import format_date, parse_date

NOVEMBER = 784111777


def test_a_date_is_an_imf_fixdate() -> None:
    assert format_date(NOVEMBER) == "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun Nov 06 08:49:37 1994",
    ],
)
def test_a_date_is_read_in_each_of_three_forms(text: str) -> None:
    assert parse_date(text) == NOVEMBER


@given(st.integers(0, 253402300799))
def test_what_is_sent_can_be_read(timestamp: int) -> None:
    assert parse_date(format_date(timestamp)) == timestamp


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "tomorrow",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT\n",
        "sun, 06 nov 1994 08:49:37 gmt",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Xun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, \u0660\u0666 Nov 1994 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
    ],
)
def test_anything_else_is_no_date(text: str) -> None:
    assert parse_date(text) is None


def test_a_leap_second_is_the_second_before_it() -> None:
    assert parse_date("Sat, 31 Dec 2016 23:59:60 GMT") == parse_date(
        "Sat, 31 Dec 2016 23:59:59 GMT"
    )


@pytest.mark.parametrize(
    ("now", "digits", "year"),
    [
        (2026, "26", 2026),
        (2026, "76", 2076),
        (2026, "77", 1977),
        (2026, "94", 1994),
        (2026, "00", 2000),
        (2080, "30", 2130),
        (2080, "31", 2031),
        (1990, "40", 2040),
        (1990, "41", 1941),
    ],
)
def test_a_year_of_two_digits_is_at_most_fifty_years_ahead(
    now: int, digits: str, year: int
) -> None:
    start = parse_date(f"Mon, 01 Jan {now} 00:00:00 GMT")
    assert parse_date(f"Monday, 01-Feb-{digits} 00:00:00 GMT", start) == parse_date(
        f"Mon, 01 Feb {year} 00:00:00 GMT"
    )
