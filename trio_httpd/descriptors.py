"""Descriptors: what the first three of a process are."""

from __future__ import annotations

import os


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
