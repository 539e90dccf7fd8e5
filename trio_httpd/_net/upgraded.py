"""The upgraded stream: a transport that has left HTTP, with nothing lost."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from contextlib import contextmanager

import trio

from .errors import PeerGone
from .transport import Transport

_LARGEST_READ = 64 * 1024
_SENDING, _RECEIVING = "sending on", "receiving from"


class UpgradedStream(trio.abc.HalfCloseableStream):
    """The bare transport after `Connection.upgrade`; bytes that came early first.

    No deadline of the server's applies. A peer that has left raises `PeerGone`, a
    `trio.BrokenResourceError`; so does sending after a send that was cancelled.
    """

    def __init__(self, transport: Transport, early: bytes) -> None:
        self._transport = transport
        self._early = early
        self._ended = False
        self._doing: set[str] = set()
        self._is_over = False
        self.closed = False
        """Whether this end was closed."""

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return what arrives next, b"" at the end."""
        if max_bytes is not None and operator.index(max_bytes) < 1:
            raise ValueError("max_bytes must be at least 1")
        with self._alone(_RECEIVING):
            if not self._early:
                received = await self._transport.receive(max_bytes or _LARGEST_READ)
                self._require_open()
                return received
            await trio.lowlevel.checkpoint()
            count = len(self._early) if max_bytes is None else max_bytes
            piece, self._early = self._early[:count], self._early[count:]
            return piece

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of ``data``.

        Cancelled: part of it may be out, and nothing can be sent any more.
        """
        with self._alone(_SENDING):
            if self._ended:
                raise trio.ClosedResourceError("this side was ended")
            await self._transport.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """See `trio.abc.SendStream`."""
        with self._alone(_SENDING):
            self._require_whole()
            await self._transport.stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """End our side, the peer's stays open.

        Raises:
            RuntimeError: the transport cannot do that; TLS cannot.
        """
        with self._alone(_SENDING):
            if not isinstance(self._transport.stream, trio.abc.HalfCloseableStream):
                raise RuntimeError("this transport cannot end one side only")
            self._require_whole()  # What was cut does not get a proper end.
            self._ended = True
            await self._transport.send_eof()

    async def aclose(self) -> None:
        """Close the transport."""
        self.closed = True
        await self._transport.stream.aclose()

    def retire(self) -> None:
        """Let nobody use it any more: the handler has returned."""
        self._is_over = True
        if _SENDING in self._doing:  # What is cut gets no proper end.
            self._transport.ends_content = True
            self._transport.lose()

    @contextmanager
    def _alone(self, doing: str) -> Iterator[None]:
        """Be the one task that is ``doing`` so; raise what streams of trio raise."""
        self._require_open()
        if doing in self._doing:
            raise trio.BusyResourceError(f"another task is {doing} this stream")
        self._doing.add(doing)
        try:
            yield
        except (trio.BrokenResourceError, trio.ClosedResourceError) as problem:
            self._require_open()
            if self._ended and isinstance(problem, trio.ClosedResourceError):
                raise
            raise PeerGone from problem
        finally:
            self._doing.remove(doing)

    def _require_whole(self) -> None:
        if self._transport.is_gone:
            raise PeerGone

    def _require_open(self) -> None:
        if self.closed or self._is_over:
            raise trio.ClosedResourceError("this stream was closed")
