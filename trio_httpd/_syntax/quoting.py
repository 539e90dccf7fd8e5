"""Quoting: what a client chose, as an error or a log line shows it.

In comes a value of any size; out comes its ``repr`` at a bounded length.
"""

from __future__ import annotations

MOST_QUOTED = 1024
"""How many characters or bytes of a value are shown."""


def quoted(value: object) -> str:
    """Return ``repr(value)``; of a long value its beginning and three dots."""
    if isinstance(value, str | bytes | bytearray):
        if len(value) > MOST_QUOTED:  # Cut first: the escapes may be four times as long.
            return f"{value[:MOST_QUOTED]!r}..."
        return repr(value)
    text = repr(value)
    return text if len(text) <= MOST_QUOTED else f"{text[:MOST_QUOTED]}..."
