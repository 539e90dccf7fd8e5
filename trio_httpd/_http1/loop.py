"""The HTTP/1 loop: one transport, request after request, and how it ends.

    setup ---> head ---> handler ---> (drain) ---> idle ---> head ...
      |          |          |            |           |
      |          |  408, 4xx|  503       |           |
      +----------+----------+------------+-----------+---> close_gracefully ---> end

Laws:
1. Each phase ends at a deadline of the watcher, which cancels the transport's scope;
   what is then still to be said is said after leaving it.
2. Requests are answered one after the other, in the order in which they came.
3. Nothing is read as a request after content whose end has not been seen, and none is
   served on a transport that can carry no answer.
4. `Transport.ending` alone decides how the transport goes on.
5. Each exchange begins with the context variables of `serve`.
"""

from __future__ import annotations

import logging
import math
from contextvars import Context, ContextVar
from typing import Any

import trio

from .._exchange.access_log import log_exchange
from .._exchange.access_log import logger as access_log
from .._exchange.connection import Connection
from .._exchange.context import ServerContext
from .._exchange.dispatch import dispatch
from .._message.errors import PeerError
from .._message.reply import Reply
from .._message.request import Request, RequestHead
from .._message.responder import Responder
from .._message.response import Response
from .._net.checkpoints import CALL
from .._net.deadlines import DeadlineQueue
from .._net.ending import Ending
from .._net.errors import PeerGone
from .._net.sending import GONE, SenderState
from .._net.transport import Transport
from .._syntax.quoting import quoted
from .lane import MOST_DRAINED, Http1Lane
from .parser import Http1Parser
from .shortcut import Shortcut, WrittenResponse

logger = logging.getLogger("trio_httpd.connection")

# Bound once: to ask an enumeration for a member takes a hundredth of a request in CPython 3.11.
_HANDLER_EXPIRED, _IDLE = Ending.HANDLER_EXPIRED, SenderState.IDLE

_NO_REQUEST = RequestHead("GET", "/", "1.1", b"")


async def serve_http1(transport: Transport, context: ServerContext) -> None:
    """Serve HTTP/1 on ``transport`` until it is done, and close it if that can be done.

    Raises:
        Propagate: with what ``on_error`` lets out of a handler's failure.
    """
    loop = Http1Loop(transport, context)
    try:
        with transport.scope:
            try:  # Here, as a further coroutine would weigh a twentieth of an idle connection.
                await loop.serve_requests()
            except PeerError as problem:  # Of a head: `dispatch` answers those of content.
                await loop.refuse(problem)
        await loop.close_gracefully()
    except PeerGone:
        pass


async def refuse_http1(transport: Transport, context: ServerContext, answer: Response) -> None:
    """Send ``answer`` on ``transport`` before anything was read from it."""
    loop = Http1Loop(transport, context)
    try:
        await loop.send_final(answer)
        await loop.close_gracefully()
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
        "_linger_until",
        "_parser",
        "_responder",
        "_served",
        "_shortcut",
        "_transport",
    )

    def __init__(self, transport: Transport, context: ServerContext) -> None:
        self._transport = transport
        self._context = context
        self._parser = Http1Parser(context.limits)
        self._shortcut = None if transport.is_plain else Shortcut.of(context)
        self._served = 0
        self._is_logged = access_log.isEnabledFor(logging.INFO)
        self._began = 0.0  # The last exchange, if it is to be logged.
        self._head = _NO_REQUEST  # The last one.
        self._lane: Http1Lane | None = None  # Of the last exchange.
        self._conn: Connection | None = None  # Of the exchange that goes on.
        self._responder: Responder | None = None  # The same.
        self._linger_until = math.inf

    async def serve_requests(self) -> None:
        """Serve requests until `Transport.ending` says that there will be no other.

        Raises:
            PeerError: what came is no request.
        """
        transport, context, parser = self._transport, self._context, self._parser
        handling = transport.deadlines.handler
        waiting = transport.deadlines.connection_setup
        task = trio.lowlevel.current_task()
        variables = tuple(context.variables.items())
        task.context = context.variables.copy()  # It is entered when this task next waits.
        while True:
            head = await self._next_head(waiting)
            waiting = transport.deadlines.keep_alive
            if head is None:
                transport.worsen(Ending.CLOSE)
                return
            if self._shortcut is not None and (known := self._known_answer(head)) is not None:
                if transport.budget.left <= 0 or transport.sender.state is not _IDLE:
                    await transport.take_turn()
                if self._send_known(head, known):
                    await transport.sender.flush()
                # Who is idle keeps no response alive.
                del head, known
                continue
            responder = self._begin_exchange(head)
            conn = self._conn = Connection(head, responder, context)
            try:
                handler = self._handle if handling.is_finite else context.handler
                await dispatch(conn, responder, head, handler, context)
            finally:
                if transport.ending is not _HANDLER_EXPIRED:  # Else see `_end_handling`.
                    self._end_exchange(conn, responder)
            if transport.receiving or not parser.content.ended:
                await self._clear_the_way()
            if transport.ending:
                return
            if len(task.context) != len(variables) or _differ(task.context, variables):
                task.context = context.variables.copy()
                await trio.lowlevel.checkpoint()
            # Nothing of an exchange is kept while we wait for the next.
            self._head, self._lane = _NO_REQUEST, None
            del conn, head, responder

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
                await transport.wait_readable()
                if (data := transport.receive_nowait(chunk)) is None:
                    continue
                parser.receive_data(data)
                if (head := parser.next_head()) is not None or parser.received_all:
                    return None if transport.ending else head
                # From waiting to reading a head, and never back: a peer that begins
                # and takes it back would have all the time in the world.
                if phase is waiting and parser.head_begun:
                    phase.leave(transport)
                    phase = transport.deadlines.header
                    phase.enter(transport)
        except GONE as problem:
            transport.lose()
            raise PeerGone from problem
        finally:
            phase.leave(transport)

    def _begin_exchange(self, head: RequestHead) -> Responder:
        """Return what answers a request."""
        transport, context = self._transport, self._context
        self._served += 1
        if not head.keep_alive or self._served >= context.limits.requests_per_connection:
            transport.worsen(Ending.LINGER)
        if self._is_logged:
            self._began = trio.current_time()
        self._head = head
        lane = self._lane = Http1Lane(transport, self._parser, context, head)
        reply = Reply(
            lane,
            context.default_headers,
            context.limits.send_chunk,
            head.method == "HEAD",
            context.ends_with_answer,
        )
        responder = self._responder = Responder(reply, lane)
        return responder

    def _end_exchange(self, conn: Connection | None, responder: Responder) -> None:
        """Log it, and let nobody who still has its connection object do anything.

        ``conn`` is None where what came was no request.
        """
        status, size = responder.status_and_size
        responder.detach()
        self._conn = self._responder = None
        if self._is_logged:  # Last of all: a logging handler may raise anything.
            request = None if conn is None else conn.request
            seconds, peer = trio.current_time() - self._began, self._transport.remote_addr
            log_exchange(request, status=status, size=size, seconds=seconds, peer=peer)

    def _known_answer(self, head: RequestHead) -> WrittenResponse | None:
        """Return what is known to be the whole answer, where that can be sent as it is."""
        assert self._shortcut is not None
        if self._parser.unread or self._served + 1 >= self._context.limits.requests_per_connection:
            return None
        return self._shortcut.answer_to(head)

    def _send_known(self, head: RequestHead, known: WrittenResponse) -> bool:
        """Send a whole response, and log it; whether not all of it is out."""
        began = trio.current_time() if self._is_logged else None
        self._served += 1
        self._transport.budget.left -= CALL + len(known.data)
        is_left = self._transport.sender.write_later(known.data)
        if began is not None:
            seconds, peer = trio.current_time() - began, self._transport.remote_addr
            log_exchange(Request(head), status=200, size=known.size, seconds=seconds, peer=peer)
        return is_left

    async def _handle(self, conn: Connection) -> Any:
        """Run the handler in its phase; sending what it returns has its own."""
        handling = self._transport.deadlines.handler
        handling.enter(self._transport)
        try:
            return await self._context.handler(conn)
        finally:
            handling.leave(self._transport)

    async def _clear_the_way(self) -> None:
        """Remove what stands before the next request: a reader, and content."""
        await self._stop_reader()
        if not (self._transport.ending or await self._drain()):
            self._transport.worsen(Ending.LINGER)

    async def _stop_reader(self) -> None:
        """Let a task that the handler left behind read no more."""
        if self._lane is None:
            return
        if self._lane.upgraded is not None:
            self._lane.upgraded.retire()  # Who reads it is waited for in `linger`.
            return
        self._lane.stop_reading()
        while self._transport.receiving:
            await trio.lowlevel.checkpoint()

    async def _drain(self) -> bool:
        """Read what is left of the content; whether that ended, and soon enough."""
        transport, parser = self._transport, self._parser
        drained, chunk = 0, self._context.limits.receive_chunk
        self._linger_until = trio.current_time() + self._context.timeouts.linger
        with trio.move_on_at(self._linger_until):
            try:
                while drained <= MOST_DRAINED:
                    transport.budget.spend()
                    if transport.budget.left <= 0:
                        await transport.budget.take_turn()
                    if (data := parser.next_content()) is None:
                        parser.receive_data(await transport.receive(chunk))
                    elif data:
                        drained += len(data)
                    else:
                        self._linger_until = math.inf
                        return True
            except PeerError:
                pass  # It has its answer: what follows is not read as a request.
        return False

    # The end.

    async def close_gracefully(self) -> None:
        """Say what is still to be said, let the client read it, and close."""
        transport = self._transport
        match transport.ending:
            case Ending.HANDLER_EXPIRED:
                await self._end_handling()
            case Ending.HEADER_EXPIRED:
                logger.info("%a sent no whole head in time", transport.remote_addr)
                await self.send_final(Response.text(408))
            case _:
                pass
        await self._stop_reader()
        if not transport.is_gone:
            await transport.sender.flush()
        if self._lingers():
            timeouts, limits = self._context.timeouts, self._context.limits
            until = min(self._linger_until, trio.current_time() + timeouts.linger)
            await transport.linger(until, limits.receive_chunk)
        await transport.aclose()

    def _lingers(self) -> bool:
        """Whether the client may still send, and so needs time to read our last response."""
        match self._transport.ending:
            case Ending.LINGER | Ending.HEADER_EXPIRED | Ending.HANDLER_EXPIRED:
                return not (self._parser.received_all or self._client_is_done())
            case Ending.SWITCHED:
                assert self._lane is not None
                upgraded = self._lane.upgraded
                return upgraded is not None and not upgraded.closed
            case Ending.CLOSE | Ending.GONE:
                return False
            case _:
                raise AssertionError("this transport goes on")

    def _client_is_done(self) -> bool:
        """Whether the client said that it sends no more, and has sent no more."""
        # After content old clients send another CRLF (RFC 9112 §2.2): that is not it.
        return not self._head.keep_alive and self._head.length == 0 and not self._parser.unread

    async def _end_handling(self) -> None:
        """Answer in place of a handler that ran out of time."""
        assert self._conn is not None
        assert self._responder is not None
        logger.warning("%a took too long", self._conn)
        try:
            await self._responder.fail_with(Response.text(503))
        finally:
            self._end_exchange(self._conn, self._responder)

    async def refuse(self, problem: PeerError) -> None:
        """Answer what was no request for ``problem``, as the last word here."""
        logger.info("%a refused: %a", self._transport.remote_addr, quoted(str(problem)))
        await self.send_final(Response.text(problem.status, problem.detail))

    async def send_final(self, answer: Response) -> None:
        """Answer what was no request, as the last word here."""
        self._transport.worsen(Ending.LINGER)
        responder = self._begin_exchange(_NO_REQUEST)
        try:
            await responder.respond(answer)
        finally:
            self._end_exchange(None, responder)


def _differ(one: Context, variables: tuple[tuple[ContextVar[Any], object], ...]) -> bool:
    """Whether any of ``variables`` has another value in a context.

    Another object counts, even if it is equal: one that is changed later would be shared by
    requests, and to compare values runs code of their own.
    """
    return any(one.get(variable, _UNSET) is not value for variable, value in variables)


_UNSET = object()
