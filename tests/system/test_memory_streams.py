"""Streams in memory behave as sockets do: the same script, over each, sees the same."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.system.test_sockets import tcp_pair, unix_pair
from trio_httpd._net.epoll import SharedEpoll
from trio_httpd._net.sockets import SocketStream
from trio_httpd.testing import MemoryStream, memory_streams

Ends = tuple[SocketStream, SocketStream] | tuple[MemoryStream, MemoryStream]
Stream = SocketStream | MemoryStream
WINDOW = 65536


async def memory_pair() -> Ends:
    return memory_streams(WINDOW, send_buffer=WINDOW)


on_all = pytest.mark.parametrize("pair", [memory_pair, tcp_pair, unix_pair])
"""What sockets of both kinds do."""
as_tcp = pytest.mark.parametrize(
    "pair",
    [
        memory_pair,
        pytest.param(
            tcp_pair,
            marks=pytest.mark.skipif(sys.platform != "linux", reason="told of Linux only"),
        ),
    ],
)
"""What TCP does on Linux; Unix sockets differ."""

Maker = Callable[[], Awaitable[Ends]]


async def heard(stream: Stream) -> list[str | bytes]:
    """Return all bytes that come, and then how they ended."""
    data = b""
    try:
        while piece := await stream.receive_some():
            data += piece
    except trio.BrokenResourceError:
        return [data, "reset"]
    return [data, "end"]


async def sends_until_broken(stream: Stream) -> None:
    """Send until that raises; TCP takes something before it is told that nobody is there."""

    async def send() -> NoReturn:
        while True:
            await stream.send_all(b"x")

    with pytest.raises(trio.BrokenResourceError):
        await send()


def fill(stream: Stream) -> int:
    """Send until there is no room; return how much was sent."""
    sent = 0
    while step := stream.send_nowait(b"x" * 10_000):
        sent += step
    return sent


async def arrival(stream: Stream) -> None:
    """Wait until something has arrived, and leave it."""
    await stream.wait_receive_might_not_block()


class Steps(trio.abc.Instrument):
    """Counts the steps of the task that made it."""

    def __init__(self) -> None:
        self.count = 0
        self._task = trio.lowlevel.current_task()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.count += task is self._task


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has epoll")
@on_all
async def test_waiting_is_one_step_whether_something_is_there_or_not(pair: Maker) -> None:
    near, far = await pair()
    readiness = SharedEpoll()
    async with near, far, trio.open_nursery() as nursery:
        with readiness.opened():
            if isinstance(near, SocketStream):
                near._wait_with(readiness)
                nursery.start_soon(readiness.tell)
            steps = Steps()
            nursery.start_soon(far.send_all, b"late")
            trio.lowlevel.add_instrument(steps)
            await near.wait_receive_might_not_block()
            assert (steps.count, near.receive_nowait(99)) == (1, b"late")
            await far.send_all(b"early")
            await wait_all_tasks_blocked()
            steps.count = 0
            await near.wait_receive_might_not_block()
            assert (steps.count, near.receive_nowait(99)) == (1, b"early")
            assert near.receive_nowait(99) is None
            steps.count = 0
            await near.wait_send_all_might_not_block()
            assert steps.count == 1
            nursery.cancel_scope.cancel()


@on_all
async def test_a_sender_waits_until_some_was_taken(pair: Maker) -> None:
    near, far = await pair()
    async with near, far, trio.open_nursery() as nursery:
        sent = fill(near)
        nursery.start_soon(near.send_all, b"y")
        await wait_all_tasks_blocked()
        received = b""
        while len(received) < sent + 1:
            received += await far.receive_some()
        assert received == b"x" * sent + b"y"


@as_tcp
async def test_what_lies_in_the_window_is_taken_and_the_rest_is_not(pair: Maker) -> None:
    near, far = await pair()
    async with near, far:
        assert near.send_nowait(b"abc") == 3
        await arrival(far)
        assert near.send_queue_size() == 0
        sent = fill(near)
        assert 0 < near.send_queue_size() < sent
        received = 0
        while received < sent + 3:
            received += len(await far.receive_some())
        assert near.send_queue_size() == 0


@on_all
async def test_what_was_sent_arrives_after_the_close(pair: Maker) -> None:
    near, far = await pair()
    async with far:
        sent = fill(near)
        await near.aclose()
        assert near.send_queue_size() == 0
        assert await heard(far) == [b"x" * sent, "end"]
        await sends_until_broken(far)


@on_all
async def test_a_close_over_unread_bytes_is_a_reset(pair: Maker) -> None:
    near, far = await pair()
    async with far:
        await far.send_all(b"unread")
        await arrival(near)
        await near.send_all(b"the last word")
        await arrival(far)
        await near.aclose()
        assert await heard(far) == [b"the last word", "reset"]
        await sends_until_broken(far)


@as_tcp
async def test_a_reset_takes_away_what_has_not_arrived(pair: Maker) -> None:
    near, far = await pair()
    async with far:
        await far.send_all(b"unread")
        await arrival(near)
        sent = fill(near)
        await near.aclose()
        data, ending = await heard(far)
        assert 0 < len(data) < sent
        assert ending == "reset"


@as_tcp
async def test_an_end_that_has_arrived_stands(pair: Maker) -> None:
    near, far = await pair()
    async with far:
        await far.send_all(b"unread")
        await arrival(near)
        await near.send_all(b"the last word")
        await near.send_eof()
        await arrival(far)
        await near.aclose()
        assert await heard(far) == [b"the last word", "end"]
        await sends_until_broken(far)


@as_tcp
@pytest.mark.parametrize("ended", [False, True])
async def test_an_abort_is_a_reset_unless_the_end_has_arrived(pair: Maker, ended: bool) -> None:
    near, far = await pair()
    async with far:
        await near.send_all(b"the last word")
        if ended:
            await near.send_eof()
        await arrival(far)
        near.abort()
        assert await heard(far) == [b"the last word", "end" if ended else "reset"]
        await sends_until_broken(far)


@on_all
async def test_half_of_a_connection_may_end(pair: Maker) -> None:
    near, far = await pair()
    async with near, far:
        await near.send_all(b"question")
        await near.send_eof()
        with pytest.raises(trio.ClosedResourceError):
            await near.send_all(b"x")
        assert await heard(far) == [b"question", "end"]
        await far.send_all(b"answer")
        await far.aclose()
        assert await heard(near) == [b"answer", "end"]


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "file").write_bytes(b"0123456789")
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    yield fd
    os.close(fd)


@on_all
async def test_files_are_sent_by_descriptor(pair: Maker, fd: int) -> None:
    near, far = await pair()
    async with near, far:
        assert near.send_more_nowait(b"head") == 4
        assert near.send_file_nowait(fd, 2, 5) == 5
        assert near.send_file_nowait(fd, 7, 99) == 3
        received = b""
        while len(received) < 12:
            received += await far.receive_some()
        assert received == b"head23456789"
        with pytest.raises(EOFError, match="ends before byte 10"):
            near.send_file_nowait(fd, 10, 1)
        fill(near)
        while near.send_file_nowait(fd, 0, 1):  # TCP makes room again when one looks away.
            pass
        with pytest.raises(EOFError, match="ends before byte 10"):
            near.send_file_nowait(fd, 10, 1)
        await near.aclose()
        with pytest.raises(trio.ClosedResourceError):
            near.send_file_nowait(fd, 0, 1)


@on_all
async def test_a_closed_end_says_so(pair: Maker) -> None:
    near, far = await pair()
    async with far:
        await near.aclose()
        for call in (
            near.receive_some,
            near.wait_receive_might_not_block,
            near.wait_send_all_might_not_block,
            near.send_eof,
        ):
            with pytest.raises(trio.ClosedResourceError):
                await call()
        with pytest.raises(trio.ClosedResourceError):
            near.send_nowait(b"x")
        with pytest.raises(trio.ClosedResourceError):
            near.receive_nowait(1)
        near.abort()
        assert await heard(far) == [b"", "end"]
