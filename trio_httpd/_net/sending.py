"""Pushing: what has no room in a stream at once, sent as the peer takes it, in its time.

Bytes or a part of a file go in; they leave as there is room. In each `Timeouts.send` the
peer has to take `Limits.progress`: whoever owns the pusher is told by its deadline queue,
and asks `Pusher.is_fast_enough`.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import NamedTuple

import trio

from ..abc import NowaitStream, SendfileStream
from .blocking import RunBlocking
from .data_rates import SendRate
from .deadlines import DeadlineQueue, Expirable

_WINDOW = 256 * 1024
_LARGEST_PIECE = 64 * 1024
_SMALLEST_PIECE = 1024


class UnsentFile(NamedTuple):
    """Bytes, and then a part of a file, that are still to be sent."""

    prefix: bytes | memoryview
    fd: int
    offset: int
    size: int


Unsent = bytes | memoryview | UnsentFile
"""What is still to be sent: never mind in what form."""


class Pusher:
    """Sends on one prompt stream; raises what the stream raises.

    Args:
        stream: what is sent on.
        owner: stands in ``queue`` while something waits for room.
        queue: of `Timeouts.send`.
        progress: bytes that the peer has to take in each period.
        run: how to read a file that the system does not send by itself.
    """

    __slots__ = ("_files", "_owner", "_queue", "_run", "_stream", "_uptake")

    def __init__(
        self,
        stream: NowaitStream,
        owner: Expirable,
        queue: DeadlineQueue,
        progress: int,
        *,
        run: RunBlocking,
    ) -> None:
        self._stream = stream
        self._files = stream if isinstance(stream, SendfileStream) else None
        self._owner = owner
        self._queue = queue
        self._uptake = SendRate(progress)
        self._run = run

    @property
    def takes_files(self) -> bool:
        """Whether files may be pushed."""
        return self._files is not None

    def is_fast_enough(self) -> bool:
        """Whether the peer took enough in the period that is over; another begins."""
        return self._uptake.is_enough(self._stream.send_queue_size())

    async def push(self, data: bytes | memoryview) -> None:
        """Send ``data`` as there is room."""
        view = memoryview(data)
        await self._push(len(view), lambda done: self._stream.send_nowait(view[done:]))

    def push_file_nowait(self, file: UnsentFile) -> UnsentFile | None:
        """Send what there is room for of a part of a file; return the rest."""
        files, (prefix, fd, offset, count) = self._files, file
        assert files is not None
        if prefix and (sent := files.send_more_nowait(prefix)) < len(prefix):
            return file._replace(prefix=memoryview(prefix)[sent:])
        try:
            sent = files.send_file_nowait(fd, offset, count)
        except io.UnsupportedOperation:
            sent = 0
        return UnsentFile(b"", fd, offset + sent, count - sent) if sent < count else None

    async def push_file(self, file: UnsentFile) -> None:
        """Send a part of a file as there is room."""
        files, (prefix, fd, offset, count) = self._files, file
        assert files is not None
        await self.push(prefix)
        try:
            await self._push(
                count, lambda done: files.send_file_nowait(fd, offset + done, count - done)
            )
        except io.UnsupportedOperation:  # Of its first part, as files do not change their kind.
            await self._push_read(fd, offset, offset + count)

    async def _push_read(self, fd: int, start: int, stop: int) -> None:
        """Send what the system does not send by itself, a window at a time."""
        while start < stop:
            size = min(stop - start, _WINDOW)
            data = await self._run(os.pread, fd, size, start)
            if not data:
                raise EOFError(f"which became shorter: it ends before byte {start}")
            await self.push(data)
            start += len(data)

    async def _push(self, size: int, send_from: Callable[[int], int]) -> None:
        """Send ``size`` bytes; ``send_from`` sends what there is room for from there on."""
        stream, uptake = self._stream, self._uptake
        uptake.begin(stream.send_queue_size())
        self._queue.enter(self._owner)
        done = 0
        try:
            while done < size:
                await stream.wait_send_all_might_not_block()
                sent = send_from(done)
                uptake.give(sent)
                done += sent
            uptake.count(stream.send_queue_size())
        finally:
            self._queue.leave(self._owner)


class PiecePusher:
    """Sends on one stream that tells nothing but that a piece has been taken whole.

    So a piece is as small as the progress that is asked of the peer: a larger one might not
    be taken in time by one who is slow, but fast enough.
    """

    __slots__ = ("_owner", "_queue", "_size", "_stream")

    def __init__(
        self, stream: trio.abc.SendStream, owner: Expirable, queue: DeadlineQueue, progress: int
    ) -> None:
        self._stream = stream
        self._owner = owner
        self._queue = queue
        self._size = min(_LARGEST_PIECE, max(_SMALLEST_PIECE, progress))

    def is_fast_enough(self) -> bool:
        """Return False: the period in which a piece had to be taken is over."""
        return False

    async def push(self, data: bytes | memoryview) -> None:
        """Send ``data``."""
        view = memoryview(data)
        try:
            for start in range(0, len(view), self._size):
                self._queue.enter(self._owner)
                await self._stream.send_all(view[start : start + self._size])
        finally:
            self._queue.leave(self._owner)
