"""The responder: sends one reply through its lane, and waits where that has to be.

One task at a time sends. The `Reply` never waits, so between two waits everything is done in
one step; the mark of who is sending is set before each wait.

Laws:
1. A second task that comes while one is sending gets `trio.BusyResourceError`.
2. Whoever is cancelled before a byte has left has sent nothing, and can still be answered for.
"""

from __future__ import annotations

import json

import trio
from trio.lowlevel import Task, current_task

from .._net.errors import PeerGone
from .._syntax.ranges import ByteRange
from .errors import pairs_of
from .lane import CLOSED, Lane
from .reply import JSON, Reply
from .response import RenderedFields, Response, require_status


class _Claim:
    """A claim of the current task; it may have one already."""

    __slots__ = ("_before", "_responder")

    def __init__(self, responder: Responder) -> None:
        self._responder = responder
        self._before = responder.owner

    def __enter__(self) -> None:
        self._responder.owner = current_task()

    def __exit__(self, *_: object) -> None:
        self._responder.owner = self._before


class Responder:
    """A reply, its lane, and who is sending."""

    __slots__ = ("lane", "owner", "reply")

    def __init__(self, reply: Reply, lane: Lane) -> None:
        self.reply: Reply = reply
        self.lane: Lane = lane
        self.owner: Task | None = None
        """The task that is sending."""

    def claimed(self) -> _Claim:
        """Return a context manager; inside, no other task may send.

        Raises:
            PeerGone: nothing can be sent any more.
            trio.BusyResourceError: another task is sending.
        """
        self.require_unclaimed()
        if self.lane.is_gone:
            raise PeerGone
        return _Claim(self)

    def require_unclaimed(self) -> None:
        """Raise `trio.BusyResourceError` if another task is sending."""
        if self.owner is not None and self.owner is not current_task():
            raise trio.BusyResourceError("another task is sending this response")

    @property
    def must_wait(self) -> bool:
        """Whether `take_turn` has to be awaited before anything is written."""
        return self.owner is not None or self.lane.must_wait

    async def take_turn(self) -> None:
        """Wait until something may be written. Cancelled: nothing has happened.

        Raises:
            trio.BusyResourceError: another task is sending.
        """
        with self.claimed():
            if self.lane.must_wait:
                await self.lane.take_turn()

    async def drain(self) -> None:
        """Wait until all that was written is out; see `Lane.flush`."""
        with self.claimed():
            await self.lane.flush()

    # What a `Connection` and what stands below it send. Each first waits, then writes, then
    # waits until that is out.

    async def send(self, data: bytes | bytearray | memoryview | str) -> None:
        """See `Connection.send`."""
        self.require_unclaimed()
        self.lane.budget.spend()
        if self.reply.hold(data):
            await self.flush()
        elif self.lane.budget.left <= 0:
            await self.take_turn()

    async def send_file(self, fd: int, part: ByteRange) -> None:
        """Send a part of a file, where `Reply.takes_files`; raises as `Lane.write_file`."""
        if self.must_wait:
            await self.take_turn()
        if self.reply.write_file(fd, part):
            await self.drain()

    async def send_whole(self, content: bytes | str) -> None:
        """Send ``content`` as all that there is, in one write."""
        if self.must_wait:
            await self.take_turn()
        if self.reply.write_whole(content):
            await self.drain()

    async def send_shared(self, shared: RenderedFields, content: bytes) -> None:
        """Send ``content`` as all that there is, with fields that many replies share."""
        if self.must_wait:
            await self.take_turn()
        if self.reply.write_shared(shared, content):
            await self.drain()

    async def flush(self) -> None:
        """See `Connection.flush`."""
        if self.must_wait:
            await self.take_turn()
        if self.reply.flush():
            await self.drain()

    async def finish(self) -> None:
        """See `Connection.finish`."""
        if self.must_wait:
            await self.take_turn()
        if self.reply.finish():
            await self.drain()

    async def respond(self, response: Response) -> None:
        """See `Connection.respond`."""
        if self.must_wait:
            await self.take_turn()
        reply = self.reply
        reply.set_status(response.status, None)
        reply.replace_headers(pairs_of(response.headers))
        if reply.write_whole(response.content):
            await self.drain()

    async def send_json(self, obj: object) -> None:
        """See `Connection.send_json`."""
        if self.must_wait:
            await self.take_turn()
        self.reply.require_open()
        text = json.dumps(obj, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        self.reply.default_type(JSON)
        if self.reply.write_whole(text):
            await self.drain()

    async def send_error(
        self, status: int, reason: str | None, content: bytes | str | None
    ) -> None:
        """See `Connection.send_error`."""
        if self.must_wait:
            await self.take_turn()
        require_status(status)
        self.reply.reset()
        self.reply.set_status(status, reason)
        answer = Response.text(status, reason).content if content is None else content
        if self.reply.write_whole(answer):
            await self.drain()

    # How an exchange ends.

    def finish_with(self, content: bytes | str | None) -> bool:
        """Write what a handler returned, or the end; whether `drain` has to be awaited."""
        self.reply.may_wait = True
        return self.reply.finish() if content is None else self.reply.write_whole(content)

    async def fail_with(self, answer: Response | None) -> None:
        """End an exchange that failed: with ``answer``, if its head is not out yet.

        A response that is under way is cut off so that it never looks whole; one that
        has gone out whole stays so. None means that there is nobody to answer.
        """
        reply = self.reply
        if answer is None:
            self.lane.close_after()
        elif reply.is_finished:
            pass
        elif reply.is_out:
            self.lane.cut()
        elif self.owner is not None:  # A task that was left behind is about to send.
            await self.lane.take_turn()  # Earlier responses go out whole.
            self.lane.cut()
        else:
            reply.reset()
            await self.respond(answer)

    @property
    def status_and_size(self) -> tuple[int | None, int]:
        """The status that went out, None if none did, and bytes of content."""
        reply = self.reply
        status = reply.status if reply.is_out else 0  # 0 after an abort without a head, too.
        return status or None, reply.content_out

    def detach(self) -> None:
        """Let go of the lane: the exchange is over, whoever still holds this."""
        self.lane = self.reply.lane = CLOSED
