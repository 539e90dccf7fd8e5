from __future__ import annotations

import gc
import logging
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.static.files.manual_queue import ManualQueue
from trio_httpd import Connection, Docroot, HTTPError, Limits, Options, Timeouts
from trio_httpd._http1.shortcut import Shortcut, WrittenResponse
from trio_httpd._message.request import RequestHead
from trio_httpd._server.options import context_of
from trio_httpd._static.file_server import FileServer
from trio_httpd._static.files.cache import SECONDS, OpenFileCache
from trio_httpd._static.files.lookup import FoundFile, open_path
from trio_httpd._static.files.variants import FileVariants
from trio_httpd._static.rules.url_paths import FilePath
from trio_httpd.testing import Raw, connect

pytestmark = pytest.mark.usefixtures("fresh_files_too")

PLAIN = b"GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n"
EMPTY = PLAIN.replace(b"a.txt", b"empty")
INDEX = PLAIN.replace(b"a.txt", b"")

REQUESTS = [
    PLAIN,
    b"GET /a.txt?x=1 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /a.txt? HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /%61.txt HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET http://a/a.txt HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /a.txt/ HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\nAccept-Encoding: gzip, br\r\n\r\n",
    b"GET /empty HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
    b"GET /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    b"GET /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
    b"GET /a.txt HTTP/1.1\r\nHost: a\r\nRANGE: bytes=1-2\r\n\r\n",
    b"GET /a.txt HTTP/1.1\r\nrange: bytes=9-\r\nHost: a\r\n\r\n",
    b"GET /a.txt HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n\r\n",
    b'GET /a.txt HTTP/1.1\r\nif-match: "x"\r\nHost: a\r\n\r\n',
    b"GET /a.txt HTTP/1.1\r\nHost: a\r\nExpect: something\r\n\r\n",
    b"HEAD /a.txt HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /a.txt HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /a.txt HTTP/1.0\r\n\r\n",
    b"GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path.joinpath("a.txt").write_bytes(b"hello")
    tmp_path.joinpath("index.html").write_bytes(b"<p>")
    tmp_path.joinpath("empty").write_bytes(b"")
    return tmp_path


def undated(response: bytes) -> bytes:
    return re.sub(rb"\r\nDate: [^\r]+", b"", response)


async def exchange(raw: Raw, request: bytes) -> bytes:
    await raw.say(request)
    head = await raw.hear()
    length = re.search(rb"Content-Length: ([0-9]+)", head)
    return head + await raw.hear_exactly(int(length[1]) if length else 0)


async def last_exchange(raw: Raw, request: bytes) -> bytes:
    await raw.say(request)
    await raw.say_eof()
    return undated(await raw.hear_rest())


@pytest.mark.parametrize("request_", REQUESTS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"headers": {"X-Mine": "1", "Server": "mine"}},
        {"precompressed": ("gzip",)},
        {"cors": True},
        {"auth": {"me": "secret"}},
    ],
)
async def test_the_shortcut_leads_to_the_same_bytes(
    folder: Path, options: dict[str, Any], request_: bytes
) -> None:
    docroot = Docroot(folder, **options)

    async def by_hand(conn: Connection) -> None:
        await docroot(conn)

    async with connect(by_hand) as client:
        the_long_way = await last_exchange(client.raw, request_)
    async with connect(docroot) as client:
        for each in (PLAIN, EMPTY, INDEX) * 2:
            await exchange(client.raw, each)
        assert await last_exchange(client.raw, request_) == the_long_way


def known(docroot: Docroot, request: RequestHead, **options: Any) -> WrittenResponse | None:
    """Return what the shortcut knows of a file that was sent a moment ago."""
    cache = OpenFileCache(8)
    context = replace(context_of(docroot, Options(**options)), files=FileServer(cache))
    shortcut = Shortcut.of(context)
    if shortcut is None:
        return None
    with cache.opened(ManualQueue()):
        found = open_path(docroot, FilePath((b"a.txt",), is_folder=False))
        assert isinstance(found, FoundFile)
        with FileVariants(docroot, found) as variants:
            variants.identity.content = b"hello"
            cache.keep(docroot, "/a.txt", variants)
            return shortcut.answer_to(request)


def head(method: str = "GET", target: str = "/a.txt", **more: Any) -> RequestHead:
    return RequestHead(method, target, "1.1", more.pop("lines", b"Host: a\r\n"), **more)


def test_a_plain_request_for_a_cached_file_is_known_at_once(folder: Path) -> None:
    response = known(Docroot(folder), head())
    assert response is not None
    assert response.data.startswith(b"HTTP/1.1 200 OK\r\n")
    assert response.data.endswith(b"Content-Length: 5\r\n\r\nhello")
    assert response.size == 5


@pytest.mark.parametrize(
    "request_",
    [
        head("HEAD"),
        head(target="/b.txt"),
        head(length=3),
        head(length=None),
        head(keep_alive=False),
        head(asks_keep_alive=True),
        head(expectations=(b"100-continue",)),
        head(lines=b"Host: a\r\nIF-Match: *\r\n"),
        head(lines=b"Range: bytes=0-1\r\nHost: a\r\n"),
    ],
)
def test_any_other_request_goes_the_long_way(folder: Path, request_: RequestHead) -> None:
    assert known(Docroot(folder), request_) is None


def test_what_depends_on_the_request_goes_the_long_way(folder: Path) -> None:
    assert known(Docroot(folder, auth={"me": "secret"}), head()) is None
    assert known(Docroot(folder, cors=True), head()) is None
    assert known(Docroot(folder, precompressed=("br",)), head()) is None
    assert known(Docroot(folder), head(), static_headers={"Accept-Ranges": "none"}) is None


async def test_what_goes_the_short_way_is_counted_and_logged(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "trio_httpd.access")
    limits = Limits(requests_per_connection=4)
    async with connect(Docroot(folder), limits=limits) as client:
        for _ in range(3):
            assert b"Connection" not in await exchange(client.raw, PLAIN)
        assert b"Connection: close" in await exchange(client.raw, PLAIN)
        await client.raw.hear_end()
    lines = {record.getMessage().partition("] ")[2] for record in caplog.records}
    assert lines == {'"GET /a.txt HTTP/1.1" 200 5 "-" "-"'}
    assert len(caplog.records) == 4


async def test_a_change_is_seen_on_the_short_way_too(folder: Path) -> None:
    async with connect(Docroot(folder)) as client:
        for content in (b"hello", b"hello", b"world!", b"world!"):
            folder.joinpath("a.txt").write_bytes(content)
            for _ in range(3):
                assert (await exchange(client.raw, PLAIN)).endswith(content)
        folder.joinpath("a.txt").unlink()
        assert (await exchange(client.raw, PLAIN)).startswith(b"HTTP/1.1 404 ")


async def test_many_short_answers_let_others_run_and_wait_for_a_slow_peer(folder: Path) -> None:
    folder.joinpath("large").write_bytes(bytes(100_000))
    request = PLAIN.replace(b"a.txt", b"large")
    async with connect(Docroot(folder), window=1000) as client:
        for _ in range(4):
            assert len(await exchange(client.raw, request)) > 100_000


async def test_what_a_docroot_of_ones_own_does_is_done_each_time(folder: Path) -> None:
    class Private(Docroot):
        async def __call__(self, conn: Any) -> None:
            if conn.request.query_string != "key":
                raise HTTPError(403)
            await conn.serve_file(docroot=self)

    async with connect(Private(folder)) as client:
        for _ in range(3):
            assert (await client.get("/a.txt?key")).status == 200
            assert (await client.get("/a.txt")).status == 403


async def test_who_does_not_take_a_short_answer_is_logged_too(
    folder: Path, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    caplog.set_level(logging.INFO, "trio_httpd.access")
    folder.joinpath("large").write_bytes(bytes(100_000))
    request = PLAIN.replace(b"a.txt", b"large")
    timeouts = Timeouts(send=5)
    async with connect(Docroot(folder), window=1000, timeouts=timeouts) as client:
        for _ in range(3):
            await exchange(client.raw, request)
        await client.raw.say(request)
        await client.raw.hear()
        await trio.sleep(30)
        assert client.server.empty
    assert [record.__dict__["status"] for record in caplog.records] == [200] * 4


async def test_who_is_idle_keeps_no_response_alive(folder: Path, autojump_clock: MockClock) -> None:
    folder.joinpath("a.txt").write_bytes(b"x" * 4321)
    async with connect(Docroot(folder)) as client:
        for _ in range(3):
            await exchange(client.raw, PLAIN)
        assert written(4321)
        await trio.sleep(2 * SECONDS)
        assert client.server.connections == 1
        assert not written(4321)


def written(size: int) -> bool:
    """Whether there is a written response of that size."""
    gc.collect()
    responses = [each for each in gc.get_objects() if type(each) is WrittenResponse]
    return any(each.size == size for each in responses)


async def test_a_short_answer_waits_for_the_one_before_it(folder: Path) -> None:
    folder.joinpath("a.txt").write_bytes(b"x" * 4321)
    async with connect(Docroot(folder), window=1000) as client:
        for _ in range(2):
            await exchange(client.raw, PLAIN)
        for _ in range(2):  # The second comes while the first is on its way.
            await client.raw.say(PLAIN)
            await wait_all_tasks_blocked()
        for _ in range(2):
            assert (await client.raw.hear()).startswith(b"HTTP/1.1 200 ")
            assert await client.raw.hear_exactly(4321) == b"x" * 4321
