"""The transport: one stream, with its deadlines, its faults and its end.

Any `trio.abc.Stream` in; bytes both ways, with every way of breaking told as
`PeerGone`.

Laws:
1. A `send` that did not end well leaves the transport ``broken`` for sending: part of
   it may be out. Receiving goes on, at the same time too.
2. ``scope`` is cancelled where no handler runs, or where the handler must die. What
   is still to be said is said after leaving it.
3. A send that makes no progress is ended by closing the stream under it, which is
   what its peer is to see, and which needs no scope of its own.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
from typing import Protocol, runtime_checkable

import trio

from ..addresses import Address, local_address, remote_address, socket_of
from ..errors import PeerGone
from .deadlines import DeadlineQueue, DeadlineWatcher, Spawn

logger = logging.getLogger("trio_httpd.connection")

_LARGEST_PIECE = 64 * 1024
_SMALLEST_PIECE = 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@runtime_checkable
class Abortable(Protocol):
    """A stream that can be reset."""

    def abort(self) -> None:
        """Close without waiting, so that the far end sees a reset."""


async def close_now(stream: trio.abc.Stream) -> None:
    """Close ``stream`` without waiting for anything, whoever is being cancelled."""
    # Closing forcefully happens under a scope that is cancelled already, which is this
    # shield's end; without it an outer cancellation would replace an error on its way.
    with trio.CancelScope(shield=True):
        try:
            await trio.aclose_forcefully(stream)
        except Exception as problem:  # Of a stream that has no right to it.
            logger.error("a stream cannot be closed", exc_info=problem)


class Transport:
    """A stream that is being served."""

    __slots__ = (
        "_piece",
        "_spawn",
        "broken",
        "deadlines",
        "ended",
        "ends_content",
        "expired",
        "receiving",
        "remote_addr",
        "scope",
        "stream",
    )

    def __init__(
        self,
        stream: trio.abc.Stream,
        deadlines: DeadlineWatcher,
        spawn: Spawn,
        *,
        progress: int = _LARGEST_PIECE,
    ) -> None:
        self.stream = stream
        self.remote_addr = remote_address(stream)
        """The far end, None where unknown; kept, as a socket forgets it when reset."""
        self.deadlines = deadlines
        self._spawn = spawn
        # How much of a piece the peer has taken cannot be seen from here, so a piece
        # is as small as the progress that is asked of the peer in one period.
        self._piece = min(_LARGEST_PIECE, max(_SMALLEST_PIECE, progress))
        self.receiving = False
        self.broken = self.ended = False
        self.ends_content = False
        """Whether the end of this transport would look like that of a response."""
        self.scope = trio.CancelScope()
        self.expired: DeadlineQueue | None = None

    @property
    def local_addr(self) -> Address | None:
        """The near end, None where unknown."""
        return local_address(self.stream)

    async def receive(self, max_bytes: int | None) -> bytes:
        """Return what arrives next, b"" at the end of the peer's side.

        Raises:
            PeerGone: the transport is broken.
            trio.BusyResourceError: another task is receiving.
        """
        if self.ended:
            raise PeerGone
        if self.receiving:
            raise trio.BusyResourceError("another task is receiving from this transport")
        self.receiving = True
        try:
            return bytes(await self.stream.receive_some(max_bytes))
        except (trio.BrokenResourceError, trio.ClosedResourceError) as problem:
            self.broken = True
            raise PeerGone from problem
        finally:
            self.receiving = False

    async def send(self, data: bytes) -> None:
        """Send ``data`` in pieces, each of which the peer must take in time.

        Raises:
            PeerGone: the transport is broken, or the peer took too little and the
                transport has been reset.
        """
        queue = self.deadlines.send
        try:
            for start in range(0, len(data), self._piece):
                queue.enter(self)
                await self.send_all(memoryview(data)[start : start + self._piece])
        finally:
            queue.leave(self)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send ``data`` without a deadline, however long it takes.

        Raises:
            PeerGone: the transport is broken.
        """
        if self.broken:
            raise PeerGone
        self.broken = True  # Until it has gone out whole.
        try:
            await self.stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as problem:
            raise PeerGone from problem
        self.broken = self.ended

    def expire(self, phase: DeadlineQueue) -> None:
        """End the phase that ran out of time."""
        self.expired = phase
        if phase is self.deadlines.send:
            self.abort()
        else:
            self.scope.cancel()

    def abort(self) -> None:
        """Reset the transport now: what was not sent is dropped.

        A stream that can be reset has an ``abort`` of its own; so have TCP sockets.
        On any other, all that a peer can be shown is the end.
        """
        sock = socket_of(self.stream)
        if isinstance(self.stream, Abortable):
            try:
                self.stream.abort()
            except Exception as problem:  # Of a stream that has no right to it.
                logger.error("a stream cannot be reset", exc_info=problem)
        elif sock is not None:
            with contextlib.suppress(OSError):  # It was closed or reset before.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._end()

    def end(self) -> None:
        """Close the transport now, whatever goes on on it."""
        self.scope.cancel()
        if self.ends_content:
            self.abort()
        self._end()

    async def aclose(self) -> None:
        """Close the transport in its own way: TLS with an alert (RFC 9112 §9.8).

        Not where something was cut, and not without end: the peer has the time that
        it has for a response.
        """
        if self.broken or self.ends_content:
            return
        self.deadlines.send.enter(self)
        try:
            await self.stream.aclose()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            self.deadlines.send.leave(self)

    async def drop(self) -> None:
        """Close the transport without waiting, so that nothing cut looks whole."""
        if self.ends_content:
            self.abort()
        await close_now(self.stream)

    async def send_eof(self) -> None:
        """End our side, where the stream lets us.

        Raises:
            PeerGone: the transport is broken.
        """
        if isinstance(self.stream, trio.abc.HalfCloseableStream):
            try:
                await self.stream.send_eof()
            except (trio.BrokenResourceError, trio.ClosedResourceError) as problem:
                raise PeerGone from problem

    def _end(self) -> None:
        if not self.ended:
            self.broken = self.ended = True
            self._spawn(close_now, self.stream)

    async def linger(self, until: float, chunk: int) -> None:
        """End our side and read theirs out, until then at most.

        Closing over unread bytes makes TCP send a reset, which can overtake and erase
        our last word (RFC 9112 §9.6).
        """
        if self.broken:
            return
        with trio.move_on_at(until) as self.scope:
            await self.send_eof()
            while await self.receive(chunk):
                pass
