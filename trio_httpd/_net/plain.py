"""Plain streams: any `trio.abc.Stream`, seen as a `trio_httpd.abc.NowaitStream`.

A plain stream receives and sends only by waiting. So the wait for something to receive reads
it ahead, and nothing is ever sent without waiting: all of it is for `PlainStream.send_some`.
"""

from __future__ import annotations

from typing import TypeGuard

import trio

from ..abc import NowaitStream

_LARGEST_PIECE = 64 * 1024
_SMALLEST_PIECE = 1024


class PlainStream:
    """A plain stream as a nowait stream.

    Args:
        stream: the plain stream.
        progress: bytes that the far end has to take in each period. All that a plain stream
            tells is that a piece was taken whole, so a piece is no larger than that: a client
            that is slow, but fast enough, would not take a larger one in time.
    """

    __slots__ = ("_ahead", "_piece", "_stream")

    def __init__(self, stream: trio.abc.Stream, progress: int) -> None:
        self._stream = stream
        self._piece = min(_LARGEST_PIECE, max(_SMALLEST_PIECE, progress))
        self._ahead: bytes | None = None

    async def wait_receive_might_not_block(self) -> None:
        """Wait until something is there, and read it."""
        if self._ahead is None:
            self._ahead = bytes(await self._stream.receive_some(_LARGEST_PIECE))
        else:
            await trio.lowlevel.checkpoint()

    def receive_nowait(self, max_bytes: int) -> bytes | None:
        """Return what was read, b"" at the end, None where nothing was."""
        if (data := self._ahead) is None:
            return None
        self._ahead = data[max_bytes:] or None
        return data[:max_bytes]

    def send_nowait(self, data: bytes | memoryview) -> int:
        """Send nothing."""
        return 0

    def send_queue_size(self) -> int:
        """Return 0: nothing is known."""
        return 0

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until there is room."""
        await self._stream.wait_send_all_might_not_block()

    async def send_some(self, data: bytes | memoryview) -> int:
        """Send a piece of ``data``, and return its size."""
        piece = memoryview(data)[: self._piece]
        await self._stream.send_all(piece)
        return len(piece)


def as_nowait(stream: trio.abc.Stream, progress: int) -> NowaitStream:
    """Return ``stream`` if it sends and receives without waiting, else a view of it that does."""
    return stream if _is_nowait(stream) else PlainStream(stream, progress)


def _is_nowait(stream: object) -> TypeGuard[NowaitStream]:
    return hasattr(stream, "send_nowait") and hasattr(stream, "send_queue_size")
