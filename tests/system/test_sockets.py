"""Streams of real sockets: they keep trio's rules, and some of their own."""

from __future__ import annotations

import errno
import io
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import trio
from trio.testing import check_half_closeable_stream, wait_all_tasks_blocked

from trio_httpd._net.sockets import SocketStream

Pair = tuple[SocketStream, SocketStream]
Maker = Callable[[], Awaitable[Pair]]


async def tcp_pair() -> Pair:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    for sock in (near, far):  # Of a size that does not grow while a test looks at it.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    return SocketStream(near), SocketStream(far)


async def unix_pair() -> Pair:
    near, far = socket.socketpair()
    return SocketStream(near), SocketStream(far)


PAIRS = pytest.mark.parametrize("pair", [tcp_pair, unix_pair])


def clog(near: SocketStream) -> int:
    """Send until nothing more goes out; return how much went."""
    sent = 0
    while step := near.send_nowait(b"x" * 10_000):
        sent += step
    return sent


async def clogged_pair() -> Pair:
    """Return a pair that takes nothing more; TCP makes room again when one looks away."""
    near, far = await unix_pair()
    clog(near)
    clog(far)
    return near, far


async def test_a_unix_socket_is_a_stream_as_trio_has_them() -> None:
    await check_half_closeable_stream(unix_pair, clogged_pair)


async def test_a_tcp_socket_is_a_stream_as_trio_has_them() -> None:
    await check_half_closeable_stream(tcp_pair, None)


@PAIRS
async def test_what_there_is_room_for_goes_at_once(pair: Maker) -> None:
    near, far = await pair()
    async with near, far:
        assert near.send_nowait(b"abc") == 3
        await far.wait_receive_might_not_block()
        assert (far.receive_nowait(2), far.receive_nowait(2)) == (b"ab", b"c")
        assert far.receive_nowait(2) is None
        await near.send_eof()
        await far.wait_receive_might_not_block()
        assert far.receive_nowait(2) == b""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
async def test_tcp_on_linux_tells_what_the_peer_has_not_taken() -> None:
    near, far = await tcp_pair()
    async with near, far:
        sent = clog(near)
        before = near.send_queue_size()
        assert 0 < before <= sent
        while near.send_queue_size() >= before:
            assert await far.receive_some(4096)
        await near.aclose()
        assert near.send_queue_size() == 0


async def test_elsewhere_nothing_is_told() -> None:
    near, far = await unix_pair()
    async with near, far:
        assert near.send_nowait(b"x" * 100) == 100
        assert near.send_queue_size() == 0


async def test_a_closed_stream_says_so_to_who_would_wait() -> None:
    near, far = await unix_pair()
    await near.aclose()
    await near.aclose()
    async with far:
        with pytest.raises(trio.ClosedResourceError):
            await near.wait_send_all_might_not_block()
        assert await far.receive_some() == b""
        with pytest.raises(trio.BrokenResourceError):
            await far.send_all(b"x")


class Reluctant(socket.socket):
    """Says once that it has nothing, and cannot end one side."""

    reluctant = True

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        if self.reluctant:
            self.reluctant = False
            raise BlockingIOError
        return super().recv(size, flags)

    def shutdown(self, how: int, /) -> None:
        raise OSError(errno.ENOTCONN, "not connected")


async def test_a_wake_up_for_nothing_is_waited_out() -> None:
    near, far = socket.socketpair()
    with far:
        async with SocketStream(Reluctant(fileno=near.detach())) as stream:
            far.send(b"x")
            assert await stream.receive_some() == b"x"
            with pytest.raises(trio.BrokenResourceError, match="not connected"):
                await stream.send_eof()


@PAIRS
async def test_much_goes_out_as_the_peer_takes_it(pair: Maker, nursery: trio.Nursery) -> None:
    near, far = await pair()
    async with near, far:
        nursery.start_soon(near.send_all, b"x" * 5_000_000)
        taken = 0
        while taken < 5_000_000:
            taken += len(await far.receive_some())


async def test_an_abort_is_a_reset() -> None:
    near, far = await tcp_pair()
    async with far:
        near.abort()
        near.abort()
        await far.wait_receive_might_not_block()
        with pytest.raises(trio.BrokenResourceError):
            far.receive_nowait(1)
        with pytest.raises(trio.ClosedResourceError):
            near.send_nowait(b"x")
        with pytest.raises(trio.ClosedResourceError):
            near.receive_nowait(1)
        with pytest.raises(trio.ClosedResourceError):
            await near.wait_receive_might_not_block()


async def test_a_unix_socket_is_closed_for_want_of_a_reset() -> None:
    near, far = await unix_pair()
    async with far:
        near.abort()
        assert await far.receive_some() == b""


async def test_who_waits_is_told_when_it_is_aborted(nursery: trio.Nursery) -> None:
    near, far = await unix_pair()

    async def told(call: Callable[[], Awaitable[object]]) -> None:
        with pytest.raises(trio.ClosedResourceError):
            await call()

    async with far:
        clog(near)
        nursery.start_soon(told, near.receive_some)
        nursery.start_soon(told, near.wait_send_all_might_not_block)
        await wait_all_tasks_blocked()
        near.abort()
        await wait_all_tasks_blocked()


async def test_one_task_sends_at_a_time(nursery: trio.Nursery) -> None:
    near, far = await unix_pair()
    async with near, far:
        clog(near)
        nursery.start_soon(near.wait_send_all_might_not_block)
        await wait_all_tasks_blocked()
        for call in (near.send_eof, near.wait_send_all_might_not_block):
            with pytest.raises(trio.BusyResourceError):
                await call()
        while far.receive_nowait(100_000):
            pass
        await wait_all_tasks_blocked()


# Files.


@pytest.fixture
def ten(tmp_path: Path) -> Iterator[int]:
    """Give the descriptor of a file with ten bytes."""
    (tmp_path / "ten").write_text("0123456789")
    with (tmp_path / "ten").open("rb") as file:
        yield file.fileno()


@PAIRS
async def test_a_part_of_a_file_goes_after_what_stands_before_it(pair: Maker, ten: int) -> None:
    near, far = await pair()
    async with near, far:
        assert near.send_more_nowait(b"head") == 4
        assert near.send_file_nowait(ten, 3, 4) == 4
        heard = b""
        while len(heard) < 8:
            heard += await far.receive_some()
        assert heard == b"head3456"


async def test_what_there_is_no_room_for_is_not_sent(ten: int) -> None:
    near, far = await clogged_pair()
    async with near, far:
        assert near.send_more_nowait(b"x" * 100_000) == 0
        assert near.send_file_nowait(ten, 0, 10) == 0


@PAIRS
async def test_a_file_that_ends_before_is_told(pair: Maker, ten: int) -> None:
    near, far = await pair()
    async with near, far:
        assert near.send_file_nowait(ten, 8, 10) == 2
        with pytest.raises(EOFError, match="before byte 10"):
            near.send_file_nowait(ten, 10, 8)


async def test_what_the_system_does_not_send_is_told(tmp_path: Path) -> None:
    near, far = await unix_pair()
    async with near, far:
        folder = os.open(tmp_path, os.O_RDONLY)
        with pytest.raises(io.UnsupportedOperation):
            near.send_file_nowait(folder, 0, 10)
        os.close(folder)


async def test_a_fault_of_the_disk_is_none_of_the_peer(
    ten: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*args: int) -> int:
        raise OSError(errno.EIO, "input/output error")

    near, far = await unix_pair()
    async with near, far:
        monkeypatch.setattr(os, "sendfile", failing)
        with pytest.raises(OSError, match="input/output"):
            near.send_file_nowait(ten, 0, 10)


async def test_a_peer_that_has_left_takes_no_file(ten: int) -> None:
    near, far = await unix_pair()
    async with near:
        await far.aclose()
        with pytest.raises(trio.BrokenResourceError):
            near.send_more_nowait(b"head")
        with pytest.raises(trio.BrokenResourceError):
            near.send_file_nowait(ten, 0, 10)
    with pytest.raises(trio.ClosedResourceError):
        near.send_more_nowait(b"head")
    with pytest.raises(trio.ClosedResourceError):
        near.send_file_nowait(ten, 0, 10)
