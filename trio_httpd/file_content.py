"""File content: a file's bytes, a window at a time, without making anybody wait.

What the system has in memory is read at once. Only what has to come from a disk is
read in a thread: to ask a thread costs more than to copy a window. The system reads
ahead of who reads in order, so of a file that lies on a disk few windows cost a thread.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

import trio

WINDOW = 64 * 1024
"""How many bytes are read at once; as much is held for each peer that does not take it."""

# Without the flag (macOS), or on a file system that does not know it, nobody can tell
# what is in memory: such a file is read at once too.
_ONLY_CACHED: int = getattr(os, "RWF_NOWAIT", 0)
_UNKNOWN_FLAG = (errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)

Reader = Callable[[int, bytearray, int], int]
"""Reads from a descriptor into a buffer at an offset; returns how many bytes."""


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


async def read_window(fd: int, size: int, offset: int, *, at_once: Reader = read_cached) -> bytes:
    """Return at least a byte at ``offset``, at most ``size`` or `WINDOW` of them.

    Raises:
        EOFError: the file ends before; it became shorter since it was opened.
        OSError: a disk fails.

    Cancelled: a thread that reads is waited for, as it uses the descriptor.
    """
    # A buffer for each call costs less than to hold one for each peer that stalls.
    buffer = bytearray(min(size, WINDOW))
    try:
        count = at_once(fd, buffer, offset)
    except BlockingIOError:
        count = 0
    # Linux 5.9 and 5.10 may say 0 instead of "not in memory", so an end is made sure of.
    count = count or await trio.to_thread.run_sync(os.preadv, fd, [buffer], offset)
    if not count:
        raise EOFError(f"which became shorter: it ends before byte {offset}")
    return bytes(memoryview(buffer)[:count])
