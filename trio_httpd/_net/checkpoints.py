"""Checkpoints: code that never has to wait still lets other tasks run, now and then."""

from __future__ import annotations

from trio.lowlevel import checkpoint

TURN = 64 * 1024
"""Bytes that one transport may move before other tasks get to run."""
CALL = TURN // 16
"""What one call costs, in addition to the bytes that it moves. A checkpoint costs as much as
a small response, so only every sixteenth call has one."""


class CheckpointBudget:
    """Counts what is done on one transport without waiting."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left: int = TURN
        """What may still be done before `take_turn`."""

    def spend(self, size: int = 0) -> None:
        """Count one call that moved ``size`` bytes."""
        self.left -= CALL + size

    async def take_turn(self) -> None:
        """Let other tasks run."""
        self.left = TURN
        await checkpoint()
