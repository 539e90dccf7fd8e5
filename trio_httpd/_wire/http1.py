"""The HTTP/1 loop: one transport, request after request, and the lane they share.

    setup ---> head ---> handler ---> (drain) ---> idle ---> head ...
      |          |          |            |           |
      |          |  408, 4xx|  503       |           |
      +----------+----------+------------+-----------+---> parting ---> end

Laws:
1. Each phase but the handler's reads ends at a deadline of the watcher, which cancels
   the transport's scope; what is then still to be said is said after leaving it.
2. A response is written by one task at a time, in the order of requests.
3. Nothing is read as a request after content whose end has not been seen.
"""

from __future__ import annotations

import logging
import math

import trio

from .._dispatch import dispatch
from ..addresses import Address
from ..connection import Connection
from ..errors import PeerError, PeerGone
from ..request import RequestHead
from ..response import Fields, Response, ResponseHead
from ..service import Service
from .deadlines import DeadlineQueue
from .http1_codec import Http1Codec
from .http1_writer import (
    Framing,
    format_content,
    format_head,
    format_interim,
    framing_for,
)
from .progress import Progress
from .transport import Transport
from .upgraded import UpgradedStream

logger = logging.getLogger("trio_httpd.connection")

_MOST_DRAINED = 256 * 1024
"""How much content that nobody wanted is read for the sake of the next request."""


async def serve_http1(transport: Transport, service: Service) -> None:
    """Serve HTTP/1 on ``transport`` until it is done; closing it is left to the caller.

    Raises:
        LetOut: with what ``on_error`` lets out of a handler's failure.
    """
    lane = Http1Lane(transport, service)
    try:
        with transport.scope:
            await lane.take_turns()
        await lane.part()
    except PeerGone:
        pass


async def refuse_http1(transport: Transport, service: Service, answer: Response) -> None:
    """Send ``answer`` on ``transport`` before anything was read from it."""
    lane = Http1Lane(transport, service)
    try:
        await lane.say(answer)
        await lane.part()
    except PeerGone:
        pass


class Http1Lane:
    """The lane of HTTP/1: one for all exchanges of a transport, in turn."""

    __slots__ = (
        "_closing",
        "_codec",
        "_conn",
        "_continue_owed",
        "_framing",
        "_head",
        "_part_by",
        "_persistence",
        "_progress",
        "_reading",
        "_served",
        "_service",
        "_transport",
        "_upgraded",
    )

    def __init__(self, transport: Transport, service: Service) -> None:
        self._transport = transport
        self._service = service
        self._codec = Http1Codec(service.limits)
        self._progress = Progress(math.inf, 0)
        seconds = service.timeouts.keep_alive
        self._persistence: Fields = (
            [] if seconds == math.inf else [(b"Keep-Alive", b"timeout=%d" % seconds)]
        )
        self._conn: Connection | None = None
        self._head: RequestHead | None = None
        self._framing = Framing.LENGTH
        self._served = 0
        self._closing = False  # No further request after this exchange.
        self._continue_owed = False  # The peer waits for 100 before it sends content.
        self._reading = False  # The handler has begun to read the content.
        self._upgraded = False
        self._part_by = math.inf

    # The loop.

    async def take_turns(self) -> None:
        """Serve requests until the transport is to be closed."""
        deadlines = self._transport.deadlines
        waiting = deadlines.connection_setup
        while True:
            try:
                head = await self._next_head(waiting)
            except PeerError as problem:
                logger.info("%a refused: %a", self._transport.remote_addr, str(problem))
                await self.say(Response.text(problem.status, problem.detail))
                return
            if head is None:
                return
            await self._exchange(head)
            if self._closing or not await self._drain():
                return
            waiting = deadlines.keep_alive

    async def _next_head(self, waiting: DeadlineQueue) -> RequestHead | None:
        """Return the next head; None where the peer has ended before one began."""
        codec, transport = self._codec, self._transport
        phase: DeadlineQueue | None = None
        while (head := codec.next_head()) is None:
            if codec.fed_all:
                return None
            due = transport.deadlines.header if codec.begun else waiting
            if due is not phase:
                if phase is not None:
                    phase.leave(transport)
                phase = due
                phase.enter(transport)
            await self._feed()
        if phase is not None:
            phase.leave(transport)
        return head if transport.expired is None else None

    async def _exchange(self, head: RequestHead) -> None:
        """Let the handler answer one request."""
        transport, service = self._transport, self._service
        self._served += 1
        self._closing = (
            not head.keep_alive or self._served >= service.limits.requests_per_connection
        )
        self._head = head
        self._continue_owed = bool(head.expectations) and not self._codec.content_ended
        self._reading = False
        self._part_by = math.inf
        if not self._codec.content_ended:
            self._progress = Progress(service.timeouts.body, service.limits.progress)
        conn = self._conn = Connection(head, self, service)
        transport.deadlines.handler.enter(transport)
        await dispatch(conn, service)
        transport.deadlines.handler.leave(transport)
        conn.retire()

    async def _drain(self) -> bool:
        """Read what is left of the content; whether that ended, and soon enough."""
        if self._codec.content_ended:
            return True
        drained = 0
        self._part_by = trio.current_time() + self._service.timeouts.linger
        with trio.move_on_at(self._part_by):
            try:
                while drained <= _MOST_DRAINED:
                    if (data := self._codec.next_content()) is None:
                        await self._feed()
                    elif not data:
                        return True
                    else:
                        drained += len(data)
            except PeerError:
                pass  # It has its answer: what follows is not read as a request.
        return False

    # The end.

    async def part(self) -> None:
        """Say what is still to be said, and let the peer read it."""
        transport, deadlines = self._transport, self._transport.deadlines
        if transport.expired is deadlines.header:
            logger.info("%a sent no whole head in time", transport.remote_addr)
            await self.say(Response.text(408))
        elif transport.expired is deadlines.handler and self._conn is not None:
            logger.warning("%a took too long", self._conn)
            self._closing = True
            await self._conn.settle(Response.text(503))
        elif transport.expired or transport.ended:
            return
        if not (self._codec.fed_all or self._upgraded or self._peer_is_done()):
            timeouts, limits = self._service.timeouts, self._service.limits
            until = min(self._part_by, trio.current_time() + timeouts.linger)
            await transport.linger(until, limits.receive_chunk)

    def _peer_is_done(self) -> bool:
        """Whether the peer said that it sends no more, and has sent no more."""
        head = self._head
        said = head is not None and not head.keep_alive
        return said and self._codec.content_ended and not self._codec.begun

    async def say(self, answer: Response) -> None:
        """Answer what was no request, as the last word here."""
        nothing = RequestHead("GET", "/", "1.1", [])
        self._head, self._closing, self._continue_owed = nothing, True, False
        await Connection(nothing, self, self._service).respond(answer)

    # The lane.

    @property
    def remote_addr(self) -> Address | None:
        """See `Lane.remote_addr`."""
        return self._transport.remote_addr

    @property
    def local_addr(self) -> Address | None:
        """See `Lane.local_addr`."""
        return self._transport.local_addr

    @property
    def content_arrived(self) -> bool:
        """See `Lane.content_arrived`."""
        return self._codec.begun

    async def receive(self) -> bytes:
        """See `Lane.receive`."""
        self._reading = True
        codec, progress = self._codec, self._progress
        while (data := codec.next_content()) is None:
            began = trio.current_time()
            try:
                with trio.move_on_after(progress.left) as patience:
                    await self._feed()
            finally:  # A handler that gives up waiting has waited all the same.
                progress.waited(trio.current_time() - began)
            if patience.cancelled_caught:
                raise PeerError(408, "the content came too slowly")
        progress.moved(len(data))
        return data

    async def _feed(self) -> None:
        """Let the codec have what arrives next."""
        self._codec.feed(await self._transport.receive(self._service.limits.receive_chunk))

    async def send_interim(self, status: int) -> None:
        """See `Lane.send_interim`."""
        self._continue_owed = False
        await self._transport.send(format_interim(status, []))

    async def send(self, head: ResponseHead | None, data: bytes, *, end: bool) -> None:
        """See `Lane.send`."""
        opening = b"" if head is None else self._open_response(head, end=end)
        content = format_content(data, self._framing, end=end)
        if opening or content:
            await self._transport.send(opening + content)

    def _open_response(self, head: ResponseHead, *, end: bool) -> bytes:
        assert self._head is not None
        self._framing = framing_for(head, self._head.http_version)
        if self._framing is Framing.CLOSE or self._content_is_in_the_way(end=end):
            self._closing = True
        options = head.options
        if self._closing:
            options = (b"close", *options)
        elif self._head.asks_keep_alive:
            options = (b"keep-alive", *options)
            head.fields += self._persistence
        return format_head(head, self._framing, options)

    def _content_is_in_the_way(self, *, end: bool) -> bool:
        """Whether content that nobody will read stands before the next request."""
        codec = self._codec
        if codec.content_ended:
            return False
        if self._continue_owed and not codec.begun:
            return True  # It may come or not: the peer was never told to go on.
        return (end or not self._reading) and codec.content_left > _MOST_DRAINED

    async def take_over(self, status: int, fields: Fields) -> trio.abc.Stream:
        """See `Lane.take_over`."""
        self._closing = self._upgraded = True
        self._transport.deadlines.handler.leave(self._transport)
        await self._transport.send(format_interim(status, fields))
        return UpgradedStream(self._transport, self._codec.take_rest())

    def close_after(self) -> None:
        """See `Lane.close_after`."""
        self._closing = True

    def cut(self) -> None:
        """See `Lane.cut`."""
        self._closing = True
        if self._framing is Framing.CLOSE:
            self._transport.abort()  # Its end would look like the content's.

    def abort(self) -> None:
        """See `Lane.abort`."""
        self._closing = True
        self._transport.abort()
