"""Reads that are cut short with more there: urgent marks, descriptors that are passed."""

from __future__ import annotations

import random
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from trio_httpd import Connection, Server
from trio_httpd._net.sockets import SocketStream

POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
HEADS = len(POST % 8)


async def echo(conn: Connection) -> bytes:
    return await conn.read_body()


Pair = tuple[socket.socket, SocketStream]


def tcp_pair() -> Pair:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        far = SocketStream(socket.create_connection(listener.getsockname()))
        return listener.accept()[0], far


def unix_pair() -> Pair:
    near, far = socket.socketpair()
    return near, SocketStream(far)


@asynccontextmanager
async def serving(near: socket.socket, far: SocketStream) -> AsyncIterator[None]:
    """Serve on ``near``; a test that takes longer than five seconds has failed."""
    server = Server(echo)
    with trio.fail_after(5):
        async with far, trio.open_nursery() as nursery:
            await nursery.start(server.serve, [])
            server.add_socket(near)
            await wait_all_tasks_blocked(0.01)
            yield
            server.close()


async def hear(far: SocketStream, content: bytes) -> None:
    """Require a response that is ``content``."""
    heard = b""
    while not heard.endswith(b"\r\n\r\n" + content):
        heard += await far.receive_some() or pytest.fail(f"the end after {heard!r}")
    assert heard.startswith(b"HTTP/1.1 200 ")


async def send_urgent(far: SocketStream, data: bytes) -> None:
    """Send ``data``; its last byte is out of band, and a read is cut before it."""
    await far.send_all(data[:-1])
    while True:
        with suppress(BlockingIOError):
            assert far.socket.send(data[-1:], socket.MSG_OOB) == 1
            return
        await far.wait_send_all_might_not_block()


async def pass_descriptor(far: SocketStream, data: bytes) -> None:
    """Send ``data``, the last byte with a descriptor, and a read is cut after it."""
    await far.send_all(data[:-1])
    while True:
        with suppress(BlockingIOError):
            assert socket.send_fds(far.socket, [data[-1:]], [far.socket.fileno()]) == 1
            return
        await far.wait_send_all_might_not_block()


@pytest.mark.parametrize("place", [3, HEADS - 1, HEADS, HEADS + 1, HEADS + 7])
async def test_what_comes_behind_an_urgent_byte_is_read(place: int) -> None:
    near, far = tcp_pair()
    async with serving(near, far):
        request = POST % 8 + b"contents"
        await send_urgent(far, request[:place] + b"!")  # Which is not of the content.
        await far.send_all(request[place:])
        await hear(far, b"contents")


async def test_an_urgent_byte_that_is_wanted_in_line_is_read_with_what_follows() -> None:
    near, far = tcp_pair()
    near.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    async with serving(near, far):
        await send_urgent(far, POST % 4 + b"onc")
        await far.send_all(b"e")
        await hear(far, b"once")


async def test_an_urgent_byte_with_nothing_behind_keeps_nobody_busy() -> None:
    near, far = tcp_pair()
    async with serving(near, far):
        await send_urgent(far, POST % 1 + b"!")
        await wait_all_tasks_blocked(0.01)
        await far.send_all(b"x")
        await hear(far, b"x")


@pytest.mark.parametrize("place", [3, HEADS, HEADS + 1])
async def test_what_comes_behind_a_passed_descriptor_is_read(place: int) -> None:
    near, far = unix_pair()
    async with serving(near, far):
        request = POST % 8 + b"contents"
        await pass_descriptor(far, request[:place])
        await far.send_all(request[place:])
        await hear(far, b"contents")


async def test_what_comes_behind_a_byte_out_of_band_on_a_unix_socket_is_read() -> None:
    near, far = unix_pair()
    async with serving(near, far):
        await send_urgent(far, POST % 8 + b"con!")
        await far.send_all(b"tents")
        await hear(far, b"contents")


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("pair", [tcp_pair, unix_pair])
async def test_requests_that_are_cut_anywhere_are_all_answered(
    pair: Callable[[], Pair], seed: int
) -> None:
    near, far = pair()
    near.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)  # What is cut off, is not lost.
    cut_off = send_urgent if pair is tcp_pair else pass_descriptor
    chance = random.Random(seed)
    async with serving(near, far):
        for number in range(20):
            content = b"%06d" % number + chance.randbytes(chance.choice([1, 100, 70_000]))
            rest = POST % len(content) + content
            while rest:
                size = chance.choice([1, 10, 100, 20_000])
                piece, rest = rest[:size], rest[size:]
                await (cut_off if chance.random() < 0.4 else SocketStream.send_all)(far, piece)
                if chance.random() < 0.3:
                    await wait_all_tasks_blocked()
            await hear(far, content)
