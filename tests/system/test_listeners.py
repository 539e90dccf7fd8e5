"""The TCP listener: its sockets are real, and so is the crowd."""

from __future__ import annotations

import errno
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.turns import counted_turns
from trio_httpd.listeners import SocketListener, open_listeners


async def listening() -> tuple[SocketListener, tuple[str, int]]:
    [listener] = await open_listeners(0, host="127.0.0.1")
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
    await listener.aclose()
    await accept()


class FailingSocket(socket.socket):
    """Fails to accept, in turn, with the errors it was given."""

    problems: list[int]

    def accept(self) -> tuple[socket.socket, Any]:
        if self.problems:
            raise OSError(self.problems.pop(0), "accept")
        return super().accept()


async def failing(*problems: int) -> tuple[SocketListener, tuple[str, int]]:
    listener, address = await listening()
    listener.socket = FailingSocket(fileno=listener.socket.detach())
    listener.socket.problems = list(problems)
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


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


async def test_all_interfaces_share_the_port_that_the_system_chose() -> None:
    listeners = await open_listeners(0, host=None)
    ports = {listener.socket.getsockname()[1] for listener in listeners}
    for listener in listeners:
        await listener.aclose()
    assert len(ports) == 1
    assert len(listeners) == (2 if has_ipv6() else 1)


Opening = Callable[..., Awaitable[list[trio.SocketListener]]]


def failing_on_ipv6(problems: list[int]) -> Opening:
    opening = trio.open_tcp_listeners

    async def open_or_fail(port: int, *, host: str) -> list[trio.SocketListener]:
        if host == "::" and problems:
            raise OSError(problems.pop(0), "bind")
        return await opening(port, host="127.0.0.1")

    return open_or_fail


async def test_a_port_that_is_taken_on_ipv6_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    problems = [errno.EADDRINUSE, errno.EADDRINUSE, errno.EAFNOSUPPORT]
    monkeypatch.setattr(trio, "open_tcp_listeners", failing_on_ipv6(problems))
    listeners = await open_listeners(0, host=None)
    assert (len(listeners), problems) == (1, [])
    for listener in listeners:
        await listener.aclose()


@pytest.mark.parametrize("problems", [[errno.EADDRINUSE] * 8, [errno.EMFILE]])
async def test_ports_that_cannot_be_had_are_told(
    problems: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trio, "open_tcp_listeners", failing_on_ipv6(problems))
    with pytest.raises(OSError, match="bind"):
        await open_listeners(0, host=None)


@pytest.mark.parametrize("port", [-1, 65536, 70000])
@pytest.mark.parametrize("host", ["127.0.0.1", None])
async def test_a_port_that_there_is_not_is_refused(port: int, host: str | None) -> None:
    with pytest.raises(ValueError, match=f"0 to 65535, not {port}"):
        await open_listeners(port, host=host)
