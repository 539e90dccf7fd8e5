"""Deadlines: when a phase of a transport is over, watched by one task per server.

A cancel scope or a timer for each phase of each request would cost more than the
request. So a phase only notes its end in a queue. Deadlines of one length come due in
the order in which they were noted: the earliest stands at the head of its queue, and
the watcher sleeps until the earliest of all heads. Noting and leaving are O(1).

Laws:
1. A noted deadline expires at its time, not later, unless it is left before.
2. A transport stands in a queue at most once; each phase has its own queue.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import trio

from .ending import Ending


class Phases(Protocol):
    """How long each phase may last, in seconds; see `Timeouts`."""

    @property
    def connection_setup(self) -> float:
        """From accept to the first byte."""

    @property
    def header(self) -> float:
        """Of a head."""

    @property
    def keep_alive(self) -> float:
        """From a response to the next request."""

    @property
    def send(self) -> float:
        """In which some of a response must be taken."""

    @property
    def handler(self) -> float:
        """Of a handler."""


class Spawn(Protocol):
    """How a task is started, as a nursery's ``start_soon`` does it."""

    def __call__(self, async_fn: Callable[..., Awaitable[object]], /, *args: Any) -> object:
        """Start ``async_fn(*args)``."""


class Expirable(Protocol):
    """What stands in a queue: told, without waiting, that its phase is over."""

    def expire(self, phase: DeadlineQueue) -> None:
        """End what was going on in ``phase``."""


class DeadlineQueue:
    """All transports in one phase, in the order of their deadlines.

    Args:
        name: of the phase.
        seconds: how long it may last.
        watcher: expires it.
        ending: how a transport ends that has run out of time.
    """

    __slots__ = ("_due", "_watcher", "ending", "is_finite", "name", "seconds")

    def __init__(self, name: str, seconds: float, watcher: DeadlineWatcher, ending: Ending) -> None:
        self.name = name
        self.seconds = seconds
        self.ending = ending
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

    def restart(self, transport: Expirable) -> None:
        """Begin the phase anew for ``transport``, if it is in it."""
        if transport in self._due:
            self.enter(transport)

    def earliest(self) -> float:
        """Return the first deadline, infinite where there is none."""
        return next(iter(self._due.values()), math.inf)

    def expire_until(self, now: float) -> None:
        """Take out all whose time has come, and tell them."""
        while self.earliest() <= now:
            transport, _ = self._due.popitem(last=False)
            transport.expire(self)


class DeadlineWatcher:
    """The queues of one server, and the sleep until the first of them has something."""

    def __init__(self, phases: Phases) -> None:
        self._queues: list[DeadlineQueue] = []
        self.connection_setup = self.add_queue("connection_setup", phases.connection_setup)
        self.header = self.add_queue("header", phases.header, Ending.HEADER_EXPIRED)
        self.keep_alive = self.add_queue("keep_alive", phases.keep_alive)
        self.send = self.add_queue("send", phases.send, Ending.GONE)
        self.handler = self.add_queue("handler", phases.handler, Ending.HANDLER_EXPIRED)
        self.clock = trio.lowlevel.current_clock()
        self.wakes_at = math.inf
        self._nap = trio.CancelScope()

    def add_queue(self, name: str, seconds: float, ending: Ending = Ending.CLOSE) -> DeadlineQueue:
        """Return a further queue."""
        queue = DeadlineQueue(name, seconds, self, ending)
        self._queues.append(queue)
        return queue

    def forget(self, transport: Expirable) -> None:
        """Take ``transport`` out of all queues."""
        for queue in self._queues:
            queue.leave(transport)

    def wake_by(self, when: float) -> None:
        """Let the watcher wake at ``when``, which is earlier than it would."""
        self.wakes_at = self._nap.deadline = when

    def wake(self) -> None:
        """Let the watcher wake now."""
        self._nap.cancel()

    async def expire_next(
        self,
        meanwhile: Callable[[], Awaitable[object]],
        look: Callable[[], object] = lambda: None,
    ) -> None:
        """Expire what is due next, or nothing after `wake`.

        Args:
            meanwhile: what to do until then.
            look: wakes up whoever has something to receive.
        """
        self.wakes_at = min(queue.earliest() for queue in self._queues)
        with trio.CancelScope(deadline=self.wakes_at) as self._nap:
            await meanwhile()
        if self._is_something_due():
            # A handler may have held the loop for a while: what a client has sent in time is
            # read first, and nobody is blamed for it.
            look()
            await trio.lowlevel.checkpoint()
            await trio.lowlevel.checkpoint()
        now = trio.current_time()
        for queue in self._queues:
            queue.expire_until(now)

    def _is_something_due(self) -> bool:
        return min(queue.earliest() for queue in self._queues) <= trio.current_time()
