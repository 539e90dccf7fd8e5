"""Fairness: calls that need not wait still let others run, now and then."""

from __future__ import annotations

import trio

CALLS_BETWEEN_CHECKPOINTS = 16
"""A checkpoint costs as much as a small response, so not every call has one."""


class Fairness:
    """Counts the calls that one task makes without waiting."""

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        self._calls = 0

    async def take_turn(self) -> None:
        """Count a call; execute a checkpoint at every sixteenth."""
        self._calls += 1
        if self._calls == CALLS_BETWEEN_CHECKPOINTS:
            self._calls = 0
            await trio.lowlevel.checkpoint()
