"""A transport that never waits lets other tasks run, after so many bytes or calls."""

from __future__ import annotations

import pytest
import trio

from tests.net.turns import counted_turns
from trio_httpd._net.checkpoints import CALL, TURN, CheckpointBudget


@pytest.mark.parametrize(("size", "calls"), [(0, 16), (CALL, 8), (TURN, 1)])
async def test_a_turn_is_so_many_calls_or_bytes(size: int, calls: int) -> None:
    budget = CheckpointBudget()
    for _ in range(calls):
        assert budget.left > 0
        budget.spend(size)
    assert budget.left <= 0


async def test_others_run_before_the_next_turn() -> None:
    budget = CheckpointBudget()
    budget.spend(TURN)
    async with counted_turns() as turns:
        await budget.take_turn()
        await budget.take_turn()  # Which of two tasks runs first in a turn is random.
        assert turns.count >= 1
    assert budget.left == TURN


async def test_who_is_cancelled_before_its_turn_is_told() -> None:
    budget = CheckpointBudget()
    with trio.CancelScope() as scope:
        scope.cancel()
        await budget.take_turn()
    assert scope.cancelled_caught
