"""CheckpointBudget: who need not wait still lets others run, now and then."""

from __future__ import annotations

from trio.lowlevel import checkpoint

TURN = 64 * 1024
"""Bytes that one transport may move before others have their turn."""
CALL = TURN // 16
"""Bytes that a call counts as, in addition to those that it moves. A checkpoint costs as
much as a small response, so not every call has one."""


class CheckpointBudget:
    """Counts what is done on one transport without waiting.

    Whoever moves ``size`` bytes without waiting takes ``CALL + size`` from ``left``, and
    takes a turn if nothing is left then.
    """

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = TURN
        """What may be done before others have their turn."""

    async def take_turn(self) -> None:
        """Let others run."""
        self.left = TURN
        await checkpoint()
