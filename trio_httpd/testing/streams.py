"""Streams for tests: connections in memory, and streams that misbehave on request.

`memory_streams` gives both ends of a connection without a kernel, so that a fake
clock may jump. `MisbehavingStream` wraps any stream and breaks it in a chosen way.
"""

from __future__ import annotations

import math
import operator
from types import TracebackType

import trio
from trio.lowlevel import ParkingLot, checkpoint


def memory_streams(window: float = math.inf) -> tuple[MemoryStream, MemoryStream]:
    """Return the two ends of a connection in memory.

    Args:
        window: bytes that fit into each direction before a sender waits, as in the
            buffers of a socket. Infinite unless given: then sending never waits, as
            on trio's own memory streams.
    """
    if not window >= 1:
        raise ValueError("a window has room for one byte at least")
    there, back = _Pipe(window), _Pipe(window)
    return MemoryStream(there, back), MemoryStream(back, there)


class _Pipe:
    """One direction: the bytes on their way, and those who wait for a change."""

    def __init__(self, window: float) -> None:
        self.window = window
        self.data = bytearray()
        self.ended = False  # The sender says no more.
        self.unheard = False  # The receiver has gone.
        self.reset = False  # The sender has gone without an end.
        self.changed = ParkingLot()

    @property
    def has_room(self) -> bool:
        return len(self.data) < self.window or self.unheard

    def put(self, data: memoryview) -> int:
        """Take as much of ``data`` as there is room for; return how much."""
        room = self.window - len(self.data)
        taken = len(data) if room >= len(data) else int(room)
        self.data += data[:taken]
        self.changed.unpark_all()
        return taken

    def take(self, max_bytes: int | None) -> bytes:
        taken = bytes(self.data[:max_bytes])
        del self.data[:max_bytes]
        self.changed.unpark_all()
        return taken


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

    def __init__(self, outgoing: _Pipe, incoming: _Pipe) -> None:
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
        """Send ``data``, and wait for room where the window is full."""
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
        return self._outgoing.put(memoryview(data))

    def untaken(self) -> int:
        """Return how many bytes were sent that the other end has not received."""
        return len(self._outgoing.data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait for room, or for the other end to be closed."""
        with self._sending:
            await checkpoint()
            self._require_open()
            await self._wait_for_room()

    async def send_eof(self) -> None:
        """End this side; the other stays open."""
        with self._sending:
            await checkpoint()
            self._require_open()
            self._outgoing.ended = True
            self._outgoing.changed.unpark_all()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return what has arrived, b"" at the end."""
        if max_bytes is not None and operator.index(max_bytes) < 1:
            raise ValueError("max_bytes must be at least 1")
        await self.wait_receive_might_not_block()
        return self._take(max_bytes)

    async def wait_receive_might_not_block(self) -> None:
        """Wait until something has arrived, or the end."""
        with self._receiving:
            await checkpoint()
            self._require_open()
            while not (self._incoming.data or self._incoming.ended):
                await self._incoming.changed.park()
                self._require_open()

    def receive_nowait(self, max_bytes: int) -> bytes | None:
        """Return what has arrived, b"" at the end, None where nothing has."""
        self._require_open()
        return self._take(max_bytes) if self._incoming.data or self._incoming.ended else None

    def _take(self, max_bytes: int | None) -> bytes:
        if self._incoming.reset and not self._incoming.data:
            raise trio.BrokenResourceError("the other end was reset")
        return self._incoming.take(max_bytes)

    def close(self) -> None:
        """Close both sides now; tasks that wait on either are told."""
        self._closed = True
        self._outgoing.ended = self._incoming.unheard = True
        for pipe in (self._outgoing, self._incoming):
            pipe.changed.unpark_all()

    def abort(self) -> None:
        """Close as a reset does: the other end raises, once it has read what is there."""
        self._outgoing.reset = True
        self.close()

    async def aclose(self) -> None:
        """Close both sides."""
        self.close()
        await checkpoint()

    async def _wait_for_room(self) -> None:
        while not self._outgoing.has_room:
            await self._outgoing.changed.park()
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


class MisbehavingStream(trio.abc.Stream):
    """A stream that passes everything on to another, up to a point.

    Args:
        stream: the other stream, which is closed with this one.
        receive_at_most: how many bytes one call may return; 1 is one byte at a time.
        stall_after: after so many bytes were sent, sending waits for ever.
        break_after: after so many bytes were sent, both directions raise
            `trio.BrokenResourceError`.
    """

    def __init__(
        self,
        stream: trio.abc.Stream,
        *,
        receive_at_most: int | None = None,
        stall_after: float = math.inf,
        break_after: float = math.inf,
    ) -> None:
        self._stream = stream
        self._receive_at_most = receive_at_most
        self._stall_after = stall_after
        self._break_after = break_after
        self._sent = 0
        self._closing = trio.Event()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send ``data`` as far as this stream behaves."""
        self._require_whole()
        limit = min(self._stall_after, self._break_after) - self._sent
        part = memoryview(data)[: None if limit == math.inf else int(limit)]
        self._sent += len(part)
        await self._stream.send_all(part)
        if len(part) < len(data):
            self._require_whole()
            await self._closing.wait()
            raise trio.ClosedResourceError("this stream was closed")

    async def wait_send_all_might_not_block(self) -> None:
        """Wait as the other stream does."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return what has arrived, as far as this stream behaves."""
        self._require_whole()
        limits = [limit for limit in (max_bytes, self._receive_at_most) if limit is not None]
        return bytes(await self._stream.receive_some(min(limits, default=None)))

    async def aclose(self) -> None:
        """Close the other stream, and let go who waits here."""
        self._closing.set()
        await self._stream.aclose()

    def _require_whole(self) -> None:
        if self._sent >= self._break_after:
            raise trio.BrokenResourceError("this stream breaks here")
