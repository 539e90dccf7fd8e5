"""What a stream has no room for goes out as the peer takes it, bytes or files."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.net.taking import NotingStream, fileless_streams, noting_streams
from tests.net.test_deadlines import watch
from trio_httpd import Timeouts
from trio_httpd._net.blocking import run_inline
from trio_httpd._net.deadlines import DeadlineQueue, DeadlineWatcher
from trio_httpd._net.sending import Pusher, UnsentFile
from trio_httpd._net.sockets import SocketStream
from trio_httpd.abc import SendfileStream
from trio_httpd.testing import MemoryStream, memory_streams

CONTENT = bytes(range(256)) * 4
ROOM = 100
BUFFER = 40


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "file").write_bytes(CONTENT)
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    yield fd
    os.close(fd)


class Owner:
    """Is told when time is over, and asks whether the peer was fast enough."""

    pusher: Pusher

    def __init__(self) -> None:
        self.answers: list[bool] = []

    def expire(self, phase: DeadlineQueue) -> None:
        self.answers.append(self.pusher.is_fast_enough())
        phase.enter(self)


def pushing(stream: MemoryStream, watcher: DeadlineWatcher, progress: int = 1) -> Pusher:
    owner = Owner()
    owner.pusher = Pusher(stream, owner, watcher.send, progress, run=run_inline)
    return owner.pusher


@pytest.fixture
async def ends() -> tuple[NotingStream, MemoryStream]:
    return noting_streams(ROOM - BUFFER, BUFFER)


Ends = tuple[NotingStream, MemoryStream]


def test_files_are_taken_by_streams_that_can() -> None:
    assert isinstance(memory_streams()[0], SendfileStream)
    assert not isinstance(fileless_streams(1)[0], SendfileStream)
    assert issubclass(SocketStream, SendfileStream)


async def test_a_pusher_knows_whether_files_can_be_pushed(ends: Ends) -> None:
    watcher = DeadlineWatcher(Timeouts())
    assert pushing(ends[0], watcher).takes_files
    assert not pushing(fileless_streams(ROOM)[0], watcher).takes_files


async def test_bytes_go_out_as_there_is_room(ends: Ends, nursery: trio.Nursery) -> None:
    near, far = ends
    nursery.start_soon(pushing(near, DeadlineWatcher(Timeouts())).push, CONTENT)
    await wait_all_tasks_blocked()
    assert near.send_queue_size() == BUFFER
    assert await heard(far, len(CONTENT)) == CONTENT


async def heard(far: MemoryStream, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += await far.receive_some(count - len(data))
    return data


async def test_of_a_file_goes_at_once_what_there_is_room_for(ends: Ends, fd: int) -> None:
    near, far = ends
    pusher = pushing(near, DeadlineWatcher(Timeouts()))
    assert pusher.push_file_nowait(UnsentFile(b"head", fd, 5, 20)) is None
    assert await heard(far, 24) == b"head" + CONTENT[5:25]
    rest = pusher.push_file_nowait(UnsentFile(b"head", fd, 5, 200))
    assert rest == UnsentFile(b"", fd, 101, 104)
    assert await heard(far, 100) == b"head" + CONTENT[5:101]


async def test_a_head_without_room_waits_with_its_file(
    ends: Ends, fd: int, nursery: trio.Nursery
) -> None:
    near, far = ends
    near.send_nowait(b"x" * (ROOM - 2))
    pusher = pushing(near, DeadlineWatcher(Timeouts()))
    rest = pusher.push_file_nowait(UnsentFile(b"head", fd, 5, 20))
    assert rest is not None
    assert (bytes(rest.prefix), *rest[1:]) == (b"ad", fd, 5, 20)
    nursery.start_soon(pusher.push_file, rest)
    assert (await heard(far, ROOM + 22))[ROOM - 2 :] == b"head" + CONTENT[5:25]
    assert near.files == [(5, 20)]


async def test_a_file_goes_out_as_there_is_room(ends: Ends, fd: int, nursery: trio.Nursery) -> None:
    near, far = ends
    pusher = pushing(near, DeadlineWatcher(Timeouts()))
    nursery.start_soon(pusher.push_file, UnsentFile(b"", fd, 1, len(CONTENT) - 1))
    await wait_all_tasks_blocked()
    assert near.send_queue_size() == BUFFER
    assert await heard(far, len(CONTENT) - 1) == CONTENT[1:]


async def test_a_file_that_has_to_be_read_is_read(
    ends: Ends, fd: int, nursery: trio.Nursery
) -> None:
    near, far = ends
    near.refuses = True
    pusher = pushing(near, DeadlineWatcher(Timeouts()))
    rest = pusher.push_file_nowait(UnsentFile(b"head", fd, 1, 500))
    assert rest == UnsentFile(b"", fd, 1, 500)
    nursery.start_soon(pusher.push_file, rest)
    assert await heard(far, 504) == b"head" + CONTENT[1:501]
    assert near.files == [(1, 500)] * 2


@pytest.mark.parametrize("refuses", [False, True])
async def test_a_file_that_ends_before_is_told(ends: Ends, fd: int, refuses: bool) -> None:
    near, far = ends
    near.refuses = refuses
    pusher = pushing(near, DeadlineWatcher(Timeouts()))
    with pytest.raises(EOFError, match="ends before"):
        await pusher.push_file(UnsentFile(b"", fd, len(CONTENT) - 7, 20))
    assert await heard(far, 7) == CONTENT[-7:]


async def test_a_file_that_cannot_be_read_is_told(ends: Ends, fd: int) -> None:
    near, _ = ends
    near.fails = OSError(errno.EIO, "input/output error")
    pusher = pushing(near, DeadlineWatcher(Timeouts()))
    with pytest.raises(OSError, match="input/output"):
        pusher.push_file_nowait(UnsentFile(b"", fd, 0, 20))
    with pytest.raises(OSError, match="input/output"):
        await pusher.push_file(UnsentFile(b"", fd, 0, 20))


async def test_who_takes_enough_of_a_file_in_each_period_is_fast_enough(
    fd: int, autojump_clock: MockClock
) -> None:
    near, far = noting_streams(1, ROOM - 1)
    watcher, owner = DeadlineWatcher(Timeouts(send=10)), Owner()
    owner.pusher = Pusher(near, owner, watcher.send, 50, run=run_inline)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch, watcher)
        nursery.start_soon(owner.pusher.push_file, UnsentFile(b"", fd, 0, 400))
        for count in (60, 50, 1, 1):
            await trio.sleep(9)
            await heard(far, count)
            await trio.sleep(1)
            await wait_all_tasks_blocked()
        assert owner.answers == [True, True, False, False]
        await heard(far, 400 - 112)
        await trio.sleep(20)
        assert len(owner.answers) == 4  # It stands in the queue no longer.
        nursery.cancel_scope.cancel()
