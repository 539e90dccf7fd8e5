"""Abilities: what a stream may be able to do beyond trio's interfaces.

Those of `sockets` can do all of it, as can those of the testing kit; trio's own none. A
transport asks once.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol, cast, runtime_checkable

import trio

from ..readiness import Readiness


@runtime_checkable
class Abortable(Protocol):
    """A stream that can be reset."""

    def abort(self) -> None:
        """Close without waiting, so that the far end sees a reset."""


class PromptStream(Protocol):
    """A stream that sends and receives without waiting, as far as it can."""

    def receive_nowait(self, max_bytes: int) -> bytes | None:
        """Return what is there, None where nothing is."""

    def wait_receive_might_not_block(self) -> Awaitable[None]:
        """Wait until something is there."""

    def send_nowait(self, data: bytes | memoryview) -> int:
        """Send what there is room for, and return how much that was."""

    def untaken(self) -> int:
        """Return how many bytes were sent that the far end has not taken."""

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until there is room."""


@runtime_checkable
class FileTaking(Protocol):
    """A prompt stream to which the system copies files."""

    def send_more_nowait(self, data: bytes | memoryview) -> int:
        """Send what there is room for, where a file follows at once."""

    def send_file_nowait(self, fd: int, offset: int, count: int) -> int:
        """Send what there is room for of a part of a file, and return how much that was.

        Raises `EOFError` where the file ends before, and `io.UnsupportedOperation` for a
        file that has to be read instead.
        """


@runtime_checkable
class Watchable(Protocol):
    """A stream that can be told when there is something to receive."""

    def wait_with(self, readiness: Readiness) -> None:
        """Wait by ``readiness`` from now on."""


def as_prompt(stream: trio.abc.Stream) -> PromptStream | None:
    """Return ``stream`` if it is prompt."""
    able = hasattr(stream, "send_nowait") and hasattr(stream, "untaken")
    return cast("PromptStream", stream) if able else None
