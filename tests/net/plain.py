"""Plain streams: what trio's interfaces ask for, and nothing that our own streams can do."""

from __future__ import annotations

import trio

from trio_httpd.testing import MemoryStream, memory_streams


class PlainStream(trio.abc.HalfCloseableStream):
    """Passes everything on to a stream in memory, and can be reset as that can."""

    allows_threads = False

    def __init__(self, stream: MemoryStream) -> None:
        self._stream = stream
        self.pieces: list[int] = []
        """The size of each piece that was sent."""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self.pieces.append(len(data))
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        return await self._stream.receive_some(max_bytes)

    async def send_eof(self) -> None:
        await self._stream.send_eof()

    async def aclose(self) -> None:
        await self._stream.aclose()

    def abort(self) -> None:
        self._stream.abort()


def plain_memory_streams(
    window: float, send_buffer: float = 0
) -> tuple[trio.abc.Stream, MemoryStream]:
    """Return the ends of a connection in memory; the near one is plain."""
    near, far = memory_streams(window, send_buffer=send_buffer)
    return PlainStream(near), far
