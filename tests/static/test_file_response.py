"""A representation as a response: in windows, in parts, and never a mixture of two states."""

from __future__ import annotations

import errno
import logging
import os
import re
from collections.abc import Callable
from email import policy
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.net.taking import NotingStream, fileless_streams, noting_streams
from tests.static.published import until_the_clock_ticks
from trio_httpd import Connection, Docroot, Handler
from trio_httpd._static.files.reading import SENT_WINDOW, WINDOW
from trio_httpd.testing import ClientResponse, connect

pytestmark = pytest.mark.usefixtures("fresh_files_too")

BIG = bytes(range(256)) * (9 * SENT_WINDOW // 1000)
"""More than two windows of the larger kind, and no whole number of any."""
MIDDLE = (WINDOW - 7, len(BIG) - WINDOW // 2)
"""The first and the last byte of a range across all windows."""
ROOM = 65536

any_file_stream = pytest.mark.usefixtures("any_file_stream")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a large file and a small one."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "big.bin").write_bytes(BIG)
    (root / "small.txt").write_text("0123456789")
    return root


async def answer(
    handler: Handler, target: str, method: str = "GET", **fields: str
) -> ClientResponse:
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    async with connect(handler, window=ROOM) as client:
        return await client.request(method, target, headers=headers)


def parts_of(response: ClientResponse) -> list[tuple[Any, ...]]:
    """Return type, range and content of each part, as a parser of mail sees them."""
    head = f"Content-Type: {response.headers['Content-Type']}\r\n\r\n".encode()
    message = BytesParser(policy=policy.HTTP).parsebytes(head + response.body)
    assert not message.defects
    return [
        (part.get_content_type(), part["Content-Range"], part.get_payload(decode=True))
        for part in message.iter_parts()
    ]


# Windows.


@any_file_stream
async def test_a_large_file_comes_whole(folder: Path, autojump_clock: MockClock) -> None:
    response = await answer(Docroot(folder), "/big.bin")
    assert response.body == BIG
    assert response.headers["Content-Length"] == str(len(BIG))
    assert trio.current_time() == 0


@any_file_stream
async def test_a_range_comes_across_windows(folder: Path) -> None:
    first, last = MIDDLE
    response = await answer(Docroot(folder), "/big.bin", Range=f"bytes={first}-{last}")
    assert response.status == 206
    assert response.body == BIG[first : last + 1]
    assert response.headers["Content-Length"] == str(last + 1 - first)
    assert response.headers["Content-Range"] == f"bytes {first}-{last}/{len(BIG)}"


@any_file_stream
async def test_several_ranges_come_in_one_content(folder: Path) -> None:
    first, last = MIDDLE
    ranges = f"bytes=0-9,{first}-{last},-1"
    response = await answer(Docroot(folder), "/big.bin", Range=ranges)
    assert response.status == 206
    assert response.headers["Content-Length"] == str(len(response.body))
    assert re.fullmatch(
        "multipart/byteranges; boundary=[0-9a-f]{32}", response.headers["Content-Type"]
    )
    assert "Content-Range" not in response.headers
    content = b"".join(
        re.split(rb"\r?\n?--[0-9a-f]{32}.*?\r\n\r\n", response.body, flags=re.DOTALL)[1:]
    )
    expected = BIG[:10] + BIG[first : last + 1] + BIG[-1:]
    assert content.startswith(expected)
    assert len(content) < len(expected) + 100


async def test_each_part_says_what_it_is(folder: Path) -> None:
    response = await answer(Docroot(folder), "/small.txt", Range="bytes=5-6, 0-0,-2")
    assert parts_of(response) == [
        ("text/plain", "bytes 5-6/10", b"56"),
        ("text/plain", "bytes 0-0/10", b"0"),
        ("text/plain", "bytes 8-9/10", b"89"),
    ]


@any_file_stream
@pytest.mark.parametrize("ranges", ["bytes=0-0", "bytes=0-0,2-3", "bytes=99999999-"])
async def test_head_ignores_ranges_and_has_the_fields_of_the_whole(
    folder: Path, ranges: str
) -> None:
    for target in ("/big.bin", "/small.txt"):
        whole = await answer(Docroot(folder), target)
        head = await answer(Docroot(folder), target, "HEAD", Range=ranges)
        assert (head.status, head.body) == (200, b"")
        whole_fields, head_fields = dict(whole.headers), dict(head.headers)
        del whole_fields["date"], head_fields["date"]
        assert head_fields == whole_fields


async def test_a_response_without_ranges_has_conditions_all_the_same(folder: Path) -> None:
    async def handler(conn: Connection) -> None:
        conn.set_status(203)
        await conn.serve_file(docroot=folder)

    response = await answer(handler, "/small.txt", Range="bytes=0-1")
    assert (response.status, response.body) == (203, b"0123456789")
    response = await answer(handler, "/small.txt", Range="bytes=0-1", If_None_Match="*")
    assert response.status == 304
    response = await answer(handler, "/small.txt", If_Match='"x"')
    assert response.status == 412


async def test_the_parts_of_an_empty_file_cannot_be_had(folder: Path) -> None:
    (folder / "empty").write_bytes(b"")
    response = await answer(Docroot(folder), "/empty", Range="bytes=0-0")
    assert response.status == 416
    assert response.headers["Content-Range"] == "bytes */0"
    assert response.headers.getall("Content-Type") == ["text/plain; charset=utf-8"]
    assert "ETag" not in response.headers


# Writes.


async def writes_of(handler: Handler, *targets: str) -> list[NotingStream]:
    """Return the streams, each of which has answered one request."""
    streams = []
    async with connect(handler) as client:
        for target in targets:
            near, far = noting_streams(float("inf"))
            client.server.add_stream(near)
            await far.send_all(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            await far.send_eof()
            while await far.receive_some():
                pass
            streams.append(near)
    return streams


async def test_a_small_file_leaves_in_one_write_with_its_head(folder: Path) -> None:
    for stream in await writes_of(Docroot(folder), "/small.txt", "/small.txt"):
        assert len(stream.writes) == 1
        assert stream.files == []


async def test_a_large_file_is_read_by_nobody(folder: Path) -> None:
    for stream in await writes_of(Docroot(folder), "/big.bin", "/big.bin"):
        last = len(BIG) - 4096  # Sent when all else was taken, and the file is the same still.
        windows = [(start, min(SENT_WINDOW, last - start)) for start in range(0, last, SENT_WINDOW)]
        assert stream.files == [*windows, (last, 4096)]
        assert stream.writes[0] < 1000  # The head.


async def test_what_was_said_before_leaves_before_a_file(folder: Path) -> None:
    async def handler(conn: Connection) -> None:
        conn.add_header("Content-Length", str(len(BIG) + 2))
        await conn.send("<")
        await conn.send_file(folder / "big.bin")
        await conn.send(">")

    [stream] = await writes_of(handler, "/")
    assert stream.files[0] == (0, SENT_WINDOW)
    response = await answer(handler, "/")
    assert response.body == b"<" + BIG + b">"


@any_file_stream
async def test_no_more_of_a_file_is_sent_than_was_declared(folder: Path) -> None:
    async def handler(conn: Connection) -> None:
        conn.add_header("Content-Length", str(len(BIG) - 1))
        with pytest.raises(RuntimeError, match="more content than the declared"):
            await conn.send_file(folder / "big.bin")
        conn.abort()

    async with connect(handler) as client:
        await client.raw.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert len(await client.raw.hear_rest()) < len(BIG)


@any_file_stream
async def test_two_tasks_cannot_send_files_at_once(folder: Path) -> None:
    async def handler(conn: Connection) -> None:
        conn.add_header("Content-Length", str(2 * len(BIG)))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(conn.send_file, folder / "big.bin")
            await wait_all_tasks_blocked()
            with pytest.raises(trio.BusyResourceError):
                await conn.send_file(folder / "big.bin")
            conn.abort()
            nursery.cancel_scope.cancel()

    async with connect(handler, window=ROOM) as client:
        await client.raw.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.raw.hear()
        await wait_all_tasks_blocked()
        assert len(await client.raw.hear_rest()) < len(BIG)


@any_file_stream
async def test_a_file_after_an_abort_is_for_nobody(folder: Path) -> None:
    async def handler(conn: Connection) -> None:
        conn.add_header("Content-Length", str(len(BIG)))
        conn.abort()
        await conn.send_file(folder / "big.bin")
        raise AssertionError("somebody was there")

    async with connect(handler) as client:
        await client.raw.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.raw.hear_end()


async def test_a_file_that_the_system_does_not_send_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(window: float, send_buffer: float) -> Any:
        near, far = noting_streams(window, send_buffer)
        near.refuses = True
        return near, far

    monkeypatch.setattr("trio_httpd.testing._client.memory_streams", refusing)
    assert (await answer(Docroot(folder), "/big.bin")).body == BIG
    first, last = MIDDLE
    response = await answer(Docroot(folder), "/big.bin", Range=f"bytes={first}-{last}")
    assert response.body == BIG[first : last + 1]


@pytest.mark.parametrize(
    ("number", "level"), [(errno.EIO, logging.ERROR), (errno.ESTALE, logging.WARNING)]
)
async def test_a_file_that_cannot_be_read_cuts_the_response_and_is_our_fault_unless_it_was_replaced(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    number: int,
    level: int,
) -> None:
    def failing(window: float, send_buffer: float) -> Any:
        near, far = noting_streams(window, send_buffer)
        near.fails = OSError(number, os.strerror(number))
        return near, far

    monkeypatch.setattr("trio_httpd.testing._client.memory_streams", failing)
    async with connect(Docroot(folder), on_error=None) as client:
        await client.raw.say(b"GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        head = await client.raw.hear_rest()
    assert head.endswith(b"\r\n\r\n")
    assert [record.levelno for record in caplog.records] == [level]


# Changes meanwhile.


async def while_it_is_sent(folder: Path, change: Callable[[Path], object], fields: str = "") -> int:
    """Change the large file while it is sent; return how much is missing of the response."""
    until_the_clock_ticks(folder)
    async with connect(Docroot(folder), window=ROOM, on_error="raise") as client:
        await client.raw.say(f"GET /big.bin HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
        head = await client.raw.hear()
        length = re.search(rb"Content-Length: (\d+)\r\n", head)
        assert length is not None
        change(folder / "big.bin")
        await client.raw.say_eof()
        return int(length[1]) - len(await client.raw.hear_rest())


def rewrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"another state")


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"a line more")


def halve(path: Path) -> None:
    os.truncate(path, len(BIG) // 2)


RANGES = ["", f"Range: bytes=9-{len(BIG) - 9}\r\n", f"Range: bytes=0-0,9-{len(BIG) - 9}\r\n"]


@any_file_stream
@pytest.mark.parametrize("fields", RANGES)
@pytest.mark.parametrize("change", [halve, rewrite])
async def test_a_file_that_shrinks_or_is_rewritten_cuts_the_response(
    folder: Path,
    change: Callable[[Path], None],
    fields: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert await while_it_is_sent(folder, change, fields) > 0
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("trio_httpd.connection", logging.WARNING)
    assert "not sent whole: 'big.bin', which " in record.getMessage()


@any_file_stream
@pytest.mark.parametrize("fields", RANGES)
@pytest.mark.parametrize("change", [append, Path.unlink])
async def test_a_file_that_grows_or_goes_is_sent_whole(
    folder: Path, change: Callable[[Path], None], fields: str
) -> None:
    assert await while_it_is_sent(folder, change, fields) == 0


async def test_what_is_of_one_window_is_of_one_state(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trio_httpd.testing._client.memory_streams", fileless_streams)
    (folder / "big.bin").write_bytes(BIG[: WINDOW - 1])
    assert await while_it_is_sent(folder, rewrite) == 0


@pytest.mark.parametrize("size", [WINDOW - 1, SENT_WINDOW, SENT_WINDOW + 5000])
@any_file_stream
async def test_a_file_of_any_size_that_shrinks_never_looks_whole(folder: Path, size: int) -> None:
    (folder / "big.bin").write_bytes(BIG[:size])

    async with connect(Docroot(folder), window=ROOM) as client:
        await client.raw.say(b"GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.raw.hear()
        os.truncate(folder / "big.bin", 9)
        await client.raw.say_eof()
        content = await client.raw.hear_rest()
    assert BIG[:size].startswith(content)


@pytest.mark.parametrize("size", [200_000, SENT_WINDOW, SENT_WINDOW + 5000])
async def test_what_the_system_sends_does_not_look_whole_if_it_was_rewritten(
    folder: Path, size: int
) -> None:
    (folder / "big.bin").write_bytes(BIG[:size])
    assert await while_it_is_sent(folder, rewrite) == 4096


async def test_a_peer_that_leaves_in_the_middle_of_a_file_is_no_error(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(Docroot(folder), window=ROOM, on_error="raise") as client:
        raw = client.raw
        await raw.say(b"GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        await raw.hear()
        raw.close()
        await wait_all_tasks_blocked()
        assert client.server.empty
    assert caplog.records == []
