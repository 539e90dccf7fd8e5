"""Streams in memory to which files are copied, as the system does it with sockets."""

from __future__ import annotations

import io
import os

from trio_httpd.testing import MemoryStream, memory_streams


class FileTakingStream(MemoryStream):
    """Takes what there is room for of a file; notes what it was asked for."""

    files: list[tuple[int, int]]
    """Offset and size of each part of a file that was to be sent."""
    writes: list[int]
    """The size of what was sent each time, and was no file."""
    refuses = False
    """Whether it takes no files after all."""
    fails: OSError | None = None
    """What becomes of reading a file."""

    def send_nowait(self, data: bytes | memoryview) -> int:
        self.writes.append(len(data))
        return super().send_nowait(data)

    def send_more_nowait(self, data: bytes | memoryview) -> int:
        return self.send_nowait(data)

    def send_file_nowait(self, fd: int, offset: int, count: int) -> int:
        self.files.append((offset, count))
        if self.refuses:
            raise io.UnsupportedOperation
        if self.fails is not None:
            raise self.fails
        size = self._outgoing.room_for(count)
        if not size:
            return super().send_nowait(b"")
        data = os.pread(fd, size, offset)
        if not data:
            raise EOFError(f"which became shorter: it ends before byte {offset}")
        return super().send_nowait(data)


def file_taking_streams(
    window: float, send_buffer: float = 0
) -> tuple[FileTakingStream, MemoryStream]:
    """Return the ends of a connection in memory; files are copied to the near one."""
    near, far = memory_streams(window, send_buffer=send_buffer)
    stream = FileTakingStream(near._outgoing, near._incoming)
    stream.files, stream.writes = [], []
    return stream, far
