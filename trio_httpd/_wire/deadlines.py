"""Deadlines: when a phase of a transport is over, watched by one task per server.

A cancel scope or a timer for each phase of each request would cost more than the
request. So a phase only notes its end in a queue. Deadlines of one length come due in
the order in which they were noted: the earliest stands at the head of its queue, and
the watcher sleeps until the earliest of all heads. Noting and leaving are O(1).

Laws:
1. A noted deadline expires at its time, not later, unless it is left before.
2. A transport stands in a queue at most once; each phase has its own queue.
3. The watcher runs only while somebody holds it.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import trio

from .._files.held import SECONDS as HELD_SECONDS
from .._files.held import HeldFiles
from ..config import Timeouts
from ..descriptors import most_held
from ..readiness import Readiness
from .outbox import Outbox


class Spawn(Protocol):
    """How a task is started, as a nursery's ``start_soon`` does it."""

    def __call__(self, async_fn: Callable[..., Awaitable[object]], /, *args: Any) -> object:
        """Start ``async_fn(*args)``."""


class Expirable(Protocol):
    """What stands in a queue: told, without waiting, that its phase is over."""

    def expire(self, phase: DeadlineQueue) -> None:
        """End what was going on in ``phase``."""


class DeadlineQueue:
    """All transports in one phase, in the order of their deadlines."""

    __slots__ = ("_due", "_watcher", "is_finite", "name", "seconds")

    def __init__(self, name: str, seconds: float, watcher: DeadlineWatcher) -> None:
        self.name = name
        self.seconds = seconds
        self.is_finite = seconds < math.inf
        """Whether this phase has an end."""
        self._watcher = watcher
        self._due: OrderedDict[Expirable, float] = OrderedDict()

    def __repr__(self) -> str:
        return f"<DeadlineQueue {self.name}: {len(self._due)} of {self.seconds} s>"

    def enter(self, transport: Expirable) -> None:
        """Begin the phase for ``transport``, or begin it anew."""
        if not self.is_finite:
            return
        when = self._watcher.clock.current_time() + self.seconds
        self._due[transport] = when
        self._due.move_to_end(transport)
        if when < self._watcher.wakes_at:
            self._watcher.wake_by(when)

    def leave(self, transport: Expirable) -> None:
        """End the phase for ``transport`` in time; not to be in it is fine."""
        self._due.pop(transport, None)

    def earliest(self) -> float:
        """Return the first deadline, infinite where there is none."""
        return next(iter(self._due.values()), math.inf)

    def expire_until(self, now: float) -> None:
        """Take out all whose time has come, and tell them."""
        while self.earliest() <= now:
            transport, _ = self._due.popitem(last=False)
            transport.expire(self)


class DeadlineWatcher:
    """The queues of one server and the task that watches them."""

    def __init__(self, timeouts: Timeouts) -> None:
        self.connection_setup = DeadlineQueue("connection_setup", timeouts.connection_setup, self)
        self.header = DeadlineQueue("header", timeouts.header, self)
        self.keep_alive = DeadlineQueue("keep_alive", timeouts.keep_alive, self)
        self.send = DeadlineQueue("send", timeouts.send, self)
        self.handler = DeadlineQueue("handler", timeouts.handler, self)
        self._files = DeadlineQueue("held files", HELD_SECONDS, self)
        self._queues = (
            self.connection_setup,
            self.header,
            self.keep_alive,
            self.send,
            self.handler,
            self._files,
        )
        self.held = HeldFiles(most_held())
        self.outbox = Outbox()
        self.readiness = Readiness()
        self.clock = trio.lowlevel.current_clock()
        self.wakes_at = math.inf
        self._nap = trio.CancelScope()
        self._holders = 0
        self._started = False

    def hold(self, spawn: Spawn) -> None:
        """Count one who needs the watcher, and start it if it is not there."""
        self._holders += 1
        if not self._started:
            self._started = True
            spawn(self.watch)

    def release(self) -> None:
        """Count one less; the last one sends the watcher home."""
        self._holders -= 1
        if not self._holders:
            self._nap.cancel()

    def forget(self, transport: Expirable) -> None:
        """Take ``transport`` out of all queues."""
        for queue in self._queues:
            queue.leave(transport)

    def wake_by(self, when: float) -> None:
        """Let the watcher wake at ``when``, which is earlier than it would."""
        self.wakes_at = self._nap.deadline = when

    async def watch(self) -> None:
        """Expire what is due until nobody holds the watcher; have the outbox open so long."""
        try:
            with self.readiness.opened(), self.held.opened(self._files):
                async with trio.open_nursery() as nursery:
                    self.outbox.open(nursery)
                    while self._holders:
                        await self._expire_next()
                    nursery.cancel_scope.cancel()
        finally:
            self._started = False

    async def _expire_next(self) -> None:
        self.wakes_at = min(queue.earliest() for queue in self._queues)
        with trio.CancelScope(deadline=self.wakes_at) as self._nap:
            await self.readiness.tell()
        now = trio.current_time()
        for queue in self._queues:
            queue.expire_until(now)
