"""An upgraded stream keeps trio's rules for streams over real sockets, watched or not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import check_half_closeable_stream

from tests.system.test_epoll import telling
from tests.system.test_sockets import Maker, clog, tcp_pair, unix_pair
from trio_httpd import Timeouts
from trio_httpd._net.coalescing import WriteBatch
from trio_httpd._net.deadlines import DeadlineWatcher
from trio_httpd._net.epoll import SharedEpoll
from trio_httpd._net.sockets import SocketStream
from trio_httpd._net.transport import Transport
from trio_httpd._net.upgraded import UpgradedStream

Pair = tuple[UpgradedStream, UpgradedStream]


def upgraded(stream: SocketStream, nursery: trio.Nursery) -> UpgradedStream:
    watcher = DeadlineWatcher(Timeouts())
    return UpgradedStream(Transport(stream, watcher, WriteBatch(), nursery.start_soon), b"")


@asynccontextmanager
async def maybe_telling(is_watched: bool) -> AsyncIterator[SharedEpoll | None]:
    if is_watched:
        async with telling() as readiness:
            yield readiness
    else:
        yield None


@pytest.mark.parametrize("is_watched", [True, False])
@pytest.mark.parametrize("pair", [tcp_pair, unix_pair])
async def test_an_upgraded_socket_is_a_stream_as_trio_has_them(
    pair: Maker, is_watched: bool, nursery: trio.Nursery
) -> None:
    async def made() -> Pair:
        near, far = await pair()
        if readiness is not None:
            near._wait_with(readiness)
            far._wait_with(readiness)
        return upgraded(near, nursery), upgraded(far, nursery)

    async def made_clogged() -> Pair:
        near, far = await made()
        for end in near, far:
            assert isinstance(end._transport.stream, SocketStream)
            clog(end._transport.stream)
        return near, far

    async with maybe_telling(is_watched) as readiness:
        # TCP makes room again when one looks away.
        await check_half_closeable_stream(made, made_clogged if pair is unix_pair else None)
