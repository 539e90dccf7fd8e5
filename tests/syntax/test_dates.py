from __future__ import annotations

from trio_httpd._syntax.dates import format_date


def test_a_date_is_an_imf_fixdate() -> None:
    assert format_date(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT"
