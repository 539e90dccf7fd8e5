"""Listeners, places, pauses and ends, over listeners in memory."""

from __future__ import annotations

import contextvars
import errno
import gc
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked

import trio_httpd
from trio_httpd import Connection, Limits, Server, Timeouts, serve_listeners, serve_stream
from trio_httpd.testing import MemoryStream, Raw, connect, memory_streams

pytestmark = pytest.mark.usefixtures("any_stream")

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class MemoryListener(trio.abc.Listener[trio.abc.Stream]):
    """Accepts what a test connects."""

    def __init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel[trio.abc.Stream | Exception](1000)
        self.closed = False
        self.accepted: list[MemoryStream] = []

    def connect(self) -> Raw:
        near, far = memory_streams()
        self._send.send_nowait(near)
        self.accepted.append(near)
        return Raw(far)

    def fail(self, problem: Exception) -> None:
        self._send.send_nowait(problem)

    async def accept(self) -> trio.abc.Stream:
        found = await self._receive.receive()
        if isinstance(found, Exception):
            raise found
        return found

    async def aclose(self) -> None:
        self.closed = True
        self._send.close()
        self._receive.close()
        await trio.lowlevel.checkpoint()


async def hello(conn: Connection) -> str:
    return "hello"


async def sleepy(conn: Connection) -> None:
    await trio.sleep_forever()


async def ask(raw: Raw, request: bytes = GET) -> bytes:
    await raw.say(request)
    return await raw.hear(b"hello")


async def test_several_listeners_are_served(nursery: trio.Nursery) -> None:
    one, two = MemoryListener(), MemoryListener()
    server = await nursery.start(serve_listeners, hello, [one, two])
    assert isinstance(server, Server)
    assert server.listeners == (one, two)
    assert (server.addresses, server.url) == ((), None)
    assert repr(server) == "<Server without address, 0 connections>"
    assert server.empty
    for listener in (one, two, one):
        assert (await ask(listener.connect())).startswith(b"HTTP/1.1 200 OK\r\n")
    assert server.connections == 3
    assert not server.empty


async def test_cancelling_leaves_nothing_behind(autojump_clock: MockClock) -> None:
    listener = MemoryListener()
    async with trio.open_nursery() as nursery:
        serving = partial(serve_listeners, limits=Limits(connections=5), overflow="reject")
        server = await nursery.start(serving, sleepy, [listener])
        for request in (GET, GET, b"", b"GET /", GET + GET, b"", b""):
            raw = listener.connect()
            await raw.say(request)
        await wait_all_tasks_blocked()
        assert server.connections == 5
        nursery.cancel_scope.cancel()
    assert listener.closed
    assert all(stream._closed for stream in listener.accepted)
    assert server.connections == 0
    assert trio.lowlevel.current_statistics().tasks_living < 6
    assert trio.current_time() == 0
    gc.collect()  # A socket or generator left open would warn.


async def test_close_ends_everything_and_serve_returns(autojump_clock: MockClock) -> None:
    listener = MemoryListener()
    ended = []

    async def handler(conn: Connection) -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        server = await nursery.start(serve_listeners, handler, [listener])
        busy, lingering = listener.connect(), listener.connect()
        await busy.say(GET)
        await lingering.say(b"nonsense\r\n\r\n")
        await trio.sleep(1)
        server.close()
    assert ended == [trio.current_time()] == [1]
    assert listener.closed
    assert server.empty
    server.close()


async def test_a_server_serves_once_at_a_time(nursery: trio.Nursery) -> None:
    server = Server(hello)
    await nursery.start(server.serve, ())
    listener = MemoryListener()
    with pytest.raises(RuntimeError, match="serving already"):
        await server.serve([listener])
    assert listener.closed
    near, far = memory_streams()
    with pytest.raises(RuntimeError, match="serving already"):
        await server.serve_one(near)
    assert far.far_end_gone
    server.close()
    await wait_all_tasks_blocked()
    await nursery.start(server.serve, ())
    server.close()


async def test_listeners_that_cannot_be_served_are_closed() -> None:
    listeners = [MemoryListener(), MemoryListener()]
    with pytest.raises(ExceptionGroup):
        await Server(hello).serve(listeners, handler_nursery=object())  # type: ignore[arg-type]
    assert all(listener.closed for listener in listeners)


async def test_streams_can_be_added_while_serving() -> None:
    server = Server(hello)
    near, far = memory_streams()
    with pytest.raises(RuntimeError, match="not serving"):
        server.add_stream(near)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve, ())
        server.add_stream(near)
        assert await ask(Raw(far))
        server.close()


async def test_one_stream_is_served_to_its_end(autojump_clock: MockClock) -> None:
    near, far = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(serve_stream, hello, near, timeouts=Timeouts(keep_alive=9)))
        await far.send_all(GET)
        assert (await far.receive_some()).endswith(b"hello")
    assert trio.current_time() == 9


async def test_a_cancelled_stream_is_closed() -> None:
    near, far = memory_streams()
    with trio.move_on_after(0):
        await serve_stream(sleepy, near)
    assert far.far_end_gone


@pytest.mark.parametrize("start", [serve_stream, serve_listeners, partial(trio_httpd.serve)])
async def test_unknown_options_are_refused(start: Callable[..., Awaitable[Any]]) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'tls'"):
        await start(hello, None, tls=None)


def test_a_handler_is_callable() -> None:
    with pytest.raises(TypeError, match="a handler is an async function"):
        Server("hello")  # type: ignore[arg-type]


async def test_what_was_set_before_is_visible_in_handlers(nursery: trio.Nursery) -> None:
    name = contextvars.ContextVar("name", default="nobody")

    async def handler(conn: Connection) -> str:
        return f"{name.get()} hello"

    name.set("somebody")
    listener = MemoryListener()
    await nursery.start(serve_listeners, handler, [listener])
    assert (await ask(listener.connect())).endswith(b"somebody hello")


# handler_nursery.


async def test_connections_live_on_in_a_handler_nursery(autojump_clock: MockClock) -> None:
    listener = MemoryListener()
    timeouts = Timeouts(keep_alive=20)
    async with trio.open_nursery() as handlers:
        async with trio.open_nursery() as nursery:
            server = await nursery.start(
                partial(serve_listeners, handler_nursery=handlers, timeouts=timeouts),
                hello,
                [listener],
            )
            raw = listener.connect()
            await ask(raw)
            nursery.cancel_scope.cancel()
        assert listener.closed
        await trio.sleep(5)
        assert await ask(raw)
        await raw.hear_end()  # And its deadlines with it.
    assert trio.current_time() == 25
    assert server.empty


async def test_close_reaches_into_a_handler_nursery() -> None:
    listener = MemoryListener()
    async with trio.open_nursery() as handlers, trio.open_nursery() as nursery:
        server = await nursery.start(
            partial(serve_listeners, handler_nursery=handlers), sleepy, [listener]
        )
        raw = listener.connect()
        await raw.say(GET)
        await wait_all_tasks_blocked()
        server.close()
        await raw.hear_end()


async def test_a_handler_nursery_that_is_closed_ends_the_listeners() -> None:
    listener = MemoryListener()
    async with trio.open_nursery() as handlers:
        pass
    with pytest.RaisesGroup(RuntimeError, flatten_subgroups=True):
        async with trio.open_nursery() as nursery:
            raw = listener.connect()
            await nursery.start(
                partial(serve_listeners, handler_nursery=handlers), hello, [listener]
            )
    assert listener.closed
    await raw.hear_end()


# Pauses and places.


async def test_a_paused_server_accepts_no_one(nursery: trio.Nursery) -> None:
    listener = MemoryListener()
    server = await nursery.start(serve_listeners, hello, [listener])
    here = listener.connect()
    await ask(here)
    server.pause()
    outside = [listener.connect(), listener.connect()]
    for raw in outside:
        await raw.say(GET)
    await wait_all_tasks_blocked()
    assert server.connections == 1
    assert await ask(here)
    server.resume()
    for raw in outside:
        assert await raw.hear(b"hello")


async def test_above_the_limit_peers_wait(nursery: trio.Nursery) -> None:
    one, two = MemoryListener(), MemoryListener()
    serving = partial(serve_listeners, limits=Limits(connections=2))
    server = await nursery.start(serving, hello, [one, two])
    peers = [listener.connect() for listener in (one, two, one, two, one)]
    for raw in peers:
        await raw.say(GET)
    while peers:
        await wait_all_tasks_blocked()
        assert server.connections == min(2, len(peers))
        done = next(raw for raw in peers if raw.stream._incoming.data)
        assert await done.hear(b"hello")
        done.close()
        peers.remove(done)
    await wait_all_tasks_blocked()
    assert server.empty


async def test_who_waits_for_a_place_is_closed_with_the_server() -> None:
    listener = MemoryListener()
    async with trio.open_nursery() as nursery:
        serving = partial(serve_listeners, limits=Limits(connections=1))
        server = await nursery.start(serving, hello, [listener])
        await wait_all_tasks_blocked()
        one = listener.connect()
        await ask(one)
        one.close()
        await wait_all_tasks_blocked()
        server.pause()  # While it waits in `accept`: whoever comes is held.
        two = listener.connect()
        await wait_all_tasks_blocked()
        assert server.empty
        server.close()
    assert listener.closed
    await two.hear_end()


async def test_above_the_limit_peers_are_told(autojump_clock: MockClock) -> None:
    listener = MemoryListener()
    async with trio.open_nursery() as nursery:
        serving = partial(serve_listeners, limits=Limits(connections=1), overflow="reject")
        server = await nursery.start(serving, hello, [listener])
        served, refused = listener.connect(), listener.connect()
        heard = await refused.hear_rest()
        assert heard.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert b"\r\nRetry-After: 1\r\n" in heard
        assert b"\r\nConnection: close\r\n" in heard
        assert await ask(served)
        assert server.connections == 1
        served.close()
        await wait_all_tasks_blocked()
        assert await ask(listener.connect())
        server.close()


async def test_a_peer_that_left_before_it_was_told_harms_nobody(
    autojump_clock: MockClock,
) -> None:
    listener = MemoryListener()
    async with trio.open_nursery() as nursery:
        serving = partial(serve_listeners, limits=Limits(connections=1), overflow="reject")
        server = await nursery.start(serving, hello, [listener])
        served = listener.connect()
        listener.connect().close()
        await wait_all_tasks_blocked()
        assert await ask(served)
        server.close()


async def test_not_everybody_is_told_at_once(autojump_clock: MockClock) -> None:
    listener = MemoryListener()
    async with trio.open_nursery() as nursery:
        serving = partial(serve_listeners, limits=Limits(connections=1), overflow="reject")
        server = await nursery.start(serving, hello, [listener])
        listener.connect()
        refused = [listener.connect() for _ in range(100)]
        told = [(await raw.hear_rest())[9:12] for raw in refused]
        assert told == [b"503"] * 64 + [b""] * 36
        await trio.sleep(3)
        assert (await listener.connect().hear_rest())[9:12] == b"503"
        server.close()


async def test_streams_that_are_added_need_a_place_too(autojump_clock: MockClock) -> None:
    async with connect(hello, limits=Limits(connections=1)) as client:
        first, second = client.open(), client.open()
        await second.say(GET)
        assert await ask(first)
        await wait_all_tasks_blocked()
        assert client.server.connections == 1
        first.close()
        assert await second.hear(b"hello")
    async with connect(hello, limits=Limits(connections=1), overflow="reject") as client:
        client.open()
        assert (await client.open().hear_rest())[9:12] == b"503"


# Failures.


async def test_lack_of_resources_is_waited_out_and_logged_once(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    listener = MemoryListener()
    async with trio.open_nursery() as nursery:
        server = await nursery.start(serve_listeners, hello, [listener])
        for _ in range(2):
            for code in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS):
                listener.fail(OSError(code, "too many"))
                assert await ask(listener.connect())  # One comes in, and it goes on.
            await trio.sleep(10)  # Now it is over.
        assert trio.current_time() == pytest.approx(20.8)
        server.close()
    assert [(record.name, record.levelno) for record in caplog.records] == [
        ("trio_httpd.server", logging.WARNING)
    ] * 2


async def test_a_broken_listener_is_not_hidden() -> None:
    listener = MemoryListener()
    listener.fail(OSError(errno.EBADF, "closed"))
    with pytest.RaisesGroup(OSError):
        await serve_listeners(hello, [listener])
    assert listener.closed


class OddStream(MemoryStream):
    """Raises what no stream should."""

    async def wait_receive_might_not_block(self) -> None:
        raise ZeroDivisionError


async def test_a_stream_that_raises_oddly_harms_only_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = Server(hello)
    near, _ = memory_streams()
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve, ())
        server.add_stream(OddStream(near._outgoing, near._incoming))
        await wait_all_tasks_blocked()
        assert server.empty
        near, far = memory_streams()
        server.add_stream(near)
        assert await ask(Raw(far))
        server.close()
    [record] = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


async def test_a_stream_that_raises_oddly_as_it_is_turned_away_harms_only_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Odd(MemoryStream):
        def send_nowait(self, data: bytes | memoryview) -> int:
            raise ZeroDivisionError

    server = Server(hello, limits=Limits(connections=1), overflow="reject")
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve, ())
        near, far = memory_streams()
        server.add_stream(near)
        other, _ = memory_streams()
        server.add_stream(Odd(other._outgoing, other._incoming))
        assert await ask(Raw(far))
        server.close()
    assert caplog.messages == ["rejection failed: None"]
    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
        async with connect(hello, limits=Limits(connections=1), overflow="reject") as client:
            client.open()
            other, _ = memory_streams()
            client.server.add_stream(Odd(other._outgoing, other._incoming))
            await trio.sleep_forever()


async def test_deadlines_of_connections_outlive_a_rejection(autojump_clock: MockClock) -> None:
    server = Server(hello, limits=Limits(connections=1), overflow="reject")
    near, far = memory_streams()
    async with trio.open_nursery() as handlers:
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(server.serve, handler_nursery=handlers), ())
            first, first_far = memory_streams()
            server.add_stream(first)
            refused, _ = memory_streams()
            server.add_stream(refused)
            await wait_all_tasks_blocked()
            first_far.close()
            await wait_all_tasks_blocked()
            server.add_stream(near)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        await Raw(far).hear_end()
        assert trio.current_time() == 10


async def test_deadlines_outlive_an_earlier_handler_nursery(autojump_clock: MockClock) -> None:
    server = Server(hello, timeouts=Timeouts(connection_setup=10))
    near, far = memory_streams()
    async with trio.open_nursery() as later:
        async with trio.open_nursery() as earlier:
            async with trio.open_nursery() as nursery:
                await nursery.start(partial(server.serve, handler_nursery=earlier), ())
                server.add_stream(memory_streams()[0])
                nursery.cancel_scope.cancel()
            await later.start(partial(server.serve, handler_nursery=later), ())
            server.add_stream(near)
            await wait_all_tasks_blocked()
            earlier.cancel_scope.cancel()
        await Raw(far).hear_end()
        assert trio.current_time() == 10
        server.close()


class Unsendable(MemoryStream):
    """Raises what no stream should, the first time."""

    raised = False

    def send_nowait(self, data: bytes | memoryview) -> int:
        if self.raised:
            return super().send_nowait(data)
        self.raised = True
        raise ZeroDivisionError


@pytest.mark.parametrize("after", ["returned", "finished", "flushed"])
async def test_no_response_follows_one_that_a_stream_has_lost(after: str) -> None:
    async def handler(conn: Connection) -> str | None:
        if after == "returned":
            return "first"
        await conn.send("first")
        await (conn.finish() if after == "finished" else conn.flush())
        return None

    near, far = memory_streams()
    reported: list[Exception] = []
    server = Server(handler, on_error=lambda problem, *_: reported.append(problem))
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve, ())
        server.add_stream(Unsendable(near._outgoing, near._incoming))
        await Raw(far).say(GET + GET)
        await Raw(far).hear_end()
        server.close()
    assert [type(problem) for problem in reported] == [ZeroDivisionError]


async def test_a_stream_that_raises_oddly_may_be_let_out_once() -> None:
    near, _ = memory_streams()
    with pytest.RaisesGroup(ZeroDivisionError):
        await serve_stream(hello, OddStream(near._outgoing, near._incoming), on_error="raise")


async def test_what_becomes_of_failures_may_change_while_serving() -> None:
    async def failing(conn: Connection) -> None:
        raise ZeroDivisionError

    told: list[Exception] = []

    def tell(problem: Exception, conn: object, doing: str) -> None:
        told.append(problem)

    async with connect(failing, on_error=None) as client:
        assert client.server.on_error is None
        client.server.on_error = tell
        assert client.server.on_error is tell
        assert (await client.get("/")).status == 500
    assert [type(problem) for problem in told] == [ZeroDivisionError]
