"""What a stream has no room for goes out as the peer takes it, bytes or files."""

from __future__ import annotations

import errno
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.net.plain import PlainStream, plain_memory_streams
from tests.net.senders import owned_sender, sender_on
from tests.net.taking import NotingStream, fileless_streams, noting_streams
from tests.net.test_deadlines import watch
from trio_httpd import PeerGone, Timeouts
from trio_httpd._net.blocking import run_inline
from trio_httpd._net.coalescing import WriteBatch
from trio_httpd._net.deadlines import DeadlineWatcher
from trio_httpd._net.sending import FilePart, SenderState
from trio_httpd._net.sockets import SocketStream
from trio_httpd.abc import SendfileStream
from trio_httpd.testing import MemoryStream, memory_streams

CONTENT = bytes(range(256)) * 4
ROOM = 100
BUFFER = 40
IDLE, BATCHED, UNSENT, SENDING, BROKEN = SenderState

T = TypeVar("T")
Ends = tuple[NotingStream, MemoryStream]
Maker = Callable[[float], tuple[trio.abc.Stream, MemoryStream]]
on_both = pytest.mark.parametrize("streams", [memory_streams, plain_memory_streams])


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "file").write_bytes(CONTENT)
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    yield fd
    os.close(fd)


@pytest.fixture
async def ends() -> Ends:
    return noting_streams(ROOM - BUFFER, BUFFER)


@pytest.fixture
async def batch(nursery: trio.Nursery) -> WriteBatch:
    batch = WriteBatch()
    batch.open(nursery)
    await wait_all_tasks_blocked()
    return batch


async def heard(far: MemoryStream, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += await far.receive_some(count - len(data))
    return data


async def drained(far: MemoryStream) -> None:
    while await far.receive_some():
        pass


async def told_gone(call: Callable[[], Awaitable[object]]) -> None:
    with pytest.raises(PeerGone):
        await call()


# Bytes.


async def test_what_fits_is_out_at_once(ends: Ends, nursery: trio.Nursery) -> None:
    near, far = ends
    sender = sender_on(near, nursery)
    assert not sender.write(CONTENT[:ROOM])
    assert sender.state is IDLE
    await sender.flush()
    assert await heard(far, ROOM) == CONTENT[:ROOM]


async def test_the_rest_goes_out_as_there_is_room(ends: Ends, nursery: trio.Nursery) -> None:
    near, far = ends
    sender = sender_on(near, nursery)
    assert sender.write(CONTENT)
    assert sender.state is UNSENT
    nursery.start_soon(sender.flush)
    await wait_all_tasks_blocked()
    assert sender.state is SENDING
    assert near.send_queue_size() == BUFFER
    assert await heard(far, len(CONTENT)) == CONTENT
    await wait_all_tasks_blocked()
    assert sender.state is IDLE


@on_both
async def test_all_that_was_written_leaves_in_its_order(
    streams: Maker, batch: WriteBatch, nursery: trio.Nursery
) -> None:
    near, far = streams(10)
    sender = sender_on(near, nursery, batch=batch)
    sender.write_later(b"one,")
    for word in (b"twotwotwo,", b"three,"):
        assert sender.write(word)
    assert sender.state is UNSENT
    for word in (b"four,", b"five,"):
        assert sender.write_later(word)
    async with trio.open_nursery() as flushing:
        flushing.start_soon(sender.flush)
        await wait_all_tasks_blocked()
        assert sender.write(b"six,")  # While a task sends.
        flushing.start_soon(sender.flush)
        assert await heard(far, 34) == b"one,twotwotwo,three,four,five,six,"
    assert sender.state is IDLE


async def test_what_finds_room_again_goes_out_with_the_next_write(
    ends: Ends, nursery: trio.Nursery
) -> None:
    near, far = ends
    sender = sender_on(near, nursery)
    assert sender.write(CONTENT[: ROOM + 1])
    assert sender.write(CONTENT[ROOM + 1 : ROOM + 3])
    assert await heard(far, ROOM) == CONTENT[:ROOM]
    assert not sender.write(CONTENT[ROOM + 3 : ROOM + 5])
    assert sender.state is IDLE
    assert await heard(far, 5) == CONTENT[ROOM : ROOM + 5]


@on_both
async def test_several_may_wait_until_all_is_out(streams: Maker, nursery: trio.Nursery) -> None:
    near, far = streams(10)
    sender = sender_on(near, nursery)
    sender.write(b"x" * 30)
    async with trio.open_nursery() as flushing:
        for _ in range(3):
            flushing.start_soon(sender.flush)
        await wait_all_tasks_blocked()
        assert len(flushing.child_tasks) == 3
        assert await heard(far, 30) == b"x" * 30


@on_both
async def test_who_is_cancelled_while_another_sends_changes_nothing(
    streams: Maker, nursery: trio.Nursery
) -> None:
    near, far = streams(10)
    sender = sender_on(near, nursery)
    sender.write(b"x" * 30)
    nursery.start_soon(sender.flush)
    await wait_all_tasks_blocked()
    with trio.move_on_after(0) as scope:
        await sender.flush()
    assert scope.cancelled_caught
    assert sender.state is SENDING
    assert await heard(far, 30) == b"x" * 30


@on_both
async def test_who_is_cancelled_while_it_sends_breaks_it(
    streams: Maker, nursery: trio.Nursery
) -> None:
    near, far = streams(10)
    sender, owner = owned_sender(near, nursery)
    sender.write(b"x" * 30)
    async with trio.open_nursery() as flushing:
        flushing.start_soon(sender.flush)
        await wait_all_tasks_blocked()
        nursery.start_soon(told_gone, sender.flush)
        await wait_all_tasks_blocked()
        flushing.cancel_scope.cancel()
    assert owner.losses == 1
    assert sender.state is BROKEN
    assert await heard(far, 10) == b"x" * 10
    assert far.receive_nowait(99) is None


async def test_what_was_batched_is_sent_by_nobody_who_can_be_made_to_stop(
    batch: WriteBatch, nursery: trio.Nursery
) -> None:
    near, far = memory_streams(10)
    sender = sender_on(near, nursery, batch=batch)
    assert not sender.write_later(b"x" * 30)
    with trio.move_on_after(0):
        await sender.flush()
    assert sender.state is SENDING
    assert await heard(far, 30) == b"x" * 30
    await sender.flush()


async def test_nothing_can_be_sent_once_it_is_broken(
    ends: Ends, fd: int, batch: WriteBatch, nursery: trio.Nursery
) -> None:
    near, far = ends
    sender = sender_on(near, nursery, batch=batch)
    sender.write_later(b"batched")
    sender.break_off()
    writes: list[Callable[[], object]] = [
        lambda: sender.write(b"x"),
        lambda: sender.write_later(b"x"),
        lambda: sender.write_file(b"x", FilePart(fd, 0, 1)),
    ]
    for write in writes:
        with pytest.raises(PeerGone):
            write()
    await told_gone(sender.flush)
    sender.flush_nowait()
    await wait_all_tasks_blocked()
    assert sender.state is BROKEN
    assert far.receive_nowait(99) is None


async def test_a_plain_stream_has_nothing_wait_for_the_end_of_the_turn(
    batch: WriteBatch, nursery: trio.Nursery
) -> None:
    sender = sender_on(plain_memory_streams(10)[0], nursery, batch=batch)
    assert sender.write_later(b"x")  # So whoever wrote it sends it, and no further task.
    assert sender.state is UNSENT


# A peer that leaves.


async def test_a_peer_that_has_left_is_gone(ends: Ends, nursery: trio.Nursery) -> None:
    near, far = ends
    sender, owner = owned_sender(near, nursery)
    far.close()
    with pytest.raises(PeerGone):
        sender.write(b"x")
    assert (sender.state, owner.losses) == (BROKEN, 1)


async def test_a_peer_that_leaves_before_what_is_unsent_is_gone(
    ends: Ends, nursery: trio.Nursery
) -> None:
    near, far = ends
    sender, owner = owned_sender(near, nursery)
    sender.write(CONTENT)
    far.close()
    with pytest.raises(PeerGone):
        sender.write(b"x")
    assert (sender.state, owner.losses) == (BROKEN, 1)


async def test_a_peer_that_leaves_before_what_is_batched_tells_whoever_is_next(
    ends: Ends, batch: WriteBatch, nursery: trio.Nursery
) -> None:
    near, far = ends
    sender, owner = owned_sender(near, nursery, batch=batch)
    sender.write_later(b"x")
    far.close()
    await wait_all_tasks_blocked()
    assert sender.state is BROKEN
    assert owner.losses
    await told_gone(sender.flush)


@on_both
@pytest.mark.parametrize("by_batch", [True, False])
async def test_a_peer_that_leaves_meanwhile_is_gone(
    streams: Maker, by_batch: bool, batch: WriteBatch, nursery: trio.Nursery
) -> None:
    near, far = streams(10)
    sender = sender_on(near, nursery, batch=batch)
    if by_batch:
        sender.write_later(b"x" * 30)
    else:
        sender.write(b"x" * 30)
    async with trio.open_nursery() as flushing:
        for _ in range(2):
            flushing.start_soon(told_gone, sender.flush)
        await wait_all_tasks_blocked()
        far.close()
    assert sender.state is BROKEN


@on_both
async def test_what_is_broken_off_while_it_is_sent_ends_with_the_stream(
    streams: Maker, nursery: trio.Nursery
) -> None:
    near, far = streams(10)
    sender = sender_on(near, nursery)
    sender.write(b"x" * 30)
    async with trio.open_nursery() as flushing:
        for _ in range(2):
            flushing.start_soon(told_gone, sender.flush)
        await wait_all_tasks_blocked()
        sender.break_off()
        await wait_all_tasks_blocked()
        assert len(flushing.child_tasks) == 1
        await near.aclose()
    assert len(await far.receive_some()) <= 10


@on_both
async def test_what_is_broken_off_while_it_is_sent_ends_with_a_piece_that_is_taken(
    streams: Maker, nursery: trio.Nursery
) -> None:
    near, far = streams(10)
    sender = sender_on(near, nursery)
    sender.write(b"x" * 30)
    async with trio.open_nursery() as flushing:
        flushing.start_soon(told_gone, sender.flush)
        await wait_all_tasks_blocked()
        sender.break_off()
        while flushing.child_tasks:
            far.receive_nowait(99)
            await wait_all_tasks_blocked()


# Streams that raise what no stream should.


class Odd(MemoryStream):
    """Sends a part, and raises what no stream should."""

    def send_nowait(self, data: bytes | memoryview) -> int:
        super().send_nowait(data[:1])
        raise ZeroDivisionError


@pytest.mark.parametrize("unsent", [b"", CONTENT])
async def test_nothing_follows_what_a_stream_failed_to_send(
    unsent: bytes, nursery: trio.Nursery
) -> None:
    near, _ = memory_streams(ROOM)
    stream = Odd(near._outgoing, near._incoming)
    sender, owner = owned_sender(stream, nursery)
    if unsent:
        stream.send_nowait = near.send_nowait  # type: ignore[method-assign]
        sender.write(unsent)
        del stream.send_nowait
    with pytest.raises(ZeroDivisionError):
        sender.write(b"abc")
    assert (sender.state, owner.losses) == (BROKEN, 1)
    await told_gone(sender.flush)


class Untelling(MemoryStream):
    """Does not tell what it has sent, from some time on."""

    left = 0

    def send_queue_size(self) -> int:
        self.left -= 1
        if self.left < 0:
            raise ZeroDivisionError
        return super().send_queue_size()


@pytest.mark.parametrize(("left", "state"), [(0, BROKEN), (1, IDLE)])
async def test_a_stream_that_does_not_tell_what_it_has_sent_fails_who_waits(
    left: int, state: SenderState, nursery: trio.Nursery
) -> None:
    near, far = memory_streams(10)
    stream = Untelling(near._outgoing, near._incoming)
    stream.left = left
    sender = sender_on(stream, nursery)
    sender.write(b"x" * 30)
    nursery.start_soon(drained, far)
    with pytest.raises(ZeroDivisionError):
        await sender.flush()
    assert sender.state is state  # All or nothing is out.
    near.close()


# Files.


def test_files_are_taken_by_streams_that_can() -> None:
    assert isinstance(memory_streams()[0], SendfileStream)
    assert not isinstance(fileless_streams(1)[0], SendfileStream)
    assert issubclass(SocketStream, SendfileStream)


async def test_a_sender_knows_whether_files_can_be_sent(ends: Ends, nursery: trio.Nursery) -> None:
    assert sender_on(ends[0], nursery).takes_files
    assert not sender_on(fileless_streams(ROOM)[0], nursery).takes_files
    assert not sender_on(PlainStream(ends[1]), nursery).takes_files


async def test_of_a_file_goes_at_once_what_there_is_room_for(
    ends: Ends, fd: int, nursery: trio.Nursery
) -> None:
    near, far = ends
    sender = sender_on(near, nursery)
    assert not sender.write_file(b"head", FilePart(fd, 5, 20))
    assert sender.state is IDLE
    assert await heard(far, 24) == b"head" + CONTENT[5:25]
    assert sender.write_file(b"", FilePart(fd, 5, 200))
    assert (sender.state, near.files) == (UNSENT, [(5, 20), (5, 200)])
    assert await heard(far, 100) == CONTENT[5:105]


async def test_a_head_without_room_waits_with_its_file(
    ends: Ends, fd: int, nursery: trio.Nursery
) -> None:
    near, far = ends
    near.send_nowait(b"x" * (ROOM - 2))
    sender = sender_on(near, nursery)
    assert sender.write_file(b"head", FilePart(fd, 5, 20))
    assert near.files == []
    assert (await heard(far, ROOM))[ROOM - 2 :] == b"he"
    await sender.flush()
    assert await heard(far, 22) == b"ad" + CONTENT[5:25]
    assert near.files == [(5, 20)]


async def test_a_file_goes_behind_what_was_written_before(
    ends: Ends, fd: int, nursery: trio.Nursery
) -> None:
    near, far = ends
    sender = sender_on(near, nursery)
    assert sender.write(CONTENT[:150])
    assert sender.write_file(b"head", FilePart(fd, 0, 10))
    assert sender.write(b"tail")
    async with trio.open_nursery() as flushing:
        flushing.start_soon(sender.flush)
        assert await heard(far, 168) == CONTENT[:150] + b"head" + CONTENT[:10] + b"tail"


async def test_a_file_goes_out_as_there_is_room(ends: Ends, fd: int, nursery: trio.Nursery) -> None:
    near, far = ends
    sender = sender_on(near, nursery)
    assert sender.write_file(b"", FilePart(fd, 1, len(CONTENT) - 1))
    nursery.start_soon(sender.flush)
    await wait_all_tasks_blocked()
    assert near.send_queue_size() == BUFFER
    assert await heard(far, len(CONTENT) - 1) == CONTENT[1:]


async def test_a_file_that_has_to_be_read_is_read(
    ends: Ends, fd: int, monkeypatch: pytest.MonkeyPatch, nursery: trio.Nursery
) -> None:
    monkeypatch.setattr("trio_httpd._net.sending._WINDOW", 300)
    near, far = ends
    near.refuses = True
    sender = sender_on(near, nursery)
    assert sender.write_file(b"head", FilePart(fd, 1, 500))
    assert sender.write(b"tail")  # It is tried once.
    nursery.start_soon(sender.flush)
    assert await heard(far, 508) == b"head" + CONTENT[1:501] + b"tail"
    assert near.files == [(1, 500)]


async def test_a_file_that_is_broken_off_while_it_is_read_is_not_sent(
    ends: Ends, fd: int, nursery: trio.Nursery
) -> None:
    async def break_off_and_read(call: Callable[..., T], /, *args: Any) -> T:
        sender.break_off()
        return await run_inline(call, *args)

    near, far = ends
    near.refuses = True
    sender = sender_on(near, nursery)
    sender._run_blocking = break_off_and_read
    assert sender.write_file(b"", FilePart(fd, 0, 500))
    await told_gone(sender.flush)
    assert sender.state is BROKEN
    assert far.receive_nowait(99) is None


@pytest.mark.parametrize("refuses", [False, True])
async def test_a_file_that_ends_before_is_told(
    ends: Ends, fd: int, refuses: bool, nursery: trio.Nursery
) -> None:
    near, far = ends
    near.refuses = refuses
    sender, owner = owned_sender(near, nursery)
    assert sender.write_file(b"", FilePart(fd, len(CONTENT) - 7, 20))
    with pytest.raises(EOFError, match="ends before"):
        await sender.flush()
    assert (sender.state, owner.losses) == (BROKEN, 1)
    assert await heard(far, 7) == CONTENT[-7:]


async def test_a_file_that_cannot_be_read_is_told(
    ends: Ends, fd: int, nursery: trio.Nursery
) -> None:
    near, _ = ends
    near.fails = OSError(errno.EIO, "input/output error")
    sender, owner = owned_sender(near, nursery)
    with pytest.raises(OSError, match="input/output"):
        sender.write_file(b"", FilePart(fd, 0, 20))
    assert (sender.state, owner.losses) == (BROKEN, 1)


# Time.


async def test_who_takes_enough_of_a_file_in_each_period_is_fast_enough(
    fd: int, autojump_clock: MockClock
) -> None:
    near, far = noting_streams(1, ROOM - 1)
    watcher = DeadlineWatcher(Timeouts(send=10))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch, watcher)
        sender, owner = owned_sender(near, nursery, watcher=watcher, progress=50)
        sender.write_file(b"", FilePart(fd, 0, 400))
        nursery.start_soon(told_gone, sender.flush)
        for count in (60, 50, 1):
            await trio.sleep(9)
            await heard(far, count)
            await trio.sleep(1)
            await wait_all_tasks_blocked()
        assert owner.answers == [True, True, False]
        with pytest.raises(trio.BrokenResourceError):
            await heard(far, 400)
        await trio.sleep(20)
        assert len(owner.answers) == 3  # It stands in the queue no longer.
        nursery.cancel_scope.cancel()


async def test_each_piece_for_a_plain_stream_has_a_period_of_its_own(
    autojump_clock: MockClock,
) -> None:
    near, far = plain_memory_streams(1)
    watcher = DeadlineWatcher(Timeouts(send=10))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch, watcher)
        sender, owner = owned_sender(near, nursery, watcher=watcher, progress=1024)
        sender.write(b"x" * 5000)
        nursery.start_soon(told_gone, sender.flush)
        for _ in range(3):
            await trio.sleep(9)
            await heard(far, 1024)
        await trio.sleep(9)
        await heard(far, 1000)
        assert owner.answers == []
        await trio.sleep(2)
        assert owner.answers == [False]
        nursery.cancel_scope.cancel()
