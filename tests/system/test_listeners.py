"""The TCP listener: its sockets are real, and so is the crowd."""

from __future__ import annotations

import errno
import socket
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.turns import counted_turns
from trio_httpd.listeners import TcpListener, open_tcp_listeners


async def listening() -> tuple[TcpListener, tuple[str, int]]:
    [listener] = await open_tcp_listeners(0, host="127.0.0.1")
    return listener, listener.socket.getsockname()


async def test_a_crowd_comes_in_many_at_a_turn() -> None:
    listener, address = await listening()
    crowd = [socket.create_connection(address) for _ in range(40)]
    async with listener, counted_turns() as turns:
        streams = [await listener.accept() for _ in crowd]
        assert turns.count <= 3
    for stream in streams:
        await stream.aclose()
    for peer in crowd:
        peer.close()


async def test_who_is_cancelled_takes_nobody_away() -> None:
    listener, address = await listening()
    async with listener:
        with trio.move_on_after(0) as scope:
            await listener.accept()
        assert scope.cancelled_caught
        with socket.create_connection(address) as peer:
            async with await listener.accept() as stream:
                assert stream.socket.getpeername() == peer.getsockname()


async def test_who_waits_is_told_when_it_closes(nursery: trio.Nursery) -> None:
    listener, _ = await listening()

    async def accept() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await listener.accept()

    nursery.start_soon(accept)
    await wait_all_tasks_blocked()
    await listener.aclose()
    await accept()


class Failing:
    """A socket that fails to accept, in turn, with the errors it was given."""

    def __init__(self, sock: socket.socket, problems: list[int]) -> None:
        self._sock = sock
        self._problems = problems

    def accept(self) -> tuple[socket.socket, Any]:
        if self._problems:
            raise OSError(self._problems.pop(0), "accept")
        return self._sock.accept()


async def failing(*problems: int) -> tuple[TcpListener, tuple[str, int]]:
    listener, address = await listening()
    listener._listening = Failing(listener._listening, list(problems))  # type: ignore[assignment]
    return listener, address


async def test_a_peer_that_left_before_is_nobody() -> None:
    listener, address = await failing(errno.ECONNABORTED, errno.EPROTO)
    async with listener:
        with socket.create_connection(address):
            await (await listener.accept()).aclose()


async def test_a_lack_of_descriptors_is_told() -> None:
    listener, _ = await failing(errno.EMFILE)
    async with listener:
        with pytest.raises(OSError, match="accept"):
            await listener.accept()
