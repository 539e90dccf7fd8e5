"""An upgraded stream keeps trio's rules for streams, whatever lies below it."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio
from trio.testing import check_half_closeable_stream, wait_all_tasks_blocked

from tests.net.plain import PlainStream
from trio_httpd import PeerGone, Timeouts
from trio_httpd._net.coalescing import WriteBatch
from trio_httpd._net.deadlines import DeadlineWatcher
from trio_httpd._net.transport import Transport
from trio_httpd._net.upgraded import UpgradedStream
from trio_httpd.testing import MisbehavingStream, memory_streams


def upgraded(stream: trio.abc.Stream, nursery: trio.Nursery, early: bytes = b"") -> UpgradedStream:
    watcher = DeadlineWatcher(Timeouts())
    return UpgradedStream(Transport(stream, watcher, WriteBatch(), nursery.start_soon), early)


Ends = tuple[trio.abc.Stream, trio.abc.Stream]


def nowait_ends(window: float) -> Ends:
    return memory_streams(window)


def plain_ends(window: float) -> Ends:
    near, far = memory_streams(window)
    return PlainStream(near), PlainStream(far)


@pytest.mark.parametrize("ends", [nowait_ends, plain_ends])
async def test_it_is_a_stream_as_trio_has_them(
    ends: Callable[[float], Ends], nursery: trio.Nursery
) -> None:
    async def pair() -> tuple[UpgradedStream, UpgradedStream]:
        near, far = ends(math.inf)
        return upgraded(near, nursery), upgraded(far, nursery)

    async def clogged_pair() -> tuple[UpgradedStream, UpgradedStream]:
        near, far = ends(100)
        for end in near, far:
            await end.send_all(b"x" * 100)
        return upgraded(near, nursery), upgraded(far, nursery)

    await check_half_closeable_stream(pair, clogged_pair)


async def test_bytes_that_came_early_come_first(nursery: trio.Nursery) -> None:
    near, far = memory_streams()
    stream = upgraded(near, nursery, b"early")
    await far.send_all(b"late")
    assert await stream.receive_some(3) == b"ear"
    assert await stream.receive_some() == b"ly"
    assert await stream.receive_some() == b"late"


async def test_a_peer_that_left_is_gone(nursery: trio.Nursery) -> None:
    near, far = memory_streams()
    stream = upgraded(near, nursery)
    far.close()
    with pytest.raises(PeerGone):
        await stream.send_all(b"x")


async def test_one_side_can_only_end_where_the_transport_lets_it(nursery: trio.Nursery) -> None:
    near, _ = memory_streams()
    with pytest.raises(RuntimeError, match="cannot end one side only"):
        await upgraded(MisbehavingStream(near), nursery).send_eof()


async def test_two_tasks_that_receive_what_came_early_are_told_apart(nursery: trio.Nursery) -> None:
    near, _ = memory_streams()
    stream = upgraded(near, nursery, b"early")
    heard = []

    async def receive() -> None:
        try:
            heard.append(await stream.receive_some())
        except trio.BusyResourceError:
            heard.append(b"busy")

    async with trio.open_nursery() as both:
        both.start_soon(receive)
        both.start_soon(receive)
    assert sorted(heard) == [b"busy", b"early"]


async def test_a_send_that_is_cancelled_leaves_it_broken(nursery: trio.Nursery) -> None:
    near, far = memory_streams(3)
    stream = upgraded(near, nursery)
    async with trio.open_nursery() as sending:
        sending.start_soon(stream.send_all, b"abcdef")
        await wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await stream.send_all(b"x")
        with pytest.raises(trio.BusyResourceError):
            await stream.send_eof()
        sending.cancel_scope.cancel()
    calls: list[Callable[[], Awaitable[None]]] = [
        partial(stream.send_all, b"x"),
        stream.send_eof,
        stream.wait_send_all_might_not_block,
    ]
    for call in calls:
        with pytest.raises(PeerGone):
            await call()
    assert await far.receive_some() == b"abc"
    await far.send_all(b"yes")
    assert await stream.receive_some() == b"yes"


class Broken(PlainStream):
    async def wait_send_all_might_not_block(self) -> None:
        raise trio.BrokenResourceError


async def test_a_peer_is_gone_whoever_finds_out(nursery: trio.Nursery) -> None:
    near, _ = memory_streams()
    with pytest.raises(PeerGone):
        await upgraded(Broken(near), nursery).wait_send_all_might_not_block()
