"""Coalescing: small responses of one turn of the event loop leave together.

In one turn trio runs every task that something has arrived for. To send each response at
once would change into the system and wake up its client between any two handlers, which on
a busy server costs a third of a request. So the response that ends an exchange waits for
those of its neighbours: a task, which the first that waits schedules, sends them in the turn
that follows.

    write_later ---> waiting ---> the task runs, or seventeen are ready ---> flush_nowait

Laws:
1. Nothing waits here while the loop sleeps.
2. Only whole responses wait here, and ends of responses, on transports that go on: no client
   can tell that they waited except by the clock.
3. Nothing waits for itself alone, nor for neighbours that take long: a response leaves at
   once if the one before it was ready more than `PATIENCE` ago, and whatever has waited for
   so long leaves with the next. Where a handler nevertheless makes others wait twice as long,
   and the next time again, coalescing pauses. (Once may be the system's doing.)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from time import perf_counter
from typing import Protocol

import trio
from trio.lowlevel import Abort, Task, current_task, reschedule, wait_task_rescheduled

MOST_WAITING = 16
PATIENCE = 0.001
"""Seconds that a response waits for the next one."""
_PAUSE = 10
"""How many times as long coalescing pauses as responses had to wait."""


class Batched(Protocol):
    """What has something to send at the end of the turn."""

    def flush_nowait(self) -> None:
        """Send it; raises nothing."""


class WriteBatch:
    """What waits for the end of the turn.

    Args:
        clock: gives seconds of real time.
    """

    __slots__ = (
        "_clock",
        "_first",
        "_has_been_late",
        "_is_alone",
        "_is_open",
        "_last",
        "_parked",
        "_resume_at",
        "_waiting",
    )

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._waiting: list[Batched] = []
        self._parked: Task | None = None
        self._is_open = self._is_alone = False
        self._first = 0.0  # When the first that waits was ready.
        self._last = math.inf  # When the last response was. Streams in memory have no clock.
        self._has_been_late = False  # The last time.
        self._resume_at = -math.inf  # Until then nothing waits.

    def open(self, nursery: trio.Nursery) -> None:
        """Start the task that flushes; until then nothing waits."""
        self._is_open = True
        nursery.start_soon(self._flush_each_turn)

    def begin_turn(self, size: int) -> None:
        """Note that a turn begins, in which ``size`` transports have something to read."""
        self._is_alone = size <= 1
        self._last = self._clock()

    def add(self, batched: Batched) -> bool:
        """Flush ``batched``, which is ready now, when the turn is over; False: send it now."""
        if self._last != math.inf:
            now = self._clock()
            late = now - self._last > PATIENCE
            if self._waiting and now - self._first > PATIENCE:
                self.flush()
                now = self._last
            self._last = now
            if late or self._is_alone or now < self._resume_at:
                return False
            if not self._waiting:
                self._first = now
        if not self._is_open:
            return False
        if len(self._waiting) >= MOST_WAITING:
            self.flush()
        elif self._parked is not None:
            task, self._parked = self._parked, None
            reschedule(task)
        self._waiting.append(batched)
        return True

    def flush(self) -> None:
        """Flush everything that waits."""
        if self._waiting:
            now = self._clock()
            if (overdue := now - self._last) <= 2 * PATIENCE:
                self._has_been_late = False
            elif self._has_been_late:
                self._resume_at = now + _PAUSE * overdue
            else:
                self._has_been_late = True
            waiting, self._waiting = self._waiting, []
            for batched in waiting:
                batched.flush_nowait()
            if self._last < math.inf:
                self._last = self._clock()  # That time was ours, not a handler's.

    async def _flush_each_turn(self) -> None:
        try:
            while True:
                self.flush()
                self._parked = current_task()
                await wait_task_rescheduled(self._give_up)
        finally:
            self._is_open = False
            self.flush()

    def _give_up(self, _: object) -> Abort:
        self._parked = None
        return Abort.SUCCEEDED
