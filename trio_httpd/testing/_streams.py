"""Streams in memory: both ends of a connection, without a socket, a thread or a clock.

They behave as sockets on Linux do, so that a test in memory sees what a server on TCP
would: ``tests/system/test_memory_streams.py`` compares them.
"""

from __future__ import annotations

import math
import operator
import os
from types import TracebackType

import trio
from trio.lowlevel import checkpoint

from ._pipe import Pipe


def memory_streams(
    window: float = math.inf, *, send_buffer: float = 0, reset_erases: bool = False
) -> tuple[MemoryStream, MemoryStream]:
    """Return the two ends of a connection in memory.

    Args:
        window: bytes that fit into each receiver's window. Infinite unless given: then
            sending never waits, as on trio's own memory streams.
        send_buffer: bytes that fit into each sender's buffer when the window is full.
            A sender waits where both are full. `MemoryStream.send_queue_size` counts the bytes
            in this buffer, as TCP does on Linux.
        reset_erases: whether a reset erases what the other end has not received yet, as
            RFC 9112 §9.6 warns. On Linux only the bytes in the sender's buffer are lost.
    """
    if not window >= 1:
        raise ValueError("a window has room for one byte at least")
    if not send_buffer >= 0:
        raise ValueError("a buffer has no less than no room")
    there, back = (Pipe(window, send_buffer, reset_erases=reset_erases) for _ in range(2))
    return MemoryStream(there, back), MemoryStream(back, there)


class _OneAtATime:
    """Refuses a second task where only one may be."""

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._busy = False

    def __enter__(self) -> None:
        if self._busy:
            raise trio.BusyResourceError(f"another task is {self._doing} this stream")
        self._busy = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._busy = False


class MemoryStream(trio.abc.HalfCloseableStream):
    """One end of a connection in memory."""

    allows_threads: bool = False
    """Whether threads may help to serve this stream.

    They may not: a fake clock jumps while a thread works. Files are read inline instead.
    """

    def __init__(self, outgoing: Pipe, incoming: Pipe) -> None:
        self._outgoing = outgoing
        self._incoming = incoming
        self._closed = False
        self._sending = _OneAtATime("sending on")
        self._receiving = _OneAtATime("receiving from")

    @property
    def far_end_gone(self) -> bool:
        """Whether the other end sends no more, or was closed."""
        return self._incoming.ended or self._outgoing.unheard

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send ``data``, and wait for room where there is none."""
        with self._sending:
            await checkpoint()
            self._require_sendable()
            view = memoryview(data)
            while view:
                await self._wait_for_room()
                self._require_sendable()
                view = view[self._outgoing.put(view) :]

    def send_nowait(self, data: bytes | memoryview) -> int:
        """Send as much of ``data`` as there is room for, and return how much that was."""
        self._require_sendable()
        return self._outgoing.put(data)

    def send_more_nowait(self, data: bytes | memoryview) -> int:
        """Send as `send_nowait` does, where more follows at once."""
        return self.send_nowait(data)

    def send_file_nowait(self, fd: int, offset: int, count: int) -> int:
        """Send as much of a part of a file as there is room for; return how much.

        Raises:
            EOFError: the file ends at ``offset`` or before.
            OSError: the file cannot be read.
        """
        self._require_sendable()
        # The system reads before it looks for room: an end is told even where there is none.
        data = os.pread(fd, max(1, self._outgoing.room_for(count)), offset)
        if not data:
            raise EOFError(f"which became shorter: it ends before byte {offset}")
        return self._outgoing.put(data[:count])

    def send_queue_size(self) -> int:
        """Return how many bytes were sent that are not in the other end's window yet."""
        return 0 if self._closed else self._outgoing.send_queue_size

    async def wait_send_all_might_not_block(self) -> None:
        """Wait for room, or for the other end to be closed."""
        with self._sending:
            if self._closed or self._outgoing.has_room:
                await checkpoint()
            self._require_open()
            await self._wait_for_room()

    async def send_eof(self) -> None:
        """End this side; the other stays open."""
        with self._sending:
            await checkpoint()
            self._require_open()
            self._outgoing.end()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return what has arrived, b"" at the end.

        Raises:
            trio.BrokenResourceError: the other end has reset the connection.
        """
        if max_bytes is not None and operator.index(max_bytes) < 1:
            raise ValueError("max_bytes must be at least 1")
        await self.wait_receive_might_not_block()
        return self._incoming.take(max_bytes)

    async def wait_receive_might_not_block(self) -> None:
        """Wait until something has arrived, or the end."""
        with self._receiving:
            if self._closed or self._incoming.has_something:
                await checkpoint()
            self._require_open()
            while not self._incoming.has_something:
                await self._incoming.change()
                self._require_open()

    def receive_nowait(self, max_bytes: int) -> bytes | None:
        """Return what has arrived, b"" at the end, None where nothing has.

        Raises:
            trio.BrokenResourceError: the other end has reset the connection.
        """
        self._require_open()
        return self._incoming.take(max_bytes) if self._incoming.has_something else None

    def close(self) -> None:
        """Close both sides now; tasks that wait on either are told.

        The other end sees a reset if bytes were left unread here, and else the end, after
        all that was sent.
        """
        self._close(reset=bool(self._incoming.data))

    def abort(self) -> None:
        """Close both sides now; the other end sees a reset."""
        self._close(reset=True)

    def _close(self, *, reset: bool) -> None:
        if self._closed:
            return
        self._closed = True
        self._incoming.leave()
        if reset:
            self._outgoing.reset()
        else:
            self._outgoing.end()

    async def aclose(self) -> None:
        """Close both sides, as `close` does."""
        self.close()
        await checkpoint()

    async def _wait_for_room(self) -> None:
        while not self._outgoing.has_room:
            await self._outgoing.change()
            self._require_open()

    def _require_open(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this stream was closed")

    def _require_sendable(self) -> None:
        self._require_open()
        if self._outgoing.ended:
            raise trio.ClosedResourceError("this side was ended")
        if self._outgoing.unheard:
            raise trio.BrokenResourceError("the other end was closed")
