"""Streams that misbehave on request: short reads, stalls, breaks."""

from __future__ import annotations

import math

import trio


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
        self.transport_stream = stream
        """The other stream."""
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
        await self.transport_stream.send_all(part)
        if len(part) < len(data):
            self._require_whole()
            await self._closing.wait()
            raise trio.ClosedResourceError("this stream was closed")

    async def wait_send_all_might_not_block(self) -> None:
        """Wait as the other stream does."""
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
