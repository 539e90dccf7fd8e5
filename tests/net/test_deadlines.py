"""A deadline expires at its time, to the moment, unless it is left before."""

from __future__ import annotations

import math

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_httpd import Timeouts
from trio_httpd._net.deadlines import DeadlineQueue, DeadlineWatcher
from trio_httpd._net.ending import Ending


class Expiring:
    """Notes when which phase ran out."""

    def __init__(self) -> None:
        self.expired: list[tuple[str, float]] = []

    def expire(self, phase: DeadlineQueue) -> None:
        self.expired.append((phase.name, trio.current_time()))


async def watch(watcher: DeadlineWatcher) -> None:
    while True:
        await watcher.expire_next(trio.sleep_forever)


async def test_each_expires_at_its_own_time(autojump_clock: MockClock) -> None:
    watcher = DeadlineWatcher(Timeouts(header=10, keep_alive=7))
    one, two, three = Expiring(), Expiring(), Expiring()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch, watcher)
        watcher.header.enter(one)
        await trio.sleep(1)
        watcher.header.enter(two)
        watcher.keep_alive.enter(three)  # Earlier than what the watcher sleeps for.
        await trio.sleep(20)
        nursery.cancel_scope.cancel()
    assert one.expired == [("header", 10)]
    assert two.expired == [("header", 11)]
    assert three.expired == [("keep_alive", 8)]


async def test_who_leaves_or_begins_anew_does_not_expire(autojump_clock: MockClock) -> None:
    watcher = DeadlineWatcher(Timeouts(header=10))
    left, anew = Expiring(), Expiring()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch, watcher)
        watcher.header.enter(left)
        watcher.header.enter(anew)
        await trio.sleep(9)
        watcher.header.leave(left)
        watcher.header.leave(left)
        watcher.header.enter(anew)
        await trio.sleep(9)
        watcher.forget(anew)
        await trio.sleep(9)
        nursery.cancel_scope.cancel()
    assert left.expired == anew.expired == []


async def test_an_infinite_phase_is_not_even_noted() -> None:
    watcher = DeadlineWatcher(Timeouts(handler=math.inf))
    watcher.handler.enter(Expiring())
    assert watcher.handler.earliest() == math.inf
    assert repr(watcher.handler) == "<DeadlineQueue handler: 0 of inf s>"


async def test_a_watcher_that_is_woken_has_nothing_to_expire() -> None:
    watcher, early = DeadlineWatcher(Timeouts(header=10)), Expiring()
    watcher.header.enter(early)
    with trio.fail_after(1):
        async with trio.open_nursery() as napping:
            napping.start_soon(watcher.expire_next, trio.sleep_forever)
            await wait_all_tasks_blocked()
            watcher.wake()
    assert early.expired == []


async def test_a_queue_may_be_added(autojump_clock: MockClock) -> None:
    watcher, item = DeadlineWatcher(Timeouts()), Expiring()
    watcher.add_queue("another", 3).enter(item)
    await watcher.expire_next(trio.sleep_forever)
    assert item.expired == [("another", 3)]


async def test_each_phase_says_how_a_transport_ends_that_ran_out_of_time() -> None:
    watcher = DeadlineWatcher(Timeouts())
    assert watcher.connection_setup.ending is watcher.keep_alive.ending is Ending.CLOSE
    assert watcher.header.ending is Ending.HEADER_EXPIRED
    assert watcher.handler.ending is Ending.HANDLER_EXPIRED
    assert watcher.send.ending is Ending.GONE


class Renewing(Expiring):
    """Begins its phase anew as often as it may, and lets another leave."""

    def __init__(self, other: Expiring) -> None:
        super().__init__()
        self._other = other

    def expire(self, phase: DeadlineQueue) -> None:
        super().expire(phase)
        phase.leave(self._other)
        if len(self.expired) < 3:
            phase.enter(self)


async def test_who_expires_may_begin_anew_and_let_others_leave(autojump_clock: MockClock) -> None:
    watcher, other = DeadlineWatcher(Timeouts(send=10)), Expiring()
    renewing = Renewing(other)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch, watcher)
        watcher.send.enter(renewing)
        watcher.send.enter(other)
        await trio.sleep(100)
        nursery.cancel_scope.cancel()
    assert renewing.expired == [("send", 10), ("send", 20), ("send", 30)]
    assert other.expired == []
