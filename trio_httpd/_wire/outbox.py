"""The outbox: responses of one turn of the loop, sent together at its end.

In one turn trio runs every task that something has come for. To send each response at
once would change into the system and wake up its peer between any two handlers, which
on a busy server costs as much as a handler. So the last word of an exchange waits until
the turn is over, or until sixteen wait.

Laws:
1. Nothing stays here while the loop waits.
2. Who waits here is a whole response, or the end of one, on a transport that goes on:
   nobody can tell that it waited but by the clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

import trio

MOST_WAITING = 16


class Posting(Protocol):
    """A transport that has something to send at the end of the turn."""

    def flush_post(self) -> None:
        """Send it; raises nothing."""


class Outbox(trio.abc.Instrument):
    """Who has something to send when the turn is over."""

    def __init__(self) -> None:
        self.waiting: list[Posting] = []
        """Who does; whoever is the sixteenth of them calls `flush`."""
        self.is_open = False
        """Whether the end of a turn is heard of."""

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Be open, inside."""
        trio.lowlevel.add_instrument(self)
        self.is_open = True
        try:
            yield
        finally:
            self.is_open = False
            with suppress(KeyError):  # trio has removed one that raised.
                trio.lowlevel.remove_instrument(self)
            self.flush()

    def before_io_wait(self, timeout: float) -> None:
        """See `trio.abc.Instrument`: the turn is over."""
        if self.waiting:
            self.flush()

    def flush(self) -> None:
        """Have all who wait send."""
        waiting, self.waiting = self.waiting, []
        for posting in waiting:
            posting.flush_post()
