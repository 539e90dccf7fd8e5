"""Two tasks of one handler on one response: whoever comes second is told, and nothing is forged."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio

from trio_httpd import Connection, Response
from trio_httpd.testing import connect

pytestmark = pytest.mark.usefixtures("any_stream")

FORGED = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
MANY = b"~" * 70_000
"""More than a turn: whoever sends it lets others run first."""

Call = Callable[[], Awaitable[object]]


async def heard_of_two(
    one: Callable[[Connection], Call], other: Callable[[Connection], Call]
) -> bytes:
    """Return all that is heard when two tasks begin at once, and whose second was refused."""
    refused: list[str] = []

    async def handler(conn: Connection) -> str | None:
        if conn.request.path == "/next":
            return "the true answer"

        async def attempt(name: str, call: Call) -> None:
            try:
                await call()
            except (trio.BusyResourceError, RuntimeError):  # Busy, or finished by then.
                refused.append(name)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(attempt, "one", one(conn))
            nursery.start_soon(attempt, "other", other(conn))
        return None

    async with connect(handler, on_error=lambda *_: None) as client:
        for path in ("/", "/next"):
            await client.raw.say(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.raw.say_eof()
        heard = await client.raw.hear_rest()
    assert len(refused) == 1
    return heard


@pytest.mark.parametrize("_", range(8))  # Which of two tasks runs first is random.
async def test_content_that_comes_after_the_end_is_refused(_: int) -> None:
    def writer(conn: Connection) -> Call:
        async def write() -> None:
            await conn.send(MANY)
            await conn.send(FORGED)

        return write

    heard = await heard_of_two(writer, lambda conn: conn.finish)
    end = heard.rindex(b"HTTP/1.1 200 OK", 0, heard.rindex(b"the true answer"))
    assert b"forged" not in heard[end:]
    assert heard[:end].endswith((b"0\r\n\r\n", b"Content-Length: 0\r\n\r\n"))
    assert b"\r\n0\r\n\r\n" not in heard[: end - 5]
    assert heard.endswith(b"\r\n\r\nthe true answer")


@pytest.mark.parametrize("_", range(8))
async def test_one_response_ends_once(_: int) -> None:
    def twice(conn: Connection) -> Call:
        async def finish() -> None:
            await conn.send(MANY)
            await conn.finish()

        return finish

    heard = await heard_of_two(twice, twice)
    assert heard.count(b"0\r\n\r\n") == 1
    assert heard.endswith(b"\r\n\r\nthe true answer")


async def test_a_file_beside_content_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(MANY)

    def sending(conn: Connection) -> Call:
        conn.set_header("Content-Length", str(len(MANY)))
        return lambda: conn.send(MANY)

    heard = await heard_of_two(sending, lambda conn: lambda: conn.send_file(tmp_path / "file"))
    assert heard.count(b"~") == len(MANY)
    assert heard.endswith(b"\r\n\r\nthe true answer")


@pytest.mark.parametrize("json", [False, True])
async def test_what_was_refused_is_not_sent_later(json: bool) -> None:
    async def handler(conn: Connection) -> None:
        conn.set_header("Content-Length", "2")
        try:
            await (conn.send_json(["forged"]) if json else conn.respond(Response(b"ok" + FORGED)))
        finally:
            await conn.flush()

    async with connect(handler, on_error=lambda *_: None) as client:
        await client.raw.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        heard = await client.raw.hear_rest()
    assert b"forged" not in heard
    assert heard.endswith(b"\r\n\r\n")
