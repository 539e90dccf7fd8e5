from __future__ import annotations

import math

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_httpd import Timeouts
from trio_httpd._wire.deadlines import DeadlineQueue, DeadlineWatcher


class Expiring:
    """Notes when which phase ran out."""

    def __init__(self) -> None:
        self.expired: list[tuple[str, float]] = []

    def expire(self, phase: DeadlineQueue) -> None:
        self.expired.append((phase.name, trio.current_time()))


async def test_each_expires_at_its_own_time(autojump_clock: MockClock) -> None:
    watcher = DeadlineWatcher(Timeouts(header=10, keep_alive=7))
    one, two, three = Expiring(), Expiring(), Expiring()
    async with trio.open_nursery() as nursery:
        watcher.hold(nursery.start_soon)
        watcher.header.enter(one)
        await trio.sleep(1)
        watcher.header.enter(two)
        watcher.keep_alive.enter(three)  # Earlier than what the watcher sleeps for.
        await trio.sleep(20)
        watcher.release()
    assert one.expired == [("header", 10)]
    assert two.expired == [("header", 11)]
    assert three.expired == [("keep_alive", 8)]


async def test_who_leaves_or_begins_anew_does_not_expire(autojump_clock: MockClock) -> None:
    watcher = DeadlineWatcher(Timeouts(header=10))
    left, anew = Expiring(), Expiring()
    async with trio.open_nursery() as nursery:
        watcher.hold(nursery.start_soon)
        watcher.header.enter(left)
        watcher.header.enter(anew)
        await trio.sleep(9)
        watcher.header.leave(left)
        watcher.header.leave(left)
        watcher.header.enter(anew)
        await trio.sleep(9)
        watcher.forget(anew)
        await trio.sleep(9)
        watcher.release()
    assert left.expired == anew.expired == []


async def test_an_infinite_phase_is_not_even_noted() -> None:
    watcher = DeadlineWatcher(Timeouts(handler=math.inf))
    watcher.handler.enter(Expiring())
    assert watcher.handler.earliest() == math.inf
    assert repr(watcher.handler) == "<DeadlineQueue handler: 0 of inf s>"


async def test_the_watcher_lives_as_long_as_somebody_holds_it(autojump_clock: MockClock) -> None:
    watcher, late = DeadlineWatcher(Timeouts(header=5)), Expiring()
    async with trio.open_nursery() as nursery:
        watcher.hold(nursery.start_soon)
        watcher.hold(nursery.start_soon)
        await wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 1
        watcher.release()
        await wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 1
        watcher.release()
        watcher.hold(nursery.start_soon)  # Before it has noticed that it may go.
        await wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 1
        watcher.release()
        await wait_all_tasks_blocked()
        assert not nursery.child_tasks
        watcher.hold(nursery.start_soon)
        watcher.header.enter(late)
        await trio.sleep(5)
        await wait_all_tasks_blocked()
        watcher.release()
    assert late.expired == [("header", 5)]
