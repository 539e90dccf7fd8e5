from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_httpd.file_content import WINDOW, read_cached, read_window


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    """Give the descriptor of a file with ten bytes, in memory as it was just written."""
    (tmp_path / "ten").write_text("0123456789")
    fd = os.open(tmp_path / "ten", os.O_RDONLY)
    yield fd
    os.close(fd)


def take_all_threads() -> trio.CapacityLimiter:
    """Take what everybody needs who wants a thread in this run; return it."""
    limiter = trio.to_thread.current_default_thread_limiter()
    limiter.total_tokens = 1
    limiter.acquire_nowait()
    return limiter


async def test_what_is_in_memory_is_read_without_a_thread(
    fd: int, autojump_clock: MockClock
) -> None:
    take_all_threads()
    with trio.fail_after(1):
        assert await read_window(fd, 4, 3) == b"3456"
        assert await read_window(fd, 100, 8) == b"89"


async def test_no_more_than_a_window_is_read_at_once(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * (WINDOW + 1))
    fd = os.open(tmp_path / "large", os.O_RDONLY)
    try:
        assert len(await read_window(fd, WINDOW + 1, 0)) == WINDOW
    finally:
        os.close(fd)


@pytest.mark.parametrize("problem", [BlockingIOError, None])
async def test_what_is_not_in_memory_is_read_in_a_thread(
    fd: int, problem: type[Exception] | None
) -> None:
    def nothing_at_once(fd: int, buffer: bytearray, offset: int) -> int:
        if problem is not None:
            raise problem
        return 0

    async def read() -> None:
        seen.append(await read_window(fd, 4, 3, at_once=nothing_at_once))

    seen: list[bytes] = []
    limiter = take_all_threads()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await wait_all_tasks_blocked()
        assert limiter.statistics().tasks_waiting == 1
        limiter.release()
    assert seen == [b"3456"]


async def test_behind_the_end_there_is_nothing_to_read(fd: int) -> None:
    with pytest.raises(EOFError, match="ends before byte 10"):
        await read_window(fd, 4, 10)


def test_where_the_system_does_not_know_what_is_in_memory_all_is_read_at_once(fd: int) -> None:
    target = bytearray(4)
    unknown_flag = 1 << 30
    assert read_cached(fd, target, 3, unknown_flag) == 4
    assert target == b"3456"


def test_a_fault_of_the_disk_stays_one() -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        read_cached(-1, bytearray(4), 0)
