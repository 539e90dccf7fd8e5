"""ReceiveRate: how fast a peer has to be, in what it sends and in what it takes."""

from __future__ import annotations


class ReceiveRate:
    """A budget of waiting that is renewed whenever enough has come.

    Only time in which we really waited counts.

    Args:
        seconds: how long may be waited for each ``least`` bytes.
        least: how many bytes renew the budget; 0 means any.
    """

    __slots__ = ("_least", "_moved", "_seconds", "left")

    def __init__(self, seconds: float, least: int) -> None:
        self._seconds = seconds
        self._least = max(1, least)
        self._moved = 0
        self.left = seconds
        """Seconds that may still be waited."""

    def waited(self, seconds: float) -> None:
        """Count time spent waiting."""
        self.left -= seconds

    def moved(self, size: int) -> None:
        """Count bytes that have come."""
        self._moved += size
        if self._moved >= self._least:
            self._moved = 0
            self.left = self._seconds


class SendRate:
    """What a peer takes of what we send, seen by what its stream still holds.

    A peer's system tells of new room in steps, of a segment or of a part of its buffer, not
    byte by byte. So what was taken beyond the least counts for up to two more periods.

    Args:
        least: how many bytes are to be taken in a period; 0 means any.
    """

    __slots__ = ("_credit", "_given", "_held", "_least")

    def __init__(self, least: int) -> None:
        self._least = max(1, least)
        self._credit = 0
        self._given = self._held = 0

    def begin(self, held: int) -> None:
        """Begin to send, with so many bytes in the stream that were not taken yet."""
        self._given, self._held = 0, held

    def give(self, size: int) -> None:
        """Count bytes that the stream was given."""
        self._given += size

    def count(self, held: int) -> None:
        """Count what was taken until now, when the stream holds so many bytes."""
        self._credit = min(self._credit + self._held + self._given - held, 3 * self._least)
        self.begin(held)

    def is_enough(self, held: int) -> bool:
        """Whether enough was taken in the period that is over; another begins."""
        self.count(held)
        self._credit -= self._least
        return self._credit >= 0
