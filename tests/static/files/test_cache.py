"""Files that stay open for the next request: changes are seen, and all of it is closed."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.static.files.manual_queue import ManualQueue
from tests.static.published import descriptors, until_the_clock_ticks
from trio_httpd import Docroot, HTTPError, Server
from trio_httpd._static.files.cache import FRESH_NS, SECONDS, OpenFileCache
from trio_httpd._static.files.lookup import FoundFile, open_path
from trio_httpd._static.files.os_errors import STATUS_OF, map_os_errors
from trio_httpd._static.files.variants import FileVariants
from trio_httpd._static.rules.url_paths import FilePath
from trio_httpd.testing import Client, Raw, connect, memory_streams

pytestmark = pytest.mark.usefixtures("fresh_files_too")

HALF = SECONDS / 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder whose files are older than the next change."""
    root = tmp_path / "root"
    for name in ("a", "b", "c", "deep", "other"):
        (root / name).mkdir(parents=True)
        (root / name / "file.txt").write_text(f"{name}")
    (root / "large").write_bytes(b"x" * 1_000_000)
    until_the_clock_ticks(tmp_path)
    return root


@pytest.fixture
async def client(folder: Path) -> AsyncIterator[Client]:
    """Give a client of that folder, over connections of 64 KiB."""
    async with connect(Docroot(folder, index=("first.txt", "file.txt")), window=65536) as client:
        await client.get("/nothing")
        yield client


# What is seen at once.


CHANGES: dict[str, tuple[Callable[[Path], object], int, str]] = {
    "written in place": (lambda path: path.write_text("z"), 200, "z"),
    "added to": (lambda path: path.write_text("a and more"), 200, "a and more"),
    "replaced by renaming": (lambda path: (path.parent / "new").rename(path), 200, "new"),
    "removed": (Path.unlink, 404, "Not Found\n"),
    "renamed": (lambda path: path.rename(path.with_name("away")), 404, "Not Found\n"),
}


@pytest.mark.parametrize(("change", "status", "text"), CHANGES.values(), ids=CHANGES)
async def test_a_file_that_was_changed_is_never_sent_as_it_was(
    client: Client, folder: Path, change: Callable[[Path], object], status: int, text: str
) -> None:
    (folder / "a" / "new").write_text("new")
    before = await client.get("/a/file.txt")
    assert before.text() == "a"
    change(folder / "a" / "file.txt")
    response = await client.get("/a/file.txt", headers={"If-None-Match": before.headers["ETag"]})
    assert (response.status, response.text()) == (status, text)


async def test_other_permissions_are_heeded_at_once(client: Client, folder: Path) -> None:
    path = folder / "a" / "file.txt"
    await client.get("/a/file.txt")
    before = descriptors()
    path.chmod(0o640)
    shutil.rmtree(folder / "a")  # So it would be 404 if it were opened again.
    assert (await client.get("/a/file.txt")).status == 404
    assert len(descriptors()) == len(before) - 1


async def test_a_changed_compressed_variant_is_seen_too(folder: Path) -> None:
    packed = folder / "a" / "file.txt.br"
    packed.write_text("packed")
    until_the_clock_ticks(folder)
    async with connect(Docroot(folder, precompressed=("br",))) as client:
        for text in ("packed", "anew"):
            packed.write_text(text)
            response = await client.get("/a/file.txt", headers={"Accept-Encoding": "br"})
            assert response.text() == text


# What is seen after a while.


async def test_a_folder_put_in_place_of_another_is_seen_after_a_second(
    client: Client, folder: Path, autojump_clock: MockClock
) -> None:
    assert (await client.get("/deep/file.txt")).text() == "deep"
    (folder / "deep").rename(folder / "old")
    (folder / "other").rename(folder / "deep")
    await trio.sleep(HALF)
    assert (await client.get("/deep/file.txt")).text() == "deep"
    await trio.sleep(HALF)
    assert (await client.get("/deep/file.txt")).text() == "other"
    assert trio.current_time() == SECONDS


async def test_a_file_that_goes_before_is_seen_after_a_second(
    client: Client, folder: Path, autojump_clock: MockClock
) -> None:
    assert (await client.get("/a/")).text() == "a"
    (folder / "a" / "first.txt").write_text("first")
    await trio.sleep(HALF)
    assert (await client.get("/a/")).text() == "a"
    await trio.sleep(HALF)
    assert (await client.get("/a/")).text() == "first"


async def test_to_be_asked_for_keeps_nothing_longer(
    client: Client, autojump_clock: MockClock
) -> None:
    before = descriptors()
    for _ in range(5):
        await client.get("/a/file.txt")
        assert len(descriptors()) == len(before) + 1
        await trio.sleep(SECONDS / 5)
    await wait_all_tasks_blocked()
    assert descriptors() == before


# What is closed.


async def test_what_is_being_sent_stays_open_for_that(
    client: Client, autojump_clock: MockClock
) -> None:
    before = descriptors()
    await client.raw.say(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
    head = await client.raw.hear()
    assert b"Content-Length: 1000000\r\n" in head
    await trio.sleep(2 * SECONDS)
    assert len(descriptors()) == len(before) + 1
    assert await client.raw.hear_exactly(1_000_000) == b"x" * 1_000_000
    await wait_all_tasks_blocked()
    assert descriptors() == before


async def test_a_cached_file_can_be_sent_to_several_at_once(
    client: Client, folder: Path, autojump_clock: MockClock
) -> None:
    before = descriptors()
    raws = [client.open() for _ in range(3)]
    for raw in raws:
        await raw.say(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        await raw.hear()
    assert len(descriptors()) == len(before) + 1
    (folder / "large").unlink()
    assert (await client.get("/large")).status == 404  # It is in the cache no longer.
    raws.pop().close()
    for raw in raws:
        assert await raw.hear_exactly(1_000_000) == b"x" * 1_000_000
    await wait_all_tasks_blocked()
    assert descriptors() == before


async def test_with_the_last_transport_all_is_closed(folder: Path) -> None:
    async with trio.open_nursery() as nursery:
        server = await nursery.start(Server(Docroot(folder)).serve, ())
        before = descriptors()
        for _ in range(2):
            raws = []
            for name in "ab":
                near, far = memory_streams()
                server.add_stream(near)
                raws.append(Raw(far))
                await raws[-1].say(f"GET /{name}/file.txt HTTP/1.1\r\nHost: a\r\n\r\n")
                await raws[-1].hear(b"\r\n\r\n" + name.encode())
            raws[0].close()
            await wait_all_tasks_blocked()
            assert len(descriptors()) == len(before) + 2
            raws[1].close()
            await wait_all_tasks_blocked()
            assert server.empty
            assert descriptors() == before
        nursery.cancel_scope.cancel()


async def test_a_server_that_ends_and_begins_again_caches_files_anew(folder: Path) -> None:
    server = Server(Docroot(folder))
    before = descriptors()
    for _ in range(2):
        near, far = memory_streams()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.serve_one, near)
            raw = Raw(far)
            for _ in range(2):
                await raw.say(b"GET /a/file.txt HTTP/1.1\r\nHost: a\r\n\r\n")
                await raw.hear(b"\r\n\r\na")
            assert len(descriptors()) == len(before) + 1
            server.close()
        assert descriptors() == before


async def test_transports_that_outlive_the_serving_keep_the_cache_open(
    folder: Path,
) -> None:
    before = descriptors()
    async with trio.open_nursery() as outer:
        server = Server(Docroot(folder))
        near, far = memory_streams()
        async with trio.open_nursery() as inner:
            await inner.start(partial(server.serve, (), handler_nursery=outer))
            server.add_stream(near)
            raw = Raw(far)
            await raw.say(b"GET /a/file.txt HTTP/1.1\r\nHost: a\r\n\r\n")
            await raw.hear(b"\r\n\r\na")
            inner.cancel_scope.cancel()
        await raw.say(b"GET /b/file.txt HTTP/1.1\r\nHost: a\r\n\r\n")
        await raw.hear(b"\r\n\r\nb")
        assert len(descriptors()) == len(before) + 2
        raw.close()
    assert descriptors() == before


async def test_a_server_that_is_cancelled_midway_closes_all(folder: Path) -> None:
    before = descriptors()
    near, far = memory_streams(65536)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Server(Docroot(folder)).serve_one, near)
        raw = Raw(far)
        await raw.say(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        await raw.hear()
        assert len(descriptors()) == len(before) + 1
        nursery.cancel_scope.cancel()
    assert descriptors() == before


# How many.


def opened(docroot: Docroot, *names: bytes) -> FileVariants:
    found = open_path(docroot, FilePath(names, is_folder=False))
    assert isinstance(found, FoundFile)
    return FileVariants(docroot, found)


def keep(cache: OpenFileCache, docroot: Docroot, *names: str) -> None:
    """Open each file, and have it kept."""
    for name in names:
        with opened(docroot, name.encode(), b"file.txt") as variants:
            cache.keep(docroot, name, variants)


def kept(cache: OpenFileCache, docroot: Docroot) -> str:
    return "".join(name for name in "abc" if cache.find(docroot, name) is not None)


def test_no_more_descriptors_than_agreed_are_kept_and_the_oldest_go(folder: Path) -> None:
    before, queue, cache, docroot = descriptors(), ManualQueue(), OpenFileCache(2), Docroot(folder)
    with cache.opened(queue):
        keep(cache, docroot, "a", "b")
        assert kept(cache, docroot) == "ab"
        keep(cache, docroot, "c")
        assert kept(cache, docroot) == "bc"
        assert len(queue.items) == len(descriptors()) - len(before) == 2
    assert queue.items == []
    assert descriptors() == before


def test_compressed_variants_count_as_well(folder: Path) -> None:
    (folder / "c" / "file.txt.gz").write_text("c")
    queue, docroot = ManualQueue(), Docroot(folder, precompressed=("gzip",))
    cache = OpenFileCache(2)
    with cache.opened(queue):
        keep(cache, docroot, "a", "b", "c")
        assert kept(cache, docroot) == "c"
        keep(cache, docroot, "a")
        assert kept(cache, docroot) == "a"
    cache = OpenFileCache(1)
    with cache.opened(queue):
        keep(cache, docroot, "a", "c")
        assert kept(cache, docroot) == "a"


def test_the_same_path_of_another_docroot_is_another_file(folder: Path) -> None:
    cache, one, other = OpenFileCache(9), Docroot(folder), Docroot(folder / "a")
    with cache.opened(ManualQueue()):
        keep(cache, one, "a")
        assert cache.find(other, "a") is None


def test_what_is_kept_twice_is_kept_once(folder: Path) -> None:
    before, queue, cache, docroot = descriptors(), ManualQueue(), OpenFileCache(9), Docroot(folder)
    with cache.opened(queue):
        keep(cache, docroot, "a", "a")
        assert len(queue.items) == len(descriptors()) - len(before) == 1


def test_what_is_dropped_for_any_reason_leaves_the_queue(folder: Path) -> None:
    queue, cache, docroot = ManualQueue(), OpenFileCache(9), Docroot(folder)
    with cache.opened(queue):
        keep(cache, docroot, "a", "b", "c")
        (folder / "a" / "file.txt").unlink()
        assert cache.find(docroot, "a") is None
        assert len(queue.items) == 2
        cache.clear()
        assert queue.items == []
        assert kept(cache, docroot) == ""
        keep(cache, docroot, "b")
        assert len(queue.items) == 1


async def test_what_was_cleared_is_not_told_later_that_its_time_has_come(
    client: Client, autojump_clock: MockClock
) -> None:
    await client.get("/a/file.txt")
    await trio.sleep(HALF)
    client.server._runtime.files.cache.clear()
    await client.get("/a/file.txt")
    before = descriptors()
    await trio.sleep(HALF)  # When the first would have expired.
    await wait_all_tasks_blocked()
    assert descriptors() == before
    await trio.sleep(HALF)
    await wait_all_tasks_blocked()
    assert len(descriptors()) == len(before) - 1


def test_nothing_is_kept_while_nobody_is_served(folder: Path) -> None:
    before, cache, docroot = descriptors(), OpenFileCache(9), Docroot(folder)
    keep(cache, docroot, "a")
    assert kept(cache, docroot) == ""
    assert descriptors() == before


async def test_a_file_that_was_just_written_is_not_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trio_httpd._static.files.cache.FRESH_NS", FRESH_NS)
    (folder / "new.txt").write_text("new")
    async with connect(Docroot(folder)) as client:
        await client.get("/new.txt")
        (folder / "new.txt").write_text("old")
        assert (await client.get("/new.txt")).text() == "old"
        assert client.server._runtime.files.cache._entries == {}


# What cannot be asked.


@contextmanager
def stale_handles() -> Iterator[None]:
    """Let the handle of a file that was removed be stale, as on NFS."""
    real = os.fstat

    def fstat(fd: int) -> os.stat_result:
        facts = real(fd)
        if facts.st_nlink == 0:
            raise OSError(errno.ESTALE, "Stale file handle")
        return facts

    with patch("os.fstat", fstat):
        yield


def replace(path: Path) -> None:
    path.with_name("new").write_text("new")
    path.with_name("new").rename(path)


@pytest.mark.parametrize(
    "options", [{}, {"precompressed": ("br",)}, {"auth": {"a": "b"}}], ids=["default", "br", "auth"]
)
@pytest.mark.parametrize(
    "fields",
    [{}, {"Connection": "close"}, {"If-None-Match": '"x"'}, {"Range": "bytes=0-99"}],
    ids=["plain", "close", "condition", "range"],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_cached_file_with_a_stale_handle_is_looked_up_again(
    folder: Path, options: dict[str, Any], fields: dict[str, str], method: str
) -> None:
    fields = {"Authorization": "Basic YTpi", **fields}
    path = folder / "a" / "file.txt"
    async with connect(Docroot(folder, **options), on_error="raise") as client:
        assert (await client.get("/a/file.txt", headers=fields)).text() == "a"
        replace(path)
        before = descriptors()
        with stale_handles():
            response = await client.request(method, "/a/file.txt", headers=fields)
        assert response.status == (206 if "Range" in fields and method == "GET" else 200)
        assert response.headers["Content-Length"] == "3"
        assert response.text() == ("new" if method == "GET" else "")
        assert len(descriptors()) == len(before)  # The old one was dropped.


async def test_what_was_sent_behind_it_is_answered_too(client: Client, folder: Path) -> None:
    await client.get("/a/file.txt")
    replace(folder / "a" / "file.txt")
    ask = "GET /{}/file.txt HTTP/1.1\r\nHost: a\r\n\r\n"
    with stale_handles():
        await client.raw.say("".join(map(ask.format, "abc")))
        for text in (b"new", b"b", b"c"):
            await client.raw.hear(b"\r\n\r\n" + text)


async def test_a_file_that_cannot_be_closed_ends_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    real = os.close

    def close(fd: int) -> None:
        real(fd)
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    await client.get("/a/file.txt")
    with monkeypatch.context() as patched:
        patched.setattr(os, "close", close)
        await trio.sleep(2 * SECONDS)  # It has expired.
    assert (await client.get("/b/file.txt")).text() == "b"


@pytest.mark.parametrize(
    ("number", "left"), [(errno.EMFILE, 0), (errno.ENOMEM, 0), (errno.EAGAIN, 1)]
)
def test_only_exhaustion_empties_the_cache(folder: Path, number: int, left: int) -> None:
    cache, docroot = OpenFileCache(9), Docroot(folder)

    def refuse() -> None:
        with map_os_errors(STATUS_OF):
            raise OSError(number, os.strerror(number))

    with cache.opened(ManualQueue()):
        keep(cache, docroot, "a")
        with pytest.raises(HTTPError, match="503"):
            cache.making_room(refuse)
        assert len(kept(cache, docroot)) == left
