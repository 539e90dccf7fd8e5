"""Bytes of a file: at once where they are in memory, else by a thread."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_httpd._net.blocking import run_in_thread
from trio_httpd._static.files.open_file import OpenFile, open_file
from trio_httpd._static.files.reading import (
    WINDOW,
    FileObject,
    descriptor_of,
    make_ready,
    read_at_once,
    read_cached,
    read_window,
)


@pytest.fixture
def ten(tmp_path: Path) -> Iterator[OpenFile]:
    """Give a file with ten bytes, in memory as it was just written."""
    (tmp_path / "ten").write_text("0123456789")
    with open_file(tmp_path / "ten") as file:
        yield file


@pytest.fixture
def large(tmp_path: Path) -> Iterator[OpenFile]:
    """Give a file of a window and a byte."""
    (tmp_path / "large").write_bytes(b"x" * (WINDOW + 1))
    with open_file(tmp_path / "large") as file:
        yield file


def take_all_threads() -> trio.CapacityLimiter:
    """Take what everybody needs who wants a thread in this run; return it."""
    limiter = trio.to_thread.current_default_thread_limiter()
    limiter.total_tokens = 1
    limiter.acquire_nowait()
    return limiter


async def wants_a_thread(work: Callable[[], Awaitable[object]]) -> bool:
    """Do ``work``; return whether it had to wait for a thread."""
    limiter = take_all_threads()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(work)
        await wait_all_tasks_blocked()
        waited = limiter.statistics().tasks_waiting
        limiter.release()
    return bool(waited)


def never_at_once(fd: int, buffer: bytearray, offset: int) -> int:
    raise BlockingIOError


def nothing_at_once(fd: int, buffer: bytearray, offset: int) -> int:
    return 0


# Windows.


async def test_what_is_in_memory_is_read_without_a_thread(
    ten: OpenFile, autojump_clock: MockClock
) -> None:
    take_all_threads()
    with trio.fail_after(1):
        assert await read_window(ten, 3, 4, run=run_in_thread) == b"3456"
        assert await read_window(ten, 8, 100, run=run_in_thread) == b"89"


async def test_no_more_than_a_window_is_read_at_once(large: OpenFile) -> None:
    assert len(await read_window(large, 0, WINDOW + 1, run=run_in_thread)) == WINDOW
    assert len(
        await read_window(
            FileObject(io.BytesIO(b"x" * WINDOW * 2)), 0, WINDOW + 1, run=run_in_thread
        )
    ) == (WINDOW)


@pytest.mark.parametrize("at_once", [never_at_once, nothing_at_once])
async def test_what_is_not_in_memory_is_read_in_a_thread(
    ten: OpenFile, at_once: Callable[[int, bytearray, int], int]
) -> None:
    async def read() -> None:
        seen.append(await read_window(ten, 3, 4, at_once=at_once, run=run_in_thread))

    seen: list[bytes] = []
    assert await wants_a_thread(read)
    assert seen == [b"3456"]


@pytest.mark.parametrize("at_once", [read_cached, never_at_once])
async def test_behind_the_end_there_is_nothing_to_read(
    ten: OpenFile, at_once: Callable[[int, bytearray, int], int]
) -> None:
    with pytest.raises(EOFError, match="ends before byte 10"):
        await read_window(ten, 10, 4, at_once=at_once, run=run_in_thread)


def test_where_the_system_does_not_know_what_is_in_memory_all_is_read_at_once(
    ten: OpenFile,
) -> None:
    target = bytearray(4)
    unknown_flag = 1 << 30
    assert read_cached(ten.fd, target, 3, unknown_flag) == 4
    assert target == b"3456"


def test_a_fault_of_the_disk_stays_one() -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        read_cached(-1, bytearray(4), 0)


# All of it at once.


def test_few_bytes_are_read_at_once_if_all_are_there(ten: OpenFile) -> None:
    assert read_at_once(ten.fd, 4, 3) == b"3456"
    assert read_at_once(ten.fd, 0, 10) == b""
    assert read_at_once(ten.fd, 4, 8) is None
    assert read_at_once(ten.fd, 4, 3, at_once=never_at_once) is None


# Windows that nobody reads.


async def test_a_window_that_is_in_memory_is_ready(large: OpenFile) -> None:
    async def work() -> None:
        await make_ready(large.fd, 1, WINDOW, run=run_in_thread)

    assert not await wants_a_thread(work)


@pytest.mark.parametrize("missing", [1, WINDOW])
async def test_a_window_that_is_not_is_read_through_in_a_thread(
    large: OpenFile, missing: int
) -> None:
    def at_once(fd: int, buffer: bytearray, offset: int) -> int:
        if offset == missing:
            raise BlockingIOError
        return read_cached(fd, buffer, offset)

    async def work() -> None:
        await make_ready(large.fd, 1, WINDOW, at_once=at_once, run=run_in_thread)

    assert await wants_a_thread(work)


async def test_a_window_beyond_the_end_is_read_to_the_end(large: OpenFile) -> None:
    await make_ready(large.fd, 0, WINDOW * 9, at_once=never_at_once, run=run_in_thread)


# File objects.


async def test_a_file_object_is_read_where_it_is_asked(autojump_clock: MockClock) -> None:
    take_all_threads()
    source = FileObject(io.BytesIO(b"0123456789"))
    await source.measure(run_in_thread)
    assert (source.size, source.name) == (10, "BytesIO")
    assert await read_window(source, 7, 9, run=run_in_thread) == b"789"
    assert await read_window(source, 3, 4, run=run_in_thread) == b"3456"
    with pytest.raises(EOFError, match="ends before byte 10"):
        await read_window(source, 10, 1, run=run_in_thread)


async def test_what_may_lie_on_a_disk_is_read_in_a_thread() -> None:
    with tempfile.SpooledTemporaryFile() as file:
        file.write(b"0123456789")
        source = FileObject(cast("BinaryIO", file))

        async def work() -> None:
            seen.append(await read_window(source, 3, 4, run=run_in_thread))

        seen: list[bytes] = []
        assert await wants_a_thread(work)
    assert seen == [b"3456"]


def test_only_a_file_of_the_system_is_its_descriptor(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    with path.open("rb") as buffered, path.open("rb", buffering=0) as raw, path.open("r+b") as both:
        for file in (buffered, raw, both):
            assert descriptor_of(file) == file.fileno()
    with tempfile.NamedTemporaryFile() as named:
        assert descriptor_of(named) == named.fileno()
    assert descriptor_of(io.BytesIO()) is None


class Scrambled(io.FileIO):
    """A file whose bytes are others than those of its descriptor."""


class Wrapped:
    def __init__(self, raw: io.FileIO) -> None:
        self.raw = raw


def test_what_may_give_other_bytes_is_not_its_descriptor(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    with Scrambled(path) as raw, io.BufferedReader(Scrambled(path)) as buffered:
        for file in (raw, buffered, Wrapped(raw)):
            assert descriptor_of(file) is None


async def test_an_object_that_several_read_gives_each_what_he_asks(tmp_path: Path) -> None:
    content = bytes(range(256)) * 400
    with gzip.open(tmp_path / "file.gz", "wb") as packed:
        packed.write(content)
    seen: dict[int, bytes] = {}

    async def read_all(number: int) -> None:
        source = FileObject(cast("BinaryIO", file))
        await source.measure(run_in_thread)
        data = b""
        while len(data) < source.size:
            data += await source.read(len(data), 1000 + number, run_in_thread)
        seen[number] = data

    with gzip.open(tmp_path / "file.gz") as file:
        async with trio.open_nursery() as nursery:
            for number in range(4):
                nursery.start_soon(read_all, number)
    assert set(seen.values()) == {content}


async def test_a_file_that_is_decompressed_is_not_its_descriptor(tmp_path: Path) -> None:
    kinds: list[tuple[Callable[[bytes], bytes], Callable[[Path], Any]]] = [
        (gzip.compress, gzip.open),
        (bz2.compress, bz2.open),
        (lzma.compress, lzma.open),
    ]
    for compress, open_packed in kinds:
        (tmp_path / "file").write_bytes(compress(b"content"))
        with open_packed(tmp_path / "file") as file:
            assert os.fstat(file.fileno()).st_size != 7
            assert descriptor_of(file) is None
            source = FileObject(cast("BinaryIO", file))
            await source.measure(run_in_thread)
            assert source.size == 7
