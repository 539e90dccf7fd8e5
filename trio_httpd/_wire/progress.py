"""Progress: how fast a peer has to be, measured in time that we really waited."""

from __future__ import annotations


class Progress:
    """A budget of waiting that is renewed whenever enough has come.

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
