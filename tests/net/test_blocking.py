"""What may block runs in a thread, but on streams that allow none: a fake clock would jump."""

from __future__ import annotations

import io
import os
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from tests.net.taking import NotingStream, noting_streams
from trio_httpd import Connection, Docroot, Timeouts
from trio_httpd._net.blocking import run_blocking_for, run_in_thread, run_inline
from trio_httpd.testing import MemoryStream, MisbehavingStream, connect, memory_streams

CONTENT = bytes(range(256)) * 4000

any_file_stream = pytest.mark.usefixtures("any_file_stream")


@pytest.fixture
def readers(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Let no file be in memory; give the threads that read one."""

    def preadv(fd: int, buffers: list[bytearray], offset: int, flags: int = 0) -> int:
        if flags:
            raise BlockingIOError
        seen.add(threading.get_ident())
        return readv(fd, buffers, offset)

    seen: set[int] = set()
    readv = os.preadv
    monkeypatch.setattr(os, "preadv", preadv)
    return seen


@any_file_stream
@pytest.mark.parametrize("size", [1000, len(CONTENT)])
async def test_a_file_that_is_not_in_memory_is_read_inline(
    size: int, tmp_path: Path, readers: set[int], autojump_clock: MockClock
) -> None:
    (tmp_path / "file").write_bytes(CONTENT[:size])
    async with connect(Docroot(tmp_path), timeouts=Timeouts(handler=1)) as client:
        assert (await client.get("/file")).body == CONTENT[:size]
    assert trio.current_time() == 0
    assert readers == {threading.get_ident()}


async def test_a_file_that_the_system_does_not_send_is_read_inline(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(window: float, send_buffer: float) -> tuple[NotingStream, MemoryStream]:
        near, far = noting_streams(window, send_buffer)
        near.refuses = True
        return near, far

    def pread(fd: int, size: int, offset: int) -> bytes:
        readers.add(threading.get_ident())
        return read(fd, size, offset)

    readers: set[int] = set()
    read = os.pread
    monkeypatch.setattr(os, "pread", pread)
    monkeypatch.setattr("trio_httpd.testing._client.memory_streams", refusing)
    (tmp_path / "file").write_bytes(CONTENT)
    async with connect(Docroot(tmp_path), timeouts=Timeouts(handler=1)) as client:
        assert (await client.get("/file")).body == CONTENT
    assert trio.current_time() == 0
    assert readers == {threading.get_ident()}


class Slow(io.BytesIO):
    """A file object that notes which threads ask it."""

    def __init__(self) -> None:
        super().__init__(CONTENT)
        self.readers: set[int] = set()

    def read(self, size: int | None = -1, /) -> bytes:
        self.readers.add(threading.get_ident())
        return super().read(size)


class Wrapping:
    """Hides that a file object is one that is in memory."""

    def __init__(self, file: io.BytesIO) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@any_file_stream
async def test_a_file_object_is_read_inline(autojump_clock: MockClock) -> None:
    async def handler(conn: Connection) -> None:
        await conn.send_file(Wrapping(file))

    file = Slow()
    async with connect(handler, timeouts=Timeouts(handler=1)) as client:
        assert (await client.get("/")).body == CONTENT
    assert trio.current_time() == 0
    assert file.readers == {threading.get_ident()}


async def test_a_file_object_of_an_exchange_that_is_over_is_not_read() -> None:
    async def handler(conn: Connection) -> None:
        seen.append(conn)

    seen: list[Connection] = []
    file = Slow()
    async with connect(handler) as client:
        await client.get("/")
        with pytest.raises(trio.ClosedResourceError):
            await seen[0].send_file(Wrapping(file))
    assert file.tell() == 0


async def test_a_stream_says_whether_threads_may_help() -> None:
    near, _ = memory_streams()
    assert run_blocking_for(near) is run_inline
    assert run_blocking_for(MisbehavingStream(near)) is run_inline
    tls = trio.SSLStream(near, ssl.create_default_context())
    assert run_blocking_for(tls) is run_inline
    assert run_blocking_for(memory_stream_pair()[0]) is run_in_thread


async def test_an_inline_call_is_run_after_a_checkpoint() -> None:
    assert await run_inline(divmod, 7, 4) == (1, 3)
    with trio.CancelScope() as scope:
        scope.cancel()
        await run_inline(pytest.fail)
    assert scope.cancelled_caught


async def test_elsewhere_a_thread_runs_it() -> None:
    assert await run_in_thread(threading.get_ident) != threading.get_ident()
