"""The HTTP/1 loop: one transport, request after request, and how it ends.

    setup ---> head ---> handler ---> (drain) ---> idle ---> head ...
      |          |          |            |           |
      |          |  408, 4xx|  503       |           |
      +----------+----------+------------+-----------+---> parting ---> end

Laws:
1. Each phase ends at a deadline of the watcher, which cancels the transport's scope;
   what is then still to be said is said after leaving it.
2. Requests are answered one after the other, in the order in which they came.
3. Nothing is read as a request after content whose end has not been seen, and none is
   served on a transport that can carry no answer.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable

import trio

from .._exchange.access_log import log_exchange
from .._exchange.access_log import logger as access_log
from .._exchange.connection import Connection
from .._exchange.context import ServerContext
from .._exchange.dispatch import dispatch
from .._message.errors import PeerError
from .._message.request import Request, RequestHead
from .._message.response import Response
from .._net.checkpoints import CALL
from .._net.deadlines import DeadlineQueue
from .._net.errors import PeerGone
from .._net.transport import Transport
from .lane import MOST_DRAINED, Http1Lane, feed
from .parser import Http1Parser
from .shortcut import Shortcut, WrittenResponse

logger = logging.getLogger("trio_httpd.connection")

_NO_REQUEST = RequestHead("GET", "/", "1.1", b"")


async def serve_http1(transport: Transport, context: ServerContext) -> None:
    """Serve HTTP/1 on ``transport`` until it is done, and close it if that can be done.

    Raises:
        Propagate: with what ``on_error`` lets out of a handler's failure.
    """
    loop = Http1Loop(transport, context)
    try:
        with transport.scope:
            await loop.serve_requests()
        await loop.part()
        await transport.aclose()
    except PeerGone:
        pass


async def refuse_http1(transport: Transport, context: ServerContext, answer: Response) -> None:
    """Send ``answer`` on ``transport`` before anything was read from it."""
    loop = Http1Loop(transport, context)
    try:
        await loop.say(answer)
        await loop.part()
        await transport.aclose()
    except PeerGone:
        pass


class Http1Loop:
    """The turns of one transport."""

    __slots__ = (
        "_began",
        "_conn",
        "_context",
        "_head",
        "_is_logged",
        "_lane",
        "_parser",
        "_part_by",
        "_served",
        "_shortcut",
        "_transport",
    )

    def __init__(self, transport: Transport, context: ServerContext) -> None:
        self._transport = transport
        self._context = context
        self._parser = Http1Parser(context.limits)
        self._shortcut = Shortcut.of(context) if transport.prompt else None
        self._served = 0
        self._began: float | None = None  # The last exchange, if it is to be logged.
        self._is_logged = access_log.isEnabledFor(logging.INFO)
        self._head = _NO_REQUEST  # The last one.
        self._lane: Http1Lane | None = None  # Of the last exchange.
        self._conn: Connection | None = None
        self._part_by = math.inf

    async def serve_requests(self) -> None:
        """Serve requests until the transport is to be closed."""
        transport, context = self._transport, self._context
        handling = transport.deadlines.handler
        waiting = transport.deadlines.connection_setup
        while True:
            try:
                head = await self._next_head(waiting)
            except PeerError as problem:
                logger.info("%a refused: %a", transport.remote_addr, str(problem))
                await self.say(Response.text(problem.status, problem.detail))
                return
            if head is None:
                return
            if self._shortcut is not None and (known := self._known_answer(head)) is not None:
                if (rest := self._send_known(head, known)) is not None:
                    await rest
                # Who is idle keeps no response alive.
                del head, known, rest
                waiting = transport.deadlines.keep_alive
                continue
            conn, lane = self._begin_exchange(head)
            handler = self._handle if handling.is_finite else context.handler
            try:
                await dispatch(conn, handler, context)
            finally:
                if transport.expired is not handling:  # Else see `part`.
                    self._end_exchange(conn)
            if lane.closing or transport.broken or transport.receiving or transport.expired:
                return
            if not (self._parser.content.ended or await self._drain()):
                return
            # Nothing of an exchange is kept while we wait for the next.
            self._head, self._lane = _NO_REQUEST, None
            del conn, head, lane
            waiting = transport.deadlines.keep_alive

    async def _next_head(self, waiting: DeadlineQueue) -> RequestHead | None:
        """Return the next head; None where the peer or the time ended before."""
        parser, transport = self._parser, self._transport
        phase = waiting
        if parser.unread:  # It was sent before its turn: has not been waited for.
            if (head := parser.next_head()) is not None:
                return head
            phase = transport.deadlines.header if parser.head_begun else waiting
        chunk = self._context.limits.receive_chunk
        phase.enter(transport)
        try:
            while True:
                await transport.arrival(chunk)
                if (data := transport.take_arrived(chunk)) is None:
                    continue
                parser.receive_data(data)
                if (head := parser.next_head()) is not None or parser.received_all:
                    return head if transport.expired is None else None
                # From waiting to reading a head, and never back: a peer that begins
                # and takes it back would have all the time in the world.
                if phase is waiting and parser.head_begun:
                    phase.leave(transport)
                    phase = transport.deadlines.header
                    phase.enter(transport)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as problem:
            transport.broken = True
            raise PeerGone from problem
        finally:
            phase.leave(transport)

    def _begin_exchange(self, head: RequestHead) -> tuple[Connection, Http1Lane]:
        """Return the connection object for one request, and the lane that it goes through."""
        self._served += 1
        last = self._served >= self._context.limits.requests_per_connection
        self._began = trio.current_time() if self._is_logged else None
        self._head = head
        lane = self._lane = Http1Lane(
            self._transport, self._parser, self._context, head, last or not head.keep_alive
        )
        conn = self._conn = Connection(head, lane, self._context)
        return conn, lane

    def _end_exchange(self, conn: Connection) -> None:
        """Log it, and let nobody who still has its connection object do anything."""
        if self._began is not None:
            self._log(conn, conn.request, trio.current_time() - self._began)
        conn.retire()
        self._conn = None

    def _log(self, conn: Connection, request: Request | None, seconds: float) -> None:
        status, size = conn.outcome
        peer = self._transport.remote_addr
        log_exchange(request, status=status, size=size, seconds=seconds, peer=peer)

    def _known_answer(self, head: RequestHead) -> WrittenResponse | None:
        """Return what is known to be the whole answer, where that can be sent as it is."""
        assert self._shortcut is not None
        if self._parser.unread or self._served + 1 >= self._context.limits.requests_per_connection:
            return None
        return self._shortcut.answer_to(head)

    def _send_known(self, head: RequestHead, known: WrittenResponse) -> Awaitable[None] | None:
        """Send a whole response; what is returned is still to be awaited."""
        self._served += 1
        transport = self._transport
        transport.fairness.left -= CALL + len(known.data)
        if transport.fairness.left <= 0 or self._is_logged:
            return self._send_in_turn(head, known)
        rest = transport.post(known.data)
        return transport.send_rest(rest) if rest else None

    async def _send_in_turn(self, head: RequestHead, known: WrittenResponse) -> None:
        began, transport = trio.current_time(), self._transport
        status, size = None, 0
        try:
            if transport.fairness.left <= 0:
                await transport.fairness.take_turn()
            status, size = 200, known.size
            if rest := transport.post(known.data):
                await transport.send_rest(rest)
        finally:
            if self._is_logged:
                seconds, peer = trio.current_time() - began, transport.remote_addr
                log_exchange(Request(head), status=status, size=size, seconds=seconds, peer=peer)

    async def _handle(self, conn: Connection) -> object:
        """Run the handler in its phase; sending what it returns has its own."""
        handling = self._transport.deadlines.handler
        handling.enter(self._transport)
        try:
            return await self._context.handler(conn)
        finally:
            handling.leave(self._transport)

    async def _drain(self) -> bool:
        """Read what is left of the content; whether that ended, and soon enough."""
        drained, chunk = 0, self._context.limits.receive_chunk
        self._part_by = trio.current_time() + self._context.timeouts.linger
        with trio.move_on_at(self._part_by):
            try:
                while drained <= MOST_DRAINED:
                    if (data := self._parser.next_content()) is None:
                        await feed(self._parser, self._transport, chunk)
                    elif data:
                        drained += len(data)
                    else:
                        self._part_by = math.inf
                        return True
            except PeerError:
                pass  # It has its answer: what follows is not read as a request.
        return False

    # The end.

    async def part(self) -> None:
        """Say what is still to be said, and let the peer read it."""
        transport, deadlines = self._transport, self._transport.deadlines
        await transport.settle()
        if transport.expired is deadlines.header:
            logger.info("%a sent no whole head in time", transport.remote_addr)
            await self.say(Response.text(408))
        elif transport.expired is deadlines.handler:
            await self._end_handling()
        elif transport.expired or transport.ended:
            return
        if not (self._parser.received_all or self._peer_is_done() or self._is_read_by_others()):
            timeouts, limits = self._context.timeouts, self._context.limits
            until = min(self._part_by, trio.current_time() + timeouts.linger)
            await transport.linger(until, limits.receive_chunk)

    async def _end_handling(self) -> None:
        """Answer in place of a handler that ran out of time."""
        assert self._conn is not None
        self._conn.close_after_finish()
        logger.warning("%a took too long", self._conn)
        try:
            await self._conn.settle(Response.text(503))
        finally:
            self._end_exchange(self._conn)

    def _peer_is_done(self) -> bool:
        """Whether the peer said that it sends no more, and has sent no more."""
        # After content old clients send another CRLF (RFC 9112 §2.2): that is not it.
        return not self._head.keep_alive and self._head.length == 0 and not self._parser.unread

    def _is_read_by_others(self) -> bool:
        """Whether a task of a handler's still reads, or an upgraded stream is closed."""
        upgraded = self._lane.upgraded if self._lane is not None else None
        return self._transport.receiving or (upgraded is not None and upgraded.closed)

    async def say(self, answer: Response) -> None:
        """Answer what was no request, as the last word here."""
        self._head = _NO_REQUEST
        self._lane = Http1Lane(self._transport, self._parser, self._context, _NO_REQUEST, True)
        conn = Connection(_NO_REQUEST, self._lane, self._context)
        try:
            await conn.respond(answer)
        finally:
            if self._is_logged:
                self._log(conn, None, 0)
