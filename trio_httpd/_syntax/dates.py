"""Dates: IMF-fixdate, the one form that HTTP sends (RFC 9110 §5.6.7)."""

from __future__ import annotations

from email.utils import formatdate


def format_date(timestamp: float) -> str:
    """Return seconds since the epoch as ``Sun, 06 Nov 1994 08:49:37 GMT``."""
    return formatdate(timestamp, usegmt=True)
