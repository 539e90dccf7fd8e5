"""Sending: bytes and parts of files go out as there is room, and in their time.

`Sender.write` sends at once what the stream takes, and keeps the rest; `Sender.flush` waits
until all of it is out. In each `Timeouts.send` the client has to take `Limits.progress`:
whoever owns the sender is told by its deadline queue, and asks `Sender.is_fast_enough`.

             write: all of it fits
               +---+
               |   v  write: no room       flush
      +------> IDLE ------------> UNSENT --------> SENDING --+
      |        |  ^                                  ^   |   |
      |        |  +---------- all of it is out ------|---+   |
      |        | write_later          no room        |       | cancelled, failed
      |        +---------> BATCHED ------------------+       v
      +--------------------- flush_nowait: it fits         BROKEN

Laws:
1. What was written leaves in its order, once.
2. If a task is cancelled while it sends its own bytes, the stream is BROKEN: part of them may
   be out. A task that is cancelled while it waits for others changes nothing.
3. The rest of what was BATCHED is sent by a task of the server, so that no later exchange
   can be made to answer for it.
"""

from __future__ import annotations

import io
import logging
import os
from enum import Enum, auto
from typing import NamedTuple, Protocol

import trio
from trio.lowlevel import ParkingLot

from ..abc import NowaitStream, SendfileStream
from .blocking import RunBlocking
from .coalescing import WriteBatch
from .data_rates import SendRate
from .deadlines import DeadlineQueue, Expirable, Spawn
from .errors import PeerGone
from .plain import PlainStream

logger = logging.getLogger("trio_httpd.connection")

GONE = (trio.BrokenResourceError, trio.ClosedResourceError)
"""What a stream raises whose client has left, or that was closed here."""

_LARGEST_BATCHED = 16 * 1024
_NO_BATCH = WriteBatch()
"""One that is never open."""
_WINDOW = 256 * 1024


class SenderState(Enum):
    """What a `Sender` is doing."""

    IDLE = auto()
    """Everything is out."""
    BATCHED = auto()
    """A response waits for those of its neighbours."""
    UNSENT = auto()
    """There was no room for all of it: whoever wrote it has to call `Sender.flush`."""
    SENDING = auto()
    """A task waits for room."""
    BROKEN = auto()
    """Nothing can be sent any more."""


_IDLE, _BATCHED, _UNSENT = SenderState.IDLE, SenderState.BATCHED, SenderState.UNSENT
_SENDING, _BROKEN = SenderState.SENDING, SenderState.BROKEN


class FilePart(NamedTuple):
    """A part of a file that the system copies to a stream."""

    fd: int
    offset: int
    size: int
    must_be_read: bool = False
    """Whether the system refuses to copy this file, so that it has to be read instead."""

    def after(self, count: int) -> FilePart:
        """Return what is left of it after its first ``count`` bytes."""
        return self._replace(offset=self.offset + count, size=self.size - count)


class Owner(Expirable, Protocol):
    """The transport of a sender."""

    def lose(self) -> None:
        """Call `Sender.break_off`, and let the transport end."""

    def sent(self) -> None:
        """Note that what was left to the server is out."""

    def abort(self) -> None:
        """Reset the stream."""


class Sender:
    """Sends on one stream.

    Args:
        stream: what is sent on.
        owner: stands in ``queue`` while something waits for room.
        queue: of `Timeouts.send`.
        progress: bytes that the client has to take in each period.
        batch: where small responses wait for their neighbours.
        spawn: starts the task that sends what was batched and has no room.
        run_blocking: reads a file that the system does not copy.
    """

    __slots__ = (
        "_backlog",
        "_batch",
        "_batched",
        "_files",
        "_over",
        "_owner",
        "_plain",
        "_queue",
        "_rate",
        "_run_blocking",
        "_spawn",
        "_stream",
        "state",
    )

    def __init__(  # noqa: PLR0913 -- all of it is decided elsewhere, once for each transport
        self,
        stream: NowaitStream,
        owner: Owner,
        *,
        queue: DeadlineQueue,
        progress: int,
        batch: WriteBatch,
        spawn: Spawn,
        run_blocking: RunBlocking,
    ) -> None:
        self._stream = stream
        self._files = stream if isinstance(stream, SendfileStream) else None
        self._plain = stream if isinstance(stream, PlainStream) else None
        self._run_blocking = run_blocking
        self._owner = owner
        self._queue = queue
        self._rate = SendRate(progress)
        # A plain stream sends nothing at the end of a turn: that would take a task each time.
        self._batch = batch if self._plain is None else _NO_BATCH
        self._spawn = spawn
        # A deque, or a place to wait that nobody needs, would double what an idle sender weighs.
        self._backlog: list[bytes | memoryview | FilePart] = []
        self._batched = b""
        self._over: ParkingLot | None = None  # Where those wait who want to see all of it out.
        self.state = _IDLE

    @property
    def takes_files(self) -> bool:
        """Whether `write_file` may be called."""
        return self._files is not None

    # Without waiting.

    def write(self, data: bytes) -> bool:
        """Send ``data`` as far as there is room; whether the rest is for `flush`.

        Raises:
            PeerGone: the client has left.
        """
        if self.state is not _IDLE:
            self._make_room()
            if self._backlog:
                self._backlog.append(data)
                return True
        try:
            sent = self._stream.send_nowait(data)
        except GONE as problem:
            self._owner.lose()
            raise PeerGone from problem
        except BaseException:
            self._owner.lose()
            raise
        if sent == len(data):
            return False
        self._backlog.append(memoryview(data)[sent:])
        self.state = _UNSENT
        return True

    def write_later(self, data: bytes) -> bool:
        """Send ``data`` at the end of the turn, or now if that is better; as `write`.

        For the end of a response on a transport that goes on.
        """
        if self.state is _IDLE and len(data) <= _LARGEST_BATCHED and self._batch.add(self):
            self._batched = data
            self.state = _BATCHED
            return False
        return self.write(data)

    def write_file(self, prefix: bytes, part: FilePart) -> bool:
        """Send ``prefix`` and a part of a file as far as there is room; as `write`.

        Raises:
            EOFError: the file ends before. Nothing more can be sent.
            OSError: it cannot be read. Nothing more can be sent.
        """
        if self.state is not _IDLE:
            self._make_room()
        if prefix:
            self._backlog.append(prefix)
        self._backlog.append(part)
        if self.state is _IDLE:
            self._send_now()
        return bool(self._backlog)

    def flush_nowait(self) -> None:
        """Send what is batched; a task of the server sends what has no room. Raises nothing."""
        if self.state is not _BATCHED:
            return
        data, self._batched = self._batched, b""
        self.state = _IDLE
        try:
            if self.write(data):
                self.hand_over()
        except PeerGone:
            self._owner.abort()  # Its task waits for a next request, as long as it is let.
        except Exception as problem:  # Of a stream that has no right to it.
            self._give_up(problem)

    def hand_over(self) -> None:
        """Let a task of the server send what is UNSENT, whoever is cancelled here."""
        self.state = _SENDING
        self._spawn(self._send_overflow)

    def break_off(self) -> None:
        """Send nothing any more. A task that waits for room does so until the stream is closed."""
        self.state = _BROKEN
        self._backlog.clear()
        self._batched = b""
        self._let_go()

    def is_fast_enough(self) -> bool:
        """Whether the client took enough in the period that is over; another begins."""
        if self._plain is not None:
            return False  # A piece was not taken in time.
        return self._rate.is_enough(self._stream.send_queue_size())

    def _make_room(self) -> None:
        """Send what was written before, so that what is written next goes behind it."""
        if self.state is _BROKEN:
            raise PeerGone
        if self.state is _BATCHED:
            self._backlog.append(self._batched)
            self._batched = b""
        if self.state is not _SENDING:
            self._send_now()

    def _send_now(self) -> None:
        """Send what there is room for; the state is UNSENT, or IDLE, then."""
        try:
            self._send_backlog()
        except GONE as problem:
            self._owner.lose()
            raise PeerGone from problem
        except BaseException:
            self._owner.lose()
            raise
        self.state = _UNSENT if self._backlog else _IDLE

    def _send_backlog(self) -> None:
        """Send what there is room for; raise what the stream raises."""
        backlog = self._backlog
        while backlog:
            piece = backlog[0]
            if isinstance(piece, FilePart):
                if not self._send_file(piece):
                    return
            else:
                sent = self._send_piece(piece)
                self._rate.give(sent)
                if sent < len(piece):
                    backlog[0] = memoryview(piece)[sent:]
                    return
                del backlog[0]

    def _send_piece(self, piece: bytes | memoryview) -> int:
        if len(self._backlog) > 1 and self._files is not None:  # A file comes next.
            return self._files.send_more_nowait(piece)
        return self._stream.send_nowait(piece)

    def _send_file(self, part: FilePart) -> bool:
        """Send what there is room for of a part of a file; whether that is all of it."""
        assert self._files is not None
        if part.must_be_read:
            return False
        try:
            sent = self._files.send_file_nowait(part.fd, part.offset, part.size)
        except io.UnsupportedOperation:
            self._backlog[0] = part._replace(must_be_read=True)
            return False
        self._rate.give(sent)
        if sent < part.size:
            self._backlog[0] = part.after(sent)
            return False
        del self._backlog[0]
        return True

    # Waiting.

    async def flush(self) -> None:
        """Wait until everything is out, whoever wrote it.

        Raises:
            PeerGone: the client has left, or took too little and was reset.
            EOFError, OSError: a file ends before, or cannot be read.

        Cancelled: nothing more can be sent if this task was the one that sends.
        """
        while True:
            match self.state:
                case SenderState.IDLE:
                    return
                case SenderState.BATCHED:
                    self.flush_nowait()
                case SenderState.UNSENT:
                    self.state = _SENDING
                    await self._send_rest()
                case SenderState.SENDING:
                    self._over = self._over or ParkingLot()
                    await self._over.park()
                case _:  # BROKEN
                    raise PeerGone

    def _let_go(self) -> None:
        """Wake up those who wait in `flush`."""
        if self._over is not None:
            self._over.unpark_all()

    async def _send_overflow(self) -> None:
        """Send what was batched and had no room."""
        try:
            await self._send_rest()
            self._owner.sent()
        except PeerGone:
            self._owner.abort()  # As above.
        except Exception as problem:  # Of a stream that has no right to it.
            self._give_up(problem)

    async def _send_rest(self) -> None:
        """Send all of the backlog, in its time; the state is SENDING already."""
        try:
            self._rate.begin(self._stream.send_queue_size())
            self._queue.enter(self._owner)
            while self._backlog:
                await self._send_more(self._backlog[0])
            if self.state is _BROKEN:
                raise PeerGone
            self._rate.count(self._stream.send_queue_size())
        except GONE as problem:
            raise PeerGone from problem
        finally:
            self._queue.leave(self._owner)
            if self._backlog:
                self._owner.lose()
            elif self.state is _SENDING:
                self.state = _IDLE
                self._let_go()

    async def _send_more(self, piece: bytes | memoryview | FilePart) -> None:
        """Wait for room, and fill it; ``piece`` comes next."""
        if isinstance(piece, FilePart) and piece.must_be_read:
            await self._read(piece)
        elif self._plain is not None:
            assert not isinstance(piece, FilePart)
            self._queue.enter(self._owner)  # Each piece has a period of its own.
            sent = await self._plain.send_some(piece)
            if self._backlog:  # Else it was broken off meanwhile.
                self._backlog[0] = memoryview(piece)[sent:]
                if sent == len(piece):
                    del self._backlog[0]
        else:
            await self._stream.wait_send_all_might_not_block()
            self._send_backlog()

    async def _read(self, part: FilePart) -> None:
        """Read a window of a file that the system does not copy."""
        size = min(part.size, _WINDOW)
        self._queue.leave(self._owner)  # The client does not answer for a slow disk.
        data = await self._run_blocking(os.pread, part.fd, size, part.offset)
        self._queue.enter(self._owner)
        if self.state is _BROKEN:
            raise PeerGone
        if not data:
            raise EOFError(f"which became shorter: it ends before byte {part.offset}")
        rest = part.after(len(data))
        self._backlog[:1] = [data, rest] if rest.size else [data]

    def _give_up(self, problem: Exception) -> None:
        logger.error("a stream cannot send", exc_info=problem)
        self._owner.abort()
