"""Files that the system sends by itself, over real sockets."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.static.published import descriptors, until_the_clock_ticks
from tests.system.test_tcp import connected, hear_rest, serving, until_empty
from trio_httpd import Connection, Docroot, Server, Timeouts
from trio_httpd._server.server import serve_listeners

SIZE = 20_000_000
CONTENT = b"".join(number.to_bytes(4, "big") for number in range(SIZE // 4))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file in which each place is told from any other."""
    path = tmp_path_factory.mktemp("root") / "large"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many bytes the system has sent by itself, each time."""
    counts: list[int] = []
    sendfile: Callable[[int, int, int, int], int] = os.sendfile

    def counting(out_fd: int, in_fd: int, offset: int, count: int) -> int:
        counts.append(sendfile(out_fd, in_fd, offset, count))
        return counts[-1]

    monkeypatch.setattr(os, "sendfile", counting)
    return counts


async def heard(server: Server, *fields: str, path: str = "/large") -> tuple[str, bytes]:
    """Return head and content of a response, whose transport is closed after it."""
    async with await connected(server) as client:
        lines = "".join(f"{field}\r\n" for field in ("Connection: close", *fields))
        await client.send_all(f"GET {path} HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode())
        head, _, content = (await hear_rest(client)).partition(b"\r\n\r\n")
    return head.decode(), content


# Whole.


async def test_a_large_file_comes_whole_and_is_read_by_nobody(large: Path, sent: list[int]) -> None:
    async with serving(Docroot(large.parent)) as server:
        for _ in range(2):
            head, content = await heard(server)
            assert head.endswith(f"Content-Length: {SIZE}")
            assert content == CONTENT
    assert sum(sent) == 2 * SIZE


async def test_ranges_of_it_are_exact(large: Path, sent: list[int]) -> None:
    first, last = 1_234_567, SIZE - 4_567_890
    async with serving(Docroot(large.parent)) as server:
        head, content = await heard(server, f"Range: bytes={first}-{last}")
        assert head.startswith("HTTP/1.1 206 ")
        assert content == CONTENT[first : last + 1]
        assert sum(sent) == len(content)
        head, content = await heard(server, f"Range: bytes=0-3,{first}-{last}")
    assert f"Content-Length: {len(content)}" in head
    parts = re.split(rb"\r\n--[0-9a-f]{32}(?:--)?\r\n", b"\r\n" + content)[1:]
    assert [part.partition(b"\r\n\r\n")[2] for part in parts] == [
        CONTENT[:4], CONTENT[first : last + 1], b"",
    ]  # fmt: skip


async def test_a_handler_has_a_part_of_a_file_sent_by_the_system(
    large: Path, sent: list[int]
) -> None:
    async def handler(conn: Connection) -> None:
        await conn.send_file(large, offset=5, count=1_000_000)

    async with serving(handler) as server:
        assert (await heard(server))[1] == CONTENT[5:1_000_005]
    assert sum(sent) == 1_000_000


async def test_what_is_not_in_memory_is_read_from_the_disk(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(CONTENT[:3_000_000])
    (tmp_path / "small").write_bytes(CONTENT[:3_000])
    async with serving(Docroot(tmp_path)) as server:
        for name, size in (("large", 3_000_000), ("small", 3_000)):
            with (tmp_path / name).open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            assert (await heard(server, path=f"/{name}"))[1] == CONTENT[:size]


async def test_streams_of_trios_own_are_sent_what_is_read(large: Path, sent: list[int]) -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        server = await nursery.start(serve_listeners, Docroot(large.parent), listeners)
        assert (await heard(server))[1] == CONTENT
        nursery.cancel_scope.cancel()
    assert sent == []


async def test_one_transport_serves_one_file_after_another(large: Path) -> None:
    async with serving(Docroot(large.parent)) as server, await connected(server) as client:
        for first in (7, 1_000_001):
            range_ = f"bytes={first}-{first + 999_999}"
            await client.send_all(
                f"GET /large HTTP/1.1\r\nHost: a\r\nRange: {range_}\r\n\r\n".encode()
            )
            head, content = await hear_head(client)
            assert head.startswith(b"HTTP/1.1 206 ")
            while len(content) < 1_000_000:
                content += await client.receive_some()
            assert content == CONTENT[first : first + 1_000_000]


async def hear_head(client: trio.abc.ReceiveStream) -> tuple[bytes, bytes]:
    """Return a head, and what came with it."""
    heard = b""
    while b"\r\n\r\n" not in heard:
        heard += await client.receive_some(1000)
    head, _, content = heard.partition(b"\r\n\r\n")
    return head, content


# Not whole.


@asynccontextmanager
async def begun(server: Server) -> AsyncIterator[trio.SocketStream]:
    """Give the peer's end of a transport on which the file has just begun to come."""
    async with await connected(server) as client:
        await client.send_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        await hear_head(client)
        yield client


async def test_a_reader_that_takes_enough_is_not_reset_and_another_is(
    large: Path, mock_clock: MockClock
) -> None:
    async with (
        serving(Docroot(large.parent), timeouts=Timeouts(send=10)) as server,
        begun(server) as client,
    ):
        for _ in range(20):
            taken = 0
            while taken < 400_000:  # A few windows of TCP, so that it is seen.
                taken += len(await client.receive_some())
            await wait_all_tasks_blocked(0.005)
            mock_clock.jump(10)
        assert server.connections == 1
        for _ in range(4):
            await wait_all_tasks_blocked(0.005)
            mock_clock.jump(10)
        await until_empty(server)
        with pytest.raises(trio.BrokenResourceError):
            await hear_rest(client)


async def test_a_peer_that_leaves_midway_leaves_nothing(
    large: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(Docroot(large.parent)) as server:
        await heard(server, path="/nothing")
        await until_empty(server)
        before = descriptors()
        async with begun(server):
            pass
        await until_empty(server)
        assert descriptors() == before
    assert caplog.records == []


def rewrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"another state")


@pytest.mark.parametrize("change", [partial(os.truncate, length=SIZE // 2), rewrite])
async def test_a_file_that_changes_midway_is_cut(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    (tmp_path / "large").write_bytes(CONTENT)
    until_the_clock_ticks(tmp_path)
    async with serving(Docroot(tmp_path)) as server, begun(server) as client:
        change(tmp_path / "large")
        assert len(await hear_rest(client)) < SIZE - 1000


async def test_a_file_that_is_replaced_midway_is_sent_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(CONTENT)
    (tmp_path / "new").write_bytes(CONTENT[::-1])
    async with serving(Docroot(tmp_path)) as server:
        async with await connected(server) as client:
            await client.send_all(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            _, content = await hear_head(client)
            (tmp_path / "new").replace(tmp_path / "large")
            assert content + await hear_rest(client) == CONTENT
        assert (await heard(server))[1] == CONTENT[::-1]
