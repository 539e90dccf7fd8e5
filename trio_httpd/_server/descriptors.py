"""Descriptors: how many a process may have, and what the first three are.

A server that accepts until no descriptor is left cannot open a file any more: nearly
each answer would be a 503. So the command takes no more connections than leave some.
"""

from __future__ import annotations

import math
import os
import resource
from contextlib import suppress


def fill_standard() -> None:
    """Open nothing, ``/dev/null``, for each standard descriptor that is closed.

    Else the next socket gets its number, and what is printed goes to a peer.
    """
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            # The lowest number that is free is taken: this one, as those below are open.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def raise_limit() -> float:
    """Let this process have as many descriptors as it may; return how many, maybe inf."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(OSError, ValueError):  # Some systems have a lower limit besides.
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    return math.inf if soft == resource.RLIM_INFINITY else soft


def most_connections(limit: float) -> float:
    """Return how many connections leave descriptors for the file that each is sent, and the rest.

    Args:
        limit: how many descriptors this process may have.
    """
    return limit if limit == math.inf else max(1, (int(limit) - _reserve(limit)) // 2)


def most_held() -> int:
    """Return how many descriptors of files may be kept open for later requests."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _reserve(math.inf if soft == resource.RLIM_INFINITY else soft) // 2


def _reserve(limit: float) -> int:
    """Return how many descriptors are for files and the rest."""
    return int(min(max(16, limit / 8), 128))
