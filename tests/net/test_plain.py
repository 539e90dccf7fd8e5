"""A plain stream has the methods that a transport wants, and waits for each byte that it sends."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.net.plain import PlainStream as Passing
from tests.net.senders import sender_on
from trio_httpd._net.plain import PlainStream, as_nowait
from trio_httpd._net.sockets import SocketStream
from trio_httpd.testing import MemoryStream, MisbehavingNowaitStream, memory_streams


def test_streams_that_need_not_wait_stay_what_they_are() -> None:
    near, _ = memory_streams()
    for stream in near, MisbehavingNowaitStream(near):
        assert as_nowait(stream, 1) is stream
    assert isinstance(as_nowait(Passing(near), 1), PlainStream)
    assert hasattr(SocketStream, "send_nowait")
    assert hasattr(SocketStream, "send_queue_size")


@pytest.mark.parametrize(
    ("progress", "pieces"),
    [
        (4096, [4096, 4096, 1808]),
        (0, [1024] * 9 + [784]),
        (1 << 30, [10_000]),
    ],
)
async def test_pieces_are_as_small_as_the_progress_asked_for(
    progress: int, pieces: list[int], nursery: trio.Nursery
) -> None:
    stream = Passing(memory_streams()[0])
    plain = as_nowait(stream, progress)
    assert isinstance(plain, PlainStream)
    left = memoryview(b"x" * 10_000)
    while left:
        left = left[await plain.send_some(left) :]
    assert stream.pieces == pieces


async def test_nothing_is_sent_without_waiting(nursery: trio.Nursery) -> None:
    near, far = memory_streams()
    plain = as_nowait(Passing(near), 1)
    assert (plain.send_nowait(b"abc"), plain.send_queue_size()) == (0, 0)
    sender = sender_on(Passing(near), nursery)
    assert sender.write(b"abc")
    assert far.receive_nowait(9) is None
    await sender.flush()
    assert far.receive_nowait(9) == b"abc"


def plain_ends(window: float) -> tuple[PlainStream, MemoryStream]:
    near, far = memory_streams(window)
    return PlainStream(Passing(near), 1), far


async def test_room_is_what_the_stream_says(nursery: trio.Nursery) -> None:
    plain, far = plain_ends(3)
    await plain.wait_send_all_might_not_block()
    await plain.send_some(b"abc")
    with trio.move_on_after(0) as scope:
        await plain.wait_send_all_might_not_block()
    assert scope.cancelled_caught
    assert far.receive_nowait(9) == b"abc"


async def test_what_was_read_ahead_is_received_piece_by_piece() -> None:
    plain, far = plain_ends(10)
    assert plain.receive_nowait(9) is None
    await far.send_all(b"abcde")
    await plain.wait_receive_might_not_block()
    assert plain.receive_nowait(2) == b"ab"
    await plain.wait_receive_might_not_block()  # More is there: it does not wait.
    assert plain.receive_nowait(2) == b"cd"
    assert plain.receive_nowait(2) == b"e"
    assert plain.receive_nowait(2) is None


async def test_the_end_is_received_each_time() -> None:
    plain, far = plain_ends(10)
    await far.send_eof()
    for _ in range(2):
        await plain.wait_receive_might_not_block()
        assert plain.receive_nowait(9) == b""


async def test_who_is_cancelled_while_it_waits_has_lost_nothing(nursery: trio.Nursery) -> None:
    plain, far = plain_ends(10)
    async with trio.open_nursery() as receiving:
        receiving.start_soon(plain.wait_receive_might_not_block)
        await wait_all_tasks_blocked()
        receiving.cancel_scope.cancel()
    await far.send_all(b"abc")
    await plain.wait_receive_might_not_block()
    assert plain.receive_nowait(9) == b"abc"
