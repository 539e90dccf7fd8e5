"""A transport breaks once, ends once, and never so that something cut looks whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked

from tests.http1.exchanges import get
from tests.net.plain import PlainStream, plain_memory_streams
from tests.net.taking import fileless_streams
from tests.net.test_deadlines import watch
from trio_httpd import Connection, PeerGone, Timeouts
from trio_httpd._net.checkpoints import TURN
from trio_httpd._net.coalescing import WriteBatch
from trio_httpd._net.deadlines import DeadlineWatcher
from trio_httpd._net.ending import Ending
from trio_httpd._net.transport import Transport, close_now
from trio_httpd.testing import MemoryStream, MisbehavingStream, connect, memory_streams


def transport_of(
    stream: trio.abc.Stream, nursery: trio.Nursery, watcher: DeadlineWatcher | None = None
) -> Transport:
    return Transport(
        stream, watcher or DeadlineWatcher(Timeouts()), WriteBatch(), nursery.start_soon
    )


# Receiving.


async def test_a_transport_of_a_stream_of_trio_gives_bytes(nursery: trio.Nursery) -> None:
    near, far = memory_stream_pair()
    transport = transport_of(near, nursery)
    await far.send_all(b"abc")
    received = await transport.receive(2)
    assert (type(received), received) == (bytes, b"ab")


async def test_two_tasks_cannot_receive_at_once(nursery: trio.Nursery) -> None:
    near, far = memory_streams()
    transport = transport_of(near, nursery)
    async with trio.open_nursery() as readers:
        readers.start_soon(transport.receive, 1)
        await wait_all_tasks_blocked()
        for _ in range(2):
            with pytest.raises(trio.BusyResourceError):
                await transport.receive(1)
        assert transport.receiving
        await far.send_all(b"x")


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
    transport = transport_of(Reluctant(near._outgoing, near._incoming), nursery)
    await far.send_all(b"abc")
    assert await transport.receive() == b"abc"


async def test_a_peer_that_resets_is_gone_for_sending_too(nursery: trio.Nursery) -> None:
    near, far = memory_streams()
    transport = transport_of(near, nursery)
    far.abort()
    with pytest.raises(PeerGone):
        await transport.receive()
    assert (transport.is_gone, transport.ending) == (True, Ending.GONE)


async def test_receiving_is_a_turn(nursery: trio.Nursery) -> None:
    near, far = memory_streams()
    transport = transport_of(near, nursery)
    for data in (b"a", b"b"):
        transport.budget.left = 0
        await far.send_all(data)
        if data == b"a":
            await transport.receive()
        else:
            await transport.wait_readable()
            assert transport.receive_nowait(9) == b"b"
        assert transport.budget.left == TURN


# Sending.


async def test_a_turn_begins_when_earlier_bytes_are_out(nursery: trio.Nursery) -> None:
    near, far = memory_streams(10)
    transport = transport_of(near, nursery)
    waits = [transport.must_wait]
    transport.sender.write(b"x" * 20)
    waits.append(transport.must_wait)
    nursery.start_soon(drain, far)
    await transport.take_turn()
    waits.append(transport.must_wait)
    assert waits == [False, True, False]
    near.close()


async def drain(stream: MemoryStream) -> None:
    while await stream.receive_some():
        pass


async def test_a_turn_begins_when_others_have_had_theirs(nursery: trio.Nursery) -> None:
    transport = transport_of(memory_streams()[0], nursery)
    transport.budget.left = 0
    assert transport.must_wait
    await transport.take_turn()
    assert transport.budget.left == TURN


@pytest.mark.parametrize("left", [0, 1])
async def test_who_is_cancelled_before_a_turn_has_sent_nothing(
    left: int, nursery: trio.Nursery
) -> None:
    transport = transport_of(memory_streams()[0], nursery)
    transport.budget.left = left
    with trio.move_on_after(0) as scope:
        await transport.take_turn()
    assert scope.cancelled_caught
    assert not transport.is_gone


async def test_a_plain_stream_always_waits_for_its_turn(nursery: trio.Nursery) -> None:
    transport = transport_of(plain_memory_streams(9)[0], nursery)
    assert (transport.is_plain, transport.must_wait, transport.takes_files) == (True, True, False)
    transport = transport_of(fileless_streams(9)[0], nursery)
    assert (transport.is_plain, transport.must_wait, transport.takes_files) == (False, False, False)
    assert transport_of(memory_streams()[0], nursery).takes_files


async def test_a_turn_never_begins_once_it_is_gone(nursery: trio.Nursery) -> None:
    transport = transport_of(memory_streams()[0], nursery)
    transport.lose()
    assert transport.must_wait
    with pytest.raises(PeerGone):
        await transport.take_turn()


class Odd(MemoryStream):
    """Raises what no stream should."""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        raise ZeroDivisionError


async def test_a_send_that_did_not_end_well_leaves_it_gone(nursery: trio.Nursery) -> None:
    async def fail(stream: trio.abc.Stream, problem: type[Exception]) -> None:
        transport = transport_of(stream, nursery)
        for each in (problem, PeerGone):
            with pytest.raises(each):
                await transport.send_all(b"x" * 20)
        assert transport.is_gone

    near, far = memory_streams(10)
    with trio.move_on_after(0) as scope:
        await (transport := transport_of(near, nursery)).send_all(b"x" * 20)
    assert (scope.cancelled_caught, transport.is_gone) == (True, True)
    await fail(Odd(near._outgoing, near._incoming), ZeroDivisionError)
    far.close()
    await fail(near, PeerGone)


# Time.


async def test_a_phase_that_is_over_cancels_what_goes_on(autojump_clock: MockClock) -> None:
    watcher = DeadlineWatcher(Timeouts(header=3, handler=5))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch, watcher)
        for queue, ending in (
            (watcher.header, Ending.HEADER_EXPIRED),
            (watcher.handler, Ending.HANDLER_EXPIRED),
            (watcher.keep_alive, Ending.CLOSE),
        ):
            transport = transport_of(memory_streams()[0], nursery, watcher)
            began = trio.current_time()
            queue.enter(transport)
            with transport.scope:
                await trio.sleep_forever()
            assert trio.current_time() - began == queue.seconds
            assert transport.ending is ending
            assert transport.must_wait
        nursery.cancel_scope.cancel()


class Untelling(MemoryStream):
    """Does not tell what it has sent."""

    def send_queue_size(self) -> int:
        raise ZeroDivisionError


@pytest.mark.parametrize(("kind", "logged"), [(MemoryStream, 0), (Untelling, 1)])
async def test_a_peer_that_takes_too_little_is_reset(
    kind: type[MemoryStream], logged: int, caplog: pytest.LogCaptureFixture, nursery: trio.Nursery
) -> None:
    near, far = memory_streams()
    watcher = DeadlineWatcher(Timeouts())
    transport = transport_of(kind(near._outgoing, near._incoming), nursery, watcher)
    transport.expire(watcher.send)
    assert transport.ending is Ending.GONE
    assert caplog.messages == ["a stream does not tell what it has sent"] * logged
    with pytest.raises(trio.BrokenResourceError):
        far.receive_nowait(1)


async def test_a_peer_that_takes_enough_has_another_period(nursery: trio.Nursery) -> None:
    near, _ = memory_streams()
    watcher = DeadlineWatcher(Timeouts(send=5))
    transport = transport_of(near, nursery, watcher)
    transport.sender._rate.give(TURN)
    transport.expire(watcher.send)
    assert not transport.is_gone
    assert watcher.send.earliest() > trio.current_time()


# The end.


async def test_a_stream_that_cannot_be_reset_is_closed(nursery: trio.Nursery) -> None:
    near, far = memory_stream_pair()
    transport_of(near, nursery).abort()
    assert await far.receive_some() == b""


async def test_a_stream_that_was_closed_is_not_lingered_on(nursery: trio.Nursery) -> None:
    near, _ = memory_streams()
    transport = transport_of(near, nursery)
    near.close()
    for _ in range(2):
        with pytest.raises(PeerGone):
            await transport.linger(trio.current_time() + 1, 10)
    transport.end()
    with pytest.raises(PeerGone):
        await transport.receive(1)
    assert transport.is_gone


async def test_lingering_ends_our_side_and_reads_theirs(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        near, far = memory_streams()
        transport = transport_of(near, nursery)
        nursery.start_soon(transport.linger, 3, 10)
        assert await far.receive_some() == b""
        await far.send_all(b"x" * 100)
        await far.send_eof()
    assert trio.current_time() == 0
    await transport.linger(3, 10)
    assert not near._incoming.data


async def test_lingering_is_over_in_time(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        near, _ = memory_streams()
        await transport_of(near, nursery).linger(3, 10)
    assert trio.current_time() == 3


async def test_a_stream_of_which_no_side_can_be_ended_is_only_read(
    autojump_clock: MockClock,
) -> None:
    async with trio.open_nursery() as nursery:
        near, far = memory_streams()
        transport = transport_of(MisbehavingStream(near), nursery)
        await far.send_all(b"x")
        await transport.linger(3, 10)
        assert trio.current_time() == 3
        assert not near._incoming.data
        assert far.receive_nowait(1) is None


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


class Unabortable(MemoryStream):
    """Fails to be reset."""

    def abort(self) -> None:
        raise OSError("input/output error")


async def test_a_stream_that_fails_to_be_reset_is_closed_and_logged(
    caplog: pytest.LogCaptureFixture, nursery: trio.Nursery
) -> None:
    near, far = memory_streams()
    transport_of(Unabortable(near._outgoing, near._incoming), nursery).abort()
    await wait_all_tasks_blocked()
    assert far.far_end_gone
    assert caplog.messages == ["a stream cannot be reset"]


class Breaking(MemoryStream):
    """Finds out as it is closed that the far end has gone."""

    async def aclose(self) -> None:
        raise trio.BrokenResourceError


async def test_a_close_that_finds_nobody_is_fine(nursery: trio.Nursery) -> None:
    near, _ = memory_streams()
    await transport_of(Breaking(near._outgoing, near._incoming), nursery).aclose()


class Slow(PlainStream):
    """Takes its time to close, unless it is closed forcefully."""

    async def aclose(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            await super().aclose()


async def test_a_close_that_takes_too_long_is_ended(autojump_clock: MockClock) -> None:
    watcher = DeadlineWatcher(Timeouts(send=5))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch, watcher)
        near, far = memory_streams()
        transport = transport_of(Slow(near), nursery, watcher)
        with trio.move_on_after(10):
            await transport.aclose()
        assert transport.is_gone
        with pytest.raises(trio.BrokenResourceError):
            await far.receive_some()
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("forcefully", [True, False])
async def test_what_was_cut_is_not_closed_properly(forcefully: bool, nursery: trio.Nursery) -> None:
    near, far = memory_streams()
    transport = transport_of(near, nursery)
    if forcefully:
        transport.lose()
    else:
        transport.ends_content = True
    await transport.aclose()
    assert far.receive_nowait(1) is None


@pytest.mark.parametrize(
    "close",
    [Transport.abort, Transport.end, Transport.drop],
)
@pytest.mark.parametrize("cut", [True, False])
async def test_what_only_the_end_would_end_is_reset_unless_it_is_whole(
    close: Callable[[Transport], object], cut: bool, nursery: trio.Nursery
) -> None:
    near, far = memory_streams()
    transport = transport_of(near, nursery)
    transport.ends_content = cut
    if close is Transport.drop:
        await transport.drop()
    else:
        close(transport)
    await wait_all_tasks_blocked()
    if cut or close is Transport.abort:
        with pytest.raises(trio.BrokenResourceError):
            await far.receive_some()
    else:
        assert await far.receive_some() == b""


async def test_what_only_the_end_would_end_is_not_lingered_on(nursery: trio.Nursery) -> None:
    near, far = memory_streams()
    transport = transport_of(near, nursery)
    transport.ends_content = True
    await transport.linger(trio.current_time() + 99, 10)
    assert far.receive_nowait(1) is None
    await transport.drop()
    with pytest.raises(trio.BrokenResourceError):
        far.receive_nowait(1)


@pytest.mark.usefixtures("any_stream")
@pytest.mark.parametrize("fields", ["Connection: keep-alive", "Content-Length: 5"])
async def test_a_response_that_is_cut_in_its_time_does_not_look_whole(
    fields: str, autojump_clock: MockClock
) -> None:
    async def handler(conn: Connection) -> None:
        await conn.send("a part")
        await conn.flush()
        await trio.sleep_forever()

    async with connect(handler, timeouts=Timeouts(handler=1)) as client:
        await client.raw.say(get("/", fields, version="1.0"))
        await client.raw.hear(b"a part")
        await client.raw.hear_reset()
        assert trio.current_time() == 1


@pytest.mark.usefixtures("any_stream")
@pytest.mark.parametrize("is_upgraded", [False, True])
async def test_a_task_left_behind_that_sends_ends_with_its_transport(
    is_upgraded: bool, autojump_clock: MockClock
) -> None:
    async def send(send: Callable[[bytes], Awaitable[None]]) -> None:
        with pytest.raises(trio.ClosedResourceError if is_upgraded else trio.BrokenResourceError):
            await send(b"x" * 100_000)
        ended.append(trio.current_time())

    async def handler(conn: Connection) -> None:
        if is_upgraded:
            outer.start_soon(send, (await conn.upgrade()).send_all)
            await trio.sleep(1)
        else:
            outer.start_soon(send, conn.send)
            await trio.sleep_forever()

    ended: list[float] = []
    async with trio.open_nursery() as outer:
        async with connect(handler, window=400, timeouts=Timeouts(handler=1)) as client:
            await client.raw.say(get("/", "Connection: upgrade", "Upgrade: x"))
            await trio.sleep(2)
            assert client.server.empty
        assert ended == [1]
        outer.cancel_scope.cancel()


async def test_a_nursery_that_starts_no_tasks_harms_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("no more tasks")

    near, far = memory_streams()
    transport = Transport(near, DeadlineWatcher(Timeouts()), WriteBatch(), refuse)
    transport.abort()
    assert caplog.messages == ["a stream cannot be closed"]
    with pytest.raises(trio.BrokenResourceError):
        await far.receive_some()
