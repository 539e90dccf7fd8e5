from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_httpd.testing import MisbehavingStream, memory_streams


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
