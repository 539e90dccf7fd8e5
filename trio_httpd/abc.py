"""What a stream may offer beyond trio's interfaces, so that a server uses it.

The socket streams of this package have all these methods, and trio's own streams have
none. A stream need not derive from these classes: the methods count.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol, runtime_checkable

__all__ = ["AbortableStream", "NowaitStream", "SendfileStream", "Threadless"]


@runtime_checkable
class AbortableStream(Protocol):
    """A stream that can be reset."""

    def abort(self) -> None:
        """Close without waiting, so that the far end sees a reset."""


class NowaitStream(Protocol):
    """A stream that sends and receives without waiting, as far as it can."""

    def receive_nowait(self, max_bytes: int) -> bytes | None:
        """Return what is there, None where nothing is."""

    def wait_receive_might_not_block(self) -> Awaitable[None]:
        """Wait until something is there."""

    def send_nowait(self, data: bytes | memoryview) -> int:
        """Send what there is room for, and return how much that was."""

    def send_queue_size(self) -> int:
        """Return how many bytes were sent that the far end has not taken."""

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until there is room."""


@runtime_checkable
class SendfileStream(Protocol):
    """A nowait stream to which the system copies files."""

    def send_more_nowait(self, data: bytes | memoryview) -> int:
        """Send what there is room for, where a file follows at once."""

    def send_file_nowait(self, fd: int, offset: int, count: int) -> int:
        """Send what there is room for of a part of a file, and return how much that was.

        Raises `EOFError` where the file ends before, and `io.UnsupportedOperation` for a
        file that has to be read instead.
        """


class Threadless(Protocol):
    """A stream that says whether threads may help to serve it."""

    allows_threads: bool
    """False where they may not, as under a fake clock: files are read inline then.

    It holds for a stream on top of it, too, which has it as ``transport_stream``.
    """
