"""SharedEpoll of real sockets: nothing is missed, and nobody waits in vain."""

from __future__ import annotations

import select
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import check_half_closeable_stream, wait_all_tasks_blocked

from tests.net.turns import counted_turns
from trio_httpd._net.epoll import SharedEpoll
from trio_httpd._net.sockets import SocketStream

Pair = tuple[SocketStream, socket.socket]

SO_TIMESTAMPING = 37  # <asm/socket.h>
TIMESTAMP_WHEN_ACKNOWLEDGED = 0x210  # <linux/net_tstamp.h>: TX_ACK | SOFTWARE


@asynccontextmanager
async def telling() -> AsyncIterator[SharedEpoll]:
    """Give a readiness whose task runs, as a server's watcher runs it."""
    readiness = SharedEpoll()

    async def tell(task_status: trio.TaskStatus[None]) -> None:
        with readiness.opened():
            task_status.started()
            await readiness.tell()

    async with trio.open_nursery() as nursery:
        await nursery.start(tell)
        yield readiness
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def pair_with(readiness: SharedEpoll) -> AsyncIterator[Pair]:
    near, far = socket.socketpair()
    with far:
        async with SocketStream(near) as stream:
            stream._wait_with(readiness)
            yield stream, far


async def test_who_waits_is_told() -> None:
    async with telling() as readiness, pair_with(readiness) as (stream, far):
        for _ in range(3):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(stream.receive_some)
                await wait_all_tasks_blocked()
                far.send(b"x")


async def test_watched_sockets_are_streams_as_trio_has_them() -> None:
    async with telling() as readiness:

        async def pair() -> tuple[SocketStream, SocketStream]:
            streams = near, far = [SocketStream(sock) for sock in socket.socketpair()]
            for stream in streams:
                stream._wait_with(readiness)
            return near, far

        async def clogged() -> tuple[SocketStream, SocketStream]:
            near, far = await pair()
            clog(near)
            clog(far)
            return near, far

        await check_half_closeable_stream(pair, clogged)


def clog(stream: SocketStream) -> None:
    while stream.send_nowait(b"x" * 10_000):
        pass


async def test_who_waits_for_room_is_told() -> None:
    async with telling() as readiness, pair_with(readiness) as (stream, far):
        clog(stream)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.wait_send_all_might_not_block)
            await wait_all_tasks_blocked(0.01)
            far.recv(1_000_000)


async def test_who_gives_up_waiting_for_room_may_wait_again() -> None:
    async with telling() as readiness, pair_with(readiness) as (stream, far):
        clog(stream)
        with trio.move_on_after(0.01) as scope:
            await stream.wait_send_all_might_not_block()
        assert scope.cancelled_caught
        far.recv(1_000_000)
        await wait_all_tasks_blocked(0.01)
        await stream.wait_send_all_might_not_block()


async def test_room_is_no_reason_to_receive() -> None:
    async with telling() as readiness, pair_with(readiness) as (stream, far):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.receive_some)
            await wait_all_tasks_blocked()
            async with counted_turns() as turns:
                await stream.wait_send_all_might_not_block()
            far.send(b"x")
        assert turns.count <= 3


async def test_who_waits_for_room_does_not_hide_from_who_receives() -> None:
    async with telling() as readiness, pair_with(readiness) as (stream, far):
        clog(stream)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.wait_send_all_might_not_block)
            await wait_all_tasks_blocked(0.01)
            far.send(b"x")  # Short reads are looked at again here, with the room.
            assert await stream.receive_some() == b"x"
            await wait_all_tasks_blocked(0.01)
            far.recv(1_000_000)


async def test_who_waits_for_room_is_told_of_the_end() -> None:
    async with telling() as readiness, pair_with(readiness) as (stream, far):
        clog(stream)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.wait_send_all_might_not_block)
            await wait_all_tasks_blocked(0.01)
            far.close()
        with pytest.raises(trio.BrokenResourceError):
            stream.send_nowait(b"x")


async def test_what_came_while_nobody_waited_is_there() -> None:
    async with telling() as readiness, pair_with(readiness) as (stream, far):
        far.send(b"abc")
        await wait_all_tasks_blocked(0.01)
        assert await stream.receive_some() == b"abc"


async def test_what_was_not_all_received_is_still_there() -> None:
    async with telling() as readiness, pair_with(readiness) as (stream, far):
        far.send(b"abcde")
        assert [await stream.receive_some(2) for _ in range(3)] == [b"ab", b"cd", b"e"]


async def test_an_end_that_came_with_the_last_bytes_is_seen_after_them() -> None:
    async with telling() as readiness, pair_with(readiness) as (stream, far):
        far.send(b"last")
        far.shutdown(socket.SHUT_WR)
        assert [await stream.receive_some() for _ in range(3)] == [b"last", b"", b""]


async def test_an_empty_wake_up_is_waited_out() -> None:
    async with telling() as readiness, pair_with(readiness) as (stream, far):
        far.send(b"x")
        await wait_all_tasks_blocked(0.01)
        assert stream.receive_nowait(10) == b"x"  # And the news of it is still there.
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.receive_some)
            await wait_all_tasks_blocked()
            far.send(b"y")


async def test_waiting_lets_others_run_always() -> None:
    async with telling() as readiness, pair_with(readiness) as (stream, far):
        far.send(b"x" * 1000)
        async with counted_turns() as turns:
            for _ in range(10):
                await stream.receive_some(1)
            assert turns.count >= 9


async def test_who_is_cancelled_loses_nothing() -> None:
    async with telling() as readiness, pair_with(readiness) as (stream, far):
        with trio.move_on_after(0.01) as scope:
            await stream.receive_some()
        assert scope.cancelled_caught
        far.send(b"x")
        await wait_all_tasks_blocked(0.01)
        with trio.move_on_after(0) as scope:
            await stream.receive_some()
        assert scope.cancelled_caught
        assert await stream.receive_some() == b"x"


async def test_one_task_waits_at_a_time() -> None:
    async with (
        telling() as readiness,
        pair_with(readiness) as (stream, far),
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(stream.receive_some)
        await wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await stream.receive_some()
        far.send(b"x")


async def test_an_error_in_the_queue_is_no_end() -> None:
    with trio.fail_after(5):
        async with telling() as readiness:
            stream, far = tcp_pair_with_error()
            async with stream, trio.open_nursery() as nursery:
                stream._wait_with(readiness)
                nursery.start_soon(stream.receive_some)
                await wait_all_tasks_blocked(0.01)  # Nobody is busy.
                clog(stream)
                nursery.start_soon(stream.wait_send_all_might_not_block)
                await wait_all_tasks_blocked(0.01)
                far.send(b"x")
                far.recv(10_000_000)
                nursery.cancel_scope.cancel()
            far.close()


def tcp_pair_with_error() -> Pair:
    """Return a connection with a timestamp in the error queue of its near end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        far = socket.create_connection(listener.getsockname())
        near, _ = listener.accept()
    near.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, TIMESTAMP_WHEN_ACKNOWLEDGED)
    near.send(b"x")
    far.recv(1)
    errors = select.poll()
    errors.register(near, 0)
    assert errors.poll(1000) == [(near.fileno(), select.POLLERR)]
    return SocketStream(near), far


@pytest.mark.parametrize("by_abort", [True, False])
async def test_who_waits_is_told_of_a_close(by_abort: bool) -> None:
    async def receive(stream: SocketStream) -> None:
        with pytest.raises(trio.ClosedResourceError):
            await stream.receive_some()

    async with telling() as readiness, pair_with(readiness) as (stream, _):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive, stream)
            await wait_all_tasks_blocked()
            if by_abort:
                stream.abort()
            else:
                await stream.aclose()
        await receive(stream)


async def test_when_nobody_tells_any_more_waiting_goes_on() -> None:
    readiness = SharedEpoll()
    async with pair_with(readiness) as (stream, far), trio.open_nursery() as nursery:
        async with trio.open_nursery() as tellers:
            with readiness.opened():
                tellers.start_soon(readiness.tell)
                nursery.start_soon(stream.receive_some)
                clog(stream)
                nursery.start_soon(stream.wait_send_all_might_not_block)
                await wait_all_tasks_blocked()
                tellers.cancel_scope.cancel()
        await wait_all_tasks_blocked()
        far.send(b"x")
        far.recv(1_000_000)


async def test_two_sockets_are_told_apart() -> None:
    async with (
        telling() as readiness,
        pair_with(readiness) as (one, far_one),
        pair_with(readiness) as (two, far_two),
    ):
        far_two.send(b"2")
        assert await two.receive_some() == b"2"
        far_one.send(b"1")
        assert await one.receive_some() == b"1"


async def test_without_an_epoll_sockets_wait_on_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking() -> select.epoll:
        raise OSError(24, "too many open files")

    readiness = SharedEpoll()
    with monkeypatch.context() as patch:
        patch.setattr(select, "epoll", lacking)
        near, far = socket.socketpair()
        stream = SocketStream(near)
        stream._wait_with(readiness)
    with readiness.opened(), far:
        async with stream:
            far.send(b"x")
            assert await stream.receive_some() == b"x"
            await stream.wait_send_all_might_not_block()


async def test_news_of_a_socket_that_was_closed_meanwhile_reach_nobody() -> None:
    async with (
        telling() as readiness,
        pair_with(readiness) as (stream, far),
        pair_with(readiness) as (other, _),
    ):
        del readiness._watched[stream.socket.fileno()]
        far.send(b"x")
        await wait_all_tasks_blocked(0.01)
        with trio.move_on_after(0.01) as scope:
            await other.receive_some()
        assert scope.cancelled_caught
