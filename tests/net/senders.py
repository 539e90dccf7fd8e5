"""Senders without a transport."""

from __future__ import annotations

import trio

from trio_httpd import Timeouts
from trio_httpd._net.blocking import run_inline
from trio_httpd._net.coalescing import WriteBatch
from trio_httpd._net.deadlines import DeadlineQueue, DeadlineWatcher
from trio_httpd._net.plain import as_nowait
from trio_httpd._net.sending import Sender
from trio_httpd.abc import AbortableStream


class Owner:
    """What a sender needs of its transport; notes what it is told."""

    sender: Sender

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self.losses = 0
        """How often the sender let it know that nothing can be sent any more."""
        self.answers: list[bool] = []
        """Whether the peer was fast enough, each time that a period was over."""

    def expire(self, phase: DeadlineQueue) -> None:
        self.answers.append(self.sender.is_fast_enough())
        if self.answers[-1]:
            phase.enter(self)
        else:
            self.abort()

    def sent(self) -> None:
        """Nothing follows from that here."""

    def lose(self) -> None:
        self.losses += 1
        self.sender.break_off()

    def abort(self) -> None:
        self.lose()
        assert isinstance(self._stream, AbortableStream)
        self._stream.abort()


def owned_sender(
    stream: trio.abc.Stream,
    nursery: trio.Nursery,
    *,
    watcher: DeadlineWatcher | None = None,
    progress: int = 1,
    batch: WriteBatch | None = None,
) -> tuple[Sender, Owner]:
    """Return a sender on ``stream``, and its owner."""
    owner = Owner(stream)
    sender = owner.sender = Sender(
        as_nowait(stream, progress),
        owner,
        queue=(watcher or DeadlineWatcher(Timeouts())).send,
        progress=progress,
        batch=batch or WriteBatch(),
        spawn=nursery.start_soon,
        run_blocking=run_inline,
    )
    return sender, owner


def sender_on(
    stream: trio.abc.Stream, nursery: trio.Nursery, *, batch: WriteBatch | None = None
) -> Sender:
    """Return a sender on ``stream``."""
    return owned_sender(stream, nursery, batch=batch)[0]
