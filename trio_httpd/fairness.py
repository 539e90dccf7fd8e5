"""Fairness: who need not wait still lets others run, now and then."""

from __future__ import annotations

from trio.lowlevel import checkpoint

_BYTES = 64 * 1024
_CALL = _BYTES // 16
"""A checkpoint costs as much as a small response, so not every call has one: one in
sixteen has, or one in 64 KiB."""


class Fairness:
    """Counts what is done on one transport without waiting."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = _BYTES

    def waited(self) -> None:
        """Count anew: others have just run."""
        self._left = _BYTES

    def is_due(self, size: int = 0) -> bool:
        """Count a call that moved ``size`` bytes; whether `take_turn` is to follow it."""
        self._left -= _CALL + size
        return self._left <= 0

    async def take_turn(self) -> None:
        """Let others run."""
        self._left = _BYTES
        await checkpoint()
