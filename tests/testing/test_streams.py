from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import trio
from trio.testing import check_half_closeable_stream, wait_all_tasks_blocked

from trio_httpd.testing import MemoryStream, memory_streams


async def unbounded() -> tuple[MemoryStream, MemoryStream]:
    return memory_streams()


async def clogged() -> tuple[MemoryStream, MemoryStream]:
    near, far = memory_streams(100)
    await near.send_all(b"x" * 100)
    await far.send_all(b"x" * 100)
    return near, far


async def buffered() -> tuple[MemoryStream, MemoryStream]:
    near, far = memory_streams(10, send_buffer=90)
    await near.send_all(b"x" * 100)
    await far.send_all(b"x" * 100)
    return near, far


@pytest.mark.parametrize("full", [clogged, buffered])
async def test_memory_streams_are_streams_as_trio_has_them(
    full: Callable[[], Awaitable[tuple[MemoryStream, MemoryStream]]],
) -> None:
    await check_half_closeable_stream(unbounded, full)


async def test_a_window_holds_a_sender_back_to_the_byte(nursery: trio.Nursery) -> None:
    near, far = memory_streams(window=4)
    nursery.start_soon(near.send_all, b"abcdefghij")
    await wait_all_tasks_blocked()
    assert await far.receive_some() == b"abcd"
    await wait_all_tasks_blocked()
    assert await far.receive_some(1) == b"e"
    await wait_all_tasks_blocked()
    assert await far.receive_some() == b"fghi"


@pytest.mark.parametrize("window", [0, -1, float("nan")])
def test_a_window_has_room(window: float) -> None:
    with pytest.raises(ValueError, match="room for one byte"):
        memory_streams(window)


@pytest.mark.parametrize("size", [-1, float("nan")])
def test_a_buffer_may_have_no_room_but_no_less(size: float) -> None:
    with pytest.raises(ValueError, match="no less than no room"):
        memory_streams(1, send_buffer=size)


async def test_a_far_end_that_is_gone_shows() -> None:
    near, far = memory_streams()
    await far.send_eof()
    assert near.far_end_gone
    assert not far.far_end_gone


async def test_a_far_end_that_closed_shows() -> None:
    near, far = memory_streams()
    near.close()
    assert far.far_end_gone


# Waiting.


class Steps(trio.abc.Instrument):
    """Counts the steps of the task that made it."""

    def __init__(self) -> None:
        self.count = 0
        self._task = trio.lowlevel.current_task()
        trio.lowlevel.add_instrument(self)

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.count += task is self._task


async def test_who_waits_for_bytes_sleeps_at_once(nursery: trio.Nursery) -> None:
    near, far = memory_streams()
    steps = Steps()
    nursery.start_soon(far.send_all, b"x")
    await near.wait_receive_might_not_block()
    assert steps.count == 1


async def test_who_waits_for_room_sleeps_at_once(nursery: trio.Nursery) -> None:
    near, far = await clogged()
    steps = Steps()
    nursery.start_soon(far.receive_some)
    await near.wait_send_all_might_not_block()
    assert steps.count == 1


async def test_who_need_not_wait_executes_a_checkpoint() -> None:
    near, far = memory_streams()
    await far.send_all(b"x")
    steps = Steps()
    await near.wait_receive_might_not_block()
    assert steps.count == 1
    await near.wait_send_all_might_not_block()
    assert steps.count == 2


async def test_what_an_instrument_sends_wakes_up_the_loop() -> None:
    class Sending(trio.abc.Instrument):
        def before_io_wait(self, timeout: float) -> None:
            if timeout:
                trio.lowlevel.remove_instrument(self)
                near.send_nowait(b"x")

    near, far = memory_streams()
    trio.lowlevel.add_instrument(Sending())
    with trio.fail_after(5):
        assert await far.receive_some() == b"x"


# The buffer before the window.


async def test_what_does_not_fit_into_the_window_is_untaken(nursery: trio.Nursery) -> None:
    near, far = memory_streams(window=4, send_buffer=3)
    assert (near.send_nowait(b"abc"), near.send_queue_size()) == (3, 0)
    assert (near.send_nowait(b"defghij"), near.send_queue_size()) == (4, 3)
    assert (near.send_nowait(b"hij"), near.send_queue_size()) == (0, 3)
    assert (far.receive_nowait(99), near.send_queue_size()) == (b"abcd", 0)
    assert (far.receive_nowait(99), far.receive_nowait(99)) == (b"efg", None)


async def test_without_a_buffer_all_that_is_sent_is_taken() -> None:
    near, _ = memory_streams(window=4)
    assert (near.send_nowait(b"abcdef"), near.send_queue_size()) == (4, 0)


async def test_a_closed_end_knows_of_nothing_untaken() -> None:
    near, _ = memory_streams(window=1, send_buffer=9)
    near.send_nowait(b"abc")
    near.close()
    assert near.send_queue_size() == 0


async def test_what_was_sent_arrives_after_its_sender_has_closed() -> None:
    near, far = memory_streams(window=4, send_buffer=4)
    near.send_nowait(b"abcdefgh")
    near.close()
    assert [await far.receive_some() for _ in range(3)] == [b"abcd", b"efgh", b""]


# Resets.


async def raises_reset(stream: MemoryStream) -> bool:
    with pytest.raises(trio.BrokenResourceError, match="reset"):
        await stream.receive_some()
    with pytest.raises(trio.BrokenResourceError, match="closed"):
        await stream.send_all(b"x")
    return True


async def test_an_end_that_closes_over_unread_bytes_resets() -> None:
    near, far = memory_streams()
    await far.send_all(b"unread")
    await near.send_all(b"the last word")
    near.close()
    assert await far.receive_some() == b"the last word"
    assert await raises_reset(far)


async def test_a_reset_takes_away_what_is_in_the_buffer() -> None:
    near, far = memory_streams(window=4, send_buffer=4)
    await far.send_all(b"unread")
    await near.send_all(b"abcdefgh")
    await near.send_eof()
    near.close()
    assert await far.receive_some() == b"abcd"
    assert await raises_reset(far)


async def test_an_end_that_has_arrived_stands() -> None:
    near, far = memory_streams()
    await far.send_all(b"unread")
    await near.send_all(b"the last word")
    await near.send_eof()
    near.close()
    assert await far.receive_some() == b"the last word"
    assert await far.receive_some() == b""
    with pytest.raises(trio.BrokenResourceError, match="closed"):
        await far.send_all(b"x")


async def test_a_reset_may_erase_what_has_arrived() -> None:
    near, far = memory_streams(reset_erases=True)
    await far.send_all(b"unread")
    await near.send_all(b"the last word")
    await near.send_eof()
    near.close()
    assert await raises_reset(far)


async def test_an_abort_is_a_reset() -> None:
    near, far = memory_streams(window=1, send_buffer=1)
    near.send_nowait(b"ab")
    near.abort()
    assert await far.receive_some() == b"a"
    assert await raises_reset(far)


async def test_a_closed_end_cannot_be_reset() -> None:
    near, far = memory_streams()
    near.close()
    near.abort()
    assert await far.receive_some() == b""


async def test_a_far_end_that_was_read_to_its_end_may_be_closed() -> None:
    near, far = memory_streams()
    await far.send_all(b"read")
    assert await near.receive_some() == b"read"
    near.close()
    assert await far.receive_some() == b""


# Files.


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "file").write_bytes(b"0123456789")
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    yield fd
    os.close(fd)


async def test_of_a_file_goes_what_there_is_room_for(fd: int) -> None:
    near, far = memory_streams(window=8)
    assert near.send_more_nowait(b"head") == 4
    assert near.send_file_nowait(fd, 3, 6) == 4
    assert near.send_file_nowait(fd, 7, 2) == 0
    assert await far.receive_some() == b"head3456"
    assert near.send_file_nowait(fd, 7, 9) == 3
    assert await far.receive_some() == b"789"


async def test_a_file_that_ends_is_told_where_there_is_no_room_too(fd: int) -> None:
    near, _ = memory_streams(window=1)
    for _ in range(2):
        with pytest.raises(EOFError, match="ends before byte 10"):
            near.send_file_nowait(fd, 10, 1)
        near.send_nowait(b"x")


async def test_no_file_goes_to_who_has_left(fd: int) -> None:
    near, far = memory_streams()
    far.close()
    with pytest.raises(trio.BrokenResourceError):
        near.send_file_nowait(fd, 0, 1)
    near.close()
    with pytest.raises(trio.ClosedResourceError):
        near.send_file_nowait(fd, 0, 1)


async def test_nothing_of_a_file_is_sent_as_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    near, far = memory_streams()
    with (tmp_path / "file").open("rb") as file:
        assert near.send_file_nowait(file.fileno(), 0, 0) == 0
    await near.send_eof()
    assert await far.receive_some() == b""
