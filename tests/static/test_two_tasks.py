"""A file is being sent: no second task of the handler sends anything until it is out."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trio

from tests.static.published import descriptors
from trio_httpd import Connection, Docroot, Response
from trio_httpd._static.files.reading import SENT_WINDOW
from trio_httpd.testing import connect

pytestmark = pytest.mark.usefixtures("any_file_stream", "fresh_files_too")

T = TypeVar("T")
Send = Callable[[Connection], Awaitable[object]]

BIG = bytes(range(251)) * (2 * SENT_WINDOW // 251)
SMALL = b"0123456789"
GET = b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n"


class Disk:
    """A slow one: whatever is read from it waits until the test lets it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stall()
        self._preadv = os.preadv
        monkeypatch.setattr(os, "preadv", self._read)
        monkeypatch.setattr("trio_httpd._net.transport.run_blocking_for", lambda _: self.run)

    def stall(self) -> None:
        """Let the next read wait."""
        self.is_read = trio.Event()
        self.may_go_on = trio.Event()

    def _read(self, fd: int, buffers: Any, offset: int, flags: int = 0) -> int:
        if flags:
            raise BlockingIOError  # Nothing of it is in memory.
        return self._preadv(fd, buffers, offset)

    async def run(self, call: Callable[..., T], /, *args: Any) -> T:
        self.is_read.set()
        await self.may_go_on.wait()
        return call(*args)


class FileObject:
    """A file object of which nobody knows that it is in memory."""

    def __init__(self, content: bytes) -> None:
        self._inner = io.BytesIO(content)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "big").write_bytes(BIG)
    (tmp_path / "small").write_bytes(SMALL)
    (tmp_path / "404.html").write_bytes(SMALL)
    (tmp_path / "folder").mkdir()
    return tmp_path


def sending(root: Path, kind: str) -> tuple[Send, bytes]:
    """Return what sends a file, and its content."""
    docroot = Docroot(root, error_pages={404: "404.html"})
    match kind:
        case "send_file":
            return lambda conn: conn.send_file(root / "big"), BIG
        case "send_file, small":
            return lambda conn: conn.send_file(root / "small"), SMALL
        case "send_file, object":
            return lambda conn: conn.send_file(FileObject(BIG)), BIG
        case "serve_file":
            return lambda conn: conn.serve_file("/big", docroot=docroot), BIG
        case "serve_file, small":
            return lambda conn: conn.serve_file("/small", docroot=docroot), SMALL
        case _:
            return lambda conn: conn.serve_file("/nothing", docroot=docroot), SMALL


KINDS = [
    "send_file", "send_file, small", "send_file, object",
    "serve_file", "serve_file, small", "serve_file, error page",
]  # fmt: skip


def others(root: Path) -> dict[str, Send]:
    """Return all that a second task could do to the response."""
    return {
        "send": lambda conn: conn.send(b"forged"),
        "send nothing": lambda conn: conn.send(b""),
        "flush": lambda conn: conn.flush(),
        "finish": lambda conn: conn.finish(),
        "respond": lambda conn: conn.respond(Response("forged")),
        "send_json": lambda conn: conn.send_json(["forged"]),
        "send_error": lambda conn: conn.send_error(500),
        "redirect": lambda conn: conn.redirect("/forged"),
        "send_file": lambda conn: conn.send_file(root / "small"),
        "serve_file": lambda conn: conn.serve_file("/small", docroot=root),
        "upgrade": lambda conn: conn.upgrade(),
    }


@pytest.mark.parametrize("kind", KINDS)
async def test_while_a_thread_reads_no_other_task_sends(root: Path, kind: str, disk: Disk) -> None:
    async def handler(conn: Connection) -> None:
        disk.stall()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send, conn)
            await disk.is_read.wait()
            for name, other in others(root).items():
                with pytest.raises(trio.BusyResourceError):
                    await other(conn)
                refused.append(name)
            disk.may_go_on.set()

    refused: list[str] = []
    send, content = sending(root, kind)
    async with connect(handler) as client:
        for _ in range(2):
            assert (await client.get("/big")).body == content
    assert refused == 2 * list(others(root))


@pytest.mark.parametrize("kind", ["send_file", "send_file, object", "serve_file"])
@pytest.mark.parametrize("window", [65536, math.inf])
async def test_between_two_windows_no_other_task_sends(
    root: Path, kind: str, window: float
) -> None:
    async def handler(conn: Connection) -> None:
        async def whole() -> None:
            await send(conn)
            is_out.set()

        async def interfere(name: str, other: Send) -> None:
            while not is_out.is_set():
                with pytest.raises(trio.BusyResourceError):
                    await other(conn)
                refused.add(name)
                await trio.lowlevel.checkpoint()

        is_out = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(whole)
            await trio.lowlevel.checkpoint()
            for name, other in others(root).items():
                nursery.start_soon(interfere, name, other)

    refused: set[str] = set()
    send, content = sending(root, kind)
    async with connect(handler, window=window) as client:
        for _ in range(2):
            assert (await client.get("/big")).body == content
    assert refused == others(root).keys()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_second_task_may_answer_where_the_first_gave_up(
    root: Path, kind: str, disk: Disk
) -> None:
    async def handler(conn: Connection) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send, conn)
            await disk.is_read.wait()
            nursery.cancel_scope.cancel()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(conn.send_error, 503)

    send, _ = sending(root, kind)
    before = descriptors()
    async with connect(handler) as client:
        response = await client.get("/big")
        assert (response.status, response.text()) == (503, "Service Unavailable\n")
        client.server._runtime.files.cache.clear()
        assert descriptors() == before


@pytest.mark.parametrize("kind", KINDS)
async def test_a_file_that_is_sent_when_its_exchange_ends_reaches_nobody(
    root: Path, kind: str, disk: Disk
) -> None:
    async def handler(conn: Connection) -> str:
        nursery.start_soon(leave_behind, conn)
        await disk.is_read.wait()
        return "forged"

    async def leave_behind(conn: Connection) -> None:
        with pytest.raises((trio.ClosedResourceError, trio.BrokenResourceError)):
            await send(conn)
        is_over.set()

    def note(problem: Exception, *_: object) -> None:
        problems.append(type(problem))

    is_over, problems = trio.Event(), list[type]()
    send, _ = sending(root, kind)
    before = descriptors()
    async with trio.open_nursery() as nursery:
        async with connect(handler, on_error=note) as client:
            await client.raw.say(GET + GET)
            assert await client.raw.hear_rest() == b""
            disk.may_go_on.set()
            await is_over.wait()
        assert descriptors() == before
    assert problems == [trio.BusyResourceError]
