"""The outbox: responses of one turn of the loop, sent together at its end.

In one turn trio runs every task that something has come for. To send each response at
once would change into the system and wake up its peer between any two handlers, which
on a busy server costs as much as a handler. So the last word of an exchange waits until
a task of the outbox runs, in the turn that follows, or until sixteen wait.

Laws:
1. Nothing stays here while the loop waits: the first that waits has the task run.
2. Who waits here is a whole response, or the end of one, on a transport that goes on:
   nobody can tell that it waited but by the clock.
"""

from __future__ import annotations

from typing import Protocol

import trio
from trio.lowlevel import Abort, Task, current_task, reschedule, wait_task_rescheduled

MOST_WAITING = 16


class Posting(Protocol):
    """A transport that has something to send at the end of the turn."""

    def flush_post(self) -> None:
        """Send it; raises nothing."""


class WriteBatch:
    """Who has something to send when the turn is over."""

    def __init__(self) -> None:
        self._waiting: list[Posting] = []
        self._parked: Task | None = None
        self.is_open = False
        """Whether there is a task that flushes."""

    def add(self, posting: Posting) -> None:
        """Have ``posting`` send when the turn is over."""
        self._waiting.append(posting)
        if len(self._waiting) >= MOST_WAITING:
            self.flush()
        elif self._parked is not None:
            task, self._parked = self._parked, None
            reschedule(task)

    def open(self, nursery: trio.Nursery) -> None:
        """Start the task that flushes."""
        self.is_open = True
        nursery.start_soon(self._run)

    async def _run(self) -> None:
        """Flush at the end of each turn, until cancelled."""
        try:
            while True:
                self.flush()
                self._parked = current_task()
                await wait_task_rescheduled(self._give_up)
        finally:
            self.is_open = False
            self.flush()

    def _give_up(self, _: object) -> Abort:
        self._parked = None
        return Abort.SUCCEEDED

    def flush(self) -> None:
        """Have all who wait send."""
        waiting, self._waiting = self._waiting, []
        for posting in waiting:
            posting.flush_post()
