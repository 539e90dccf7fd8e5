"""The HTTP/1 lane: the events of one exchange, as bytes on a transport.

What HTTP/1 needs to know of an exchange to carry it is decided here: how the response
is framed, and whether the transport can serve another request after it.

Laws:
1. Once the final head is on its way no interim response follows (RFC 9110 §15.2).
2. After a fault in the content nothing more is read from this transport.
3. A response that only the end of the transport ends is never followed by a proper end
   unless it went out whole.
4. Nothing of a response is written before all that was written earlier is out.
"""

from __future__ import annotations

import trio

from .._exchange.context import ServerContext
from .._message.errors import PeerError
from .._message.request import RequestHead
from .._message.response import Fields, ResponseHead
from .._net.addresses import Address
from .._net.blocking import RunBlocking
from .._net.checkpoints import CALL
from .._net.data_rates import ReceiveRate
from .._net.ending import Ending
from .._net.errors import PeerGone
from .._net.sending import GONE, FilePart, SenderState
from .._net.transport import Transport
from .._net.upgraded import UpgradedStream
from .parser import Http1Parser
from .writer import (
    Framing,
    format_chunk,
    format_head,
    format_interim,
    format_persistence,
    framing_for,
)

_LARGEST_COPY = 64 * 1024
MOST_DRAINED = 256 * 1024
"""How much content that nobody wanted is read for the sake of the next request."""

_KEEP_ALIVE = Ending.KEEP_ALIVE
_IDLE = SenderState.IDLE
_LENGTH, _CHUNKED, _CLOSE = Framing.LENGTH, Framing.CHUNKED, Framing.CLOSE


class Http1Lane:
    """The lane of one exchange on a transport; see `Lane` for its verbs."""

    __slots__ = (
        "_context",
        "_ended",
        "_framing",
        "_head",
        "_is_over",
        "_is_plain",
        "_opened",
        "_parser",
        "_patience",
        "_rate",
        "_reading",
        "_sender",
        "_transport",
        "budget",
        "takes_files",
        "upgraded",
    )

    def __init__(
        self, transport: Transport, parser: Http1Parser, context: ServerContext, head: RequestHead
    ) -> None:
        self._transport = transport
        self._parser = parser
        self._context = context
        self._head = head
        self._sender = transport.sender
        self._framing = _LENGTH
        self._rate: ReceiveRate | None = None
        self._patience: trio.CancelScope | None = None  # Of the task that waits for content.
        self._is_over = False
        self._reading = False  # The handler has begun to read the content.
        self._opened = False  # The final head is on its way,
        self._ended = False  # and so is the end.
        self._is_plain = transport.is_plain
        self.budget = transport.budget
        self.takes_files = transport.takes_files
        self.upgraded: UpgradedStream | None = None
        """What the transport has become."""

    @property
    def run_blocking(self) -> RunBlocking:
        """See `Lane.run_blocking`."""
        return self._transport.run_blocking

    @property
    def remote_addr(self) -> Address | None:
        """See `Lane.remote_addr`."""
        return self._transport.remote_addr

    @property
    def local_addr(self) -> Address | None:
        """See `Lane.local_addr`."""
        return self._transport.local_addr

    # Content.

    @property
    def content_arrived(self) -> bool:
        """See `Lane.content_arrived`."""
        return bool(self._parser.unread)

    def receive_nowait(self) -> bytes | None:
        """See `Lane.receive_nowait`."""
        self._reading = True
        try:
            data = self._parser.next_content()
        except PeerError:
            self.close_after()
            raise
        if data and self._rate is not None:
            self._rate.moved(len(data))
        return data

    async def receive(self) -> bytes:
        """See `Lane.receive`."""
        timeouts, limits = self._context.timeouts, self._context.limits
        if self._is_over:
            raise trio.ClosedResourceError("the exchange is over")
        while (data := self.receive_nowait()) is None:
            if self._transport.receiving:
                raise trio.BusyResourceError("another task is reading this content")
            rate = self._rate = self._rate or ReceiveRate(timeouts.body, limits.progress)
            began = trio.current_time()
            try:
                with trio.move_on_after(max(0, rate.left)) as patience:
                    self._patience = patience
                    arrived = await self._transport.receive(limits.receive_chunk)
                    self._parser.receive_data(arrived)
            finally:  # A handler that gives up waiting has waited all the same.
                rate.waited(trio.current_time() - began)
            if self._is_over:
                raise trio.ClosedResourceError("the exchange is over")
            if patience.cancelled_caught and not self._has_come_late(limits.receive_chunk):
                self.close_after()
                raise PeerError(408, "the content came too slowly")
        return data

    def _has_come_late(self, chunk: int) -> bool:
        """Whether content is there after all; a handler may have held the loop for a while."""
        try:
            data = None if self._transport.is_gone else self._transport.receive_nowait(chunk)
        except GONE as problem:
            self._transport.lose()
            raise PeerGone from problem
        if data is not None:
            self._parser.receive_data(data)
        return data is not None

    # The response.

    @property
    def must_wait(self) -> bool:
        """See `Lane.must_wait`."""
        return self.budget.left <= 0 or self._sender.state is not _IDLE or self._is_plain

    async def take_turn(self) -> None:
        """See `Lane.take_turn`."""
        await self._transport.take_turn()

    async def flush(self) -> None:
        """See `Lane.flush`."""
        await self._sender.flush()
        if self._ended:
            self._transport.ends_content = False

    def write_interim(self, status: int) -> None:
        """See `Lane.write_interim`; nothing follows a final head (law 1)."""
        if not self._opened and self._sender.write(format_interim(status, [])):
            self._sender.hand_over()

    def write(self, head: ResponseHead | None, data: bytes, end: bool, may_wait: bool) -> bool:
        """See `Lane.write`."""
        sender = self._sender
        opening = b"" if head is None else self._open_response(head, end=end)
        if self._framing is _CHUNKED:
            data = format_chunk(data, end=end)
        self.budget.left -= CALL + len(data)
        if opening:
            if len(data) > _LARGEST_COPY:
                sender.write(opening)
            else:
                data = opening + data
        # Not where the next request has come already.
        if may_wait and data and self._transport.ending is _KEEP_ALIVE and not self._parser.unread:
            return sender.write_later(data)
        self._ended = end
        if data and sender.write(data):
            return True
        if end:
            self._transport.ends_content = False
        return False

    def write_file(self, head: ResponseHead | None, part: FilePart) -> bool:
        """See `Lane.write_file`."""
        # The system moves it: that takes a sixteenth of the time that we would need.
        self.budget.spend(part.size // 16)
        opening = b"" if head is None else self._open_response(head, end=False)
        return self._sender.write_file(opening, part)

    def _open_response(self, head: ResponseHead, *, end: bool) -> bytes:
        transport = self._transport
        framing = _LENGTH
        if head.length is None and not head.bodiless:
            framing = self._framing = framing_for(head, self._head.http_version)
        if framing is _CLOSE:
            transport.worsen(Ending.LINGER)
            transport.ends_content = True
        elif not self._parser.content.ended and self._content_is_in_the_way(end=end):
            transport.worsen(Ending.LINGER)
        self._opened = True
        if transport.ending is not _KEEP_ALIVE or self._head.asks_keep_alive or head.options:
            return format_head(head, framing, self._persistence(head.options))
        return format_head(head, framing)

    def _persistence(self, options: tuple[bytes, ...]) -> bytes:
        if self._transport.ending:
            options = (b"close", *options)
        elif self._head.asks_keep_alive:
            options = (b"keep-alive", *options)
        return format_persistence(options, self._context.timeouts.keep_alive)

    def _content_is_in_the_way(self, *, end: bool) -> bool:
        """Whether content that nobody will read stands before the next request."""
        parser = self._parser
        if self._head.expectations and not self._reading and not parser.unread:
            return True  # It may come or not: the peer was never told to go on.
        return (end or not self._reading) and parser.content_left > MOST_DRAINED

    async def switch_protocols(self, fields: Fields) -> trio.abc.Stream:
        """See `Lane.switch_protocols`."""
        transport = self._transport
        self._opened = True
        transport.worsen(Ending.SWITCHED)
        transport.deadlines.handler.leave(transport)
        self._sender.write(format_interim(101, fields))
        await self._sender.flush()
        self.upgraded = UpgradedStream(transport, self._parser.take_rest())
        return self.upgraded

    # The end.

    @property
    def is_gone(self) -> bool:
        """See `Lane.is_gone`."""
        return self._transport.is_gone

    def close_after(self) -> None:
        """See `Lane.close_after`."""
        self._transport.worsen(Ending.LINGER)

    def cut(self) -> None:
        """See `Lane.cut`."""
        self._transport.cut()

    def abort(self) -> None:
        """See `Lane.abort`."""
        self._sender.flush_nowait()  # The response before this exchange's still goes out.
        self._transport.abort()

    def stop_reading(self) -> None:
        """Let a task that still waits for content know that the exchange is over."""
        self._is_over = True
        if self._patience is not None:
            self._patience.cancel()
