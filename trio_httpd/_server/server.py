"""The server: accept, serve each transport in a task of its own, stop.

    serve ----- nursery --+-- accept (one task per listener)
                          +-- watch deadlines (one task, while anything is served)
                          +-- serve a transport (one task each)

Transports and the watcher live in ``handler_nursery`` where one is given.

Laws:
1. No peer ends the server: what a transport's task raises is reported, and only
   ``on_error`` lets it further.
2. When `Server.serve` is cancelled, everything in its nursery ends, and all its
   listeners and streams are closed.
3. No more than `Limits.connections` transports are served at once.
"""

from __future__ import annotations

import errno
import logging
import math
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import copy_context
from dataclasses import replace
from typing import Any, Protocol, Unpack

import trio

from .._exchange.connection import Handler
from .._exchange.context import ServerContext
from .._exchange.failures import Propagate
from .._http1.loop import refuse_http1, serve_http1
from .._message.response import Response
from .._net.addresses import Address, local_address
from .._net.deadlines import Spawn
from .._net.listeners import open_listeners
from .._net.sockets import SocketStream
from .._net.transport import Transport, close_now
from .options import OnError, OptionArguments, Options, context_of
from .runtime import Runtime

logger = logging.getLogger("trio_httpd.server")

_OUT_OF_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS)
_PAUSE_WHEN_OUT = 0.1
_EPISODE = 10.0
_MOST_TURNED_AWAY = 64
_BUSY = Response.text(503, headers=[("Retry-After", "1")])


Work = Callable[[Transport, ServerContext], Awaitable[None]]


class HandlerNursery(Protocol):
    """Anything that starts tasks as `trio.Nursery` does."""

    def start_soon(self, async_fn: Callable[..., Awaitable[object]], /, *args: Any) -> object:
        """Start a task that runs ``async_fn(*args)``."""


class Server:
    """A handler and its options, served on any number of transports.

    Args:
        handler: an async function of a `Connection`.
        options: see `Options`; an unknown name is a `TypeError`.
    """

    def __init__(self, handler: Handler, **options: Unpack[OptionArguments]) -> None:
        self._options = Options(**options)
        self._context = context_of(handler, self._options)  # One for each time of serving,
        self._runtime: Runtime  # and one of these.
        self._transports: set[Transport] = set()
        self._turned_away = 0
        self._lacking_until = -math.inf
        self._paused = False
        self._room = trio.lowlevel.ParkingLot()  # Where those wait who may not accept.
        self._nursery: trio.Nursery | None = None
        self._spawn: Spawn | None = None
        self.listeners: tuple[trio.abc.Listener[Any], ...] = ()
        """What is listened on."""

    def __repr__(self) -> str:
        return f"<Server {self.url or 'without address'}, {self.connections} connections>"

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where it listens: the address of each listener that has one."""
        found = (local_address(listener) for listener in self.listeners)
        return tuple(address for address in found if address is not None)

    @property
    def url(self) -> str | None:
        """A URL of the first address, without a path; None where there is none."""
        return next((address.url for address in self.addresses), None)

    @property
    def connections(self) -> int:
        """How many transports are being served."""
        return len(self._transports)

    @property
    def empty(self) -> bool:
        """Whether no transport is being served."""
        return not self._transports

    @property
    def on_error(self) -> OnError:
        """What becomes of failures, see `Options`; it may change while serving."""
        return self._context.failures.on_error

    @on_error.setter
    def on_error(self, on_error: OnError) -> None:
        self._context.failures.on_error = on_error

    def pause(self) -> None:
        """Stop accepting new connections until `resume`. Existing connections continue."""
        self._paused = True

    def resume(self) -> None:
        """Accept again."""
        self._paused = False
        self._room.unpark_all()

    def close(self) -> None:
        """End everything now: listeners, transports, handlers. `serve` returns."""
        for transport in tuple(self._transports):
            transport.end()
        if self._nursery is not None:
            self._nursery.cancel_scope.cancel()

    def add_stream(self, stream: trio.abc.Stream) -> None:
        """Serve ``stream`` as if it had been accepted, and own it.

        Above `Limits.connections` it waits for a place or is turned away.

        Raises:
            RuntimeError: the server is not serving; the stream is still the caller's.
        """
        if self._nursery is None:
            raise RuntimeError("this server is not serving")
        if not self._full:
            self._begin(stream)
        elif self._options.overflow == "reject":
            self._nursery.start_soon(self._turn_away, stream, self._nursery.start_soon)
        else:
            self._nursery.start_soon(self._admit_when_room, stream)

    def add_socket(self, sock: socket.socket) -> None:
        """Serve a connected stream socket as if it had been accepted, and own it.

        It may come from wherever there are sockets: another thread or process, inetd.

        Raises:
            RuntimeError: the server is not serving; the socket is still the caller's.
        """
        if self._nursery is None:
            raise RuntimeError("this server is not serving")
        self.add_stream(SocketStream(sock))

    def _begin(self, stream: trio.abc.Stream) -> None:
        """Start the task that serves ``stream``."""
        assert self._spawn is not None
        spawn, runtime = self._spawn, self._runtime
        transport = runtime.open_transport(stream, spawn, progress=self._options.limits.progress)
        spawn(self._attend, runtime, transport, "transport", serve_http1)
        self._transports.add(transport)
        runtime.hold(spawn)

    async def serve(
        self,
        listeners: Sequence[trio.abc.Listener[Any]],
        *,
        handler_nursery: HandlerNursery | None = None,
        task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve all that ``listeners`` accept, until `close`.

        Args:
            listeners: owned, and closed in the end, also by what is raised here;
                without any, `add_stream` is what brings transports.
            handler_nursery: where transports are served instead of a nursery of this
                call: they live on when this call is cancelled.
            task_status: gets the server, once it listens.

        Raises:
            RuntimeError: it is serving already.
            ExceptionGroup: with what ``on_error`` lets out, or a listener raises.

        Cancelled: everything inside ends, silently.
        """
        listeners = tuple(listeners)
        async with AsyncExitStack() as not_served:
            for listener in listeners:
                not_served.push_async_callback(trio.aclose_forcefully, listener)
            async with self._open_nursery(handler_nursery) as nursery:
                self.listeners = listeners
                for listener in listeners:
                    nursery.start_soon(self._accept, listener)
                not_served.pop_all()  # The tasks own them.
                task_status.started(self)
                await trio.sleep_forever()

    async def serve_one(self, stream: trio.abc.Stream) -> None:
        """Serve one transport to its end, and return then; own it in any case.

        Raises:
            RuntimeError: the server is serving already.
            ExceptionGroup: with what ``on_error`` lets out.
        """
        async with AsyncExitStack() as not_served:
            not_served.push_async_callback(trio.aclose_forcefully, stream)
            async with self._open_nursery():
                self.add_stream(stream)
                not_served.pop_all()  # Its task owns it.

    @asynccontextmanager
    async def _open_nursery(
        self, handler_nursery: HandlerNursery | None = None
    ) -> AsyncIterator[trio.Nursery]:
        """Be serving, inside; not twice at a time."""
        if self._nursery is not None:
            raise RuntimeError("this server is serving already")
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                self._spawn = (handler_nursery or nursery).start_soon
                self._runtime = Runtime(self._options.timeouts)
                self._context = replace(
                    self._context, files=self._runtime.files, variables=copy_context()
                )
                yield nursery
        finally:
            self._nursery = self._spawn = None

    async def _accept(self, listener: trio.abc.Listener[Any]) -> None:
        """Accept, and start the task of each transport."""
        async with listener:
            while True:
                await self._wait_for_room()
                try:
                    stream = await listener.accept()
                except OSError as problem:
                    if problem.errno not in _OUT_OF_RESOURCES:
                        raise
                    self._note_lack(problem)
                    await trio.sleep(_PAUSE_WHEN_OUT)
                else:
                    # Meanwhile we may have been paused, or the last place taken.
                    await self._admit_when_room(stream)

    def _note_lack(self, problem: OSError) -> None:
        """Log that resources are lacking, once for each episode.

        Each transport that ends makes room for one more, so an episode is over only when
        there was no lack for a while, at any listener.
        """
        now = trio.current_time()
        if now > self._lacking_until:
            logger.warning("not accepting for a while: %s", problem.strerror)
        self._lacking_until = now + _EPISODE

    async def _wait_for_room(self) -> None:
        while self._paused or (self._options.overflow == "wait" and self._full):
            await self._room.park()

    async def _admit_when_room(self, stream: trio.abc.Stream) -> None:
        try:
            await self._wait_for_room()
            self.add_stream(stream)
        except BaseException:
            await close_now(stream)
            raise

    @property
    def _full(self) -> bool:
        return len(self._transports) >= self._options.limits.connections

    async def _turn_away(self, stream: trio.abc.Stream, spawn: Spawn) -> None:
        """Tell a peer that there is no room, unless too many are being told."""
        runtime = self._runtime
        transport = runtime.open_transport(stream, spawn, progress=self._options.limits.progress)
        self._turned_away += 1
        runtime.hold(self._spawn or spawn)  # Where all that it watches lives.
        try:
            telling = _refuse if self._turned_away <= _MOST_TURNED_AWAY else _say_nothing
            await self._attend(runtime, transport, "rejection", telling)
        finally:
            self._turned_away -= 1

    async def _attend(self, runtime: Runtime, transport: Transport, doing: str, work: Work) -> None:
        """Do ``work`` on ``transport``; report what no stream should raise; close."""
        context = self._context
        failure: Exception | None = None
        try:
            try:
                await work(transport, context)
            except Propagate:
                raise
            except Exception as problem:
                context.failures.report(problem, None, doing)
        except Propagate as decision:
            failure = decision.problem  # Raised out here, so that its cause and context stay.
        finally:
            try:
                runtime.deadlines.forget(transport)
                await transport.drop()
                runtime.release()
            finally:
                self._transports.discard(transport)
                self._room.unpark_all()
        if failure is not None:
            raise failure


async def _refuse(transport: Transport, context: ServerContext) -> None:
    await refuse_http1(transport, context, _BUSY)


async def _say_nothing(transport: Transport, context: ServerContext) -> None:
    """Close it: too many are being told already."""


async def serve_stream(
    handler: Handler, stream: trio.abc.Stream, **options: Unpack[OptionArguments]
) -> None:
    """Serve HTTP on one transport, any `trio.abc.Stream`, until it ends.

    Args:
        handler: an async function of a `Connection`.
        stream: owned, and closed in the end.
        options: see `Options`.

    Raises:
        ExceptionGroup: with what ``on_error`` lets out.
    """
    await Server(handler, **options).serve_one(stream)


async def serve_listeners(
    handler: Handler,
    listeners: Sequence[trio.abc.Listener[Any]],
    *,
    handler_nursery: HandlerNursery | None = None,
    task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED,
    **options: Unpack[OptionArguments],
) -> None:
    """Serve HTTP on all that ``listeners`` accept; see `Server.serve`."""
    server = Server(handler, **options)
    await server.serve(listeners, handler_nursery=handler_nursery, task_status=task_status)


async def serve(
    handler: Handler,
    port: int,
    *,
    host: str | None = "127.0.0.1",
    handler_nursery: HandlerNursery | None = None,
    task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED,
    **options: Unpack[OptionArguments],
) -> None:
    """Serve HTTP over TCP: ``server = await nursery.start(serve, handler, 8080)``.

    Args:
        handler: an async function of a `Connection`.
        port: 0 lets the system choose, one for all addresses.
        host: an address or a name; None is all interfaces, IPv4 and IPv6.
        handler_nursery: see `Server.serve`.
        task_status: gets the `Server`, once it listens.
        options: see `Options`.

    Raises:
        OSError: it cannot listen there.
        ValueError: no such port.
        ExceptionGroup: with what ``on_error`` lets out.
    """
    server = Server(handler, **options)
    listeners = await open_listeners(port, host=host)
    await server.serve(listeners, handler_nursery=handler_nursery, task_status=task_status)
