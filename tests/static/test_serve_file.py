"""A file as a response: what a handler says, and the bytes that leave."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.static.published import descriptors, few_descriptors, until_the_clock_ticks
from trio_httpd import Connection, Docroot, Handler, HTTPError, Server
from trio_httpd._static.files.cache import SECONDS
from trio_httpd._static.files.reading import WINDOW
from trio_httpd.testing import Client, ClientResponse, connect

pytestmark = pytest.mark.usefixtures("fresh_files_too")

OLD = 784111777
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
BIG = bytes(range(256)) * (WINDOW // 100)
"""More than two windows, and not a whole number of them."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder worth publishing, all its files old."""
    (tmp_path / "index.html").write_text("top")
    (tmp_path / "a b.txt").write_text("hello")
    (tmp_path / "big.bin").write_bytes(BIG)
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.html").write_text("docs")
    (tmp_path / "docs" / "a:b").mkdir()
    (tmp_path / "docs" / "a:b" / "index.html").write_text("deep")
    (tmp_path / "bare").mkdir()
    (tmp_path / "out").symlink_to("/etc/passwd")
    (tmp_path / ".secret").write_text("secret")
    for file in tmp_path.rglob("*"):
        if file.is_file() and not file.is_symlink():
            os.utime(file, (OLD, OLD))
    until_the_clock_ticks(tmp_path)
    return tmp_path


@pytest.fixture
async def client(folder: Path) -> AsyncIterator[Client]:
    """Give a client of that folder."""
    async with connect(Docroot(folder)) as client:
        yield client


def fields_of(response: ClientResponse) -> list[tuple[str, str]]:
    return [(name, value) for name, value in response.headers.items() if name != "date"]


async def heard_from(handler: Handler, request: str, **options: Any) -> bytes:
    """Return all that ``handler`` lets out for a request line, Date and Server aside."""
    async with connect(handler, **options) as client:
        await client.raw.say(f"{request} HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.raw.say_eof()
        heard = await client.raw.hear_rest()
    return re.sub(rb"(Date|Server): [^\r]*\r\n", b"", heard)


# The whole file.


async def test_a_file_has_type_length_tag_and_date(folder: Path) -> None:
    facts = (folder / "a b.txt").stat()
    tag = f'"{facts.st_ctime_ns:x}-5-{facts.st_ino:x}"'
    assert (
        await heard_from(Docroot(folder), "GET /a%20b.txt")
        == (
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"ETag: {tag}\r\nLast-Modified: {DATE}\r\nAccept-Ranges: bytes\r\n"
            "Content-Length: 5\r\n\r\nhello"
        ).encode()
    )


async def test_head_has_the_same_fields_and_no_content(client: Client) -> None:
    for target in ("/a%20b.txt", "/big.bin", "/empty", "/", "/nothing"):
        whole = await client.get(target)
        head = await client.request("HEAD", target)
        assert head.status == whole.status
        assert head.body == b""
        assert fields_of(head) == fields_of(whole)


async def test_a_small_file_leaves_in_one_write_with_its_head(folder: Path) -> None:
    writes: list[int] = []

    class Counting(trio.abc.Stream):
        def __init__(self, stream: trio.abc.Stream) -> None:
            self.stream = stream

        async def send_all(self, data: bytes | bytearray | memoryview) -> None:
            writes.append(len(data))
            await self.stream.send_all(data)

        async def wait_send_all_might_not_block(self) -> None:
            await self.stream.wait_send_all_might_not_block()

        async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
            return await self.stream.receive_some(max_bytes)

        async def aclose(self) -> None:
            await self.stream.aclose()

    async with connect(Docroot(folder), wrap=Counting) as client:
        assert (await client.get("/a%20b.txt")).body == b"hello"
    assert len(writes) == 1


async def test_a_large_file_comes_whole_without_a_thread(
    folder: Path, autojump_clock: MockClock
) -> None:
    limiter = trio.to_thread.current_default_thread_limiter()
    limiter.total_tokens = 1
    limiter.acquire_nowait()  # Now whoever wants a thread waits for ever.
    async with connect(Docroot(folder), window=65536) as client:
        response = await client.get("/big.bin")
    assert response.body == BIG
    assert response.headers["Content-Length"] == str(len(BIG))
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert "Transfer-Encoding" not in response.headers
    assert trio.current_time() == 0


async def test_an_empty_file_is_empty(client: Client) -> None:
    response = await client.get("/empty")
    assert (response.status, response.body) == (200, b"")
    assert response.headers["Content-Length"] == "0"


@pytest.mark.parametrize(
    ("target", "text"), [("/", "top"), ("/docs/", "docs"), ("/docs/a:b/", "deep")]
)
async def test_each_folder_has_its_index(client: Client, target: str, text: str) -> None:
    response = await client.get(target)
    assert (response.status, response.text()) == (200, text)
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"


async def test_a_compressed_file_has_no_content_coding(folder: Path) -> None:
    (folder / "a.tar.gz").write_bytes(b"\x1f\x8b")
    async with connect(Docroot(folder)) as client:
        response = await client.get("/a.tar.gz")
    assert response.headers["Content-Type"] == "application/gzip"
    assert "Content-Encoding" not in response.headers


async def test_the_query_of_a_file_means_nothing(client: Client) -> None:
    assert (await client.get("/docs/?x=/../y")).text() == "docs"


# Refusals.


@pytest.mark.parametrize(
    "target",
    ["/nothing", "/bare/", "/index.html/", "/out", "/.secret", "/%2e%2e/a", "/docs/../index.html",
     "/docs%2findex.html", "/index.html%00", "//etc/passwd", "/%", "/%ff", "/a\\b"],
)  # fmt: skip
async def test_what_is_not_published_is_404(client: Client, target: str) -> None:
    response = await client.get(target)
    assert (response.status, response.text()) == (404, "Not Found\n")
    assert "ETag" not in response.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get"])
async def test_other_methods_are_405_with_those_that_are_allowed(
    client: Client, method: str
) -> None:
    for target in ("/", "/docs", "/nothing"):
        response = await client.request(method, target)
        assert response.status == 405
        assert response.headers["Allow"] == "GET, HEAD"


async def test_the_server_itself_is_no_file(folder: Path) -> None:
    heard = await heard_from(Docroot(folder), "OPTIONS *")
    assert heard.startswith(b"HTTP/1.1 405 ")


async def test_exhaustion_is_503_without_a_line_in_the_log(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "trio_httpd.connection")
    async with connect(Docroot(folder)) as client:
        assert (await client.get("/nothing")).status == 404
        with few_descriptors(1):
            assert (await client.get("/")).status == 503
        assert (await client.get("/")).status == 200
    assert caplog.records == []


async def test_exhaustion_empties_the_cache(folder: Path) -> None:
    async with connect(Docroot(folder)) as client:
        for target in ("/", "/a%20b.txt"):
            assert (await client.get(target)).status == 200
        with few_descriptors(0):
            assert (await client.get("/empty")).status == 200


# Redirections.


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/docs", "./docs/"),
        ("/docs?a=1&b=//x", "./docs/?a=1&b=//x"),
        ("/docs?", "./docs/"),
        ("/docs/a:b", "./a:b/"),
        ("/d%6Fcs", "./d%6Fcs/"),
        ("http://a.test/docs?x", "./docs/?x"),
        ("/bare", "./bare/"),
    ],
)
async def test_a_folder_without_a_slash_is_redirected_to_where_it_is(
    client: Client, target: str, location: str
) -> None:
    response = await client.get(target)
    assert response.status == 301
    assert response.headers["Location"] == location
    assert response.body == b""


async def test_no_redirection_leads_to_another_host(folder: Path) -> None:
    (folder / "evil.test").mkdir()
    async with connect(Docroot(folder)) as client:
        assert (await client.get("//evil.test")).status == 404
        assert (await client.get("/\\evil.test")).status == 404
        assert (await client.get("/evil.test")).headers["Location"] == "./evil.test/"

    async def lenient(conn: Connection) -> None:
        await conn.serve_file("/" + conn.request.raw_path.lstrip("/"), docroot=folder)

    async with connect(lenient) as client:
        assert (await client.get("//evil.test")).headers["Location"] == "./evil.test/"


# Conditions.


async def test_who_has_the_file_is_told_304(client: Client) -> None:
    first = await client.get("/a%20b.txt")
    tag = first.headers["ETag"]
    for value in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        response = await client.get("/a%20b.txt", headers={"If-None-Match": value})
        assert (response.status, response.body) == (304, b"")
        assert response.headers["ETag"] == tag
        assert response.headers["Last-Modified"] == DATE
        assert "Date" in response.headers
        assert response.headers.keys().isdisjoint({"Content-Type", "Content-Length"})


async def test_tags_in_several_lines_are_one_list(client: Client) -> None:
    tag = (await client.get("/")).headers["ETag"]
    headers = [("If-None-Match", '"x"'), ("If-None-Match", tag)]
    assert (await client.get("/", headers=headers)).status == 304


@pytest.mark.parametrize(
    ("field", "status"),
    [
        (DATE, 304),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 304),
        ("Sun Nov  6 08:49:37 1994", 304),
        ("Mon, 07 Nov 1994 08:49:37 GMT", 304),
        ("Sun, 06 Nov 1994 08:49:36 GMT", 200),
        ("nonsense", 200),
    ],
)
async def test_who_has_had_it_since_is_told_304(client: Client, field: str, status: int) -> None:
    response = await client.get("/", headers={"If-Modified-Since": field})
    assert response.status == status


async def test_a_date_sent_twice_is_ignored(client: Client) -> None:
    headers = [("If-Modified-Since", DATE), ("If-Modified-Since", DATE)]
    assert (await client.get("/", headers=headers)).status == 200


async def test_a_tag_that_differs_hides_the_date(client: Client) -> None:
    headers = {"If-None-Match": '"x"', "If-Modified-Since": DATE}
    assert (await client.get("/", headers=headers)).status == 200


async def test_head_has_conditions_too(client: Client) -> None:
    response = await client.request("HEAD", "/", headers={"If-None-Match": "*"})
    assert response.status == 304


async def test_a_changed_file_has_another_tag(folder: Path) -> None:
    async with connect(Docroot(folder)) as client:
        before = (await client.get("/")).headers["ETag"]
        (folder / "index.html").write_text("new")
        after = await client.get("/", headers={"If-None-Match": before})
    assert (after.status, after.text()) == (200, "new")
    assert re.fullmatch('"[0-9a-f-]+"', after.headers["ETag"])
    assert after.headers["ETag"] != before


async def test_a_file_of_the_future_is_as_new_as_the_response(folder: Path) -> None:
    os.utime(folder / "index.html", (2**33, 2**33))
    async with connect(Docroot(folder)) as client:
        response = await client.get("/")
    year = int(response.headers["Last-Modified"].split()[3])
    assert year <= time.gmtime(time.time() + 60).tm_year


# What a handler adds.


async def test_fields_of_the_handler_are_kept(folder: Path) -> None:
    async def handler(conn: Connection) -> None:
        conn.add_header("Cache-Control", "max-age=60")
        conn.add_header("Content-Type", "text/x-own")
        conn.add_header("Content-Length", "7")
        conn.add_header("ETag", '"own"')
        await conn.serve_file()

    async with connect(handler, docroot=folder) as client:
        whole = await client.get("/")
        unchanged = await client.get("/", headers={"If-None-Match": "*"})
    assert whole.headers["Content-Type"] == "text/x-own"
    assert whole.headers["Cache-Control"] == unchanged.headers["Cache-Control"] == "max-age=60"
    assert whole.headers.getall("ETag") == unchanged.headers.getall("ETag") != ['"own"']
    assert whole.headers["Content-Length"] == "3"
    assert "Content-Type" not in unchanged.headers


async def test_a_page_for_an_error_keeps_its_status_and_heeds_no_condition(folder: Path) -> None:
    async def handler(conn: Connection) -> None:
        conn.set_status(404)
        await conn.serve_file("docs/index.html")

    async with connect(handler, docroot=Docroot(folder)) as client:
        response = await client.get("/nothing", headers={"If-None-Match": "*"})
    assert (response.status, response.text()) == (404, "docs")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/static", (301, "./static/")),
        ("/static?x", (301, "./static/?x")),
        ("/static/", (200, "top")),
        ("/static/docs", (301, "./docs/")),
        ("/static/docs/", (200, "docs")),
        ("/static/a%20b.txt", (200, "hello")),
        ("/static//etc", (404, "Not Found\n")),
        ("/static/..%2f", (404, "Not Found\n")),
    ],
)
async def test_a_folder_is_mounted_where_its_prefix_is_taken_off(
    folder: Path, target: str, expected: tuple[int, str]
) -> None:
    async def handler(conn: Connection) -> None:
        await conn.serve_file(conn.request.raw_path.removeprefix("/static"), docroot=str(folder))

    async with connect(handler) as client:
        response = await client.get(target)
    assert (response.status, response.headers.get("Location") or response.text()) == expected


async def test_a_request_with_a_slash_is_never_redirected_to_itself(folder: Path) -> None:
    async def handler(conn: Connection) -> None:
        await conn.serve_file("/docs")

    async with connect(handler, docroot=folder) as client:
        assert (await client.get("/x/")).text() == "docs"
        assert (await client.get("/x")).headers["Location"] == "./x/"


async def test_without_a_docroot_there_is_nothing_to_serve() -> None:
    async def handler(conn: Connection) -> None:
        with pytest.raises(RuntimeError, match="no docroot"):
            await conn.serve_file()

    async with connect(handler) as client:
        assert (await client.get("/")).status == 200


async def test_what_is_sent_cannot_be_a_file_any_more(folder: Path) -> None:
    async def handler(conn: Connection) -> None:
        await conn.send("something")
        with pytest.raises(RuntimeError, match="fixed"):
            await conn.serve_file()

    async with connect(handler, docroot=folder) as client:
        assert (await client.get("/")).text() == "something"


async def test_a_refusal_can_be_caught(folder: Path) -> None:
    async def handler(conn: Connection) -> str | None:
        try:
            await conn.serve_file()
        except HTTPError as problem:
            return f"sorry: {problem.status}"
        return None

    async with connect(handler, docroot=folder) as client:
        assert (await client.get("/nothing")).text() == "sorry: 404"
        assert (await client.get("/")).text() == "top"


# Endings.


async def test_a_file_that_shrinks_cuts_the_response(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "big.bin").rename(folder / "big\u202e")
    async with connect(Docroot(folder), window=65536, on_error="raise") as client:
        await client.raw.say(b"GET /big%e2%80%ae HTTP/1.1\r\nHost: a\r\n\r\n")
        head = await client.raw.hear()
        assert f"Content-Length: {len(BIG)}\r\n".encode() in head
        os.truncate(folder / "big\u202e", 10)
        rest = await client.raw.hear_rest()
    assert BIG.startswith(rest)
    assert len(rest) < len(BIG)
    (record,) = caplog.records
    assert (record.name, record.levelno, record.exc_info) == (
        "trio_httpd.connection", logging.WARNING, None,
    )  # fmt: skip
    said = r"<Request GET '/big%e2%80%ae'> not sent whole: 'big\u202e', which became shorter: "
    assert record.getMessage().startswith(said)


async def test_a_file_that_claims_a_size_it_does_not_have_is_503(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kernel = Path("/sys/kernel")  # Each file there says that it has a page.
    if not (kernel / "profiling").is_file():
        pytest.skip("no such file here")
    async with connect(Docroot(kernel), on_error="raise") as client:
        response = await client.get("/profiling")
    assert response.status == 503
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


async def test_each_descriptor_is_closed_whatever_the_end(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with connect(Docroot(folder), window=65536) as client:
        await client.get("/nothing")
        before = descriptors()
        for target in ("/", "/docs", "/docs/", "/nothing", "/out", "/big.bin"):
            await client.get(target)
            await client.request("HEAD", target)
        await trio.sleep(SECONDS)
        await wait_all_tasks_blocked()
        assert descriptors() == before
        raw = client.open()
        await raw.say(b"GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        await raw.hear()
        assert len(descriptors()) == len(before) + 1
        raw.close()  # In the middle of the file.
        await trio.sleep(100)
        assert descriptors() == before
        raw = client.open()
        await raw.say(b"GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        await raw.hear()
        client.server.close()
        await trio.lowlevel.checkpoint()
        await wait_all_tasks_blocked()
        assert descriptors() == before


async def test_a_docroot_that_is_not_there_is_a_fault_of_the_server(tmp_path: Path) -> None:
    problems: list[Exception] = []

    def note(problem: Exception, conn: object, doing: str) -> None:
        problems.append(problem)

    async with connect(Docroot(tmp_path / "nowhere"), on_error=note) as client:
        assert (await client.get("/")).status == 500
    assert [type(problem) for problem in problems] == [FileNotFoundError]


def test_a_docroot_is_a_handler(tmp_path: Path) -> None:
    assert Server(Docroot(tmp_path)).empty


_ANY_PATH = st.lists(
    st.sampled_from(["..", "%2e%2e", ".", "", "docs", "a:b", "index.html", "out", "bare", ".secret",
                     "%2f", "%00", "%", "a%20b.txt", "empty", "?", "x", "%ff", "\\", "%5c.."])
    | st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#")),
    max_size=5,
).map(lambda names: "/" + "/".join(names))  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_ANY_PATH, st.sampled_from(["GET", "HEAD"]), st.booleans())
def test_any_path_is_answered_with_a_file_inside_or_a_refusal(
    folder: Path, target: str, method: str, conditional: bool
) -> None:
    async def main() -> None:
        headers = {"If-None-Match": "*"} if conditional else {}
        async with connect(Docroot(folder)) as client:
            response = await client.request(method, target, headers=headers)
        assert response.status in (200, 301, 304, 403, 404)
        assert b"root:" not in response.body
        assert b"secret" not in response.body
        assert response.headers.get("Location", "./").startswith("./")

    trio.run(main, clock=MockClock(autojump_threshold=0))
