"""Reading: the content of a file, a window at a time, without blocking the event loop.

What the system has in memory is read, or sent, at once. Only what has to come from a disk
is read in a thread: to ask a thread costs more than to copy a window. The system reads
ahead of who reads in order, so of a file that lies on a disk few windows cost a thread.
"""

from __future__ import annotations

import errno
import io
import os
import threading
from collections.abc import Callable
from typing import Any, BinaryIO, Protocol, TypeVar
from weakref import WeakValueDictionary

from ..._net.blocking import RunBlocking

T = TypeVar("T")

WINDOW = 256 * 1024
"""How many bytes are read at once; a client that stalls keeps as much in memory."""
SENT_WINDOW = 1024 * 1024
"""How many bytes the system sends at once; none of them are in our memory."""

# Without the flag (macOS), or on a file system that does not know it, nobody can tell
# what is in memory: such a file is read at once too.
_ONLY_CACHED: int = getattr(os, "RWF_NOWAIT", 0)
_UNKNOWN_FLAG = (errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)

_BUFFERED = (io.BufferedReader, io.BufferedRandom)

Reader = Callable[[int, bytearray, int], int]
"""Reads from a descriptor into a buffer at an offset; returns how many bytes."""


class Source(Protocol):
    """A regular file that content is taken from."""

    @property
    def fd(self) -> int:
        """Its descriptor."""

    @property
    def name(self) -> str:
        """What a log calls it."""

    def was_rewritten(self) -> bool:
        """Whether its content has changed, but for what was added at the end."""


def read_cached(fd: int, buffer: bytearray, offset: int, flags: int = _ONLY_CACHED) -> int:
    """Read what needs no waiting; return how many bytes, 0 at the end of the file.

    Raises:
        BlockingIOError: there is something, but none of it in memory.
    """
    try:
        return os.preadv(fd, [buffer], offset, flags)
    except OSError as problem:
        if problem.errno not in _UNKNOWN_FLAG:
            raise
    return os.preadv(fd, [buffer], offset)


def read_at_once(fd: int, size: int, offset: int, *, at_once: Reader = read_cached) -> bytes | None:
    """Return ``size`` bytes from ``offset``, None if not all of them are in memory."""
    buffer = bytearray(size)
    try:
        return bytes(buffer) if at_once(fd, buffer, offset) == size else None
    except BlockingIOError:
        return None


async def read_window(
    source: Source | FileObject,
    offset: int,
    size: int,
    *,
    run: RunBlocking,
    at_once: Reader = read_cached,
) -> bytes:
    """Return at least a byte at ``offset``, at most ``size`` or `WINDOW` of them.

    What ``at_once`` does not find in memory is read by ``run``.

    Raises:
        EOFError: the source ends before; it became shorter since it was opened.
        OSError: a disk fails.

    Cancelled: a thread that reads is waited for, as it uses the source.
    """
    size = min(size, WINDOW)
    if isinstance(source, FileObject):
        data = await source.read(offset, size, run)
    else:
        # A buffer for each call costs less than to hold one for each peer that stalls.
        buffer = bytearray(size)
        count = await _fill(source.fd, buffer, offset, run=run, at_once=at_once)
        data = bytes(memoryview(buffer)[:count])
    if not data:
        raise EOFError(f"which became shorter: it ends before byte {offset}")
    return data


async def _fill(
    fd: int, buffer: bytearray, offset: int, *, run: RunBlocking, at_once: Reader
) -> int:
    try:
        count = at_once(fd, buffer, offset)
    except BlockingIOError:
        count = 0
    # Linux 5.9 and 5.10 may say 0 instead of "not in memory", so an end is made sure of.
    return count or await run(os.preadv, fd, [buffer], offset)


async def make_ready(
    fd: int, offset: int, size: int, *, run: RunBlocking, at_once: Reader = read_cached
) -> None:
    """See that a window is in memory, so that the system sends it without waiting.

    That its first and last bytes are there is taken for the whole. (`os.sendfile` would
    stop everybody while a disk is read.)
    """
    buffer = bytearray(1)
    try:
        at_once(fd, buffer, offset)
        at_once(fd, buffer, offset + size - 1)
    except BlockingIOError:
        await run(_read_through, fd, offset, size)


def _read_through(fd: int, offset: int, size: int) -> None:
    buffer = bytearray(WINDOW)
    stop = offset + size
    while offset < stop and (count := os.preadv(fd, [buffer], offset)):
        offset += count


class _Turns:
    """Whose turn it is to seek and read; one for each file object that is being sent."""

    __slots__ = ("__weakref__", "lock")

    def __init__(self) -> None:
        self.lock = threading.Lock()


_TURNS: WeakValueDictionary[int, _Turns] = WeakValueDictionary()


class FileObject:
    """A source that is a seekable file object, and no file of the system.

    Several responses may send one object at a time.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._turns = _TURNS.setdefault(id(file), _Turns())
        self.size: int = 0
        """How many bytes there are, once that was asked."""
        self.name: str = str(getattr(file, "name", type(file).__name__))

    async def measure(self, run: RunBlocking) -> None:
        """Find out how many bytes there are: to decompress them all may take a while."""
        self.size = await self._in_turn(self._seek_end, run)

    def _seek_end(self) -> int:
        return self._file.seek(0, os.SEEK_END)

    async def read(self, offset: int, size: int, run: RunBlocking) -> bytes:
        """Return some bytes from ``offset``; by ``run``, but for what is in memory anyway."""

        def read() -> bytes:
            self._file.seek(offset)
            return self._file.read(size)

        return await self._in_turn(read, run)

    async def _in_turn(self, do: Callable[[], T], run: RunBlocking) -> T:
        def locked() -> T:
            with self._turns.lock:
                return do()

        return do() if isinstance(self._file, io.BytesIO) else await run(locked)


def descriptor_of(file: Any) -> int | None:
    """Return the descriptor of a file object that is nothing but a file of the system.

    An object that decompresses or decrypts, say, has a descriptor too, but its bytes are
    others.
    """
    if type(file).__module__ == "tempfile":
        file = getattr(file, "file", file)
    raw = file.raw if type(file) in _BUFFERED else file
    return raw.fileno() if type(raw) is io.FileIO else None
