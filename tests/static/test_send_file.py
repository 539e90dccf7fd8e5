"""What a handler sends: a file of the system or of its own making, whole, in parts, again."""

from __future__ import annotations

import gzip
import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.static.published import descriptors, few_descriptors
from trio_httpd import Connection, Docroot, HTTPError, Limits
from trio_httpd._message.errors import HeaderItems
from trio_httpd.testing import ClientResponse, connect

pytestmark = pytest.mark.usefixtures("fresh_files_too")

OLD = 784111777
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
BIG = bytes(range(256)) * 5000
"""More than a window of each kind, and no whole number of them."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with files, all of them old."""
    (tmp_path / "a b.txt").write_text("hello")
    (tmp_path / "big.bin").write_bytes(BIG)
    (tmp_path / "text.txt.gz").write_bytes(gzip.compress(b"hello"))
    for file in tmp_path.iterdir():
        os.utime(file, (OLD, OLD))
    (tmp_path / "docs").mkdir()
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


Said = tuple[tuple[str, str], ...]


async def sent(
    file: Any,
    method: str = "GET",
    headers: HeaderItems = (),
    *,
    said: Said = (),
    status: int | None = None,
    **options: Any,
) -> ClientResponse:
    """Return the answer of a handler that has said something and sends ``file``."""

    async def handler(conn: Connection) -> None:
        for name, value in said:
            conn.add_header(name, value)
        if status is not None:
            conn.set_status(status)
        await conn.send_file(file, **options)

    async with connect(handler) as client:
        return await client.request(method, "/", headers=headers)


async def refused(
    file: Any, kind: type[Exception], match: str | None = None, **options: Any
) -> None:
    """See that a handler is told that it cannot send ``file``, and can say something else."""

    async def handler(conn: Connection) -> str:
        with pytest.raises(kind, match=match):
            await conn.send_file(file, **options)
        return "no"

    async with connect(handler) as client:
        assert (await client.get("/")).text() == "no"


def undated(response: ClientResponse) -> dict[str, str]:
    """Return the fields of a response, but for when it was made."""
    return {name: value for name, value in response.headers.items() if name != "date"}


# A path.


@pytest.mark.parametrize("kind", [Path, str])
async def test_a_path_has_type_tag_and_date(folder: Path, kind: Callable[[Path], object]) -> None:
    facts = (folder / "a b.txt").stat()
    response = await sent(kind(folder / "a b.txt"))
    assert (response.status, response.body) == (200, b"hello")
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["Content-Length"] == "5"
    assert response.headers["ETag"] == f'"{facts.st_ctime_ns:x}-5-{facts.st_ino:x}"'
    assert response.headers["Last-Modified"] == DATE
    assert response.headers["Accept-Ranges"] == "bytes"
    assert "Content-Disposition" not in response.headers


async def test_a_link_is_followed(folder: Path) -> None:
    (folder / "link.html").symlink_to("a b.txt")
    response = await sent(folder / "link.html")
    assert response.body == b"hello"
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("nothing", FileNotFoundError), ("docs", IsADirectoryError), ("pipe", OSError)],
)
async def test_a_path_of_no_file_is_a_fault_of_the_handler(
    folder: Path, name: str, kind: type[OSError]
) -> None:
    await refused(folder / name, kind)


async def test_head_has_the_same_fields_and_no_content(folder: Path) -> None:
    for name in ("a b.txt", "big.bin"):
        whole = await sent(folder / name)
        head = await sent(folder / name, "HEAD", {"Range": "bytes=0-1"})
        assert (head.status, head.body) == (200, b"")
        assert undated(head) == undated(whole)


async def test_each_descriptor_is_closed(folder: Path) -> None:
    before = descriptors()
    for file in (folder / "a b.txt", folder / "big.bin"):
        for fields in ({}, {"If-None-Match": "*"}, {"Range": "bytes=1-2"}, {"If-Match": '"x"'}):
            await sent(file, headers=fields)
    assert descriptors() == before


# A file object.


async def test_an_open_file_is_like_its_path_and_stays_open(folder: Path) -> None:
    path = folder / "a b.txt"
    by_path = await sent(path)
    for buffering in (-1, 0):
        with path.open("rb", buffering=buffering) as file:
            file.seek(3)
            response = await sent(file)
            assert response.body == b"hello"
            assert file.read() == b"lo"
        assert response.headers["ETag"] == by_path.headers["ETag"]
        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"


async def test_a_file_that_was_opened_by_bytes_or_by_a_number_is_one_too(folder: Path) -> None:
    path = folder / "a b.txt"
    with io.FileIO(os.fsencode(path)) as file:
        response = await sent(file)
    assert response.body == b"hello"
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    with io.FileIO(os.open(path, os.O_RDONLY)) as file:
        response = await sent(file)
    assert response.body == b"hello"
    assert response.headers["Content-Type"] == "application/octet-stream"


async def test_a_file_of_trio_is_like_any_other(folder: Path) -> None:
    async with await trio.open_file(folder / "a b.txt", "rb") as file:
        response = await sent(file)
    assert response.body == b"hello"
    assert response.headers["Last-Modified"] == DATE
    async with await trio.open_file(folder / "a b.txt") as text:
        await refused(text, TypeError, "open for text")


async def test_bytes_in_memory_are_a_file_of_which_nothing_is_known() -> None:
    response = await sent(io.BytesIO(BIG))
    assert response.body == BIG
    assert response.headers["Content-Length"] == str(len(BIG))
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers.keys().isdisjoint({"ETag", "Last-Modified"})


async def test_what_is_decompressed_is_sent_so(folder: Path) -> None:
    with gzip.open(folder / "text.txt.gz") as file:
        response = await sent(file, filename="text.txt")
        part = await sent(file, headers={"Range": "bytes=-2"}, filename="text.txt")
    assert response.body == b"hello"
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert (part.status, part.body) == (206, b"lo")


async def test_what_was_written_to_a_temporary_file_is_sent() -> None:
    with tempfile.NamedTemporaryFile(suffix=".txt") as file:
        file.write(b"hello")  # And it was not flushed.
        response = await sent(file)
    assert response.body == b"hello"
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "ETag" in response.headers


@pytest.mark.parametrize("most", [1, 100])
async def test_a_temporary_file_is_sent_from_memory_or_from_the_disk(most: int) -> None:
    with tempfile.SpooledTemporaryFile(max_size=most) as file:
        file.write(b"hello")
        response = await sent(file)
        part = await sent(file, headers={"Range": "bytes=1-2"})
    assert response.body == b"hello"
    assert (part.status, part.body) == (206, b"el")


async def test_a_file_that_is_open_for_text_is_refused(folder: Path) -> None:
    match = "open for text"
    with (folder / "a b.txt").open() as file:
        await refused(file, TypeError, match)
    await refused(io.StringIO("hello"), TypeError, match)
    with tempfile.NamedTemporaryFile("w+") as named:
        await refused(named, TypeError, match)
    with tempfile.SpooledTemporaryFile(mode="w+") as spooled:
        await refused(spooled, TypeError, match)


async def test_what_has_no_bytes_at_any_place_is_refused() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"hello")
    with os.fdopen(reading, "rb") as file, os.fdopen(writing, "wb"):
        await refused(file, OSError)


# A part.


PARTS: list[tuple[dict[str, Any], bytes]] = [
    ({}, b"hello"),
    ({"offset": 1}, b"ello"),
    ({"count": 2}, b"he"),
    ({"offset": 3, "count": 1}, b"l"),
    ({"offset": 3, "count": 99}, b"lo"),
    ({"offset": 5}, b""),
    ({"offset": 6, "count": 1}, b""),
    ({"count": 0}, b""),
]


@pytest.mark.parametrize(("options", "expected"), PARTS)
async def test_a_part_of_a_file_is_a_whole_of_its_own(
    folder: Path, options: dict[str, Any], expected: bytes
) -> None:
    for file in (folder / "a b.txt", io.BytesIO(b"hello")):
        response = await sent(file, **options)
        assert (response.status, response.body) == (200, expected)
        assert response.headers["Content-Length"] == str(len(expected))
        head = await sent(file, "HEAD", **options)
        assert undated(head) == undated(response)


async def test_each_part_has_a_tag_of_its_own(folder: Path) -> None:
    parts: list[dict[str, Any]] = [
        {}, {"offset": 1}, {"count": 1}, {"offset": 1, "count": 1}, {"offset": 2},
    ]  # fmt: skip
    tags = [(await sent(folder / "a b.txt", **part)).headers["ETag"] for part in parts]
    assert len(set(tags)) == len(tags)
    assert not any(tag.startswith("W/") for tag in tags)
    again = await sent(folder / "a b.txt", headers={"If-None-Match": tags[1]}, offset=1)
    assert again.status == 304


async def test_where_no_times_are_kept_no_date_is_told(folder: Path) -> None:
    os.utime(folder / "a b.txt", (0, 0))
    response = await sent(folder / "a b.txt", headers={"Range": "bytes=0-1"}, offset=1)
    assert response.headers["ETag"].endswith('-1-4"')
    assert "Last-Modified" not in response.headers
    assert (response.status, response.body) == (206, b"el")


@pytest.mark.parametrize("file", ["path", "object"])
async def test_a_range_is_one_of_the_part(folder: Path, file: str) -> None:
    source: Any = folder / "big.bin" if file == "path" else io.BytesIO(BIG)
    options: dict[str, Any] = {"offset": 7, "count": len(BIG) - 9}
    response = await sent(source, headers={"Range": "bytes=3-999999"}, **options)
    assert (response.status, response.body) == (206, BIG[10 : 7 + 1_000_000])
    assert response.headers["Content-Range"] == f"bytes 3-999999/{len(BIG) - 9}"
    last = await sent(source, headers={"Range": "bytes=-1"}, **options)
    assert last.body == BIG[-3:-2]
    none = await sent(source, headers={"Range": f"bytes={len(BIG) - 9}-"}, **options)
    assert none.status == 416
    assert none.headers["Content-Range"] == f"bytes */{len(BIG) - 9}"


async def test_a_large_part_of_a_file_comes_whole(folder: Path) -> None:
    response = await sent(folder / "big.bin", offset=7, count=len(BIG) - 9)
    assert response.body == BIG[7:-2]


@pytest.mark.parametrize("options", [{"offset": -1}, {"count": -1}])
async def test_no_part_is_negative(folder: Path, options: dict[str, int]) -> None:
    await refused(folder / "a b.txt", ValueError, "not a part", **options)


# What the handler says.


async def test_what_was_said_of_it_stays(folder: Path) -> None:
    said = (
        ("Content-Type", "text/x-own"),
        ("Cache-Control", "no-store"),
        ("Accept-Ranges", "none"),
        ("Content-Disposition", "inline"),
    )
    response = await sent(folder / "a b.txt", said=said, filename="other.txt")
    for name, value in said:
        assert response.headers.getall(name) == [value]


async def test_a_type_that_was_said_is_that_of_each_part(folder: Path) -> None:
    response = await sent(
        folder / "a b.txt",
        headers={"Range": "bytes=0-0,2-2"},
        said=(("Content-Type", "text/x-own"),),
    )
    assert response.status == 206
    assert response.body.count(b"Content-Type: text/x-own\r\n") == 2


async def test_a_download_goes_on_by_the_tag_of_the_handler() -> None:
    said = (("ETag", '"7"'),)
    file = io.BytesIO(BIG)
    first = await sent(file, said=said)
    assert first.headers.getall("ETag") == ['"7"']
    assert "Last-Modified" not in first.headers
    rest = await sent(file, headers={"Range": "bytes=9-", "If-Range": '"7"'}, said=said)
    assert (rest.status, rest.body) == (206, BIG[9:])
    assert rest.headers.getall("ETag") == ['"7"']
    other = await sent(file, headers={"Range": "bytes=9-", "If-Range": '"8"'}, said=said)
    assert (other.status, other.body) == (200, BIG)
    known = await sent(file, headers={"If-None-Match": '"7"'}, said=said)
    assert (known.status, known.body) == (304, b"")
    assert known.headers.getall("ETag") == ['"7"']
    lost = await sent(file, headers={"If-Match": '"8"'}, said=said)
    assert lost.status == 412


async def test_a_tag_or_date_of_the_handler_is_all_that_is_known(folder: Path) -> None:
    response = await sent(folder / "a b.txt", said=(("ETag", 'W/"own"'),))
    assert response.headers.getall("ETag") == ['W/"own"']
    assert "Last-Modified" not in response.headers
    later = "Mon, 07 Nov 1994 08:49:37 GMT"
    response = await sent(folder / "a b.txt", said=(("Last-Modified", later),))
    assert response.headers.getall("Last-Modified") == [later]
    assert "ETag" not in response.headers
    response = await sent(
        folder / "a b.txt", headers={"If-Modified-Since": DATE}, said=(("Last-Modified", later),)
    )
    assert response.status == 200
    response = await sent(
        folder / "a b.txt", headers={"If-Modified-Since": later}, said=(("Last-Modified", later),)
    )
    assert response.status == 304


@pytest.mark.parametrize("tag", ["own", "", "*"])
async def test_a_tag_that_is_none_is_sent_as_it_is_and_fits_nothing(folder: Path, tag: str) -> None:
    fields = {"If-Match": '"own"'}
    assert (await sent(folder / "a b.txt", headers=fields, said=(("ETag", tag),))).status == 412
    response = await sent(folder / "a b.txt", said=(("ETag", tag),))
    assert response.headers.getall("ETag") == [tag]


async def test_who_says_how_the_response_shall_be_gets_the_bytes_only(folder: Path) -> None:
    said = (("Content-Range", "bytes 1-2/5"),)
    for file in (folder / "a b.txt", io.BytesIO(b"hello")):
        response = await sent(
            file, headers={"Range": "bytes=0-0"}, said=said, status=206, offset=1, count=2
        )
        assert (response.status, response.body) == (206, b"el")
        assert response.headers["Content-Length"] == "2"
        assert response.headers.getall("Content-Range") == ["bytes 1-2/5"]
        assert response.headers.keys().isdisjoint({"ETag", "Last-Modified", "Accept-Ranges"})


async def test_a_page_for_an_error_heeds_no_condition(folder: Path) -> None:
    fields = {"If-None-Match": "*", "Range": "bytes=0-0"}
    response = await sent(folder / "a b.txt", headers=fields, status=404)
    assert (response.status, response.body) == (404, b"hello")


async def test_the_answer_to_a_post_is_bytes_with_a_type_and_a_name(folder: Path) -> None:
    fields = {"If-None-Match": "*", "Range": "bytes=0-0"}
    response = await sent(folder / "a b.txt", "POST", headers=fields, filename="b.csv")
    assert (response.status, response.body) == (200, b"hello")
    assert response.headers["Content-Length"] == "5"
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"] == 'attachment; filename="b.csv"'
    assert response.headers.keys().isdisjoint({"ETag", "Last-Modified", "Accept-Ranges"})


async def test_a_tag_of_the_handler_goes_with_any_answer(folder: Path) -> None:
    for method, status in (("POST", 200), ("GET", 404), ("GET", 206)):
        response = await sent(folder / "a b.txt", method, status=status, said=(("ETag", '"own"'),))
        assert response.status == status
        assert response.headers.getall("ETag") == ['"own"']


async def test_exhaustion_empties_the_cache(folder: Path) -> None:
    async def handler(conn: Connection) -> None:
        if conn.request.path == "/sent":
            await conn.send_file(folder / "a b.txt")
        else:
            await conn.serve_file(docroot=docroot)

    docroot = Docroot(folder)
    async with connect(handler) as client:
        assert (await client.get("/big.bin")).body == BIG
        with few_descriptors(0):
            assert (await client.get("/sent")).text() == "hello"


async def test_exhaustion_is_503_without_a_line_in_the_log(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(conn: Connection) -> None:
        await conn.send_file(folder / "a b.txt")

    async with connect(handler) as client:
        assert (await client.get("/")).status == 200
        with few_descriptors(0):
            assert (await client.get("/")).status == 503
    assert caplog.records == []


async def test_a_declared_length_stands(folder: Path) -> None:
    async def handler(conn: Connection) -> None:
        conn.add_header("Content-Length", "6")
        await conn.send_file(folder / "a b.txt")
        await conn.send("!")

    async with connect(handler) as client:
        response = await client.get("/", headers={"Range": "bytes=0-0"})
    assert (response.status, response.body) == (200, b"hello!")
    assert response.headers["Content-Length"] == "6"


async def test_a_file_can_follow_other_content(folder: Path) -> None:
    async def handler(conn: Connection) -> None:
        await conn.send("<")
        await conn.send_file(folder / "a b.txt")
        await conn.send_file(folder / "a b.txt", offset=4)
        await conn.send(">")

    async with connect(handler, limits=Limits(send_chunk=2)) as client:
        response = await client.get("/")
    assert response.body == b"<helloo>"
    assert response.headers["Transfer-Encoding"] == "chunked"


async def test_a_condition_that_fails_can_be_caught(folder: Path) -> None:
    async def handler(conn: Connection) -> str | None:
        try:
            await conn.send_file(folder / "a b.txt")
        except HTTPError as problem:
            return f"sorry: {problem.status}"
        return None

    async with connect(handler) as client:
        response = await client.get("/", headers={"If-Match": '"x"'})
        assert (response.status, response.text()) == (200, "sorry: 412")
        assert "ETag" not in response.headers


# What it is saved as.


@pytest.mark.parametrize(
    ("filename", "disposition"),
    [
        ("report.csv", 'attachment; filename="report.csv"'),
        ('"a".csv', "attachment; filename=\"_a_.csv\"; filename*=UTF-8''%22a%22.csv"),
    ],
)
async def test_a_name_to_save_it_as_is_told(folder: Path, filename: str, disposition: str) -> None:
    response = await sent(folder / "big.bin", filename=filename)
    assert response.headers["Content-Disposition"] == disposition
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"


async def test_a_name_beyond_ascii_is_told_so_that_browsers_know_it() -> None:
    response = await sent(io.BytesIO(b"x"), filename="caf\xe9 \u2603.txt")
    disposition = response.headers["Content-Disposition"]
    assert "filename*=UTF-8''caf%C3%A9%20%E2%98%83.txt" in disposition
    assert disposition.isascii()
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"


async def test_head_tells_the_length_that_get_tells(folder: Path) -> None:
    async def handler(conn: Connection) -> None:
        await conn.send("head:")
        await conn.send_file(folder / conn.request.path[1:])
        await conn.send(":tail")

    async with connect(handler) as client:
        for target, length in (("/a%20b.txt", "15"), ("/big.bin", None)):
            for method in ("GET", "HEAD"):
                response = await client.request(method, target)
                assert response.headers.get("Content-Length") == length


async def test_an_offset_beyond_all_files_is_one_beyond_the_end(folder: Path) -> None:
    response = await sent(folder / "a b.txt", offset=2**70)
    assert (response.status, response.body) == (200, b"")
