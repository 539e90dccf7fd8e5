from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.net.test_deadlines import Expiring
from trio_httpd import Timeouts
from trio_httpd._server.runtime import Runtime


async def test_its_task_lives_as_long_as_somebody_holds_it(autojump_clock: MockClock) -> None:
    runtime, late = Runtime(Timeouts(header=5)), Expiring()
    async with trio.open_nursery() as nursery:
        runtime.hold(nursery.start_soon)
        runtime.hold(nursery.start_soon)
        await wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 1
        runtime.release()
        await wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 1
        runtime.release()
        runtime.hold(nursery.start_soon)  # Before it has noticed that it may go.
        await wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 1
        runtime.release()
        await wait_all_tasks_blocked()
        assert not nursery.child_tasks
        runtime.hold(nursery.start_soon)
        runtime.deadlines.header.enter(late)
        await trio.sleep(5)
        await wait_all_tasks_blocked()
        runtime.release()
    assert late.expired == [("header", 5)]


@pytest.mark.parametrize("turns", range(6))
async def test_whoever_holds_it_while_it_closes_has_deadlines(
    turns: int, autojump_clock: MockClock
) -> None:
    runtime, late = Runtime(Timeouts(header=5)), Expiring()
    async with trio.open_nursery() as nursery:
        runtime.hold(nursery.start_soon)
        await wait_all_tasks_blocked()
        runtime.release()
        for _ in range(turns):
            await trio.lowlevel.checkpoint()
        runtime.hold(nursery.start_soon)
        runtime.deadlines.header.enter(late)
        await trio.sleep(5)
        await wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 1
        runtime.release()
    assert late.expired == [("header", 5)]
