"""The runtime: what all transports share while they are served, and the tasks behind it.

One task expires deadlines and wakes up whoever waits for a socket; another sends what was
batched. As long as they run, responses of one turn leave together, sockets share an epoll,
and files stay open for a second.

Law: the tasks run only while somebody holds the runtime.
"""

from __future__ import annotations

import trio

from .._message.limits import Timeouts
from .._net.coalescing import WriteBatch
from .._net.deadlines import DeadlineWatcher, Spawn
from .._net.epoll import PollableStream, SharedEpoll
from .._net.transport import Transport
from .._static.file_server import FileServer
from .._static.files.cache import SECONDS, OpenFileCache
from .descriptors import most_held


class Runtime:
    """The deadlines, write batch, epoll and file cache of one `Server.serve`."""

    def __init__(self, timeouts: Timeouts) -> None:
        self.deadlines = DeadlineWatcher(timeouts)
        self.files = FileServer(OpenFileCache(most_held()))
        self._cached_files = self.deadlines.add_queue("cached files", SECONDS)
        self._batch = WriteBatch()
        self._epoll = SharedEpoll(self._batch.begin_turn)
        self._holders = 0
        self._started = False

    def open_transport(self, stream: trio.abc.Stream, spawn: Spawn, *, progress: int) -> Transport:
        """Return a transport of ``stream``, to be served while the runtime is held."""
        if isinstance(stream, PollableStream):
            stream._wait_with(self._epoll)
        return Transport(stream, self.deadlines, self._batch, spawn, progress=progress)

    def hold(self, spawn: Spawn) -> None:
        """Count one who needs the runtime, and start its task if it is not there."""
        self._holders += 1
        if not self._started:
            self._started = True
            spawn(self.run)

    def release(self) -> None:
        """Count one less; the last one sends the task home."""
        self._holders -= 1
        if not self._holders:
            self.deadlines.wake()

    async def run(self) -> None:
        """Expire what is due until nobody holds the runtime; have all open so long."""
        try:
            # Whoever begins to hold it while it closes has it open again.
            while self._holders:
                await self._run_while_held()
        finally:
            self._started = False

    async def _run_while_held(self) -> None:
        with self._epoll.opened(), self.files.cache.opened(self._cached_files):
            async with trio.open_nursery() as nursery:
                self._batch.open(nursery)
                while self._holders:
                    await self.deadlines.expire_next(self._epoll.tell, self._epoll.tell_now)
                nursery.cancel_scope.cancel()
