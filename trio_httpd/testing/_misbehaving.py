"""Streams that misbehave on request: short reads, stalls, breaks."""

from __future__ import annotations

import math
from collections.abc import Awaitable

import trio

from .._net.sockets import SocketStream
from ._streams import MemoryStream


class MisbehavingStream(trio.abc.Stream):
    """A stream that passes everything on to another, up to a point.

    It has what trio's interface asks for and no more, as a stream of trio's own;
    `MisbehavingNowaitStream` also has what sockets have beyond that.

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
        self.transport_stream: trio.abc.Stream = stream
        """The other stream."""
        self._receive_at_most = receive_at_most
        self._stall_after = stall_after
        self._break_after = break_after
        self._sent = 0
        self._closing = trio.Event()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send ``data`` as far as this stream behaves."""
        self._require_whole()
        part = memoryview(data)[: self._room_for(len(data))]
        self._sent += len(part)
        await self.transport_stream.send_all(part)
        if len(part) < len(data):
            await self._stall()

    async def wait_send_all_might_not_block(self) -> None:
        """Wait as the other stream does, or until this one is closed if it stalls."""
        if self._sent >= self._stall_after:
            await self._stall()
        await self.transport_stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return what has arrived, as far as this stream behaves."""
        self._require_whole()
        limits = [limit for limit in (max_bytes, self._receive_at_most) if limit is not None]
        return bytes(await self.transport_stream.receive_some(min(limits, default=None)))

    async def aclose(self) -> None:
        """Close the other stream, and let go who waits here."""
        self._closing.set()
        await self.transport_stream.aclose()

    def _require_whole(self) -> None:
        if self._sent >= self._break_after:
            raise trio.BrokenResourceError("this stream breaks here")

    def _room_for(self, size: int) -> int:
        """Return how many of ``size`` bytes may be sent before this stream misbehaves."""
        left = min(self._stall_after, self._break_after) - self._sent
        return size if size <= left else int(left)

    async def _stall(self) -> None:
        self._require_whole()
        await self._closing.wait()
        raise trio.ClosedResourceError("this stream was closed")


class MisbehavingNowaitStream(MisbehavingStream, trio.abc.HalfCloseableStream):
    """A `MisbehavingStream` on which a server sends and receives without waiting, as on a socket.

    So a short read is one after which more is there, as an urgent mark makes it on TCP.

    Args:
        stream: a stream in memory or of a socket.
        receive_at_most: see `MisbehavingStream`, as for all that follow.
        stall_after: see there.
        break_after: see there.
    """

    def __init__(
        self,
        stream: MemoryStream | SocketStream,
        *,
        receive_at_most: int | None = None,
        stall_after: float = math.inf,
        break_after: float = math.inf,
    ) -> None:
        super().__init__(
            stream,
            receive_at_most=receive_at_most,
            stall_after=stall_after,
            break_after=break_after,
        )
        self._nowait = stream

    def receive_nowait(self, max_bytes: int) -> bytes | None:
        """Return what has arrived, as far as this stream behaves."""
        self._require_whole()
        return self._nowait.receive_nowait(min(max_bytes, self._receive_at_most or max_bytes))

    def wait_receive_might_not_block(self) -> Awaitable[None]:
        """Wait as the other stream does."""
        self._require_whole()
        return self._nowait.wait_receive_might_not_block()

    def send_nowait(self, data: bytes | memoryview) -> int:
        """Send as much of ``data`` as there is room for, as far as this stream behaves."""
        self._require_whole()
        return self._count(self._nowait.send_nowait(data[: self._room_for(len(data))]))

    def send_more_nowait(self, data: bytes | memoryview) -> int:
        """Send as `send_nowait` does, where more follows at once."""
        self._require_whole()
        return self._count(self._nowait.send_more_nowait(data[: self._room_for(len(data))]))

    def send_file_nowait(self, fd: int, offset: int, count: int) -> int:
        """Send as much of a part of a file as there is room for, as far as this stream behaves."""
        self._require_whole()
        if not (size := self._room_for(count)):
            return 0
        return self._count(self._nowait.send_file_nowait(fd, offset, size))

    def send_queue_size(self) -> int:
        """Return how many bytes were sent that the other end has not taken."""
        return self._nowait.send_queue_size()

    async def send_eof(self) -> None:
        """End this side of the other stream."""
        await self._nowait.send_eof()

    def abort(self) -> None:
        """Reset the other stream, and let go who waits here."""
        self._closing.set()
        self._nowait.abort()

    def _count(self, sent: int) -> int:
        self._sent += sent
        return sent
