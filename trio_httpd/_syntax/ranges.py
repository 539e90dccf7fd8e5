"""Ranges: which bytes of a representation a request asks for (RFC 9110 §14).

In come the value of a Range field and a size in bytes; out go parts, each with a start
and a stop, or the word that the whole is to be sent. All work is linear in what the peer
sent, and no number is longer than the size.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MOST_RANGES = 100
"""How many ranges one request may ask for, before it is sent the whole instead."""

_SPEC = re.compile("([0-9]*+)-([0-9]*+)")


class ByteRange(NamedTuple):
    """The bytes from ``start`` up to ``stop``, which is not one of them."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        """How many bytes that is."""
        return self.stop - self.start


def select_ranges(value: str, size: int) -> list[ByteRange] | None:
    """Return the parts that a Range field asks for, in its order.

    Args:
        value: the field; where it came more than once, ignore it and do not ask.
        size: of the whole representation, in bytes.

    Returns:
        The parts that can be satisfied, cut to the size; an empty list where none can,
        which is for 416. None means to ignore the field (§14.2): the unit is another one,
        the grammar is broken, there are more than `MOST_RANGES`, all together they are
        larger than the whole, or the last bytes of nothing are asked for, which can be
        satisfied (§14.1.2) but not written.
    """
    unit, _, text = value.partition("=")
    if unit.lower() != "bytes":
        return None
    specs = [spec for each in text.split(",") if (spec := each.strip(" \t"))]
    if not 0 < len(specs) <= MOST_RANGES:
        return None
    parts = []
    for spec in specs:
        part = _parse_spec(spec, size)
        if part is None:
            return None
        if part.size:
            parts.append(part)
    return parts if sum(part.size for part in parts) <= size else None


def format_content_range(part: ByteRange, size: int) -> str:
    """Return the Content-Range of a part of so many bytes: ``bytes 0-9/100`` (§14.4)."""
    return f"bytes {part.start}-{part.stop - 1}/{size}"


def format_unsatisfied(size: int) -> str:
    """Return the Content-Range of a 416, which says how many bytes there are (§15.5.17)."""
    return f"bytes */{size}"


def _parse_spec(spec: str, size: int) -> ByteRange | None:
    """Return the part of one spec, empty if it cannot be satisfied; None: ignore all specs."""
    match = _SPEC.fullmatch(spec)
    if match is None or spec == "-":
        return None
    first, last = match[1].lstrip("0"), match[2].lstrip("0")
    if not match[1]:
        return None if last and not size else ByteRange(size - _clamp(last, size), size)
    if not match[2]:
        return ByteRange(_clamp(first, size), size)
    if (len(last), last) < (len(first), first):
        return None
    return ByteRange(_clamp(first, size), min(_clamp(last, size) + 1, size))


def _clamp(digits: str, most: int) -> int:
    """Return the number that digits without leading zeros mean, at most ``most``."""
    if len(digits) > len(str(most)):
        return most
    return min(int(digits or "0"), most)
