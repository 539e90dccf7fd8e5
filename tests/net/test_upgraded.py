from __future__ import annotations

import functools

import pytest
import trio
from trio.testing import check_half_closeable_stream

from trio_httpd import PeerGone
from trio_httpd._message.limits import Timeouts
from trio_httpd._net.deadlines import DeadlineWatcher
from trio_httpd._net.transport import Transport
from trio_httpd._net.upgraded import UpgradedStream
from trio_httpd.testing import MisbehavingStream, memory_streams

pytestmark = pytest.mark.usefixtures("any_stream")


def upgraded(stream: trio.abc.Stream, nursery: trio.Nursery, early: bytes = b"") -> UpgradedStream:
    return UpgradedStream(Transport(stream, DeadlineWatcher(Timeouts()), nursery.start_soon), early)


async def pair(nursery: trio.Nursery) -> tuple[UpgradedStream, UpgradedStream]:
    near, far = memory_streams()
    return upgraded(near, nursery), upgraded(far, nursery)


async def test_it_is_a_stream_as_trio_has_them(nursery: trio.Nursery) -> None:
    await check_half_closeable_stream(functools.partial(pair, nursery), None)


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
