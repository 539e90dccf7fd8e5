"""A sender against a list of bytes: all of them leave in their order, once, or it breaks.

``python -m tests.laws.test_sender 100000`` plays so many random programs.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

import trio
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from trio.testing import wait_all_tasks_blocked

from tests.laws.machines import SELDOM, TrioMachine, play, play_by_hand
from tests.net.plain import PlainStream
from tests.net.senders import Owner
from tests.net.taking import NotingStream
from tests.net.test_deadlines import watch
from trio_httpd import PeerGone, Timeouts
from trio_httpd._net.blocking import run_inline
from trio_httpd._net.coalescing import WriteBatch
from trio_httpd._net.deadlines import DeadlineWatcher
from trio_httpd._net.plain import as_nowait
from trio_httpd._net.sending import FilePart, Sender, SenderState
from trio_httpd.testing import memory_streams

IDLE, BATCHED, UNSENT, SENDING, BROKEN = SenderState
PERIOD = 10
SIZES = st.one_of(st.integers(0, 40), st.sampled_from([64, 1024, 1500, 16384, 16385, 70_000]))
FILE = bytes(n * 7 % 251 for n in range(100_000))


class NotedSender(Sender):
    """Notes which task is sending."""

    task: trio.lowlevel.Task | None = None

    async def _send_rest(self) -> None:
        self.task = trio.lowlevel.current_task()
        try:
            await super()._send_rest()
        finally:
            self.task = None


class Flush:
    """A task that waits until everything is out."""

    def __init__(self, sender: NotedSender) -> None:
        self._sender = sender
        self.scope = trio.CancelScope()
        self.task: trio.lowlevel.Task | None = None
        self.outcome = "waits"

    async def run(self) -> None:
        self.task = trio.lowlevel.current_task()
        with self.scope:
            try:
                await self._sender.flush()
                assert self._sender.state in (IDLE, BATCHED, UNSENT)
                self.outcome = "out"
            except PeerGone:
                self.outcome = "gone"
            except EOFError:
                self.outcome = "short file"
        if self.scope.cancelled_caught:
            self.outcome = "cancelled"


class Kind(NamedTuple):
    """What a sender sends on."""

    window: int
    buffer: int
    progress: int
    is_plain: bool
    is_batched: bool
    refuses_files: bool


class SenderMachine(TrioMachine):
    """Writes, waits, cancels, takes; the model is all that was written, as one string."""

    @initialize(
        kind=st.builds(
            Kind,
            window=st.sampled_from([1, 7, 100, 5000]),
            buffer=st.sampled_from([0, 9, 3000]),
            progress=st.sampled_from([0, 10, 2000]),
            is_plain=st.booleans(),
            is_batched=st.booleans(),
            refuses_files=st.booleans(),
        )
    )
    def begin(self, kind: Kind) -> None:
        async def step() -> None:
            near, self.far = memory_streams(kind.window, send_buffer=kind.buffer)
            self.near = NotingStream(near._outgoing, near._incoming)
            self.near.files, self.near.writes = [], []
            self.near.refuses = kind.refuses_files
            stream: trio.abc.Stream = PlainStream(self.near) if kind.is_plain else self.near
            watcher = DeadlineWatcher(Timeouts(send=PERIOD))
            self.nursery.start_soon(watch, watcher)
            batch = WriteBatch()
            if kind.is_batched:
                batch.open(self.nursery)
            owner = Owner(stream)
            self.sender = owner.sender = NotedSender(
                as_nowait(stream, kind.progress),
                owner,
                queue=watcher.send,
                progress=kind.progress,
                batch=batch,
                spawn=self.nursery.start_soon,
                run_blocking=run_inline,
            )

        self.written = b""
        self.heard = b""
        self.flushes: list[Flush] = []
        self.may_be_broken = False
        self.closing = ExitStack()
        self.file = self.closing.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 -- it is
        self.file.write(FILE)
        self.file.flush()
        self.is_plain = kind.is_plain
        self.perform(step)

    def perform_each(self, *calls: Callable[[], object]) -> None:
        async def step() -> None:
            for call in calls:
                call()
                self.check_state()

        self.perform(step)

    # What is written.

    def content(self, size: int) -> bytes:
        """Return content that tells where it belongs."""
        start = len(self.written)
        return b"".join(b"%07d " % n for n in range(start // 8, (start + size) // 8 + 1))[
            start % 8 : start % 8 + size
        ]

    def attempt(self, write: Callable[[], bool], added: bytes) -> None:
        """Write, and note it; a broken sender has to refuse."""
        was_broken = self.sender.state is BROKEN
        try:
            is_left = write()
        except PeerGone:
            assert self.sender.state is BROKEN
            assert was_broken or self.may_be_broken
        except EOFError:
            assert self.sender.state is BROKEN
            assert self.may_be_broken
        else:
            assert not was_broken
            self.written += added
            assert is_left or self.sender.state in (IDLE, BATCHED)
            assert not is_left or self.backlog

    def write(self, size: int) -> None:
        data = self.content(size)
        self.attempt(partial(self.sender.write, data), data)

    def write_later(self, size: int) -> None:
        data = self.content(size)
        self.attempt(partial(self.sender.write_later, data), data)

    def write_file(self, offset: int, size: int) -> None:
        if not self.sender.takes_files:
            return
        prefix = self.content(offset % 50)
        part = FilePart(self.file.fileno(), offset, size)
        added = prefix + FILE[offset : offset + size].ljust(size, b"?")  # Nobody is to see that.
        if offset + size > len(FILE):
            self.may_be_broken = True
        self.attempt(partial(self.sender.write_file, prefix, part), added)

    def break_off(self) -> None:
        self.may_be_broken = True
        self.sender.break_off()

    @rule(
        writes=st.lists(
            st.one_of(
                st.tuples(st.just("write"), SIZES),
                st.tuples(st.just("write_later"), SIZES),
                st.tuples(st.just("flush_nowait")),
            ),
            min_size=1,
            max_size=5,
        ),
        waits=st.booleans(),
    )
    def writes(self, writes: list[tuple[str, *tuple[int, ...]]], waits: bool) -> None:
        """Do several things in one turn."""
        names: dict[str, Callable[..., None]] = {
            "write": self.write,
            "write_later": self.write_later,
            "flush_nowait": self.flush_nowait,
        }
        self.perform_each(*(partial(names[name], *arguments) for name, *arguments in writes))
        if waits:
            self.flushes_and_writes(0)

    def flush_nowait(self) -> None:
        self.sender.flush_nowait()
        assert self.sender.state is not BATCHED

    @rule(offset=st.integers(0, len(FILE) - 1), size=SIZES.filter(bool), then=SIZES)
    def writes_a_file(self, offset: int, size: int, then: int) -> None:
        offset = min(offset, len(FILE) - size)
        self.perform_each(partial(self.write_file, offset, size), partial(self.write_later, then))

    @rule(size=st.integers(1, 2000), really=SELDOM)
    def writes_a_file_that_has_become_shorter(self, size: int, really: bool) -> None:
        if really:
            self.perform_each(partial(self.write_file, len(FILE) - size // 2, size))

    @rule(really=SELDOM)
    def breaks_off(self, really: bool) -> None:
        if really:
            self.perform_each(self.break_off)

    # Who waits.

    @rule(size=st.sampled_from([0, 3, 5000]))
    def flushes_and_writes(self, size: int) -> None:
        async def step() -> None:
            self.flushes.append(flush := Flush(self.sender))
            self.nursery.start_soon(flush.run)
            if size:
                self.write(size)

        self.perform(step)

    @precondition(lambda self: any(each.outcome == "waits" for each in self.flushes))
    @rule(data=st.data())
    def cancels(self, data: st.DataObject) -> None:
        waiting = [each for each in self.flushes if each.outcome == "waits"]
        flush = data.draw(st.sampled_from(waiting))
        was_sending = flush.task is self.sender.task
        before = self.sender.state

        async def step() -> None:
            self.may_be_broken |= was_sending
            flush.scope.cancel()

        self.perform(step)
        assert flush.outcome == "cancelled" or before is BROKEN
        assert self.sender.state is (BROKEN if was_sending else before)

    # The peer.

    @rule(size=st.integers(1, 20_000), times=st.integers(1, 4))
    def takes(self, size: int, times: int) -> None:
        for _ in range(times):
            self.perform_each(partial(self.take, size))

    def take(self, size: int) -> int:
        if self.far._closed:
            return 0
        try:
            data = self.far.receive_nowait(size)
        except trio.BrokenResourceError:
            assert self.sender.state is BROKEN
            data = None
        self.heard += data or b""
        return len(data or b"")

    @rule(seconds=st.sampled_from([1, PERIOD - 1, PERIOD]))
    def time_passes(self, seconds: float) -> None:
        self.may_be_broken |= self.sender.state is SENDING
        self.perform_each(partial(self.clock.jump, seconds))

    @precondition(lambda self: self.sender.state is SENDING)
    @rule(really=SELDOM)
    def takes_nothing_for_long(self, really: bool) -> None:
        if not really:
            return
        self.may_be_broken = True
        for _ in range(5):
            self.perform_each(partial(self.clock.jump, PERIOD))
        assert self.sender.state is BROKEN

    @rule(really=SELDOM)
    def leaves(self, really: bool) -> None:
        if really:
            self.may_be_broken = True
            self.perform_each(self.far.close)

    # The laws.

    @property
    def backlog(self) -> int:
        return sum(
            piece.size if isinstance(piece, FilePart) else len(piece)
            for piece in self.sender._backlog
        )

    def check_state(self) -> None:
        """Assert what holds in the midst of a turn, too."""
        sender = self.sender
        assert bool(sender._backlog) == (sender.state in (UNSENT, SENDING))
        assert sender.state is not BROKEN or self.may_be_broken

    @invariant()
    def nothing_is_lost_and_nothing_sent_twice(self) -> None:
        self.check_state()
        passed = self.heard + bytes(self.near._outgoing.data)
        assert self.written.startswith(self.heard if self.sender.state is BROKEN else passed)
        if self.sender.state is not BROKEN and not self.far._closed:
            left = len(self.written) - len(passed)
            # A plain stream has taken a piece when it has sent all of it.
            assert self.is_plain or left == self.backlog
            assert left <= self.backlog <= len(self.written)

    @invariant()
    def somebody_sends_while_it_is_sending(self) -> None:
        assert self.sender.state is not BATCHED  # The loop sleeps.
        assert self.sender.state is not SENDING or self.sender.task is not None
        if self.sender.state in (IDLE, UNSENT):
            assert all(each.outcome != "waits" for each in self.flushes)

    def teardown(self) -> None:
        try:
            if self.is_alive:
                self.perform(self.end)
        finally:
            self.closing.close()
            super().teardown()

    async def end(self) -> None:
        """Let the peer take everything: nobody waits for ever."""
        self.flushes.append(flush := Flush(self.sender))
        self.nursery.start_soon(flush.run)
        await wait_all_tasks_blocked()
        if self.sender.state is BROKEN:
            self.near.abort()
            await wait_all_tasks_blocked()
        else:
            self.near._outgoing.window = math.inf
            self.near._outgoing.tell()
            await wait_all_tasks_blocked()
            while self.take(1_000_000):
                assert len(self.heard) <= len(self.written)
                await wait_all_tasks_blocked()
        if self.sender.state is BROKEN:
            assert self.may_be_broken
        else:
            assert self.sender.state is IDLE
            assert self.heard == self.written or self.far._closed
            assert flush.outcome == "out"
        assert all(each.outcome != "waits" for each in self.flushes)
        assert self.sender.task is None


def test_a_sender_keeps_its_laws() -> None:
    play(SenderMachine)


if __name__ == "__main__":
    play_by_hand(SenderMachine)
