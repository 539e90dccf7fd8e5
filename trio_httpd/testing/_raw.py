"""The raw far end: one connection, byte by byte, in a test's own words."""

from __future__ import annotations

import trio

from ._streams import MemoryStream


class Raw:
    """The peer's end of a connection in memory. Sends anything, hears everything.

    It receives no more than it is asked to hear: with a ``window``, the server feels
    a peer that reads slowly.
    """

    def __init__(self, stream: MemoryStream) -> None:
        self.stream: MemoryStream = stream
        """The stream itself."""
        self._heard = bytearray()

    async def say(self, data: bytes | str) -> None:
        """Send ``data``; text as ISO-8859-1, in which each character is a byte."""
        await self.stream.send_all(data.encode("latin-1") if isinstance(data, str) else data)

    async def say_eof(self) -> None:
        """End this side, and go on listening."""
        await self.stream.send_eof()

    async def hear(self, ending: bytes = b"\r\n\r\n") -> bytes:
        """Return the bytes up to and with ``ending``; what follows is not received.

        Raises:
            AssertionError: they ended before.
        """
        while (found := self._heard.find(ending)) < 0:
            if not await self._hear_more(_missing(self._heard, ending)):
                raise AssertionError(f"the end came before {ending!r}: {bytes(self._heard)!r}")
        return self._take(found + len(ending))

    async def hear_exactly(self, count: int) -> bytes:
        """Return the next ``count`` bytes.

        Raises:
            AssertionError: they ended before.
        """
        while len(self._heard) < count:
            if not await self._hear_more(count - len(self._heard)):
                raise AssertionError(f"the end came before {count}: {bytes(self._heard)!r}")
        return self._take(count)

    async def hear_rest(self) -> bytes:
        """Return all bytes to the end."""
        while await self._hear_more():
            pass
        return self._take(len(self._heard))

    async def hear_end(self) -> None:
        """Wait for the end; a reset counts as one, `hear_reset` tells them apart.

        Raises:
            AssertionError: bytes came before it; they are left.
        """
        if self._heard or await self._hear_more():
            raise AssertionError(f"bytes came before the end: {bytes(self._heard)!r}")

    async def hear_reset(self) -> None:
        """Wait for a reset.

        Raises:
            AssertionError: bytes or a proper end came instead; bytes are left.
        """
        try:
            self._heard += await self.stream.receive_some()
        except trio.BrokenResourceError:
            return
        raise AssertionError(f"not a reset: {bytes(self._heard)!r}")

    def close(self) -> None:
        """Leave, without a word."""
        self.stream.close()

    async def _hear_more(self, max_bytes: int | None = None) -> bool:
        try:
            data = await self.stream.receive_some(max_bytes)
        except trio.BrokenResourceError:
            return False
        self._heard += data
        return bool(data)

    def _take(self, count: int) -> bytes:
        taken = bytes(self._heard[:count])
        del self._heard[:count]
        return taken


def _missing(heard: bytearray, ending: bytes) -> int:
    """Return how many bytes ``heard`` lacks at least to end with ``ending``."""
    return next(n for n in range(1, len(ending) + 1) if heard.endswith(ending[: len(ending) - n]))
