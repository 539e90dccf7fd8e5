"""Dates: the one form that HTTP sends, the three that it reads (RFC 9110 §5.6.7)."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from email.utils import formatdate

_DAYS = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_DAYS = "(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_DAY = "(?P<day>[0-9]{2})"
_YEAR = "(?P<year>[0-9]{4})"
_TIME = "(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_FORMS = tuple(
    re.compile(form)
    for form in (
        f"{_DAYS}, {_DAY} {_MONTH} {_YEAR} {_TIME} GMT",
        f"{_LONG_DAYS}, {_DAY}-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT",
        f"{_DAYS} {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_TIME} {_YEAR}",
    )
)
_FORESEEN = 50
"""How many years ahead a year of two digits may lie, else it is a past one."""


def format_date(timestamp: float) -> str:
    """Return seconds since the epoch as ``Sun, 06 Nov 1994 08:49:37 GMT``."""
    return formatdate(timestamp, usegmt=True)


def parse_date(text: str, now: float | None = None) -> int | None:
    """Return the seconds since the epoch that a date means, None if it is none.

    The name of the day is not compared with the date. A leap second counts as the
    second before it.

    Args:
        text: an IMF-fixdate, or one of the obsolete forms of RFC 850 and asctime.
        now: what time it is, in seconds since the epoch; it places a year of two
            digits in a century. None asks the clock.
    """
    for form in _FORMS:
        if match := form.fullmatch(text):
            break
    else:
        return None
    year, day, hour, minute, second = (
        int(match[name]) for name in ("year", "day", "hour", "minute", "second")
    )
    if len(match["year"]) == 2:
        year = _full_year(year, time.time() if now is None else now)
    if second > 60:
        return None
    try:
        moment = datetime(
            year, _MONTHS.index(match["month"]) + 1, day, hour, minute, min(second, 59), tzinfo=UTC
        )
    except ValueError:
        return None
    return int(moment.timestamp())


def _full_year(two_digits: int, now: float) -> int:
    """Return the year so written, at most fifty years from now."""
    this_year = datetime.fromtimestamp(now, UTC).year
    year = this_year - this_year % 100 + two_digits
    if year - this_year > _FORESEEN:
        return year - 100
    return year + 100 if this_year - year >= 100 - _FORESEEN else year
