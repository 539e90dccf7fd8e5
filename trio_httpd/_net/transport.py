"""The transport: one stream, with its deadlines, its faults and its end.

Any `trio.abc.Stream` in; bytes both ways, with every way of breaking told as
`PeerGone`. What a stream can do beyond that interface is said in `trio_httpd.abc`.

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
from collections.abc import Awaitable, Iterator
from typing import cast

import trio

from ..abc import AbortableStream, NowaitStream
from .addresses import Address, local_address, remote_address, socket_of
from .blocking import RunBlocking, run_in_thread, run_inline
from .checkpoints import TURN, CheckpointBudget
from .coalescing import WriteBatch
from .deadlines import DeadlineQueue, DeadlineWatcher, Spawn
from .errors import PeerGone
from .sending import PiecePusher, Pusher, Unsent, UnsentFile
from .sockets import reset_on_close

logger = logging.getLogger("trio_httpd.connection")

_LARGEST_PIECE = 64 * 1024
_LARGEST_POST = 16 * 1024
_GONE = (trio.BrokenResourceError, trio.ClosedResourceError)


async def close_now(stream: trio.abc.Stream) -> None:
    """Close ``stream`` without waiting for anything, whoever is being cancelled."""
    # Closing forcefully happens under a scope that is cancelled already, which is this
    # shield's end; without it an outer cancellation would replace an error on its way.
    with trio.CancelScope(shield=True):
        try:
            await trio.aclose_forcefully(stream)
        except Exception as problem:  # Of a stream that has no right to it.
            logger.error("a stream cannot be closed", exc_info=problem)


def allows_threads(stream: trio.abc.Stream) -> bool:
    """Return whether threads may help to serve ``stream``, and the streams below it."""
    below: object = stream
    while below is not None:
        if not getattr(below, "allows_threads", True):
            return False
        below = getattr(below, "transport_stream", None)
    return True


def as_prompt(stream: trio.abc.Stream) -> NowaitStream | None:
    """Return ``stream`` if it is prompt."""
    able = hasattr(stream, "send_nowait") and hasattr(stream, "send_queue_size")
    return cast("NowaitStream", stream) if able else None


class Transport:
    """A stream that is being served."""

    __slots__ = (
        "_ahead",
        "_files",
        "_outbox",
        "_overflow",
        "_posted",
        "_prompt",
        "_pusher",
        "_spawn",
        "broken",
        "deadlines",
        "ended",
        "ends_content",
        "expired",
        "fairness",
        "prompt",
        "receiving",
        "remote_addr",
        "run_blocking",
        "scope",
        "stream",
        "takes_files",
    )

    def __init__(
        self,
        stream: trio.abc.Stream,
        deadlines: DeadlineWatcher,
        spawn: Spawn,
        *,
        outbox: WriteBatch | None = None,
        progress: int = _LARGEST_PIECE,
    ) -> None:
        self.stream = stream
        self.remote_addr = remote_address(stream)
        """The far end, None where unknown; kept, as a socket forgets it when reset."""
        self.deadlines = deadlines
        self._spawn = spawn
        self._prompt = as_prompt(stream)
        self.run_blocking: RunBlocking = run_in_thread if allows_threads(stream) else run_inline
        """How to run a call that may block."""
        self.prompt = self._prompt is not None
        """Whether `send_nowait` sends anything, and may be called by anybody."""
        self._pusher: Pusher | PiecePusher
        self._files: Pusher | None = None
        if self._prompt is None:
            self._pusher = PiecePusher(stream, self, deadlines.send, progress)
        else:
            self._pusher = pusher = Pusher(
                self._prompt, self, deadlines.send, progress, run=self.run_blocking
            )
            self._files = pusher if pusher.takes_files else None
        self.takes_files = self._files is not None
        """Whether `send_file_nowait` may be called."""
        self._ahead = b""  # What has arrived and was not taken yet.
        self._outbox = outbox if self.prompt else None
        self._posted = b""  # What is in the outbox.
        self._overflow: trio.Event | None = None  # Set when what was posted is out at last.
        self.fairness = CheckpointBudget()
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

    async def receive(self, max_bytes: int = _LARGEST_PIECE) -> bytes:
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
            if (stream := self._prompt) is None:
                return bytes(await self.stream.receive_some(max_bytes))
            while True:
                await stream.wait_receive_might_not_block()
                if (data := stream.receive_nowait(max_bytes)) is not None:
                    return data
        except _GONE as problem:
            self.broken = True
            raise PeerGone from problem
        finally:
            self.receiving = False
            self.fairness.left = TURN  # Whoever receives executes a checkpoint.

    def arrival(self, max_bytes: int) -> Awaitable[None]:
        """Wait until something is there for `take_arrived`, where nobody else receives.

        The two together are `receive`, but for its coroutine, which every request would
        pay for. To be awaited at once.
        """
        self.fairness.left = TURN  # Whoever waits executes a checkpoint.
        if self._prompt is None:
            return self._receive_ahead(max_bytes)
        return self._prompt.wait_receive_might_not_block()

    async def _receive_ahead(self, max_bytes: int) -> None:
        self._ahead = await self.receive(max_bytes)

    def take_arrived(self, max_bytes: int) -> bytes | None:
        """Return what is there, b"" at the end of the peer's side, None for nothing yet.

        Raises:
            trio.BrokenResourceError, trio.ClosedResourceError: the transport is broken.
        """
        if self._prompt is None:
            data, self._ahead = self._ahead, b""
            return data
        return self._prompt.receive_nowait(max_bytes)

    async def send(self, data: bytes) -> None:
        """Send ``data``, however long it takes."""
        if rest := self.send_nowait(data):
            await self.send_rest(rest)

    def send_nowait(self, data: bytes) -> bytes | memoryview:
        """Send what goes out at once, and return the rest, for `send_rest`.

        Raises:
            PeerGone: the transport is broken.
        """
        if self.broken:
            raise PeerGone
        if self._prompt is None or self._overflow is not None or not data:
            return data
        try:
            sent = self._prompt.send_nowait(data)
        except _GONE as problem:
            self.broken = True
            raise PeerGone from problem
        return b"" if sent == len(data) else memoryview(data)[sent:]

    async def send_rest(self, rest: Unsent) -> None:
        """Send ``rest``; the peer must take `Limits.progress` of it in each period.

        Raises:
            PeerGone: the transport is broken, or the peer took too little and the
                transport has been reset.
            EOFError, OSError: a file ends before, or cannot be read.
        """
        try:
            await self.settle()
        except trio.Cancelled:
            self.broken = True  # The rest counts as sent.
            raise
        with self._sending():
            if isinstance(rest, UnsentFile):
                assert self._files is not None
                await self._files.push_file(rest)
            else:
                await self._pusher.push(rest)

    def send_file_nowait(self, file: UnsentFile) -> UnsentFile | None:
        """Send what goes out at once, where `takes_files`; return the rest, for `send_rest`.

        Raises as that does.
        """
        if self._posted:
            self.flush_post()
        if self._overflow is not None:
            return file
        assert self._files is not None
        with self._sending():
            return self._files.push_file_nowait(file)

    @contextlib.contextmanager
    def _sending(self) -> Iterator[None]:
        """Be broken inside, and afterwards if it did not end well."""
        if self.broken:
            raise PeerGone
        self.broken = True
        try:
            yield
        except _GONE as problem:
            raise PeerGone from problem
        self.broken = self.ended

    def post(self, data: bytes) -> bytes | memoryview:
        """Send ``data`` at the end of this turn, or now where that is not to be.

        As `send_nowait`; what is posted needs no `send_rest`.
        """
        outbox = self._outbox
        if self.broken or len(data) > _LARGEST_POST or outbox is None or not outbox.is_open:
            return self.send_nowait(data)
        if self._overflow is not None:
            return data
        if self._posted:  # Of this very turn: a stream was ready that did not wait.
            self.flush_post()
        self._posted = data
        outbox.add(self)
        return b""

    def flush_post(self) -> None:
        """Send what was posted; raises nothing."""
        data, self._posted = self._posted, b""
        if data and self._prompt is not None:
            try:
                sent = self._prompt.send_nowait(data)
            except _GONE:
                self.broken = True  # Whoever sends or receives next is told.
                return
            except Exception as problem:  # Of a stream that has no right to it.
                logger.error("a stream cannot send", exc_info=problem)
                self.abort()
                return
            if sent < len(data):
                self._overflow = trio.Event()
                self._spawn(self._send_overflow, memoryview(data)[sent:], self._overflow)

    async def _send_overflow(self, rest: memoryview, gone: trio.Event) -> None:
        """Send what there was no room for at the end of a turn."""
        try:
            await self._pusher.push(rest)
        except _GONE:
            self.broken = True
        except trio.Cancelled:
            self.broken = True
            raise
        finally:
            self._overflow = None
            gone.set()

    async def settle(self) -> None:
        """Wait until what was posted is out, or `Timeouts.send` has ended that."""
        self.flush_post()
        if self._overflow is not None:
            await self._overflow.wait()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send ``data`` without a deadline, however long it takes.

        Raises:
            PeerGone: the transport is broken.
        """
        with self._sending():
            await self.stream.send_all(data)

    def expire(self, phase: DeadlineQueue) -> None:
        """End the phase that ran out of time."""
        if phase is not self.deadlines.send:
            self.expired = phase
            self.fairness.left = 0  # Who is cancelled is to notice.
            self.scope.cancel()
        elif self._pusher.is_fast_enough():
            phase.enter(self)
        else:
            self.expired = phase
            self.abort()

    def abort(self) -> None:
        """Reset the transport now: what was not sent is dropped.

        A stream that can be reset has an ``abort``. On any other, all a peer sees is the end.
        """
        self._posted = b""
        sock = socket_of(self.stream)
        if isinstance(self.stream, AbortableStream):
            try:
                self.stream.abort()
            except Exception as problem:  # Of a stream that has no right to it.
                logger.error("a stream cannot be reset", exc_info=problem)
        elif sock is not None:
            with contextlib.suppress(OSError):  # It was closed or reset before.
                reset_on_close(sock)
        self._end()

    def end(self) -> None:
        """Close the transport now, whatever goes on on it."""
        self.scope.cancel()
        self.flush_post()
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
        except _GONE:
            pass
        finally:
            self.deadlines.send.leave(self)

    async def drop(self) -> None:
        """Close the transport without waiting, so that nothing cut looks whole."""
        self.flush_post()
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
            except _GONE as problem:
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
