"""Streams in memory that note what they are asked to send, and that take no files."""

from __future__ import annotations

import io

from trio_httpd.testing import MemoryStream, memory_streams


class NotingStream(MemoryStream):
    """Notes what it is asked to send."""

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

    def send_file_nowait(self, fd: int, offset: int, count: int) -> int:
        self.files.append((offset, count))
        if self.refuses:
            raise io.UnsupportedOperation
        if self.fails is not None:
            raise self.fails
        return super().send_file_nowait(fd, offset, count)


def noting_streams(window: float, send_buffer: float = 0) -> tuple[NotingStream, MemoryStream]:
    """Return the ends of a connection in memory; the near one notes what it is asked."""
    near, far = memory_streams(window, send_buffer=send_buffer)
    stream = NotingStream(near._outgoing, near._incoming)
    stream.files, stream.writes = [], []
    return stream, far


class FilelessStream(MemoryStream):
    """Takes no files, as a prompt stream need not."""

    send_file_nowait = None  # type: ignore[assignment]


def fileless_streams(window: float, send_buffer: float = 0) -> tuple[FilelessStream, MemoryStream]:
    """Return the ends of a connection in memory; the near one takes no files."""
    near, far = memory_streams(window, send_buffer=send_buffer)
    return FilelessStream(near._outgoing, near._incoming), far
