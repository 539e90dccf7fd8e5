"""A transport, ended in any order: it only gets worse, closes once, and lies to nobody.

``python -m tests.laws.test_transport 100000`` plays so many random programs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import trio
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from tests.laws.machines import SELDOM, TrioMachine, play, play_by_hand
from tests.net.plain import PlainStream
from tests.net.test_deadlines import watch
from trio_httpd import PeerGone, Timeouts
from trio_httpd._net.coalescing import WriteBatch
from trio_httpd._net.deadlines import DeadlineWatcher
from trio_httpd._net.ending import Ending
from trio_httpd._net.transport import Transport, close_now
from trio_httpd.testing import MemoryStream, memory_streams

PERIOD = 10


class NotedStream(MemoryStream):
    """Notes how often it was closed."""

    closes = 0

    def _close(self, *, reset: bool) -> None:
        self.closes += not self._closed
        super()._close(reset=reset)


class Call:
    """A task that does something on a transport."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.scope = trio.CancelScope()
        self.sends = name in ("flush", "take_turn")
        self.is_over = False

    async def run(self, call: Callable[..., Awaitable[object]]) -> None:
        with self.scope, contextlib.suppress(PeerGone, trio.BusyResourceError):
            await call()
        self.is_over = True


class TransportMachine(TrioMachine):
    """Whatever happens on a transport, in any order; the model is how bad it is by now."""

    @initialize(window=st.sampled_from([3, 5000]), is_plain=st.booleans(), is_batched=st.booleans())
    def begin(self, window: int, is_plain: bool, is_batched: bool) -> None:
        async def step() -> None:
            near, self.far = memory_streams(window)
            self.near = NotedStream(near._outgoing, near._incoming)
            stream: trio.abc.Stream = PlainStream(self.near) if is_plain else self.near
            self.watcher = DeadlineWatcher(Timeouts(send=PERIOD, header=PERIOD, handler=PERIOD))
            self.nursery.start_soon(watch, self.watcher)
            batch = WriteBatch()
            if is_batched:
                batch.open(self.nursery)
            self.transport = Transport(stream, self.watcher, batch, self.spawn, progress=10)

        self.calls: list[Call] = []
        self.spawned_closes = 0
        self.worst = Ending.KEEP_ALIVE
        self.was_gone = self.saw_end = False
        self.written = 0
        self.heard = 0
        self.perform(step)

    def spawn(self, async_fn: Callable[..., Awaitable[object]], *args: Any) -> None:
        self.spawned_closes += async_fn is close_now
        self.nursery.start_soon(async_fn, *args)

    def do(self, call: Callable[[], object]) -> None:
        async def step() -> None:
            call()

        self.perform(step)

    def start(self, name: str, call: Callable[..., Awaitable[object]]) -> None:
        self.calls.append(started := Call(name))
        self.do(partial(self.nursery.start_soon, started.run, call))

    # What a server does.

    @rule(
        size=st.sampled_from([1, 10, 20_000]),
        later=st.booleans(),
        ends=st.booleans(),
        then=st.sampled_from([None, "flush", "take_turn"]),
    )
    def writes(self, size: int, later: bool, ends: bool, then: str | None) -> None:
        def write() -> None:
            sender = self.transport.sender
            try:
                (sender.write_later if later else sender.write)(b"x" * size)
            except PeerGone:
                assert self.transport.is_gone
            else:
                assert not self.was_gone
                self.written += size
                # A response that only the end of the transport ends has begun.
                self.transport.ends_content |= ends and not self.near._outgoing.ended

        self.do(write)
        if then == "flush":
            self.start("flush", self.transport.sender.flush)
        elif then == "take_turn":
            self.start("take_turn", self.transport.take_turn)

    @rule()
    def receives(self) -> None:
        self.start("receive", self.transport.receive)

    @rule(ending=st.sampled_from(Ending))
    def decides(self, ending: Ending) -> None:
        self.do(partial(self.transport.worsen, ending))
        assert self.transport.ending >= ending

    @rule(how=st.sampled_from(["lose", "abort", "end", "drop"]), really=SELDOM)
    def ends(self, how: str, really: bool) -> None:
        if not really:
            return
        if how == "drop":
            self.start("drop", self.transport.drop)
            assert self.calls[-1].is_over
        else:
            self.do(getattr(self.transport, how))
        assert self.near.closes == 1 or how == "lose"

    @rule(phase=st.sampled_from(["send", "header", "handler"]))
    def expires(self, phase: str) -> None:
        queue = getattr(self.watcher, phase)
        self.do(partial(queue.enter, self.transport))
        self.do(partial(self.clock.jump, PERIOD))
        if phase != "send":
            assert self.transport.ending >= queue.ending

    @rule(seconds=st.sampled_from([0, PERIOD, 1000]))
    def lingers(self, seconds: float) -> None:
        self.start("linger", partial(self.transport.linger, self.clock.current_time() + seconds, 9))

    @rule(really=SELDOM)
    def closes(self, really: bool) -> None:
        if really:
            self.start("aclose", self.transport.aclose)

    @rule(data=st.data())
    def cancels(self, data: st.DataObject) -> None:
        if waiting := [call for call in self.calls if not call.is_over]:
            call = data.draw(st.sampled_from(waiting))
            self.do(call.scope.cancel)
            assert call.is_over

    # What a client does.

    @rule(size=st.integers(1, 3))
    def sends(self, size: int) -> None:
        if not self.far._closed and not self.far._outgoing.ended and not self.near._closed:
            self.do(partial(self.far.send_nowait, b"y" * size))

    @rule()
    def sends_no_more(self) -> None:
        if not self.far._closed:
            self.do(self.far._outgoing.end)

    @rule(by_reset=st.booleans(), really=SELDOM)
    def leaves(self, by_reset: bool, really: bool) -> None:
        if really:
            self.do(self.far.abort if by_reset else self.far.close)

    @rule(size=st.sampled_from([1, 1000]))
    def takes(self, size: int) -> None:
        def take() -> None:
            try:
                data = self.far.receive_nowait(size)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return
            self.heard += len(data or b"")
            if data == b"" and not self.saw_end:
                self.saw_end = True
                assert not self.transport.ends_content

        self.do(take)

    @rule(seconds=st.sampled_from([1, PERIOD]))
    def time_passes(self, seconds: float) -> None:
        self.do(partial(self.clock.jump, seconds))

    # The laws.

    @invariant()
    def it_only_gets_worse(self) -> None:
        assert self.transport.ending >= self.worst
        self.worst = self.transport.ending
        assert self.transport.is_gone or not self.was_gone
        self.was_gone = self.transport.is_gone
        assert not self.was_gone or self.worst >= Ending.GONE

    @invariant()
    def it_is_closed_once(self) -> None:
        assert self.spawned_closes <= 1
        assert self.near.closes <= 1
        assert self.near.closes >= self.spawned_closes

    @invariant()
    def who_is_gone_is_told(self) -> None:
        if self.was_gone:
            assert self.transport.must_wait
            # Only who waits for room waits on, until the stream is closed.
            waiting = [call for call in self.calls if not call.is_over and call.sends]
            assert len(waiting) <= 1

    @invariant()
    def nobody_waits_on_what_is_closed(self) -> None:
        if self.near.closes:
            assert [call.name for call in self.calls if not call.is_over] == []

    @invariant()
    def nothing_is_heard_that_was_not_written(self) -> None:
        assert self.heard <= self.written

    def teardown(self) -> None:
        try:
            if self.is_alive:
                self.do(self.transport.end)
                assert all(call.is_over for call in self.calls)
        finally:
            super().teardown()


def test_a_transport_keeps_its_laws() -> None:
    play(TransportMachine)


if __name__ == "__main__":
    play_by_hand(TransportMachine)
