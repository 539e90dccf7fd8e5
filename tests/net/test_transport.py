"""What the loop's tests leave open."""

from __future__ import annotations

import pytest
import trio
from trio.testing import memory_stream_pair, wait_all_tasks_blocked

from tests.net.plain import PlainStream
from trio_httpd import PeerGone, Timeouts
from trio_httpd._net.deadlines import DeadlineWatcher
from trio_httpd._net.transport import Transport, close_now
from trio_httpd.testing import MemoryStream, memory_streams


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
    stream = PlainStream(memory_streams()[0])
    watcher = DeadlineWatcher(Timeouts())
    await Transport(stream, watcher, nursery.start_soon, progress=progress).send(b"x" * 10_000)
    assert stream.pieces == pieces


async def test_a_transport_of_a_stream_of_trio_gives_bytes(nursery: trio.Nursery) -> None:
    near, far = memory_stream_pair()
    transport = Transport(near, DeadlineWatcher(Timeouts()), nursery.start_soon)
    await far.send_all(b"abc")
    received = await transport.receive(2)
    assert (type(received), received) == (bytes, b"ab")


async def test_a_stream_that_cannot_be_reset_is_closed(nursery: trio.Nursery) -> None:
    near, far = memory_stream_pair()
    Transport(near, DeadlineWatcher(Timeouts()), nursery.start_soon).abort()
    assert await far.receive_some() == b""


async def test_a_stream_that_cannot_be_ended_is_not_lingered_on(nursery: trio.Nursery) -> None:
    near, _ = memory_streams()
    transport = Transport(near, DeadlineWatcher(Timeouts()), nursery.start_soon)
    near.close()
    with pytest.raises(PeerGone):
        await transport.linger(trio.current_time() + 1, 10)
    with pytest.raises(PeerGone):
        await transport.receive(1)
    await transport.linger(trio.current_time() + 1, 10)
    assert transport.broken


class Unclosable(MemoryStream):
    """Fails to close."""

    async def aclose(self) -> None:
        raise OSError("input/output error")


async def test_a_stream_that_fails_to_close_is_only_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    near, _ = memory_streams()
    await close_now(Unclosable(near._outgoing, near._incoming))
    assert caplog.messages == ["a stream cannot be closed"]


async def test_two_tasks_cannot_receive_at_once(nursery: trio.Nursery) -> None:
    near, far = memory_streams()
    transport = Transport(near, DeadlineWatcher(Timeouts()), nursery.start_soon)
    async with trio.open_nursery() as readers:
        readers.start_soon(transport.receive, 1)
        await wait_all_tasks_blocked()
        for _ in range(2):
            with pytest.raises(trio.BusyResourceError):
                await transport.receive(1)
        assert transport.receiving
        await far.send_all(b"x")


class Unabortable(MemoryStream):
    """Fails to be reset."""

    def abort(self) -> None:
        raise OSError("input/output error")


async def test_a_stream_that_fails_to_be_reset_is_closed_and_logged(
    caplog: pytest.LogCaptureFixture, nursery: trio.Nursery
) -> None:
    near, far = memory_streams()
    stream = Unabortable(near._outgoing, near._incoming)
    Transport(stream, DeadlineWatcher(Timeouts()), nursery.start_soon).abort()
    await wait_all_tasks_blocked()
    assert far.far_end_gone
    assert caplog.messages == ["a stream cannot be reset"]


class Breaking(MemoryStream):
    """Finds out as it is closed that the far end has gone."""

    async def aclose(self) -> None:
        raise trio.BrokenResourceError


async def test_a_close_that_finds_nobody_is_fine(nursery: trio.Nursery) -> None:
    near, _ = memory_streams()
    transport = Transport(
        Breaking(near._outgoing, near._incoming), DeadlineWatcher(Timeouts()), nursery.start_soon
    )
    await transport.aclose()


class Reluctant(MemoryStream):
    """Says once that there is nothing, though it has said that there is."""

    reluctant = True

    def receive_nowait(self, max_bytes: int) -> bytes | None:
        if self.reluctant:
            self.reluctant = False
            return None
        return super().receive_nowait(max_bytes)


async def test_a_wake_up_for_nothing_is_waited_out(nursery: trio.Nursery) -> None:
    near, far = memory_streams()
    stream = Reluctant(near._outgoing, near._incoming)
    transport = Transport(stream, DeadlineWatcher(Timeouts()), nursery.start_soon)
    await far.send_all(b"abc")
    assert await transport.receive() == b"abc"
