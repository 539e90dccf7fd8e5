"""The HTTP/1 lane: the events of one exchange, as bytes on a transport.

What HTTP/1 needs to know of an exchange to carry it is decided here: how the response
is framed, and whether the transport can serve another request after it.

Laws:
1. Once the final head is on its way no interim response follows (RFC 9110 §15.2).
2. After a fault in the content nothing more is read from this transport.
3. A response that only the end of the transport ends is never followed by a proper end
   unless it went out whole.
"""

from __future__ import annotations

import trio

from .._exchange.context import ServerContext
from .._message.errors import PeerError
from .._message.request import RequestHead
from .._message.response import Fields, ResponseHead
from .._net.addresses import Address
from .._net.blocking import RunBlocking
from .._net.data_rates import ReceiveRate
from .._net.sending import Unsent, UnsentFile
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


class Http1Lane:
    """The lane of one exchange on a transport; see `Lane` for its verbs."""

    __slots__ = (
        "_context",
        "_ending",
        "_framing",
        "_head",
        "_interim",
        "_opened",
        "_parser",
        "_progress",
        "_reading",
        "_transport",
        "closing",
        "fairness",
        "prompt",
        "takes_files",
        "upgraded",
    )

    def __init__(
        self,
        transport: Transport,
        parser: Http1Parser,
        context: ServerContext,
        head: RequestHead,
        closing: bool,
    ) -> None:
        self._transport = transport
        self._parser = parser
        self._context = context
        self._head = head
        self._framing = Framing.LENGTH
        self._progress: ReceiveRate | None = None
        self._reading = False  # The handler has begun to read the content.
        self._opened = False  # The final head is on its way.
        self._ending = False  # And so is the end.
        self._interim: trio.Event | None = None  # Set when one under way has gone out.
        self.fairness = transport.fairness
        self.prompt = transport.prompt
        self.takes_files = transport.takes_files
        self.closing = closing
        """Whether no further request is served on the transport."""
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
            self.closing = True
            raise
        if data and self._progress is not None:
            self._progress.moved(len(data))
        return data

    async def receive(self) -> bytes:
        """See `Lane.receive`."""
        timeouts, limits = self._context.timeouts, self._context.limits
        while (data := self.receive_nowait()) is None:
            progress = self._progress = self._progress or ReceiveRate(
                timeouts.body, limits.progress
            )
            began = trio.current_time()
            try:
                with trio.move_on_after(max(0, progress.left)) as patience:
                    await feed(self._parser, self._transport, limits.receive_chunk)
            finally:  # A handler that gives up waiting has waited all the same.
                progress.waited(trio.current_time() - began)
            if patience.cancelled_caught:
                self.closing = True
                raise PeerError(408, "the content came too slowly")
        return data

    # The response.

    async def send_interim(self, status: int) -> None:
        """See `Lane.send_interim`."""
        if self._opened or self._interim is not None:
            return
        # Who is cancelled before a byte has left can still be answered for.
        await trio.lowlevel.checkpoint_if_cancelled()
        gone = self._interim = trio.Event()
        try:
            await self._transport.send(format_interim(status, []))
        finally:
            self._interim = None
            gone.set()

    def send_nowait(self, head: ResponseHead | None, data: bytes, *, end: bool) -> Unsent:
        """See `Lane.send_nowait`."""
        opening = b"" if head is None else self._open_response(head, end=end)
        if self._framing is Framing.CHUNKED:
            data = format_chunk(data, end=end)
        self._ending = end
        if self._interim is not None:  # Another task reads, and is just asking for more.
            return opening + data
        if opening and len(data) > _LARGEST_COPY:
            if rest := self._transport.send_nowait(opening):
                return bytes(rest) + data
        else:
            data = opening + data
            if opening and end and not (self.closing or self._parser.unread):
                return self._transport.post(data)
        if rest := self._transport.send_nowait(data):
            return rest
        if end:
            self._transport.ends_content = False
        return b""

    def send_file_nowait(self, head: ResponseHead | None, file: UnsentFile) -> Unsent:
        """See `Lane.send_file_nowait`."""
        if head is not None:
            file = file._replace(prefix=self._open_response(head, end=False))
        self._ending = False
        if self._interim is not None:
            return file
        return self._transport.send_file_nowait(file) or b""

    async def send_rest(self, rest: Unsent) -> None:
        """See `Lane.send_rest`."""
        if self._interim is not None:
            try:
                await self._interim.wait()
            except trio.Cancelled:
                self._transport.broken = True  # The head counts as sent.
                raise
        await self._transport.send_rest(rest)
        if self._ending:
            self._transport.ends_content = False

    def _open_response(self, head: ResponseHead, *, end: bool) -> bytes:
        framing = Framing.LENGTH
        if head.length is None and not head.bodiless:
            framing = self._framing = framing_for(head, self._head.http_version)
        if framing is Framing.CLOSE:
            self.closing = self._transport.ends_content = True
        elif not self._parser.content.ended and self._content_is_in_the_way(end=end):
            self.closing = True
        self._opened = True
        if self.closing or self._head.asks_keep_alive or head.options:
            return format_head(head, framing, self._persistence(head.options))
        return format_head(head, framing)

    def _persistence(self, options: tuple[bytes, ...]) -> bytes:
        if self.closing:
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

    async def switch_protocols(self, status: int, fields: Fields) -> trio.abc.Stream:
        """See `Lane.switch_protocols`."""
        transport = self._transport
        self.closing = self._opened = True
        transport.deadlines.handler.leave(transport)
        await transport.send(format_interim(status, fields))
        self.upgraded = UpgradedStream(transport, self._parser.take_rest())
        return self.upgraded

    # The end.

    def close_after(self) -> None:
        """See `Lane.close_after`."""
        self.closing = True

    def cut(self) -> None:
        """See `Lane.cut`."""
        self.closing = self._transport.broken = True

    def abort(self) -> None:
        """See `Lane.abort`."""
        self.closing = True
        self._transport.abort()


async def feed(parser: Http1Parser, transport: Transport, chunk: int) -> None:
    """Let ``parser`` have what arrives next, ``chunk`` bytes at most."""
    parser.receive_data(await transport.receive(chunk))
