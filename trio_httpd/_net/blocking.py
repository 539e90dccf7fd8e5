"""Blocking calls: in a thread, or inline where a stream allows no threads.

A disk may take its time, so a file that is not in memory is read in a thread. While a
thread works, the loop sleeps, and a fake clock jumps. So the streams of the testing kit
allow no threads, and what is served on them is read inline.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from trio import to_thread
from trio.lowlevel import checkpoint

T = TypeVar("T")


class RunBlocking(Protocol):
    """Runs a call that may block, and returns what it returns."""

    def __call__(self, call: Callable[..., T], /, *args: Any) -> Awaitable[T]:
        """Run ``call(*args)``. Cancelled: a call that has begun is waited for."""


run_in_thread: RunBlocking = to_thread.run_sync


async def run_inline(call: Callable[..., T], /, *args: Any) -> T:
    """Run ``call(*args)`` here, after a checkpoint; everybody else waits meanwhile."""
    await checkpoint()
    return call(*args)


def run_blocking_for(stream: object) -> RunBlocking:
    """Return what runs blocking calls on behalf of ``stream``.

    A stream that has ``allows_threads = False``, or such a stream below it, allows none.
    """
    below: object = stream
    while below is not None:
        if not getattr(below, "allows_threads", True):
            return run_inline
        below = getattr(below, "transport_stream", None)
    return run_in_thread
