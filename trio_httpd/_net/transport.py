"""The transport: one stream, with its deadlines, its faults and its end.

Any `trio.abc.Stream` in; bytes both ways, with every way of breaking raised as `PeerGone`.
What a stream can do beyond that interface is said in `trio_httpd.abc`.

Laws:
1. ``ending`` says how the transport goes on, and only gets worse.
2. A write that did not end well leaves the transport GONE: part of it may be out. Receiving
   goes on, at the same time too.
3. ``scope`` is cancelled where no handler runs, or where the handler must die. What is still
   to be said is said after leaving it.
4. A send that makes no progress is ended by closing the stream under it, which is what its
   peer is to see, and which needs no scope of its own.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable

import trio

from ..abc import AbortableStream
from .addresses import Address, local_address, remote_address, socket_of
from .blocking import run_blocking_for
from .checkpoints import TURN, CheckpointBudget
from .coalescing import WriteBatch
from .deadlines import DeadlineQueue, DeadlineWatcher, Spawn
from .ending import Ending
from .errors import PeerGone
from .plain import PlainStream, as_nowait
from .sending import GONE, Sender, SenderState
from .sockets import reset_on_close

logger = logging.getLogger("trio_httpd.connection")

_LARGEST_PIECE = 64 * 1024
_IDLE, _BROKEN = SenderState.IDLE, SenderState.BROKEN


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
    """A stream that is being served.

    Args:
        stream: owned from now on.
        deadlines: the queues of its server.
        batch: where small responses wait for those of other transports.
        spawn: starts tasks that may outlive the call that needs them.
        progress: see `Limits.progress`.
    """

    __slots__ = (
        "_closed",
        "_nowait",
        "_reader_left",
        "_spawn",
        "budget",
        "deadlines",
        "ending",
        "ends_content",
        "is_plain",
        "receiving",
        "remote_addr",
        "run_blocking",
        "scope",
        "sender",
        "stream",
        "takes_files",
    )

    def __init__(
        self,
        stream: trio.abc.Stream,
        deadlines: DeadlineWatcher,
        batch: WriteBatch,
        spawn: Spawn,
        *,
        progress: int = _LARGEST_PIECE,
    ) -> None:
        self.stream = stream
        self.remote_addr = remote_address(stream)
        """The far end, None where unknown; kept, as a socket forgets it when reset."""
        self.deadlines = deadlines
        self._spawn = spawn
        self._nowait = nowait = as_nowait(stream, progress)
        self.is_plain = isinstance(nowait, PlainStream)
        """Whether nothing can be sent without waiting."""
        self.run_blocking = run_blocking_for(stream)
        """How to run a call that may block."""
        self.sender = Sender(
            nowait,
            self,
            queue=deadlines.send,
            progress=progress,
            batch=batch,
            spawn=spawn,
            run_blocking=self.run_blocking,
        )
        self.takes_files = self.sender.takes_files
        """Whether `write_file` may be called."""
        self.budget = CheckpointBudget()
        self.ending = Ending.KEEP_ALIVE
        self.ends_content = False
        """Whether the end of this transport would look like that of a response."""
        self.receiving = False
        """Whether a task is in `receive`."""
        self._closed = False
        self._reader_left: trio.Event | None = None  # Set, for who lingers.
        self.scope = trio.CancelScope()

    @property
    def local_addr(self) -> Address | None:
        """The near end, None where unknown."""
        return local_address(self.stream)

    # Receiving.

    async def receive(self, max_bytes: int = _LARGEST_PIECE) -> bytes:
        """Return what arrives next, b"" at the end of the peer's side.

        Raises:
            PeerGone: the transport is broken.
            trio.BusyResourceError: another task is receiving.
        """
        if self._closed:
            raise PeerGone
        if self.receiving:
            raise trio.BusyResourceError("another task is receiving from this transport")
        self.receiving = True
        try:
            while True:
                await self._nowait.wait_receive_might_not_block()
                if (data := self._nowait.receive_nowait(max_bytes)) is not None:
                    return data
        except GONE as problem:
            self.lose()
            raise PeerGone from problem
        finally:
            self.receiving = False
            if self._reader_left is not None:
                self._reader_left.set()
            if not self.is_gone:  # Else whoever sends next is to notice, see `lose`.
                self.budget.left = TURN  # Whoever receives executes a checkpoint.

    def wait_readable(self) -> Awaitable[None]:
        """Wait until something is there for `receive_nowait`, where nobody else receives.

        The two together are `receive`, but for its coroutine, which every request would
        pay for. To be awaited at once.
        """
        self.budget.left = TURN  # Whoever waits executes a checkpoint.
        return self._nowait.wait_receive_might_not_block()

    def receive_nowait(self, max_bytes: int) -> bytes | None:
        """Return what is there, b"" at the end of the peer's side, None for nothing yet.

        Raises:
            trio.BrokenResourceError, trio.ClosedResourceError: the transport is broken.
        """
        return self._nowait.receive_nowait(max_bytes)

    # Sending: see `Sender`.

    @property
    def must_wait(self) -> bool:
        """Whether `take_turn` has to be awaited before anything is written."""
        return self.budget.left <= 0 or self.sender.state is not _IDLE or self.is_plain

    async def take_turn(self) -> None:
        """Wait until something may be written. Cancelled: nothing has happened.

        Raises:
            PeerGone: nothing can be written any more.
        """
        if self.budget.left <= 0 and not self.is_gone:
            await self.budget.take_turn()
        else:
            await trio.lowlevel.checkpoint_if_cancelled()
        # Last of all, so that whoever writes next finds nothing under way: no bytes of the
        # response before, nor of a 100 Continue that another task sends.
        await self.sender.flush()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send ``data`` without a deadline, however long it takes.

        Raises:
            PeerGone: the transport is broken.

        Cancelled: nothing more can be sent.
        """
        if self.is_gone:
            raise PeerGone
        try:
            await self.stream.send_all(data)
        except GONE as problem:
            self.lose()
            raise PeerGone from problem
        except BaseException:
            self.ends_content = True  # Whatever the protocol: cut, it never looks whole.
            self.lose()
            raise

    # Time.

    def expire(self, phase: DeadlineQueue) -> None:
        """End the phase that ran out of time."""
        if phase is self.deadlines.keep_alive and self.sender.state is not _IDLE:
            phase.enter(self)  # It begins when the last response is out.
        elif phase is not self.deadlines.send:
            self.worsen(phase.ending)
            self.budget.left = 0  # Who is cancelled is to notice.
            self.scope.cancel()
        elif self._is_fast_enough():
            phase.enter(self)
        else:
            self.abort()

    def _is_fast_enough(self) -> bool:
        try:
            return self.sender.is_fast_enough()
        except Exception as problem:  # Of a stream that has no right to it.
            logger.error("a stream does not tell what it has sent", exc_info=problem)
            return False

    # The end.

    @property
    def is_gone(self) -> bool:
        """Whether nothing more can be sent."""
        return self.sender.state is _BROKEN

    def worsen(self, ending: Ending) -> None:
        """Let the transport end so, unless something worse was decided before."""
        self.ending = max(self.ending, ending)

    def sent(self) -> None:
        """Begin to be idle only now that the last response is out."""
        self.deadlines.keep_alive.restart(self)

    def lose(self) -> None:
        """Send nothing any more: the peer has left, or must see that a response was cut."""
        self.worsen(Ending.GONE)
        self.sender.break_off()
        self.budget.left = 0  # Whoever sends next is to notice.

    def cut(self) -> None:
        """Send nothing any more, so that a response never looks whole.

        Where the end of the transport does not look like that of the response, we linger as
        after any other: earlier responses may still be on their way.
        """
        self.worsen(Ending.LINGER)
        self.sender.break_off()
        self.budget.left = 0

    def abort(self) -> None:
        """Reset the transport now: what was not sent is dropped.

        A stream that can be reset has an ``abort`` of its own; so have TCP sockets.
        On any other, all that a peer can be shown is the end.
        """
        self.lose()
        sock = socket_of(self.stream)
        if isinstance(self.stream, AbortableStream):
            try:
                self.stream.abort()
            except Exception as problem:  # Of a stream that has no right to it.
                logger.error("a stream cannot be reset", exc_info=problem)
        elif sock is not None:
            with contextlib.suppress(OSError):  # It was closed or reset before.
                reset_on_close(sock)
        self._close()

    def end(self) -> None:
        """Close the transport now, whatever goes on on it."""
        self.scope.cancel()
        self.sender.flush_nowait()
        if self.ends_content:
            self.abort()
        self.lose()
        self._close()

    async def aclose(self) -> None:
        """Close the transport in its own way: TLS with an alert (RFC 9112 §9.8).

        Not where something was cut, and not without end: the peer has the time that
        it has for a response.
        """
        if self.is_gone or self.ends_content:
            return
        self.deadlines.send.enter(self)
        try:
            await self.stream.aclose()
        except GONE:
            pass
        finally:
            self.deadlines.send.leave(self)

    async def drop(self) -> None:
        """Close the transport without waiting, so that nothing cut looks whole."""
        self.sender.flush_nowait()
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
            except GONE as problem:
                self.lose()
                raise PeerGone from problem

    async def linger(self, until: float, chunk: int) -> None:
        """End our side and read theirs out, until then at most.

        Closing over unread bytes makes TCP send a reset, which can overtake and erase
        our last word (RFC 9112 §9.6). Not where a response was cut that a proper end would
        make look whole, nor where a task that the handler left behind is still sending.
        """
        if self.ends_content:
            return
        with trio.move_on_at(until) as self.scope:
            try:
                await self.send_eof()
            except trio.BusyResourceError:
                return  # To close the stream lets that task go.
            if self.receiving:  # A task that was left behind; it receives once at most.
                self._reader_left = trio.Event()
                await self._reader_left.wait()
            while await self.receive(chunk):
                pass

    def _close(self) -> None:
        if not self._closed:
            self._closed = True
            try:
                self._spawn(close_now, self.stream)
            except Exception as problem:  # Of a nursery that is not ours.
                logger.error("a stream cannot be closed", exc_info=problem)
