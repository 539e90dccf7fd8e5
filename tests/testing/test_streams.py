from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, check_half_closeable_stream, wait_all_tasks_blocked

from trio_httpd.testing import MemoryStream, MisbehavingStream, memory_streams


async def unbounded() -> tuple[MemoryStream, MemoryStream]:
    return memory_streams()


async def clogged() -> tuple[MemoryStream, MemoryStream]:
    near, far = memory_streams(100)
    await near.send_all(b"x" * 100)
    await far.send_all(b"x" * 100)
    return near, far


async def test_memory_streams_are_streams_as_trio_has_them() -> None:
    await check_half_closeable_stream(unbounded, clogged)


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


async def test_a_far_end_that_is_gone_shows() -> None:
    near, far = memory_streams()
    await far.send_eof()
    assert near.far_end_gone
    assert not far.far_end_gone


async def test_a_far_end_that_closed_shows() -> None:
    near, far = memory_streams()
    near.close()
    assert far.far_end_gone


async def test_a_stream_may_give_little_at_a_time() -> None:
    near, far = memory_streams()
    stream = MisbehavingStream(near, receive_at_most=2)
    await far.send_all(b"abcd")
    assert await stream.receive_some() == b"ab"
    assert await stream.receive_some(1) == b"c"
    assert await stream.receive_some(9) == b"d"


async def test_a_stream_may_stall(autojump_clock: MockClock) -> None:
    near, far = memory_streams()
    stream = MisbehavingStream(near, stall_after=3)
    await stream.wait_send_all_might_not_block()
    await stream.send_all(b"ab")
    with trio.move_on_after(1000) as patience:
        await stream.send_all(b"cd")
    assert patience.cancelled_caught
    assert await far.receive_some() == b"abc"


async def test_who_waits_on_a_stalled_stream_is_told_when_it_closes(
    nursery: trio.Nursery,
) -> None:
    stream = MisbehavingStream(memory_streams()[0], stall_after=0)

    async def send() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await stream.send_all(b"a")

    nursery.start_soon(send)
    await wait_all_tasks_blocked()
    await stream.aclose()


async def test_a_stream_may_break() -> None:
    near, far = memory_streams()
    stream = MisbehavingStream(near, break_after=3)
    await stream.send_all(b"ab")
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(b"cd")
    with pytest.raises(trio.BrokenResourceError):
        await stream.receive_some()
    assert await far.receive_some() == b"abc"
