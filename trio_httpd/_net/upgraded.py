"""The upgraded stream: a transport that has left HTTP, with nothing lost."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from contextlib import contextmanager

import trio

from .errors import PeerGone
from .transport import Transport

_LARGEST_READ = 64 * 1024


class UpgradedStream(trio.abc.HalfCloseableStream):
    """The bare transport after `Connection.upgrade`; bytes that came early first.

    No deadline of the server's applies. A peer that has left raises `PeerGone`, a
    `trio.BrokenResourceError`.
    """

    def __init__(self, transport: Transport, early: bytes) -> None:
        self._transport = transport
        self._early = early
        self._ended = False
        self.closed = False
        """Whether this end was closed."""

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return what arrives next, b"" at the end."""
        self._require_open()
        if max_bytes is not None and operator.index(max_bytes) < 1:
            raise ValueError("max_bytes must be at least 1")
        if not self._early:
            with self._told_if_closed():
                return await self._transport.receive(max_bytes or _LARGEST_READ)
        await trio.lowlevel.checkpoint()
        count = len(self._early) if max_bytes is None else max_bytes
        piece, self._early = self._early[:count], self._early[count:]
        return piece

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of ``data``."""
        self._require_open()
        if self._ended:
            raise trio.ClosedResourceError("this side was ended")
        with self._told_if_closed():
            await self._transport.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """See `trio.abc.SendStream`."""
        self._require_open()
        await self._transport.stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """End our side, the peer's stays open.

        Raises:
            RuntimeError: the transport cannot do that; TLS cannot.
        """
        self._require_open()
        if not isinstance(self._transport.stream, trio.abc.HalfCloseableStream):
            raise RuntimeError("this transport cannot end one side only")
        self._ended = True
        with self._told_if_closed():
            await self._transport.send_eof()

    async def aclose(self) -> None:
        """Close the transport."""
        self.closed = True
        await self._transport.stream.aclose()

    @contextmanager
    def _told_if_closed(self) -> Iterator[None]:
        """Raise `trio.ClosedResourceError` where we have left, not the peer."""
        try:
            yield
        except PeerGone:
            self._require_open()
            raise

    def _require_open(self) -> None:
        if self.closed:
            raise trio.ClosedResourceError("this stream was closed")
